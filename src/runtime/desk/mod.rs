//! Keeps what this pod holds: claims, bodies, and outcomes on their way out. Calls nobody.
//!
//! A step leaves the desk when both are true: the body is over, and the claim has ended durably
//! (stored, journaled, or lost). Everything here is plain data behind one short lock.

mod aside;
mod counts;
mod outgoing;
mod stops;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aside::Aside;
use counts::Counts;
pub(crate) use outgoing::{Batch, Outgoing};

use crate::rules::demand::Executor;
use crate::rules::step::{Claim, ClaimId, StepId};
use crate::rules::time::{Millis, Monotonic};
use crate::runtime::ending::{self, Bench, Closing};
use crate::runtime::handler::{Ended, Job, Slot, StopReason, TaskInfo};
use crate::store::{Claimed, Finish};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// In the look-ahead: claimed, and kept here until a place is free.
    Aside,
    /// Handed over, not yet begun.
    Waiting,
    Running,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Ours,
    /// An outcome or a release is on its way.
    Ending,
    Ended,
}

/// One claimed step and its body.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) claim: Claim,
    pub(crate) task: TaskInfo,
    pub(crate) queue: Arc<str>,
    pub(crate) retry_count: u32,
    pub(crate) max_retries: u32,
    pub(crate) crash_count: u32,
    pub(crate) timeout: Option<Millis>,
    pub(crate) stop: Option<StopReason>,
    deadline: Option<Monotonic>,
    body: Body,
    hold: Hold,
    /// Over, and counted as leaving.
    leaving: bool,
}

/// How many bodies may be with the handler at once.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) all: u32,
    pub(crate) by_executor: BTreeMap<Executor, u32>,
}

#[derive(Debug)]
pub(crate) struct Desk {
    places: Places,
    /// Bodies with the handler, by where they run.
    handed: BTreeMap<Executor, u32>,
    aside: BTreeMap<Executor, VecDeque<Aside>>,
    /// Bodies that are over, by task, since somebody asked.
    ends: BTreeMap<Arc<str>, u32>,
    held: BTreeMap<Slot, Held>,
    /// All that is held, and of it what waits for nothing but the next call.
    counts: Counts,
    leaving: Counts,
    slot_of: BTreeMap<Claim, Slot>,
    slot_of_step: BTreeMap<StepId, Slot>,
    finishes: VecDeque<Outgoing>,
    releases: VecDeque<(Option<Slot>, Claim)>,
    progress: BTreeMap<Claim, Arc<str>>,
    deadlines: BTreeSet<(Monotonic, Slot)>,
    last_slot: u64,
    closed: bool,
    /// Slots kept for hand-offs under way, and the claims those may bring.
    reserved: u32,
    expected: BTreeSet<ClaimId>,
}

impl Desk {
    pub(crate) fn new(places: Places) -> Self {
        Self {
            places,
            handed: BTreeMap::new(),
            aside: BTreeMap::new(),
            ends: BTreeMap::new(),
            held: BTreeMap::new(),
            counts: Counts::default(),
            leaving: Counts::default(),
            slot_of: BTreeMap::new(),
            slot_of_step: BTreeMap::new(),
            finishes: VecDeque::new(),
            releases: VecDeque::new(),
            progress: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last_slot: 0,
            closed: false,
            reserved: 0,
            expected: BTreeSet::new(),
        }
    }

    /// Takes claims in, and gives those that a place is free for. A step whose earlier body still runs
    /// here goes straight back.
    pub(crate) fn admit(
        &mut self,
        claims: Vec<Claimed>,
        tasks: &BTreeMap<Arc<str>, TaskInfo>,
        now: Monotonic,
    ) -> Vec<Job> {
        for claimed in claims {
            let task = tasks.get(&claimed.task).filter(|_| !self.slot_of_step.contains_key(&claimed.claim.step_id));
            match task {
                Some(task) if !self.closed => {
                    let (task, executor) = (task.clone(), task.executor);
                    let job = self.seat(claimed, task);
                    self.aside.entry(executor).or_default().push_back(Aside { since: now, job });
                }
                Some(_) | None => self.releases.push_back((None, claimed.claim)),
            }
        }
        self.hand_out()
    }

    pub(crate) fn reserve(&mut self, claim_id: ClaimId, slots: u32) {
        self.reserved += slots;
        self.expected.insert(claim_id);
    }

    pub(crate) fn unreserve(&mut self, claim_id: ClaimId, slots: u32) {
        self.reserved -= slots;
        self.expected.remove(&claim_id);
    }

    fn seat(&mut self, claimed: Claimed, task: TaskInfo) -> Job {
        self.last_slot += 1;
        let slot = Slot(self.last_slot);
        self.slot_of.insert(claimed.claim, slot);
        self.slot_of_step.insert(claimed.claim.step_id, slot);
        let held = Held {
            claim: claimed.claim,
            task,
            queue: claimed.queue.clone(),
            retry_count: claimed.retry_count,
            max_retries: claimed.max_retries,
            crash_count: claimed.crash_count,
            timeout: claimed.timeout,
            stop: None,
            deadline: None,
            body: Body::Aside,
            hold: Hold::Ours,
            leaving: false,
        };
        self.counts.add(&held.queue, held.task.executor);
        self.held.insert(slot, held);
        Job {
            slot,
            claim: claimed.claim,
            task: claimed.task,
            queue: claimed.queue,
            priority: claimed.priority,
            payload: claimed.payload,
            retry_count: claimed.retry_count,
            max_retries: claimed.max_retries,
            crash_count: claimed.crash_count,
            timeout: claimed.timeout,
            created: claimed.created,
        }
    }

    /// Whether the body may start now; its timeout counts from here. Returns whether a new deadline was set too.
    pub(crate) fn begin(&mut self, slot: Slot, now: Monotonic) -> (bool, bool) {
        let Some(held) = self.held.get_mut(&slot) else { return (false, false) };
        if self.closed || held.stop.is_some() || held.hold != Hold::Ours || held.body != Body::Waiting {
            return (false, false);
        }
        held.body = Body::Running;
        held.deadline = held.timeout.map(|timeout| now + timeout);
        self.deadlines.extend(held.deadline.map(|due| (due, slot)));
        (true, held.deadline.is_some())
    }

    /// Notes that a body is over, and queues what is to be recorded of it.
    pub(crate) fn ended(&mut self, slot: Slot, ended: Ended, bench: &Bench) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        if held.body == Body::Over {
            return;
        }
        held.body = Body::Over;
        let executor = held.task.executor;
        if let Some(count) = self.ends.get_mut(&held.task.name) {
            *count += 1;
        } else {
            self.ends.insert(held.task.name.clone(), 1);
        }
        if let Some(handed) = self.handed.get_mut(&executor) {
            *handed = handed.saturating_sub(1);
        }
        if held.hold == Hold::Ours {
            let closing = ending::close(held, ended, bench);
            self.close_claim(slot, closing);
        }
        self.sweep(slot);
    }

    fn close_claim(&mut self, slot: Slot, closing: Closing) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        held.hold = Hold::Ending;
        let claim = held.claim;
        match closing {
            Closing::Record { outcome, to } => self.finishes.push_back(Outgoing {
                slot: Some(slot),
                finish: Finish { claim, outcome },
                task: held.task.name.clone(),
                to,
            }),
            Closing::GiveBack => self.releases.push_back((Some(slot), claim)),
            Closing::Drop => held.hold = Hold::Ended,
        }
    }

    /// Forgets a slot that is free, and what only served it.
    fn sweep(&mut self, slot: Slot) {
        let Some(held) = self.held.get_mut(&slot) else { return };
        let (claim, body_over, ended) = (held.claim, held.body == Body::Over, held.hold == Hold::Ended);
        if let Some(due) = held.deadline.take_if(|_| body_over) {
            self.deadlines.remove(&(due, slot));
        }
        if ended {
            self.slot_of.remove(&claim);
            self.progress.remove(&claim);
        }
        if body_over && self.slot_of_step.get(&claim.step_id) == Some(&slot) {
            self.slot_of_step.remove(&claim.step_id);
        }
        if body_over && held.hold == Hold::Ending && !held.leaving {
            held.leaving = true;
            self.leaving.add(&held.queue, held.task.executor);
        }
        if ended
            && body_over
            && let Some(gone) = self.held.remove(&slot)
        {
            self.counts.remove(&gone.queue, gone.task.executor);
            if gone.leaving {
                self.leaving.remove(&gone.queue, gone.task.executor);
            }
        }
    }

    /// Notes that the claims in these slots have ended durably.
    pub(crate) fn settle(&mut self, slots: impl IntoIterator<Item = Slot>) {
        for slot in slots {
            if let Some(held) = self.held.get_mut(&slot) {
                held.hold = Hold::Ended;
            }
            self.sweep(slot);
        }
    }
}
