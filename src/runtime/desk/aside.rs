//! The look-ahead: steps that are claimed and wait for a place. First in, first out, for each had its turn when it
//! was claimed (P9). A step in here has no body, and nobody but the desk knows of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Body, Desk, Hold};
use crate::rules::time::Monotonic;
use crate::runtime::ending;
use crate::runtime::handler::{Job, Slot, StopReason};

/// One step that waits.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) since: Monotonic,
    pub(super) job: Job,
}

impl Desk {
    /// Gives the steps that may be handed over now, and counts them as handed over.
    pub(crate) fn hand_out(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        if self.closed {
            return jobs;
        }
        let mut free = self.places.all.saturating_sub(self.handed.values().sum());
        for (executor, line) in &mut self.aside {
            let handed = self.handed.entry(*executor).or_default();
            let cap = self.places.by_executor.get(executor).copied().unwrap_or(u32::MAX);
            let many = line.len().min(free.min(cap.saturating_sub(*handed)) as usize);
            for Aside { job, .. } in line.drain(..many) {
                if let Some(held) = self.held.get_mut(&job.slot) {
                    held.body = Body::Waiting;
                }
                *handed += 1;
                free -= 1;
                jobs.push(job);
            }
        }
        jobs
    }

    /// Gives back what has waited since before this moment, and says how many steps that were.
    pub(crate) fn give_back_waiting(&mut self, since_before: Monotonic) -> usize {
        let late = self.aside.values().flatten().filter(|aside| aside.since < since_before);
        let late: Vec<Slot> = late.map(|aside| aside.job.slot).collect();
        self.give_back_aside(&late)
    }

    /// Gives back what waits of these queues, and says how many steps that were.
    pub(crate) fn give_back_paused(&mut self, paused: &[String]) -> usize {
        let theirs = self.aside.values().flatten().filter(|aside| paused.iter().any(|queue| **queue == *aside.job.queue));
        let theirs: Vec<Slot> = theirs.map(|aside| aside.job.slot).collect();
        self.give_back_aside(&theirs)
    }

    /// Since when the oldest has waited.
    pub(crate) fn waits_since(&self) -> Option<Monotonic> {
        self.aside.values().filter_map(|line| line.front()).map(|aside| aside.since).min()
    }

    pub(super) fn aside(&self) -> usize {
        self.aside.values().map(std::collections::VecDeque::len).sum()
    }

    /// How many bodies of each task have ended since the last call.
    pub(crate) fn take_ends(&mut self) -> BTreeMap<Arc<str>, u32> {
        std::mem::take(&mut self.ends)
    }

    fn give_back_aside(&mut self, slots: &[Slot]) -> usize {
        for slot in slots {
            self.end_aside(*slot, StopReason::Shutdown);
        }
        slots.len()
    }

    /// Ends a step that waits, as it would have ended had its body been told before it began.
    pub(super) fn end_aside(&mut self, slot: Slot, why: StopReason) {
        let Some(held) = self.held.get_mut(&slot).filter(|held| held.body == Body::Aside) else { return };
        held.body = Body::Over;
        let (executor, ours) = (held.task.executor, held.hold == Hold::Ours);
        if let Some(line) = self.aside.get_mut(&executor) {
            line.retain(|aside| aside.job.slot != slot);
        }
        if ours {
            self.close_claim(slot, ending::unbegun(why));
        }
        self.sweep(slot);
    }
}
