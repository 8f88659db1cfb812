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
        let theirs =
            self.aside.values().flatten().filter(|aside| paused.iter().any(|queue| **queue == *aside.job.queue));
        let theirs: Vec<Slot> = theirs.map(|aside| aside.job.slot).collect();
        self.give_back_aside(&theirs)
    }

    /// Since when the oldest has waited.
    pub(crate) fn waits_since(&self) -> Option<Monotonic> {
        self.aside.values().filter_map(|line| line.front()).map(|aside| aside.since).min()
    }

    /// Whether ends are at hand, and nothing else to be told, and steps wait whose ends will follow.
    pub(crate) fn more_ends_follow(&self) -> bool {
        !self.finishes.is_empty() && self.releases.is_empty() && self.aside() > 0
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

#[cfg(test)]
mod tests {
    use super::super::Places;
    use super::*;
    use crate::rules::backoff::Backoff;
    use crate::rules::demand::Executor;
    use crate::rules::step::{Claim, ClaimId, PodId, StepId};
    use crate::rules::time::{Timestamp, Unit};
    use crate::runtime::ending::Bench;
    use crate::runtime::handler::{Ended, TaskInfo};
    use crate::store::{Claimed, Content, Outcome};

    fn desk(all: u32, threads: u32) -> Desk {
        Desk::new(Places { all, by_executor: BTreeMap::from([(Executor::Thread, threads)]) })
    }

    fn tasks() -> BTreeMap<Arc<str>, TaskInfo> {
        let task = |name: &str, executor| {
            let name: Arc<str> = name.into();
            (name.clone(), TaskInfo { name, executor, retry: Backoff::RETRY, continue_on_fence: false })
        };
        BTreeMap::from([task("coroutine", Executor::Loop), task("function", Executor::Thread)])
    }

    fn claimed(n: u8, task: &str, queue: &str) -> Claimed {
        Claimed {
            claim: claim(n),
            task: task.into(),
            queue: queue.into(),
            priority: 0,
            payload: Content::json(b"{}".to_vec()),
            retry_count: 0,
            max_retries: 0,
            crash_count: 0,
            timeout: None,
            created: Timestamp(0),
            claimed: Timestamp(0),
        }
    }

    fn claim(n: u8) -> Claim {
        Claim { step_id: StepId([n; 16]), claim_id: ClaimId([7; 16]) }
    }

    fn bench() -> Bench {
        Bench { pod: PodId::mint("pod", [0; 4]), draw: Unit::ZERO, max_crashes: 3 }
    }

    fn numbers(jobs: &[Job]) -> Vec<u8> {
        jobs.iter().map(|job| job.claim.step_id.0[0]).collect()
    }

    fn admitted(desk: &mut Desk, steps: impl IntoIterator<Item = (u8, &'static str)>, now: u64) -> Vec<Job> {
        let claims = steps.into_iter().map(|(n, task)| claimed(n, task, "default")).collect();
        desk.admit(claims, &tasks(), Monotonic(now))
    }

    #[test]
    fn no_more_bodies_are_handed_out_than_there_are_places_and_the_rest_follows_in_turn() {
        let mut desk = desk(2, 2);
        let first = admitted(&mut desk, (1..=5).map(|n| (n, "coroutine")), 0);
        assert_eq!((numbers(&first), desk.bodies(), desk.taken()), (vec![1, 2], 2, 2));
        assert!(desk.begin(first[0].slot, Monotonic(0)).0);
        desk.ended(first[0].slot, Ended::Returned(None), &bench());
        // The outcome is not stored yet: the place of the body is free all the same.
        assert_eq!(numbers(&desk.hand_out()), [3]);
        assert_eq!(numbers(&desk.hand_out()), [0; 0]);
        assert_eq!(desk.load().in_flight, 5);
    }

    #[test]
    fn a_full_executor_keeps_nobody_else_waiting() {
        let mut desk = desk(3, 1);
        let steps = [(1, "function"), (2, "function"), (3, "coroutine"), (4, "coroutine"), (5, "coroutine")];
        assert_eq!(numbers(&admitted(&mut desk, steps, 0)), [3, 4, 5]);
        let mut desk = self::desk(5, 1);
        assert_eq!(numbers(&admitted(&mut desk, steps, 0)), [3, 4, 5, 1]);
    }

    #[test]
    fn ends_are_followed_by_more_while_steps_wait_and_count_as_gone_once_they_travel() {
        let mut desk = desk(2, 2);
        let jobs = admitted(&mut desk, (1..=3).map(|n| (n, "coroutine")), 0);
        assert!(!desk.more_ends_follow(), "nothing has ended");
        desk.begin(jobs[0].slot, Monotonic(0));
        desk.ended(jobs[0].slot, Ended::Returned(None), &bench());
        assert!(desk.more_ends_follow());
        assert_eq!((desk.load().in_flight, desk.load_after_ends().in_flight), (3, 2));
        let rest = desk.hand_out();
        assert!(!desk.more_ends_follow(), "nobody waits any more");
        desk.begin(rest[0].slot, Monotonic(0));
        desk.settle([jobs[0].slot]);
        assert_eq!((desk.load().in_flight, desk.load_after_ends().in_flight), (2, 2), "what is stored is gone");
        desk.release_unheld(claim(9));
        admitted(&mut desk, [(4, "coroutine"), (5, "coroutine")], 0);
        assert!(!desk.more_ends_follow(), "what goes back waits for nobody");
    }

    #[test]
    fn what_waits_too_long_goes_back_unspent_and_what_runs_stays() {
        let mut desk = desk(1, 1);
        admitted(&mut desk, [(1, "coroutine"), (2, "coroutine")], 0);
        admitted(&mut desk, [(3, "coroutine")], 900);
        assert_eq!((desk.waits_since(), desk.give_back_waiting(Monotonic(500))), (Some(Monotonic(0)), 1));
        let back: Vec<Claim> = desk.take(10).releases.into_iter().map(|(_, claim)| claim).collect();
        assert_eq!((back, desk.waits_since()), (vec![claim(2)], Some(Monotonic(900))));
    }

    #[test]
    fn what_waits_of_a_paused_queue_goes_back() {
        let mut desk = desk(1, 1);
        let claims =
            vec![claimed(1, "coroutine", "mail"), claimed(2, "coroutine", "mail"), claimed(3, "coroutine", "sms")];
        desk.admit(claims, &tasks(), Monotonic(0));
        assert_eq!(desk.give_back_paused(&["mail".into()]), 1);
        assert_eq!(desk.take(10).releases.into_iter().map(|(_, claim)| claim).collect::<Vec<_>>(), [claim(2)]);
    }

    #[test]
    fn a_step_that_waits_is_cancelled_without_a_body() {
        let mut desk = desk(1, 1);
        admitted(&mut desk, [(1, "coroutine"), (2, "coroutine")], 0);
        assert_eq!(desk.stop_claim(claim(2), StopReason::Cancel), None);
        let batch = desk.take(10);
        assert_eq!(batch.finishes[0].finish.outcome, Outcome::Cancel { error: None });
        assert_eq!((batch.releases.len(), desk.waits_since()), (0, None));
    }

    #[test]
    fn a_desk_that_closes_or_is_fenced_gives_back_what_waits_and_begins_nothing_more() {
        for ends in [Desk::close, |desk: &mut Desk| desk.stop_where(StopReason::Fenced, |_| true)] {
            let mut desk = desk(1, 1);
            let first = admitted(&mut desk, [(1, "coroutine"), (2, "coroutine")], 0);
            desk.begin(first[0].slot, Monotonic(0));
            ends(&mut desk);
            assert!(desk.take(10).releases.iter().any(|(_, back)| *back == claim(2)));
            desk.ended(first[0].slot, Ended::Stopped, &bench());
            assert_eq!(numbers(&desk.hand_out()), [0; 0]);
        }
    }

    #[test]
    fn a_step_that_waits_and_is_lost_is_forgotten() {
        let mut desk = desk(1, 1);
        admitted(&mut desk, [(1, "coroutine"), (2, "coroutine")], 0);
        assert_eq!(desk.lose_claim(claim(2)), None);
        assert_eq!((desk.take(10).releases.len(), desk.load().in_flight), (0, 1));
    }
}
