//! Direct hand-off: a pod's free slots, offered to the enqueues of its own process. One statement
//! then does what an insert, a wake-up and a claim would.
//!
//! Whether a step may be handed off decides the database, within that statement: only if nothing
//! due in its queue has the turn before it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

use super::clock::new_claim_id;
use super::core::{Core, Phase};
use super::events::Event;
use super::lock;
use crate::rules::demand::{Ahead, Load, demand};
use crate::rules::step::Claim;
use crate::rules::time::Timestamp;
use crate::store::{Accepted, Claimed, Due, HandOff, NewStep, Refusal};

/// The pod that runs in this process, if one does.
#[derive(Debug, Default)]
pub(crate) struct Host(Mutex<Weak<Core>>);

/// Slots kept free, and a fence known, until the insert is answered.
#[derive(Debug)]
pub(crate) struct Offer {
    core: Arc<Core>,
    pub(crate) terms: HandOff,
}

impl Host {
    pub(crate) fn seat(&self, core: &Arc<Core>) {
        *lock(&self.0) = Arc::downgrade(core);
    }

    /// Offers as many free slots as these steps can use.
    pub(crate) fn offer(&self, steps: &[NewStep]) -> Option<Offer> {
        let core = lock(&self.0).upgrade()?;
        let wanted = steps.iter().filter(|step| step.due == Due::Now && core.tasks.contains_key(&step.task)).count();
        if wanted == 0 || !is_open(&core) {
            return None;
        }
        let loop_lagging = core.is_lagging();
        let mut desk = lock(&core.desk);
        let load = Load { loop_lagging, ..desk.load() };
        let ask = demand(&core.limits, &load, &Ahead::default());
        // Any bound that is nearly reached makes the offer small: the claim loop knows better then.
        let bound = ask.by_queue.values().chain(ask.by_executor.values()).copied().min().unwrap_or(ask.total);
        let limit = ask.total.min(bound).min(u32::try_from(wanted).unwrap_or(u32::MAX));
        if limit == 0 {
            return None;
        }
        let claim_id = new_claim_id(&*core.draws);
        desk.reserve(claim_id, limit);
        drop(desk);
        let tasks = core.tasks.keys().cloned().collect();
        let terms = HandOff { pod: core.id(), claim_id, limit, tasks };
        Some(Offer { core, terms })
    }
}

fn is_open(core: &Core) -> bool {
    core.config.hand_off
        && core.phase() == Phase::Running
        && !core.is_fenced()
        && core.shut_out().is_none()
        && !core.waits_alone.load(Ordering::Acquire)
        && !core.declared_dead.load(Ordering::Acquire)
}

impl Offer {
    /// Seats the steps that were handed off, and begins them.
    pub(crate) fn take(self, steps: &[NewStep], rows: &[Result<Accepted, Refusal>]) {
        let handed = steps.iter().zip(rows).filter(|(_, row)| **row == Ok(Accepted::HandedOff));
        let claims: Vec<Claimed> = handed.map(|(step, _)| self.claimed(step)).collect();
        if claims.is_empty() {
            return;
        }
        let ids = claims.iter().map(|claimed| claimed.claim).collect();
        self.core.emit(Event::Claimed { pod: self.terms.pod.clone(), claims: ids });
        let now = self.core.clock.monotonic();
        let jobs = lock(&self.core.desk).admit(claims, &self.core.tasks, now);
        // What could not be seated any more is given back by the work loop.
        self.core.work.notify_one();
        if !jobs.is_empty() {
            self.core.handler.start(jobs);
        }
    }

    fn claimed(&self, step: &NewStep) -> Claimed {
        let now = Timestamp(i64::try_from(self.core.clock.unix_ms()).unwrap_or(i64::MAX));
        Claimed {
            claim: Claim { step_id: step.step_id, claim_id: self.terms.claim_id },
            task: step.task.clone(),
            queue: step.queue.clone(),
            priority: step.priority,
            payload: step.payload.clone(),
            retry_count: 0,
            max_retries: step.max_retries,
            crash_count: 0,
            timeout: step.timeout,
            created: now,
            claimed: now,
        }
    }
}

impl Drop for Offer {
    /// Rows that the store handed off and nobody seated are strangers from here on: reconciliation
    /// gives them back.
    fn drop(&mut self) {
        lock(&self.core.desk).unreserve(self.terms.claim_id, self.terms.limit);
    }
}
