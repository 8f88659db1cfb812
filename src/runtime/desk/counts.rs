//! Counts what the desk holds as it comes and goes: to ask for it must not cost as much as there is. Holds nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::demand::{Executor, Load};

/// How many steps, by queue and by where they run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    all: u32,
    by_queue: BTreeMap<Arc<str>, u32>,
    by_executor: BTreeMap<Executor, u32>,
}

impl Counts {
    pub(super) fn add(&mut self, queue: &Arc<str>, executor: Executor) {
        self.all += 1;
        if let Some(count) = self.by_queue.get_mut(queue) {
            *count += 1;
        } else {
            self.by_queue.insert(Arc::clone(queue), 1);
        }
        *self.by_executor.entry(executor).or_default() += 1;
    }

    /// Takes away what was added.
    pub(super) fn remove(&mut self, queue: &Arc<str>, executor: Executor) {
        self.all -= 1;
        take_one(&mut self.by_queue, queue);
        take_one(&mut self.by_executor, &executor);
    }

    /// What is left without those, and with so many places that are kept.
    pub(super) fn load_without(&self, gone: &Self, reserved: u32) -> Load {
        let left = |count: u32, gone: Option<&u32>| count - gone.copied().unwrap_or(0);
        let by_queue =
            self.by_queue.iter().map(|(queue, count)| (queue.to_string(), left(*count, gone.by_queue.get(queue))));
        let by_executor =
            self.by_executor.iter().map(|(place, count)| (*place, left(*count, gone.by_executor.get(place))));
        Load {
            in_flight: (self.all - gone.all).saturating_add(reserved),
            by_queue: by_queue.filter(|(_, count)| *count > 0).collect(),
            by_executor: by_executor.filter(|(_, count)| *count > 0).collect(),
            ..Load::default()
        }
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    let count = counts.get_mut(key).expect("it was added");
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(in_flight: u32, by_queue: &[(&str, u32)], by_executor: &[(Executor, u32)]) -> Load {
        let by_queue = by_queue.iter().map(|(queue, count)| ((*queue).to_owned(), *count)).collect();
        Load { in_flight, by_queue, by_executor: by_executor.iter().copied().collect(), ..Load::default() }
    }

    #[test]
    fn what_is_counted_is_what_was_added_and_not_taken_away() {
        let (mut held, mut leaving) = (Counts::default(), Counts::default());
        let (mail, sms): (Arc<str>, Arc<str>) = ("mail".into(), "sms".into());
        for (queue, place) in [(&mail, Executor::Loop), (&mail, Executor::Thread), (&sms, Executor::Loop)] {
            held.add(queue, place);
        }
        leaving.add(&sms, Executor::Loop);
        let all = load(4, &[("mail", 2), ("sms", 1)], &[(Executor::Loop, 2), (Executor::Thread, 1)]);
        assert_eq!(held.load_without(&Counts::default(), 1), all);
        let rest = load(2, &[("mail", 2)], &[(Executor::Loop, 1), (Executor::Thread, 1)]);
        assert_eq!(held.load_without(&leaving, 0), rest);
        held.remove(&sms, Executor::Loop);
        leaving.remove(&sms, Executor::Loop);
        assert_eq!((held.load_without(&leaving, 0), leaving), (rest, Counts::default()));
    }
}
