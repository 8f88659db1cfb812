//! Compares what the store says this pod holds with what it holds.
//!
//! Without it, a claim whose reply was lost would stay for ever with a pod that lives and does not know.

use super::events::Event;
use super::lock;
use super::retry::with_deadline;
use super::work_loop::WorkLoop;
use crate::rules::step::Claim;
use crate::rules::time::Millis;

/// How often to look while a claim call without answer may still arrive.
const WHILE_UNKNOWN: Millis = Millis(1000);

impl WorkLoop {
    pub(crate) async fn reconcile(&mut self) {
        let (id, limit) = (self.core.id(), self.core.config.statement_timeout);
        let expected = lock(&self.core.desk).claims_without_outcome();
        let answer = with_deadline(limit, "reconciliation", self.core.store.mine(&id)).await;
        let now = self.core.clock.monotonic();
        self.unknown_until = self.unknown_until.filter(|until| now < *until);
        let pause = if self.unknown_until.is_some() { WHILE_UNKNOWN } else { self.core.config.recovery_interval };
        self.next_reconcile = now + pause.min(self.core.config.recovery_interval);
        match answer {
            Ok(mine) => self.compare(&mine, &expected),
            Err(error) => self.core.note_store(Some(("reconciliation", &error))),
        }
    }

    fn compare(&mut self, mine: &[Claim], expected: &std::collections::BTreeSet<Claim>) {
        let mut desk = lock(&self.core.desk);
        let known = {
            let mut known = desk.claims();
            known.extend(lock(&self.core.owed).iter().copied());
            known
        };
        let strangers: Vec<Claim> =
            mine.iter().copied().filter(|claim| !known.contains(claim) && !desk.expects(*claim)).collect();
        for claim in &strangers {
            desk.release_unheld(*claim);
        }
        let mine: std::collections::BTreeSet<Claim> = mine.iter().copied().collect();
        let lost: Vec<Claim> = expected.iter().copied().filter(|claim| !mine.contains(claim)).collect();
        let stops = lost.iter().filter_map(|claim| desk.lose_claim(*claim)).collect();
        drop(desk);
        self.core.tell(stops);
        if !strangers.is_empty() || !lost.is_empty() {
            let count = |claims: &[Claim]| u32::try_from(claims.len()).unwrap_or(u32::MAX);
            self.core.emit(Event::Reconciled { pod: self.core.id(), released: count(&strangers), lost: count(&lost) });
        }
    }
}
