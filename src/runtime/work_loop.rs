//! The loop that writes outcomes and takes claims, both in one call of the store (`cycle`).
//!
//! Natural batching: what gathers while one call is under way travels with the next; there is no
//! timer, so one lone outcome is written at once. In a crowd, whose calls cost more than what they
//! bring, ends wait some milliseconds for those of steps that are held ahead. Only this loop ends
//! claims, so it alone can tell, between two calls, which rows of the store it does not hold
//! (reconciliation).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::claiming::{Claiming, Want};
use super::core::{Core, Phase};
use super::cycle::Flight;
use super::handler::StopReason;
use super::lock;
use super::retry::Patience;
use crate::rules::backoff::Backoff;
use crate::rules::crowd::{self, Look, Rings};
use crate::rules::step::{Claim, PodId};
use crate::rules::time::{Millis, Monotonic};
use crate::store::{ClaimCall, ProgressReport};

/// How long bodies get to end once they were told that the grace is over.
pub(crate) const UNWIND_GRACE: Millis = Millis(2000);

/// While ends gather, how often it is looked whether a claim is due that takes them along: not at each end, though each
/// tells of itself.
const GATHER_STRIDE: Millis = Millis(5);

/// What the loop does after a tick.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Now,
    /// Wait for a nudge, at most this long.
    Wait(Millis),
    /// Let ends gather: no nudge matters for so long.
    Gather(Millis),
    Stop,
}

#[derive(Debug)]
pub(crate) struct WorkLoop {
    pub(crate) core: Arc<Core>,
    pub(crate) patience: Patience,
    /// While the store is away: when to try again.
    pub(crate) retry_at: Option<Monotonic>,
    pub(crate) next_reconcile: Monotonic,
    /// A claim call stayed without answer: reconcile often until then.
    pub(crate) unknown_until: Option<Monotonic>,
    pub(crate) claiming: Claiming,
    /// Since when ends wait for others, in a crowd.
    gathering_since: Option<Monotonic>,
    /// Outcomes that were answered and still stand in the journal, for it could not be written.
    pub(crate) unstruck: BTreeSet<Claim>,
    /// The id of a registration that was not answered: the next attempt must not leave its row to nobody.
    pub(crate) reborn_as: Option<PodId>,
    wakes: watch::Receiver<Rings>,
    /// What was heard of them so far.
    heard: Rings,
    closed: bool,
    told_to_unwind: bool,
}

impl WorkLoop {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let now = core.clock.monotonic();
        lock(&core.desk).give_back_stranded();
        let mut wakes = core.store.wake_ups();
        let heard = *wakes.borrow_and_update();
        Self {
            patience: Patience::new(Backoff::STORE),
            retry_at: None,
            next_reconcile: now + core.config.recovery_interval,
            unknown_until: None,
            claiming: Claiming::from(now, now + core.config.suspect_interval),
            gathering_since: None,
            unstruck: BTreeSet::new(),
            reborn_as: None,
            wakes,
            heard,
            closed: false,
            told_to_unwind: false,
            core,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut phase = self.core.phase.subscribe();
        loop {
            match self.tick().await {
                Next::Now => {}
                Next::Stop => return,
                Next::Wait(limit) => self.wait(limit, &mut phase).await,
                Next::Gather(limit) => {
                    tokio::select! {
                        biased;
                        _ = phase.changed() => {}
                        () = tokio::time::sleep(limit.as_duration()) => {}
                    }
                }
            }
        }
    }

    async fn wait(&mut self, limit: Millis, phase: &mut watch::Receiver<Phase>) {
        let running = self.core.phase() == Phase::Running && self.retry_at.is_none();
        tokio::select! {
            biased;
            _ = phase.changed() => {}
            () = self.core.work.notified() => {}
            woken = self.wakes.changed(), if running => {
                // A store that is closed drops its sender; polling then finds out why.
                if woken.is_ok() { self.hear() }
            }
            () = tokio::time::sleep(limit.as_duration()) => {}
        }
    }

    /// New work was told of: looks now, in a while, or leaves it to others.
    fn hear(&mut self) {
        let rings = *self.wakes.borrow_and_update();
        let now = self.core.clock.monotonic();
        match self.core.look(rings.since(&self.heard)) {
            Look::Now => self.claiming.poll_now(now),
            Look::Once(wait) => self.claiming.poll_once(now + wait),
            Look::AsPlanned => {}
        }
        self.heard = rings;
    }

    async fn tick(&mut self) -> Next {
        if self.core.declared_dead.load(Ordering::Acquire) && self.core.phase() == Phase::Running {
            self.be_reborn().await;
        }
        if let Some(next) = self.wind_down().await {
            return next;
        }
        let now = self.core.clock.monotonic();
        if let Some(wait) = self.retry_at.map(|at| at.since(now)).filter(|wait| *wait > Millis::ZERO) {
            self.journal_fresh().await;
            return Next::Wait(wait);
        }
        self.retry_at = None;
        if self.next_reconcile <= now {
            self.reconcile().await;
            self.forget(Vec::new(), 0).await;
        }
        self.flush_progress().await;
        self.look_after_the_waiting(now);
        let want = self.want(now);
        if !matches!(want, Want::Claims(_))
            && let Some(wait) = self.ends_may_wait(now)
        {
            return Next::Gather(wait);
        }
        self.gathering_since = None;
        let flight = self.gather().await;
        match want {
            Want::Claims(call) => self.fly(flight, Some(call)).await,
            Want::Nothing | Want::NoRoom if !flight.is_empty() => self.fly(flight, None).await,
            Want::Nothing => Next::Wait(self.rest(now, self.claiming.next_poll.since(now))),
            Want::NoRoom => Next::Wait(self.rest(now, self.core.config.claim_interval)),
        }
    }

    /// Counts what ended, and gives back what has waited too long for a place (P4: another pod may have one).
    fn look_after_the_waiting(&mut self, now: Monotonic) {
        let mut desk = lock(&self.core.desk);
        if self.claiming.paces.are_due(now) {
            let ends = desk.take_ends();
            self.claiming.paces.note_ends(now, ends);
        }
        if let Some(oldest) = desk.waits_since()
            && now.since(oldest) > self.core.config.lookahead_max_age
        {
            desk.give_back_waiting(Monotonic(now.0 - self.core.config.lookahead_max_age.0));
        }
    }

    /// How long until it is looked again, if ends are at hand that others will soon follow; what claims take with them
    /// waits for nothing.
    fn ends_may_wait(&mut self, now: Monotonic) -> Option<Millis> {
        let limit = crowd::ends_wait(self.core.living(), self.core.config.lookahead_max_age);
        if limit == Millis::ZERO || self.core.phase() != Phase::Running || !lock(&self.core.owed).is_empty() {
            return None;
        }
        if !lock(&self.core.desk).more_ends_follow() {
            return None;
        }
        let since = *self.gathering_since.get_or_insert(now);
        let left = (since + limit).since(now);
        (left > Millis::ZERO).then(|| left.min(GATHER_STRIDE))
    }

    fn rest(&self, now: Monotonic, poll_in: Millis) -> Millis {
        let until_deadline = match self.core.phase() {
            Phase::Draining { until } if !self.told_to_unwind => until.since(now),
            Phase::Running | Phase::Draining { .. } | Phase::Abandoning | Phase::Stopped => Millis::MAX,
        };
        let oldest = lock(&self.core.desk).waits_since();
        let until_aged =
            oldest.map_or(Millis::MAX, |since| (since + self.core.config.lookahead_max_age).since(now) + Millis(1));
        poll_in.min(self.next_reconcile.since(now)).min(until_deadline).min(until_aged).max(Millis(1))
    }

    /// What stopping asks for, if the pod stops.
    async fn wind_down(&mut self) -> Option<Next> {
        let now = self.core.clock.monotonic();
        match self.core.phase() {
            Phase::Running => return None,
            Phase::Stopped => return Some(Next::Stop),
            Phase::Draining { until } => {
                if !self.closed {
                    self.closed = true;
                    let stops = lock(&self.core.desk).close();
                    self.core.tell(stops);
                }
                if until <= now && !self.told_to_unwind {
                    self.told_to_unwind = true;
                    let stops = lock(&self.core.desk).stop_where(StopReason::Shutdown, |_| true);
                    self.core.tell(stops);
                }
            }
            Phase::Abandoning => {
                lock(&self.core.desk).give_all_back();
                self.last_act().await;
                return Some(Next::Stop);
            }
        }
        let empty = { lock(&self.core.desk).is_empty() };
        if empty {
            self.last_act().await;
            return Some(Next::Stop);
        }
        None
    }

    async fn fly(&mut self, flight: Flight, call: Option<ClaimCall>) -> Next {
        let (asked, sent) = (call.clone(), self.core.clock.monotonic());
        match self.cycle(flight, call).await {
            Some(reply) => {
                self.claiming.paces.note_round_trip(self.core.clock.monotonic().since(sent));
                if let Some(call) = asked {
                    self.take_claims(&call, reply);
                }
                Next::Now
            }
            // `retry_at` says when; the next tick waits for it.
            None => Next::Now,
        }
    }

    async fn flush_progress(&mut self) {
        let notes = lock(&self.core.desk).take_progress();
        if notes.is_empty() {
            return;
        }
        let reports: Vec<ProgressReport> =
            notes.into_iter().map(|(claim, json)| ProgressReport { claim, json }).collect();
        // Progress is a courtesy: if it cannot be written now, the next note will be.
        let _ = self.core.store.progress(&reports).await;
    }
}
