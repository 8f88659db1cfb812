//! The loop that writes outcomes and takes claims, both in one call of the store (`cycle`).
//!
//! Natural batching: what gathers while one call is under way travels with the next; there is no
//! timer, so one lone outcome is written at once. Only this loop ends claims, so it alone can tell,
//! between two calls, which rows of the store it does not hold (reconciliation).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::clock::new_claim_id;
use super::core::{Core, Phase};
use super::cycle::Flight;
use super::gate::LOOP_LAG_MAX;
use super::lanes::lanes;
use super::lock;
use super::meta::limits;
use super::retry::Patience;
use crate::rules::backoff::Backoff;
use crate::rules::demand::{Pace, demand};
use crate::rules::step::ClaimId;
use crate::rules::time::{Millis, Monotonic, Timestamp};
use crate::store::{ClaimCall, ClaimKind, CycleReply, Lane, ProgressReport, Queues};

/// How long bodies get to end once they were told that the grace is over.
pub(crate) const UNWIND_GRACE: Millis = Millis(2000);

/// What the loop does after a tick.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Now,
    /// Wait for a nudge, at most this long.
    Wait(Millis),
    Stop,
}

#[derive(Debug)]
enum Want {
    Nothing,
    /// There is no room; only an end can make some.
    NoRoom,
    Claims(ClaimCall),
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
    wakes: watch::Receiver<u64>,
    next_poll: Monotonic,
    empty_claims: u32,
    /// The last claim brought all it asked for: there is probably more.
    backlog: bool,
    turn: usize,
    /// When to empty the pod for a suspect at the latest.
    next_suspect: Monotonic,
    suspects_seen: Timestamp,
    /// A suspect runs; nothing else may (P14).
    alone: bool,
    closed: bool,
    told_to_unwind: bool,
}

impl WorkLoop {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let now = core.clock.monotonic();
        let mut wakes = core.store.wake_ups();
        wakes.mark_unchanged();
        Self {
            patience: Patience::new(Backoff::STORE),
            retry_at: None,
            next_reconcile: now + core.config.recovery_interval,
            unknown_until: None,
            wakes,
            next_poll: now,
            empty_claims: 0,
            backlog: false,
            turn: 0,
            next_suspect: now + core.config.suspect_interval,
            suspects_seen: Timestamp::default(),
            alone: false,
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
                if woken.is_ok() { self.poll_now() }
            }
            () = tokio::time::sleep(limit.as_duration()) => {}
        }
    }

    fn poll_now(&mut self) {
        self.next_poll = self.core.clock.monotonic();
        self.empty_claims = 0;
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
        }
        self.flush_progress().await;
        let want = self.want(now);
        let flight = self.gather().await;
        match want {
            Want::Claims(call) => self.fly(flight, Some(call)).await,
            Want::Nothing | Want::NoRoom if !flight.is_empty() => self.fly(flight, None).await,
            Want::Nothing => Next::Wait(self.rest(now, self.next_poll.since(now))),
            Want::NoRoom => Next::Wait(self.rest(now, self.core.config.claim_interval)),
        }
    }

    fn rest(&self, now: Monotonic, poll_in: Millis) -> Millis {
        let until_deadline = match self.core.phase() {
            Phase::Draining { until } if !self.told_to_unwind => until.since(now),
            Phase::Running | Phase::Draining { .. } | Phase::Abandoning | Phase::Stopped => Millis::MAX,
        };
        poll_in.min(self.next_reconcile.since(now)).min(until_deadline).max(Millis(1))
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
                    let stops = lock(&self.core.desk).stop_where(super::handler::StopReason::Shutdown, |_| true);
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

    fn want(&mut self, now: Monotonic) -> Want {
        let due = self.backlog || self.next_poll <= now;
        if !due || self.core.phase() != Phase::Running || self.core.is_fenced() {
            return Want::Nothing;
        }
        let load = {
            let mut load = lock(&self.core.desk).load();
            load.loop_lagging = lock(&self.core.loop_health).lag >= LOOP_LAG_MAX;
            load
        };
        self.alone &= load.in_flight > 0;
        if let Some(seen) = self.suspect_waits() {
            if load.in_flight == 0 {
                self.suspects_seen = seen;
                return Want::Claims(self.suspect_call(now));
            }
            if self.next_suspect <= now {
                // The pod takes nothing new until it is empty, and then the suspect.
                return Want::NoRoom;
            }
        }
        let ask = demand(&limits(&self.core), &load, Pace::default());
        if self.alone || ask.total == 0 {
            return Want::NoRoom;
        }
        let tasks = self.core.handler.tasks();
        let lanes = lanes(&ask, &tasks, self.turn);
        if lanes.is_empty() {
            return Want::NoRoom;
        }
        Want::Claims(ClaimCall {
            claim_id: self.claim_id(),
            limit: ask.total,
            lanes,
            max_crashes: self.core.config.max_crashes,
            kind: ClaimKind::Ordinary,
        })
    }

    /// The moment of the last beat, if it saw a suspect and nobody has looked since.
    fn suspect_waits(&self) -> Option<Timestamp> {
        let pulse = self.core.pulse.borrow();
        pulse.as_ref().filter(|pulse| pulse.suspects && pulse.now > self.suspects_seen).map(|pulse| pulse.now)
    }

    fn suspect_call(&mut self, now: Monotonic) -> ClaimCall {
        self.next_suspect = now + self.core.config.suspect_interval;
        let tasks: Arc<[Arc<str>]> = self.core.tasks.keys().cloned().collect();
        ClaimCall {
            claim_id: self.claim_id(),
            limit: 1,
            lanes: vec![Lane { tasks, queues: Queues::All, limit: 1 }],
            max_crashes: self.core.config.max_crashes,
            kind: ClaimKind::Suspect,
        }
    }

    fn claim_id(&self) -> ClaimId {
        new_claim_id(&*self.core.draws)
    }

    async fn fly(&mut self, flight: Flight, call: Option<ClaimCall>) -> Next {
        let asked = call.clone();
        match self.cycle(flight, call).await {
            Some(reply) => {
                if let Some(call) = asked {
                    self.take_claims(&call, reply);
                }
                Next::Now
            }
            // `retry_at` says when; the next tick waits for it.
            None => Next::Now,
        }
    }

    /// Seats new claims, hands them to the handler, and decides when to ask again.
    fn take_claims(&mut self, call: &ClaimCall, reply: CycleReply) {
        let now = self.core.clock.monotonic();
        if !reply.pod_alive {
            self.core.beat_now.notify_one();
        }
        let brought = u32::try_from(reply.claims.len()).unwrap_or(u32::MAX);
        let asked = call.lanes.iter().map(|lane| lane.limit).fold(0, u32::saturating_add).min(call.limit);
        self.alone |= call.kind == ClaimKind::Suspect && brought > 0;
        let looked_aside = call.kind == ClaimKind::Suspect;
        self.backlog = looked_aside || (brought > 0 && (brought >= asked || call.lanes.len() > 1));
        self.turn = self.turn.wrapping_add(1);
        if brought > 0 {
            self.empty_claims = 0;
            self.next_poll = now + self.core.config.claim_interval;
            self.hand_over(reply);
            return;
        }
        self.empty_claims = self.empty_claims.saturating_add(1);
        let rotating = call.lanes.len() > 1 && (self.empty_claims as usize) < call.lanes.len();
        let due_in = reply.next_due.map_or(Millis::MAX, |due| due.since(reply.now) + Millis(1));
        let wait = if rotating { Millis::ZERO } else { self.idle_wait().min(due_in) };
        self.next_poll = now + wait;
    }

    /// From `claim_interval`, doubling, to `idle_interval_max`.
    fn idle_wait(&self) -> Millis {
        let doublings = self.empty_claims.saturating_sub(1).min(16);
        let longest = self.core.config.idle_interval_max.max(self.core.config.claim_interval);
        self.core.config.claim_interval.times(1 << doublings).min(longest)
    }

    fn hand_over(&mut self, reply: CycleReply) {
        let claims = reply.claims.iter().map(|claimed| claimed.claim).collect();
        self.core.emit(super::events::Event::Claimed { pod: self.core.id(), claims });
        let jobs = lock(&self.core.desk).admit(reply.claims, &self.core.tasks);
        if !jobs.is_empty() {
            self.core.handler.start(jobs);
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
