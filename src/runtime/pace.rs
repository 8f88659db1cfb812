//! Measures how fast each task's bodies end and how long a claim takes, for the look-ahead. Decides no depth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::handler::TaskInfo;
use crate::rules::crowd;
use crate::rules::demand::{Ahead, Pace, look_ahead};
use crate::rules::time::{Millis, Monotonic};

/// Over how long a rate is measured: what ended longer ago counts for less and less.
const WINDOW_S: f64 = 0.25;

/// And in the long run, which a crowd is reckoned by too.
const LONG_WINDOW_S: f64 = 1.0;

/// Rates are brought up to date no more often than this, and reckoned over no less.
const STRIDE: Millis = Millis(10);

/// A task of which nothing ended for so long begins anew: what was measured has faded.
const FORGOTTEN: Millis = Millis(4000);

/// What a new round trip counts for beside those before it.
const NEWEST: f64 = 0.2;

#[derive(Debug, Default)]
pub(crate) struct Paces {
    rates: BTreeMap<Arc<str>, Rate>,
    round_trip_s: f64,
    at: Monotonic,
}

/// How many bodies of a task end in a second: sums that fade, and since when they are filled.
#[derive(Debug)]
struct Rate {
    lately: f64,
    in_the_long_run: f64,
    since: Monotonic,
    last: Monotonic,
}

impl Rate {
    fn beginning(at: Monotonic) -> Self {
        Self { lately: 0.0, in_the_long_run: 0.0, since: at, last: at }
    }

    /// Both rates, of which one that has not been measured for its whole window yet is that of the time that it has:
    /// else a pod would take as long to get up to speed as its windows are wide. Of less than a round trip and a
    /// stride nothing is concluded.
    fn measured(&self, now: Monotonic, round_trip_s: f64) -> (f64, f64) {
        let age_s = now.since(self.since).as_secs_f64().max(round_trip_s).max(STRIDE.as_secs_f64());
        let filled = |window_s: f64| 1.0 - (-age_s / window_s).exp();
        (self.lately / filled(WINDOW_S), self.in_the_long_run / filled(LONG_WINDOW_S))
    }
}

impl Paces {
    /// When the ends should be counted next.
    pub(crate) fn are_due(&self, now: Monotonic) -> bool {
        now.since(self.at) >= STRIDE
    }

    /// Takes in how many bodies of each task have ended since the last call.
    #[allow(clippy::cast_precision_loss, reason = "a count of a few milliseconds")]
    pub(crate) fn note_ends(&mut self, now: Monotonic, ends: BTreeMap<Arc<str>, u32>) {
        let passed_s = now.since(self.at).as_secs_f64();
        let (fades, fades_slowly) = ((-passed_s / WINDOW_S).exp(), (-passed_s / LONG_WINDOW_S).exp());
        let before = std::mem::replace(&mut self.at, now);
        for rate in self.rates.values_mut() {
            rate.lately *= fades;
            rate.in_the_long_run *= fades_slowly;
        }
        for (task, count) in ends {
            let rate = self.rates.entry(task).or_insert_with(|| Rate::beginning(before));
            if now.since(rate.last) > FORGOTTEN {
                *rate = Rate::beginning(before);
            }
            rate.last = now;
            rate.lately += f64::from(count) / WINDOW_S;
            rate.in_the_long_run += f64::from(count) / LONG_WINDOW_S;
        }
    }

    pub(crate) fn note_round_trip(&mut self, took: Millis) {
        self.round_trip_s += (took.as_secs_f64() - self.round_trip_s) * NEWEST;
    }

    /// The tasks that are fast enough to be held ahead, and how many steps of them in all, beside so many living pods.
    /// None where a step may not wait at all: it would be claimed only to go back.
    pub(crate) fn ahead(
        &self,
        tasks: &BTreeMap<Arc<str>, TaskInfo>,
        max_age: Millis,
        living: usize,
    ) -> (Ahead, BTreeSet<Arc<str>>) {
        let (mut ahead, mut fast) = (Ahead::default(), BTreeSet::new());
        if max_age == Millis::ZERO {
            return (ahead, fast);
        }
        let claim_round_trip_s = crowd::round_trip_s(living, self.round_trip_s, max_age);
        for (name, rate) in &self.rates {
            let (lately, in_the_long_run) = rate.measured(self.at, claim_round_trip_s);
            let steps_per_second = crowd::steps_per_second(living, lately, in_the_long_run);
            let depth = look_ahead(Pace { steps_per_second, claim_round_trip_s });
            let Some(task) = tasks.get(name).filter(|_| depth > 0) else { continue };
            let sum = ahead.by_executor.entry(task.executor).or_default();
            *sum = sum.saturating_add(depth);
            fast.insert(name.clone());
        }
        (ahead, fast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::backoff::Backoff;
    use crate::rules::demand::Executor;

    fn fast() -> BTreeMap<Arc<str>, TaskInfo> {
        let name: Arc<str> = "fast".into();
        let task =
            TaskInfo { name: name.clone(), executor: Executor::Loop, retry: Backoff::RETRY, continue_on_fence: false };
        BTreeMap::from([(name, task)])
    }

    /// What a pod holds ahead right after it got its turn on a processor, which it gets every half a second: it ends
    /// 175 steps in ten milliseconds then.
    fn ahead_after_a_burst(living: usize) -> u32 {
        let (mut paces, mut now) = (Paces::default(), Monotonic(0));
        for _ in 0..20 {
            now = now + Millis(490);
            paces.note_ends(now, BTreeMap::new());
            now = now + Millis(10);
            paces.note_ends(now, BTreeMap::from([("fast".into(), 175)]));
        }
        (0..100).for_each(|_| paces.note_round_trip(Millis(100)));
        paces.ahead(&fast(), Millis(1000), living).0.by_executor[&Executor::Loop]
    }

    #[test]
    fn a_crowd_holds_no_more_ahead_after_a_burst_than_ends_before_it_goes_back() {
        let of_a_second = 350;
        assert!(ahead_after_a_burst(64) < of_a_second * 2 / 3, "{}", ahead_after_a_burst(64));
        assert!(ahead_after_a_burst(4) > of_a_second, "few pods are reckoned by what they did just now");
    }

    /// What a pod beside others holds ahead, which began with an idle task and has ended one batch of it.
    fn ahead_after_the_first(living: usize, batch: u32, took: Millis, round_trip: Millis) -> u32 {
        let (mut paces, began) = (Paces::default(), Monotonic(60_000));
        paces.note_ends(began, BTreeMap::new());
        (0..100).for_each(|_| paces.note_round_trip(round_trip));
        paces.note_ends(began + took, BTreeMap::from([("fast".into(), batch)]));
        paces.ahead(&fast(), Millis(2000), living).0.by_executor.get(&Executor::Loop).copied().unwrap_or(0)
    }

    #[test]
    fn pod_is_up_to_speed_after_a_few_round_trips_and_not_after_its_windows() {
        let of_one = ahead_after_the_first(1, 80, Millis(10), Millis(2));
        assert!((76..=84).contains(&of_one), "{of_one}: five round trips of 2 ms, at 80 in 10 ms");
        let of_a_crowd = ahead_after_the_first(64, 80, Millis(50), Millis(100));
        assert!((350..=450).contains(&of_a_crowd), "{of_a_crowd}");
    }

    #[test]
    fn pace_of_a_task_that_rested_is_measured_anew() {
        let (mut paces, mut now) = (Paces::default(), Monotonic(0));
        for _ in 0..200 {
            now = now + Millis(10);
            paces.note_ends(now, BTreeMap::from([("fast".into(), 100)]));
        }
        (0..100).for_each(|_| paces.note_round_trip(Millis(2)));
        let depth = |paces: &Paces| paces.ahead(&fast(), Millis(2000), 1).0.by_executor[&Executor::Loop];
        let before = depth(&paces);
        now = now + Millis(60_000);
        paces.note_ends(now, BTreeMap::new());
        now = now + Millis(10);
        paces.note_ends(now, BTreeMap::from([("fast".into(), 100)]));
        assert!(depth(&paces).abs_diff(before) <= before / 10, "{} {before}", depth(&paces));
    }

    #[test]
    fn what_may_not_wait_is_not_held_ahead_however_fast_it_is() {
        let (name, tasks, mut paces) = (Arc::<str>::from("fast"), fast(), Paces::default());
        paces.note_ends(Monotonic(1000), BTreeMap::from([(name.clone(), 1000)]));
        paces.note_round_trip(Millis(100));
        assert_eq!(paces.ahead(&tasks, Millis(1), 1).1, BTreeSet::from([name]));
        assert_eq!(paces.ahead(&tasks, Millis::ZERO, 1), (Ahead::default(), BTreeSet::new()));
    }
}
