//! The work loop's claiming: when to ask for steps, for how many, and what to do with them.
//! How many a pod may hold is `rules::demand`'s.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::new_claim_id;
use super::core::Phase;
use super::desk::Desk;
use super::events::Event;
use super::lanes::lanes;
use super::lock;
use super::pace::Paces;
use super::work_loop::WorkLoop;
use crate::rules::crowd::{FEW, is_time_to_ask, passed_on};
use crate::rules::demand::{Load, demand};
use crate::rules::time::{Millis, Monotonic, Timestamp};
use crate::store::{ClaimCall, ClaimKind, CycleReply, Lane, Queues};

/// What the loop wants of the store.
#[derive(Debug)]
pub(crate) enum Want {
    Nothing,
    /// There is no room; only an end can make some.
    NoRoom,
    Claims(ClaimCall),
}

/// When to ask next, and for what.
#[derive(Debug)]
pub(crate) struct Claiming {
    pub(crate) next_poll: Monotonic,
    empty_claims: u32,
    /// The pace to go back to after a look that the crowd's lot asked for: the next news will ask again.
    kept_pace: Option<u32>,
    /// The last claim brought all it asked for: there is probably more.
    backlog: bool,
    turn: usize,
    /// When to empty the pod for a suspect at the latest.
    next_suspect: Monotonic,
    suspects_seen: Timestamp,
    /// A suspect runs; nothing else may (P14).
    alone: bool,
    pub(crate) paces: Paces,
}

impl Claiming {
    pub(crate) fn from(now: Monotonic, next_suspect: Monotonic) -> Self {
        Self {
            next_poll: now,
            empty_claims: 0,
            kept_pace: None,
            backlog: false,
            turn: 0,
            next_suspect,
            suspects_seen: Timestamp(0),
            alone: false,
            paces: Paces::default(),
        }
    }

    pub(crate) fn poll_now(&mut self, now: Monotonic) {
        self.next_poll = now;
        self.empty_claims = 0;
        self.kept_pace = None;
    }

    /// Looks at this moment at the latest, and then at the pace of before.
    pub(crate) fn poll_once(&mut self, at: Monotonic) {
        self.next_poll = self.next_poll.min(at);
        let pace = std::mem::take(&mut self.empty_claims);
        self.kept_pace.get_or_insert(pace);
    }
}

impl WorkLoop {
    pub(crate) fn want(&mut self, now: Monotonic) -> Want {
        let due = self.claiming.backlog || self.claiming.next_poll <= now;
        let shut_out = self.core.shut_out().is_some();
        if !due || shut_out || self.core.phase() != Phase::Running || self.core.is_fenced() {
            return Want::Nothing;
        }
        let suspect = self.suspect_waits();
        if suspect.is_some() && self.claiming.next_suspect <= now {
            // The pod takes nothing new until it is empty, and then the suspect.
            self.core.waits_alone.store(true, Ordering::Release);
        }
        let load = self.load_of(Desk::load);
        self.claiming.alone &= load.in_flight > 0;
        if let Some(seen) = suspect.filter(|_| load.in_flight == 0) {
            self.core.waits_alone.store(true, Ordering::Release);
            // A hand-off may have slipped in before the door was shut.
            if self.load_of(Desk::load).in_flight == 0 {
                self.claiming.suspects_seen = seen;
                return Want::Claims(self.suspect_call(now));
            }
        }
        if suspect.is_some() && self.claiming.next_suspect <= now {
            return Want::NoRoom;
        }
        self.core.waits_alone.store(self.claiming.alone, Ordering::Release);
        let living = self.core.living();
        let (ahead, fast) = self.claiming.paces.ahead(&self.core.tasks, self.core.config.lookahead_max_age, living);
        let goes_with_ends = living > FEW && !fast.is_empty();
        let load = if goes_with_ends { self.load_of(Desk::load_after_ends) } else { load };
        let ask = demand(&self.core.limits, &load, &ahead);
        if self.claiming.alone || ask.total == 0 || !is_time_to_ask(living, ask.total, ask.ahead) {
            return Want::NoRoom;
        }
        let tasks = self.core.handler.tasks();
        let lanes = lanes(&ask, &tasks, &fast, self.claiming.turn);
        if lanes.is_empty() {
            return Want::NoRoom;
        }
        Want::Claims(self.claim_call(ClaimKind::Ordinary, ask.total, lanes))
    }

    fn load_of(&self, desk: fn(&Desk) -> Load) -> Load {
        let loop_lagging = self.core.is_lagging();
        Load { loop_lagging, ..desk(&lock(&self.core.desk)) }
    }

    /// The moment of the last beat, if it saw a suspect and nobody has looked since.
    fn suspect_waits(&self) -> Option<Timestamp> {
        let pulse = self.core.pulse.borrow();
        pulse.as_ref().filter(|pulse| pulse.suspects && pulse.now > self.claiming.suspects_seen).map(|pulse| pulse.now)
    }

    fn suspect_call(&mut self, now: Monotonic) -> ClaimCall {
        self.claiming.next_suspect = now + self.core.config.suspect_interval;
        let tasks: Arc<[Arc<str>]> = self.core.tasks.keys().cloned().collect();
        self.claim_call(ClaimKind::Suspect, 1, vec![Lane { tasks, queues: Queues::All, limit: 1 }])
    }

    fn claim_call(&self, kind: ClaimKind, limit: u32, lanes: Vec<Lane>) -> ClaimCall {
        let claim_id = new_claim_id(&*self.core.draws);
        ClaimCall { claim_id, limit, lanes, max_crashes: self.core.config.max_crashes, kind }
    }

    /// Seats new claims, hands them to the handler, and decides when to ask again.
    pub(crate) fn take_claims(&mut self, call: &ClaimCall, reply: CycleReply) {
        let now = self.core.clock.monotonic();
        if !reply.pod_alive {
            self.core.beat_now.notify_one();
        }
        let brought = u32::try_from(reply.claims.len()).unwrap_or(u32::MAX);
        let asked = call.lanes.iter().map(|lane| lane.limit).fold(0, u32::saturating_add).min(call.limit);
        self.claiming.alone |= call.kind == ClaimKind::Suspect && brought > 0;
        let looked_aside = call.kind == ClaimKind::Suspect;
        let finds_many = !self.claiming.backlog && !looked_aside && brought >= asked;
        if let Some(steps) = passed_on(self.core.living(), brought).filter(|_| finds_many) {
            self.core.store.pass_on(steps);
        }
        self.claiming.backlog = looked_aside || (brought > 0 && (brought >= asked || call.lanes.len() > 1));
        self.claiming.turn = self.claiming.turn.wrapping_add(1);
        let due_in = reply.next_due.map_or(Millis::MAX, |due| due.since(reply.now) + Millis(1));
        if brought >= asked {
            self.claiming.kept_pace = None;
        }
        if brought > 0 {
            let kept_pace = if self.claiming.backlog { None } else { self.claiming.kept_pace.take() };
            self.claiming.empty_claims = kept_pace.unwrap_or(0);
            self.claiming.next_poll = now + self.idle_wait().min(due_in);
            self.hand_over(reply);
            return;
        }
        self.claiming.empty_claims = self.claiming.empty_claims.saturating_add(1);
        let rotating = call.lanes.len() > 1 && (self.claiming.empty_claims as usize) < call.lanes.len();
        if let Some(pace) = self.claiming.kept_pace.take_if(|_| !rotating) {
            self.claiming.empty_claims = pace.saturating_add(1);
        }
        let wait = if rotating { Millis::ZERO } else { self.idle_wait().min(due_in) };
        self.claiming.next_poll = now + wait;
    }

    /// From `claim_interval`, doubling, to `idle_interval_max`.
    fn idle_wait(&self) -> Millis {
        let doublings = self.claiming.empty_claims.saturating_sub(1).min(16);
        let longest = self.core.config.idle_interval_max.max(self.core.config.claim_interval);
        self.core.config.claim_interval.times(1 << doublings).min(longest)
    }

    fn hand_over(&mut self, reply: CycleReply) {
        let claims = reply.claims.iter().map(|claimed| claimed.claim).collect();
        self.core.emit(Event::Claimed { pod: self.core.id(), claims });
        let now = self.core.clock.monotonic();
        let jobs = lock(&self.core.desk).admit(reply.claims, &self.core.tasks, now);
        if !jobs.is_empty() {
            self.core.handler.start(jobs);
        }
    }
}
