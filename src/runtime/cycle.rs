//! One call of `cycle`: what goes in, what becomes of it, and the journal while no answer comes (P12).

use super::core::Phase;
use super::desk::Outgoing;
use super::events::Event;
use super::handler::Slot;
use super::lock;
use super::retry::with_deadline;
use super::work_loop::WorkLoop;
use crate::rules::state::State;
use crate::rules::step::Claim;
use crate::rules::time::Millis;
use crate::store::journal::Owed;
use crate::store::{ClaimCall, Cycle, CycleReply, Error, ErrorEntry, Finish, Outcome, Verdict};

/// Outcomes per call, fresh and owed each.
const OUTCOMES_MAX: usize = 1000;
const OWED_MAX: u32 = 500;

/// An outcome that the store has not taken within this time goes to the journal.
const JOURNAL_AFTER: Millis = Millis(1000);

/// What travels with one call.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    owed: Vec<Owed>,
    fresh: Vec<Outgoing>,
    releases: Vec<(Option<Slot>, Claim)>,
    fresh_journaled: bool,
}

impl Flight {
    pub(crate) fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.fresh.is_empty() && self.releases.is_empty()
    }
}

impl WorkLoop {
    /// Takes what waits: first what the journal owes, then what is fresh.
    pub(crate) async fn gather(&mut self) -> Flight {
        let owed = self.owed().await;
        let batch = lock(&self.core.desk).take(OUTCOMES_MAX);
        Flight { owed, fresh: batch.finishes, releases: batch.releases, fresh_journaled: false }
    }

    /// What the journal owes, without what was answered and could not be struck from it.
    async fn owed(&self) -> Vec<Owed> {
        if lock(&self.core.owed).is_empty() {
            return Vec::new();
        }
        let unstruck = u32::try_from(self.unstruck.len()).unwrap_or(u32::MAX);
        let answer = self.core.local.owed(OWED_MAX.saturating_add(unstruck)).await;
        let mut owed = self.core.note_journal(answer).unwrap_or_default();
        owed.retain(|owed| !self.unstruck.contains(&owed.finish.claim));
        owed
    }

    /// Calls the store. `None` means that it failed, and that everything has been put where it is safe.
    pub(crate) async fn cycle(&mut self, mut flight: Flight, demand: Option<ClaimCall>) -> Option<CycleReply> {
        let owed = flight.owed.iter().map(|owed| owed.finish.clone());
        let fresh = flight.fresh.iter().map(|outgoing| outgoing.finish.clone());
        let call = Cycle {
            pod: self.core.id(),
            finishes: owed.chain(fresh).collect(),
            releases: flight.releases.iter().map(|(_, claim)| *claim).collect(),
            demand,
        };
        match self.call(&call, &mut flight).await {
            Ok(mut reply) => {
                self.patience.after_success();
                self.retry_at = None;
                if !self.core.store_ok.load(std::sync::atomic::Ordering::Acquire) {
                    self.next_reconcile = self.core.clock.monotonic();
                }
                self.core.note_store(None);
                self.settle(flight, std::mem::take(&mut reply.verdicts), &reply.released).await;
                Some(reply)
            }
            Err(error) => {
                self.rescue(flight, &call, &error).await;
                None
            }
        }
    }

    /// Waits for the answer; journals the fresh outcomes if it takes long.
    async fn call(&mut self, call: &Cycle, flight: &mut Flight) -> crate::store::Result<CycleReply> {
        let store = self.core.store.clone();
        let limit = match self.core.phase() {
            Phase::Abandoning => UNANSWERED_AT_EXIT.min(self.core.config.statement_timeout),
            Phase::Running | Phase::Draining { .. } | Phase::Stopped => self.core.config.statement_timeout,
        };
        let mut answer = std::pin::pin!(with_deadline(limit, "a cycle", store.cycle(call)));
        if !flight.fresh.is_empty() {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = tokio::time::sleep(JOURNAL_AFTER.as_duration()) => {}
            }
            flight.fresh_journaled = self.journal(&flight.fresh).await;
        }
        answer.await
    }

    async fn settle(&mut self, flight: Flight, verdicts: Vec<Verdict>, released: &[Verdict]) {
        let mut verdicts = verdicts.into_iter();
        let (mut answered, mut stored) = (Vec::new(), 0);
        for (owed, verdict) in flight.owed.iter().zip(verdicts.by_ref()) {
            answered.push(owed.finish.claim);
            stored += u32::from(verdict.is_stored());
            self.note_verdict(&owed.finish, None, verdict);
        }
        for (outgoing, verdict) in flight.fresh.iter().zip(verdicts) {
            if flight.fresh_journaled {
                answered.push(outgoing.finish.claim);
                stored += u32::from(verdict.is_stored());
            }
            self.note_verdict(&outgoing.finish, Some(outgoing), verdict);
        }
        let given_back: Vec<Claim> = flight
            .releases
            .iter()
            .zip(released)
            .filter(|(_, verdict)| **verdict == Verdict::Recorded)
            .map(|((_, claim), _)| *claim)
            .collect();
        for (slot, _) in &flight.releases {
            lock(&self.core.desk).settle(*slot);
        }
        if !given_back.is_empty() {
            self.core.emit(Event::Released { pod: self.core.id(), claims: given_back });
        }
        if !answered.is_empty() {
            self.forget(answered, stored).await;
        }
    }

    fn note_verdict(&mut self, finish: &Finish, outgoing: Option<&Outgoing>, verdict: Verdict) {
        let (pod, claim) = (self.core.id(), finish.claim);
        match verdict {
            Verdict::Recorded | Verdict::Already => {
                let (task, to) = outgoing.map_or_else(
                    || ("".into(), state_of(&finish.outcome)),
                    |outgoing| (outgoing.task.clone(), outgoing.to),
                );
                self.core.emit(Event::Finished { pod, claim, task, to });
            }
            Verdict::Lost => self.core.emit(Event::ClaimLost { pod, claim }),
            Verdict::Refused(message) => {
                self.core.emit(Event::OutcomeRefused { pod, claim, message: message.clone() });
                if self.fail_instead(finish, outgoing, &message) {
                    return;
                }
            }
        }
        lock(&self.core.desk).settle(outgoing.and_then(|outgoing| outgoing.slot));
    }

    /// A result that the database will not take fails its step; a failure that it will not take is
    /// cut down to a plain one. Returns whether there was anything left to try.
    fn fail_instead(&mut self, finish: &Finish, outgoing: Option<&Outgoing>, why: &str) -> bool {
        let plain = Outcome::Fail { error: refused_entry(why) };
        if finish.outcome == plain {
            return false;
        }
        let next = Outgoing {
            slot: outgoing.and_then(|outgoing| outgoing.slot),
            finish: Finish { claim: finish.claim, outcome: plain },
            task: outgoing.map_or_else(|| "".into(), |outgoing| outgoing.task.clone()),
            to: State::Failed,
        };
        lock(&self.core.desk).put_back(super::desk::Batch { finishes: vec![next], releases: Vec::new() });
        self.core.work.notify_one();
        true
    }

    /// Makes safe what a failed call carried, and decides when to try again.
    async fn rescue(&mut self, flight: Flight, call: &Cycle, error: &Error) {
        let now = self.core.clock.monotonic();
        self.core.note_store(Some(("a cycle", error)));
        self.retry_at = Some(now + self.patience.after_failure(&*self.core.draws));
        if call.demand.is_some() && error.is_unknown() {
            // The claim may still arrive: a row that says so is given back by reconciliation.
            self.unknown_until = Some(now + self.core.config.statement_timeout.times(2));
        }
        self.next_reconcile = now;
        let journaled = flight.fresh_journaled || self.journal(&flight.fresh).await;
        let finishes = if journaled { Vec::new() } else { flight.fresh };
        lock(&self.core.desk).put_back(super::desk::Batch { finishes, releases: flight.releases });
    }

    /// While the store is away: what bodies leave goes straight to the journal.
    pub(crate) async fn journal_fresh(&mut self) {
        let batch = lock(&self.core.desk).take(OUTCOMES_MAX);
        let journaled = self.journal(&batch.finishes).await;
        let finishes = if journaled { Vec::new() } else { batch.finishes };
        lock(&self.core.desk).put_back(super::desk::Batch { finishes, releases: batch.releases });
    }

    /// Keeps outcomes on this pod's own disk; their places are free from then on.
    async fn journal(&mut self, fresh: &[Outgoing]) -> bool {
        if fresh.is_empty() {
            return true;
        }
        let pod = self.core.id();
        let owed: Vec<Owed> =
            fresh.iter().map(|outgoing| Owed { pod: pod.clone(), finish: outgoing.finish.clone() }).collect();
        if self.core.note_journal(self.core.local.put(&owed).await).is_none() {
            return false;
        }
        lock(&self.core.owed).extend(owed.iter().map(|owed| owed.finish.claim));
        let mut desk = lock(&self.core.desk);
        for outgoing in fresh {
            desk.settle(outgoing.slot);
        }
        drop(desk);
        self.core.emit(Event::Journaled { pod, outcomes: u32::try_from(fresh.len()).unwrap_or(u32::MAX) });
        true
    }

    /// Strikes answered outcomes from the journal. What cannot be struck, for the disk is full, is not sent
    /// again by this process, which tries to strike it again; a successor sends it, and learns `already`.
    pub(crate) async fn forget(&mut self, answered: Vec<Claim>, stored: u32) {
        lock(&self.core.owed).retain(|claim| !answered.contains(claim));
        self.unstruck.extend(answered);
        let unstruck: Vec<Claim> = self.unstruck.iter().copied().collect();
        if unstruck.is_empty() {
            return;
        }
        if self.core.note_journal(self.core.local.delivered(&unstruck).await).is_some() {
            self.unstruck.clear();
        }
        if stored > 0 {
            self.core.emit(Event::Delivered { pod: self.core.id(), outcomes: stored });
        }
    }
}

/// How long the last act before exit waits for the store.
const UNANSWERED_AT_EXIT: Millis = Millis(2000);

const fn state_of(outcome: &Outcome) -> State {
    match outcome {
        Outcome::Complete { .. } => State::Completed,
        Outcome::Retry { .. } | Outcome::Snooze { .. } => State::Scheduled,
        Outcome::Crash { .. } => State::Pending,
        Outcome::Fail { .. } => State::Failed,
        Outcome::Cancel { .. } => State::Cancelled,
    }
}

fn refused_entry(why: &str) -> ErrorEntry {
    let json = serde_json::json!({
        "kind": "bad_result",
        "error_type": "InvalidResult",
        "message": format!("the database refused what the step left: {why}"),
        "traceback": "",
    });
    ErrorEntry { json: json.to_string().into() }
}
