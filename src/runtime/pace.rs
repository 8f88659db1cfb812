//! Measures how fast each task's bodies end and how long a claim takes, for the look-ahead. Decides no depth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::handler::TaskInfo;
use crate::rules::crowd;
use crate::rules::demand::{Ahead, Pace, look_ahead};
use crate::rules::time::{Millis, Monotonic};

/// Over how long a rate is measured: what ended longer ago counts for less and less.
const WINDOW_S: f64 = 0.25;

/// Rates are brought up to date no more often than this.
const STRIDE: Millis = Millis(10);

/// What a new round trip counts for beside those before it.
const NEWEST: f64 = 0.2;

#[derive(Debug, Default)]
pub(crate) struct Paces {
    rates: BTreeMap<Arc<str>, f64>,
    round_trip_s: f64,
    at: Monotonic,
}

impl Paces {
    /// When the ends should be counted next.
    pub(crate) fn are_due(&self, now: Monotonic) -> bool {
        now.since(self.at) >= STRIDE
    }

    /// Takes in how many bodies of each task have ended since the last call.
    #[allow(clippy::cast_precision_loss, reason = "a count of a few milliseconds")]
    pub(crate) fn note_ends(&mut self, now: Monotonic, ends: BTreeMap<Arc<str>, u32>) {
        let fades = (-now.since(self.at).as_secs_f64() / WINDOW_S).exp();
        self.at = now;
        self.rates.values_mut().for_each(|rate| *rate *= fades);
        for (task, count) in ends {
            *self.rates.entry(task).or_default() += f64::from(count) / WINDOW_S;
        }
    }

    pub(crate) fn note_round_trip(&mut self, took: Millis) {
        self.round_trip_s += (took.as_secs_f64() - self.round_trip_s) * NEWEST;
    }

    /// The tasks that are fast enough to be held ahead, and how many steps of them in all, beside so many living pods. None where a step
    /// may not wait at all: it would be claimed only to go back.
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
            let depth = look_ahead(Pace { steps_per_second: *rate, claim_round_trip_s });
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

    #[test]
    fn what_may_not_wait_is_not_held_ahead_however_fast_it_is() {
        let name: Arc<str> = "fast".into();
        let task =
            TaskInfo { name: name.clone(), executor: Executor::Loop, retry: Backoff::RETRY, continue_on_fence: false };
        let (tasks, mut paces) = (BTreeMap::from([(name.clone(), task)]), Paces::default());
        paces.note_ends(Monotonic(1000), BTreeMap::from([(name.clone(), 1000)]));
        paces.note_round_trip(Millis(100));
        assert_eq!(paces.ahead(&tasks, Millis(1), 1).1, BTreeSet::from([name]));
        assert_eq!(paces.ahead(&tasks, Millis::ZERO, 1), (Ahead::default(), BTreeSet::new()));
    }
}
