//! Times what the rules decide: turns, demand, lanes, waits, election, floors. Touches no store and asserts nothing.
//!
//! `make bench-micro FILTER=name` runs some; `BENCH_QUICK=1` takes a few samples of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan, black_box};
use fleet_q::rules::backoff::{Backoff, delay};
use fleet_q::rules::claim::Turn;
use fleet_q::rules::demand::{Ahead, Executor, Limits, Load, OTHERS, Pace, demand, look_ahead};
use fleet_q::rules::election::{PodStatus, PodView, beating_since, leader};
use fleet_q::rules::floors::{Floors, Front, Seen, TRACKED_MAX};
use fleet_q::rules::step::StepId;
use fleet_q::rules::time::{Millis, Timestamp, Unit};
use fleet_q::runtime::handler::TaskInfo;
use fleet_q::runtime::lanes::lanes;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const QUICK_SAMPLES: u32 = 10;

fn main() {
    let quick = std::env::var("BENCH_QUICK").is_ok_and(|set| !["", "0"].contains(&set.as_str()));
    let divan = Divan::default();
    let divan = if quick { divan.sample_count(QUICK_SAMPLES) } else { divan };
    divan.config_with_args().main();
}

/// Sorts steps into P9's order, as the store in memory does.
#[divan::bench(args = [10, 1000])]
fn claim_order(bencher: Bencher, steps: usize) {
    let turns: Vec<Turn> = (0..steps).map(turn).collect();
    bencher
        .counter(ItemsCount::new(steps))
        .with_inputs(|| turns.clone())
        .bench_local_refs(|turns| turns.sort_by(Turn::before));
}

/// Turns that are neither sorted nor the reverse.
fn turn(n: usize) -> Turn {
    let mixed = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [priority, created, ..] = mixed.to_be_bytes();
    let created = Timestamp(NOW.0 + i64::from(created));
    Turn { priority: i32::from(priority % 4), created, step_id: StepId::v7(mixed >> 16, [0; 10]) }
}

/// What a full pod with caps on queues and executors asks for.
#[divan::bench(args = [0, 2, 16])]
fn demand_with_capped_queues(bencher: Bencher, queues: usize) {
    let (limits, load) = (limits(queues), load(queues));
    let ahead = Ahead { by_executor: BTreeMap::from([(Executor::Loop, 240), (Executor::Thread, 24)]) };
    bencher.bench_local(|| demand(black_box(&limits), black_box(&load), black_box(&ahead)));
}

#[divan::bench]
fn look_ahead_of_a_fast_task() -> u32 {
    look_ahead(black_box(Pace { steps_per_second: 20_000.0, claim_round_trip_s: 0.004 }))
}

/// Shares a demand out among lanes that take turns.
#[divan::bench(args = [0, 2, 16])]
fn lanes_share_a_demand(bencher: Bencher, queues: usize) {
    let ahead = Ahead { by_executor: BTreeMap::from([(Executor::Loop, 240)]) };
    let ask = demand(&limits(queues), &load(queues), &ahead);
    let tasks = [("async", Executor::Loop), ("thread", Executor::Thread), ("process", Executor::Process)].map(task);
    let fast = BTreeSet::from([Arc::from("async")]);
    let mut round = 0;
    bencher.bench_local(|| {
        round += 1;
        lanes(black_box(&ask), black_box(&tasks), black_box(&fast), round)
    });
}

fn limits(queues: usize) -> Limits {
    let others = (queues > 0).then(|| (OTHERS.to_owned(), 50));
    let queue_caps = (0..queues).map(|n| (format!("queue-{n}"), 20)).chain(others).collect();
    let executor_caps = BTreeMap::from([(Executor::Thread, 8), (Executor::Process, 2)]);
    Limits { max_parallelism: 100, capacity_threshold: 0.8, queue_caps, executor_caps }
}

fn load(queues: usize) -> Load {
    let by_queue = (0..queues.max(1)).map(|n| (format!("queue-{n}"), 5)).collect();
    let by_executor = BTreeMap::from([(Executor::Loop, 50), (Executor::Thread, 6), (Executor::Process, 2)]);
    Load { in_flight: 58, by_queue, by_executor, loop_lagging: false }
}

fn task((name, executor): (&str, Executor)) -> TaskInfo {
    TaskInfo { name: name.into(), executor, retry: Backoff::RETRY, continue_on_fence: false }
}

#[divan::bench(args = ["retry", "claim", "store"])]
fn backoff_delay(bencher: Bencher, name: &str) {
    let policy = match name {
        "retry" => Backoff::RETRY,
        "claim" => Backoff::CLAIM,
        _ => Backoff::STORE,
    };
    let draw = Unit::from_bits(u64::MAX / 3);
    bencher.bench_local(|| delay(black_box(&policy), black_box(4), black_box(draw)));
}

/// Who leads among so many pods that all live.
#[divan::bench(args = [1, 8, 64])]
fn election(bencher: Bencher, pods: usize) {
    let pods: Vec<PodView> = (0..pods).map(pod).collect();
    bencher.bench_local(|| leader(black_box(&pods), black_box(NOW), Millis(15_000)).cloned());
}

#[divan::bench]
fn beat_in_time(bencher: Bencher) {
    let pod = pod(0);
    bencher.bench_local(|| beating_since(black_box(&pod), black_box(NOW), Millis(3000)));
}

fn pod(n: usize) -> PodView {
    let birth = Timestamp(NOW.0 - 1000 - i64::from(turn(n).priority));
    PodView {
        pod_id: format!("pod-{n:08x}").as_str().into(),
        birth,
        last_heartbeat: Timestamp(NOW.0 - 500),
        beating_since: birth,
        status: PodStatus::Up,
        can_lead: true,
        has_room: true,
        serves: "".into(),
    }
}

/// What a claim of a hundred steps teaches, over so many fronts.
#[divan::bench(args = [1, TRACKED_MAX])]
fn floors_learn(bencher: Bencher, fronts: usize) {
    let fronts: Vec<Front> = (0_i32..).take(fronts).map(|priority| Front { queue: None, priority }).collect();
    let claimed: Vec<Front> = fronts.iter().cycle().take(100).cloned().collect();
    let mut floors = Floors::default();
    floors.track(&fronts);
    let mut now = NOW.0;
    bencher.counter(ItemsCount::new(claimed.len())).bench_local(|| {
        now += 5;
        let (belief, seen) =
            (floors.belief(), Seen { fronts: vec![Some(now - 20); fronts.len()], now, pause_ms: 1000 });
        floors.learn(&belief, &seen, black_box(&claimed));
    });
}

/// The spans a claim over all queues begins with.
#[divan::bench(args = [1, TRACKED_MAX])]
fn floors_spell_their_spans(bencher: Bencher, fronts: usize) {
    let fronts: Vec<Front> = (0_i32..).take(fronts).map(|priority| Front { queue: None, priority }).collect();
    let mut floors = Floors::default();
    bencher.bench_local(|| floors.belief_with(black_box(&fronts)).everywhere());
}
