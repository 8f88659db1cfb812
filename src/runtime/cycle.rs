//! One call of `cycle`: what goes in, what becomes of it, and the journal while no answer comes (P12).

use super::core::Phase;
use super::desk::Outgoing;
use super::events::{End, Event};
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

/// What the answer to a call said, gathered: to be told and settled at once.
#[derive(Debug)]
struct Told {
    ends: Vec<End>,
    slots: Vec<Slot>,
}

impl Outgoing {
    /// What the journal kept, of which only the outcome is known.
    fn owed(owed: &Owed) -> Self {
        Self { slot: None, finish: owed.finish.clone(), task: "".into(), to: state_of(&owed.finish.outcome) }
    }
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
        let mut told =
            Told { ends: Vec::with_capacity(flight.fresh.len()), slots: Vec::with_capacity(flight.fresh.len()) };
        for (owed, verdict) in flight.owed.iter().zip(verdicts.by_ref()) {
            answered.push(owed.finish.claim);
            stored += u32::from(verdict.is_stored());
            self.note_verdict(&mut told, Outgoing::owed(owed), verdict);
        }
        for (outgoing, verdict) in flight.fresh.into_iter().zip(verdicts) {
            if flight.fresh_journaled {
                answered.push(outgoing.finish.claim);
                stored += u32::from(verdict.is_stored());
            }
            self.note_verdict(&mut told, outgoing, verdict);
        }
        let given_back = flight.releases.iter().zip(released).filter(|(_, verdict)| **verdict == Verdict::Recorded);
        let given_back: Vec<Claim> = given_back.map(|((_, claim), _)| *claim).collect();
        told.slots.extend(flight.releases.iter().filter_map(|(slot, _)| *slot));
        self.announce(told);
        if !given_back.is_empty() {
            self.core.emit(Event::Released { pod: self.core.id(), claims: given_back });
        }
        if !answered.is_empty() {
            self.forget(answered, stored).await;
        }
    }

    /// Says once what a call recorded, and frees its places under one lock, which bodies want too.
    fn announce(&self, told: Told) {
        if !told.ends.is_empty() {
            self.core.emit(Event::Finished { pod: self.core.id(), ends: told.ends.into() });
        }
        lock(&self.core.desk).settle(told.slots);
    }

    fn note_verdict(&mut self, told: &mut Told, outgoing: Outgoing, verdict: Verdict) {
        let (slot, claim) = (outgoing.slot, outgoing.finish.claim);
        match verdict {
            Verdict::Recorded | Verdict::Already => {
                told.ends.push(End { claim, task: outgoing.task, to: outgoing.to });
            }
            Verdict::Lost => self.core.emit(Event::ClaimLost { pod: self.core.id(), claim }),
            Verdict::Refused(message) => {
                self.core.emit(Event::OutcomeRefused { pod: self.core.id(), claim, message: message.clone() });
                if self.fail_instead(outgoing, &message) {
                    return;
                }
            }
        }
        told.slots.extend(slot);
    }

    /// A result that the database will not take fails its step; a failure that it will not take is
    /// cut down to a plain one. Returns whether there was anything left to try.
    fn fail_instead(&mut self, outgoing: Outgoing, why: &str) -> bool {
        let plain = Outcome::Fail { error: refused_entry(why) };
        if outgoing.finish.outcome == plain {
            return false;
        }
        let finish = Finish { claim: outgoing.finish.claim, outcome: plain };
        let next = Outgoing { finish, to: State::Failed, ..outgoing };
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
        lock(&self.core.desk).settle(fresh.iter().filter_map(|outgoing| outgoing.slot));
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
