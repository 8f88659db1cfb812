//! Fills the leader's local DLQ: orphans as they are rescued, failures by looking for those that are new.
//!
//! Writes nothing to the store, so any number of leaders may do it at once (P13). A leader whose file is
//! new rebuilds it from STEP_TRACKER, a few pages per pass.

use std::sync::Arc;

use super::core::Core;
use super::error::with_causes;
use super::events::Event;
use crate::rules::step::{PodId, StepId};
use crate::rules::time::{Millis, Monotonic, Timestamp};
use crate::store::journal::{DLQ_KEPT, DeadLetter};
use crate::store::{self, Failures, Recovered, Since};

/// How often to look for failures. At each pass it would only cost an idle database a transaction more.
const LOOK_EVERY: Millis = Millis(30_000);

/// How far each look reaches back behind the last one: a failure bears the moment its transaction
/// began, and may be seen only when it has ended. What is met twice is kept once.
const OVERLAP: Millis = Millis(60_000);

const PAGE: u32 = 500;

/// Pages per leader pass; what is left waits for the next one.
const PAGES_PER_PASS: usize = 4;

/// What the leader does about dead letters, pass after pass.
pub(crate) struct DeadLetters {
    core: Arc<Core>,
    next_look: Monotonic,
    look: Option<Look>,
}

/// A look under way: from the latest failure back to `since`, or until the DLQ is full.
struct Look {
    since: Option<Timestamp>,
    before: Option<(Timestamp, StepId)>,
    latest: Option<Timestamp>,
    left: u32,
}

impl DeadLetters {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { next_look: core.clock.monotonic(), look: None, core }
    }

    pub(crate) async fn of_orphans(&self, me: &PodId, orphans: &[Recovered]) {
        let at = self.core.pulse.borrow().as_ref().map_or(Timestamp(0), |pulse| pulse.now);
        let letters: Vec<DeadLetter> = orphans.iter().map(|orphan| DeadLetter::of_orphan(orphan, me, at)).collect();
        let buried = self.core.local.bury(&letters).await;
        self.report(me, buried);
    }

    /// Takes the next pages of failures, if it is time to look.
    pub(crate) async fn pass(&mut self, me: &PodId) -> store::Result<()> {
        let now = self.core.clock.monotonic();
        if self.look.is_none() && self.next_look <= now {
            self.next_look = now + LOOK_EVERY;
            let since = self.core.local.failures_seen().await;
            self.look = self.report(me, since).map(|seen| Look {
                since: seen.map(|seen| self.reach(seen)),
                before: None,
                latest: None,
                left: DLQ_KEPT,
            });
        }
        for _ in 0..PAGES_PER_PASS {
            let Some(look) = self.look.take() else { break };
            self.look = self.page(me, look).await?;
        }
        Ok(())
    }

    /// From where the next look must read. After the database's clock was set back, from there.
    fn reach(&self, seen: Timestamp) -> Timestamp {
        let now = self.core.pulse.borrow().as_ref().map_or(seen, |pulse| pulse.now);
        seen.min(now) - OVERLAP
    }

    /// Buries one page; gives back the look if there is more to see. A store that fails ends it, and
    /// the next look begins where this one did.
    async fn page(&self, me: &PodId, mut look: Look) -> store::Result<Option<Look>> {
        let limit = PAGE.min(look.left);
        let call = Failures { since: look.since.map(Since::At), before: look.before, limit, ..Failures::default() };
        let failed = self.core.store.failures(&call).await?;
        let letters: Vec<DeadLetter> = failed.iter().map(DeadLetter::of_failure).collect();
        if !letters.is_empty() {
            let buried = self.core.local.bury(&letters).await;
            if self.report(me, buried).is_none() {
                return Ok(None);
            }
        }
        look.latest = look.latest.or(failed.first().map(|failed| failed.failed));
        look.before = failed.last().map(|failed| (failed.failed, failed.step_id)).or(look.before);
        look.left -= u32::try_from(failed.len()).unwrap_or(limit).min(limit);
        if failed.len() == limit as usize && look.left > 0 {
            return Ok(Some(look));
        }
        if let Some(latest) = look.latest {
            let noted = self.core.local.saw_failures(latest).await;
            self.report(me, noted);
        }
        Ok(None)
    }

    /// A pod that cannot keep evidence still rescues; it says so.
    fn report<T>(&self, me: &PodId, kept: store::Result<T>) -> Option<T> {
        kept.inspect_err(|error| {
            self.core.emit(Event::BurialFailed { pod: me.clone(), message: with_causes(error) });
        })
        .ok()
    }
}
