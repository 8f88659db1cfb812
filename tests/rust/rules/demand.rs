//! Demand: never beyond capacity, nor beyond any cap.

use std::collections::BTreeMap;

use fleet_q::rules::demand::{
    AHEAD_MAX, Ahead, Ask, Executor, Limits, Load, OTHERS, Pace, capacity, demand, look_ahead,
};
use proptest::prelude::*;

fn limits(max_parallelism: u32, capacity_threshold: f64, queue_caps: &[(&str, u32)]) -> Limits {
    let queue_caps = queue_caps.iter().map(|(queue, cap)| ((*queue).to_owned(), *cap)).collect();
    Limits { max_parallelism, capacity_threshold, queue_caps, executor_caps: BTreeMap::new() }
}

fn load(in_flight: u32, by_queue: &[(&str, u32)]) -> Load {
    let by_queue = by_queue.iter().map(|(queue, taken)| ((*queue).to_owned(), *taken)).collect();
    Load { in_flight, by_queue, ..Load::default() }
}

fn by_queue(ask: &Ask) -> Vec<(&str, u32)> {
    ask.by_queue.iter().map(|(queue, n)| (queue.as_str(), *n)).collect()
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let queues = prop::collection::btree_map(prop::sample::select(&["a", "b", "c", OTHERS][..]), 0..30_u32, 0..4);
    let executors = prop::sample::select(&[Executor::Loop, Executor::Thread, Executor::Process][..]);
    (1..100_u32, 0.001..=1.0_f64, queues, prop::collection::btree_map(executors, 0..30_u32, 0..3)).prop_map(
        |(max_parallelism, capacity_threshold, caps, executor_caps)| Limits {
            max_parallelism,
            capacity_threshold,
            queue_caps: caps.into_iter().map(|(queue, cap)| (queue.to_owned(), cap)).collect(),
            executor_caps,
        },
    )
}

fn any_load() -> impl Strategy<Value = Load> {
    let queues = prop::collection::btree_map(prop::sample::select(&["a", "b", "c", "d", "e"][..]), 0..30_u32, 0..5);
    let executors = prop::sample::select(&[Executor::Loop, Executor::Thread, Executor::Process][..]);
    (0..150_u32, queues, prop::collection::btree_map(executors, 0..30_u32, 0..3), any::<bool>()).prop_map(
        |(in_flight, queues, by_executor, loop_lagging)| Load {
            in_flight,
            by_queue: queues.into_iter().map(|(queue, taken)| (queue.to_owned(), taken)).collect(),
            by_executor,
            loop_lagging,
        },
    )
}

#[test]
fn capacity_is_the_share_rounded_down_and_at_least_one() {
    let cases =
        [(10, 0.8, 8), (1, 0.8, 1), (1, 0.001, 1), (7, 0.8, 5), (10_000, 1.0, 10_000), (u32::MAX, 1.0, u32::MAX)];
    for (max, share, expected) in cases {
        assert_eq!(capacity(&limits(max, share, &[])), expected, "{max} × {share}");
    }
}

#[test]
fn capacity_is_what_the_decimal_share_says_not_what_the_double_does() {
    for percent in 1..=100_u32 {
        for max in 1..=1000_u32 {
            let share = f64::from(percent) / 100.0;
            assert_eq!(capacity(&limits(max, share, &[])), (max * percent / 100).max(1), "{max} × {share}");
        }
    }
}

#[test]
fn a_pod_asks_for_its_free_slots() {
    let limits = limits(10, 0.8, &[]);
    let total = |in_flight| demand(&limits, &load(in_flight, &[]), &Ahead::default()).total;
    assert_eq!([0, 3, 8, 9, 500].map(total), [8, 5, 0, 0, 0]);
}

#[test]
fn a_queue_asks_for_what_its_cap_leaves() {
    let ask =
        demand(&limits(10, 1.0, &[("llm", 4), ("mail", 20), ("shut", 0)]), &load(3, &[("llm", 3)]), &Ahead::default());
    assert_eq!((ask.total, by_queue(&ask)), (7, vec![("llm", 1), ("mail", 7), ("shut", 0)]));
}

#[test]
fn queues_not_named_share_the_cap_of_the_others() {
    let limits = limits(10, 1.0, &[("llm", 4), (OTHERS, 5)]);
    let ask = demand(&limits, &load(6, &[("llm", 2), ("a", 1), ("b", 3)]), &Ahead::default());
    assert_eq!(by_queue(&ask), [(OTHERS, 1), ("llm", 2)]);
}

#[test]
fn a_lagging_loop_gets_no_more_coroutines_but_threads_go_on() {
    let mut limits = limits(10, 1.0, &[]);
    limits.executor_caps = BTreeMap::from([(Executor::Loop, 9), (Executor::Thread, 4)]);
    let lagging = Load { loop_lagging: true, by_executor: BTreeMap::from([(Executor::Thread, 1)]), ..load(1, &[]) };
    let ask = demand(&limits, &lagging, &Ahead::default());
    assert_eq!((ask.total, ask.by_executor), (9, BTreeMap::from([(Executor::Loop, 0), (Executor::Thread, 3)])));
}

#[test]
fn a_lagging_loop_is_named_even_where_it_has_no_cap() {
    let lagging = Load { loop_lagging: true, ..Load::default() };
    let ask = demand(&limits(10, 1.0, &[]), &lagging, &Ahead::default());
    assert_eq!(ask.by_executor, BTreeMap::from([(Executor::Loop, 0)]));
}

#[test]
fn what_is_ahead_is_what_ends_in_five_round_trips_and_nothing_of_slow_tasks() {
    let ahead = |rate, round_trip| look_ahead(Pace { steps_per_second: rate, claim_round_trip_s: round_trip });
    assert_eq!([ahead(20_000.0, 0.004), ahead(100.0, 0.004), ahead(1.0, 0.1), ahead(0.0, 5.0)], [400, 2, 0, 0]);
    assert_eq!([ahead(1e12, 10.0), ahead(f64::INFINITY, 1.0), ahead(f64::NAN, 1.0)], [AHEAD_MAX, AHEAD_MAX, 0]);
}

#[test]
fn a_full_pod_asks_for_its_look_ahead_until_that_is_full_too() {
    let ahead = Ahead { by_executor: BTreeMap::from([(Executor::Loop, 30)]) };
    let asked = |in_flight| demand(&limits(10, 0.8, &[]), &load(in_flight, &[]), &ahead);
    assert_eq!([0, 8, 20, 38, 90].map(|held| asked(held).total), [38, 30, 18, 0, 0]);
    assert_eq!([0, 8, 20].map(|held| asked(held).room), [8, 0, 0]);
}

#[test]
fn an_executor_is_bounded_by_its_places_and_its_own_look_ahead() {
    let mut limits = limits(10, 1.0, &[]);
    limits.executor_caps = BTreeMap::from([(Executor::Thread, 4)]);
    let ahead = Ahead { by_executor: BTreeMap::from([(Executor::Loop, 50), (Executor::Thread, 6)]) };
    let load = Load { by_executor: BTreeMap::from([(Executor::Thread, 7)]), ..load(9, &[]) };
    let ask = demand(&limits, &load, &ahead);
    assert_eq!((ask.total, ask.room), (57, 1));
    assert_eq!((ask.by_executor[&Executor::Thread], ask.by_executor_ahead[&Executor::Thread]), (0, 3));
}

#[test]
fn a_lagging_loop_gets_no_look_ahead_either() {
    let ahead = Ahead { by_executor: BTreeMap::from([(Executor::Loop, 50)]) };
    let ask = demand(&limits(10, 1.0, &[]), &Load { loop_lagging: true, ..Load::default() }, &ahead);
    assert_eq!((ask.total, ask.by_executor_ahead), (10, BTreeMap::from([(Executor::Loop, 0)])));
}

proptest! {
    #[test]
    fn demand_never_exceeds_capacity(limits in any_limits(), load in any_load()) {
        let ask = demand(&limits, &load, &Ahead::default());
        prop_assert!(ask.total + load.in_flight <= capacity(&limits).max(load.in_flight));
        prop_assert!(capacity(&limits) <= limits.max_parallelism);
    }

    #[test]
    fn every_cap_holds(limits in any_limits(), load in any_load()) {
        let ask = demand(&limits, &load, &Ahead::default());
        for (queue, asked) in &ask.by_queue {
            let named = |name: &String| limits.queue_caps.contains_key(name);
            let mine = |name: &String| if queue == OTHERS { !named(name) } else { name == queue };
            let taken: u32 = load.by_queue.iter().filter(|(name, _)| mine(name)).map(|(_, n)| n).sum();
            prop_assert!(asked + taken <= limits.queue_caps[queue].max(taken), "queue {}", queue);
            prop_assert!(*asked <= ask.total);
        }
        for (executor, asked) in &ask.by_executor {
            let taken = load.by_executor.get(executor).copied().unwrap_or(0);
            let cap = limits.executor_caps.get(executor).copied().unwrap_or(0);
            prop_assert!(asked + taken <= cap.max(taken), "{:?}", executor);
            prop_assert!(*asked <= ask.total);
        }
    }

    #[test]
    fn every_cap_is_answered(limits in any_limits(), load in any_load()) {
        let ask = demand(&limits, &load, &Ahead::default());
        prop_assert!(ask.by_queue.keys().eq(limits.queue_caps.keys()));
        prop_assert!(limits.executor_caps.keys().all(|executor| ask.by_executor.contains_key(executor)));
    }
}
