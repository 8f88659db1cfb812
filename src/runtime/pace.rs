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

/// Rates are brought up to date no more often than this.
const STRIDE: Millis = Millis(10);

/// What a new round trip counts for beside those before it.
const NEWEST: f64 = 0.2;

#[derive(Debug, Default)]
pub(crate) struct Paces {
    rates: BTreeMap<Arc<str>, Rate>,
    round_trip_s: f64,
    at: Monotonic,
}

/// How many bodies of a task end in a second.
#[derive(Debug, Default)]
struct Rate {
    lately: f64,
    in_the_long_run: f64,
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
        self.at = now;
        for rate in self.rates.values_mut() {
            rate.lately *= fades;
            rate.in_the_long_run *= fades_slowly;
        }
        for (task, count) in ends {
            let rate = self.rates.entry(task).or_default();
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
            let steps_per_second = crowd::steps_per_second(living, rate.lately, rate.in_the_long_run);
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

    #[test]
    fn what_may_not_wait_is_not_held_ahead_however_fast_it_is() {
        let (name, tasks, mut paces) = (Arc::<str>::from("fast"), fast(), Paces::default());
        paces.note_ends(Monotonic(1000), BTreeMap::from([(name.clone(), 1000)]));
        paces.note_round_trip(Millis(100));
        assert_eq!(paces.ahead(&tasks, Millis(1), 1).1, BTreeSet::from([name]));
        assert_eq!(paces.ahead(&tasks, Millis::ZERO, 1), (Ahead::default(), BTreeSet::new()));
    }
}
