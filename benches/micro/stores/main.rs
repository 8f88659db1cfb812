//! Times each store's calls as a pod makes them: memory, SQLite in a file, Postgres where there is a server.
//!
//! One caller, one call at a time, each from its begin to its answer: what a commit costs is in it, what many callers
//! share is not (`make bench` measures that). Beside the times it prints how many statements and commits a call took.
//! Asserts no time. `make bench-micro FILTER=name` runs some; `BENCH_QUICK=1` takes a few samples of each.
//! `BENCH_FOLDER_ROOT` is where SQLite's file lies.

mod counts;
mod stand;
mod steps;

use std::cell::RefCell;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan};
use fleet_q::store::{Cycle, Enqueue, Finish, Verdict};

use stand::{Case, Stand, cases};

const SAMPLES: u32 = 100;
const QUICK_SAMPLES: u32 = 5;
/// What counting has to look at.
const STORED: usize = 10_000;
const PODS: usize = 8;

fn main() {
    let quick = std::env::var("BENCH_QUICK").is_ok_and(|set| !["", "0"].contains(&set.as_str()));
    stand::say_what_is_missing();
    Divan::default().sample_count(if quick { QUICK_SAMPLES } else { SAMPLES }).config_with_args().main();
    counts::print();
}

#[divan::bench(args = cases(&[1, 100, 1000]), sample_size = 1)]
fn enqueue(bencher: Bencher, case: &Case) {
    let stand = Stand::open(case);
    bencher
        .counter(ItemsCount::new(case.steps))
        .with_inputs(|| {
            stand.settle();
            Enqueue { steps: stand.steps(case.steps), hand_off: None }
        })
        .bench_local_refs(|call| stand.timed(stand.store.enqueue(call)));
    stand.close("enqueue");
}

/// One round trip of a busy pod: it stores how so many steps ended, and claims as many.
#[divan::bench(args = cases(&[1, 10, 100, 1000]), sample_size = 1)]
fn finish_and_claim(bencher: Bencher, case: &Case) {
    let stand = Stand::open(case);
    let held = RefCell::new(Vec::new());
    bencher
        .counter(ItemsCount::new(case.steps))
        .with_inputs(|| {
            stand.settle();
            // The first call has nothing to finish: it is made here.
            if held.borrow().is_empty() {
                stand.enqueue(case.steps);
                *held.borrow_mut() = stand.claim(case.steps);
            }
            stand.enqueue(case.steps);
            stand.settle();
            let finishes = held.take().into_iter().map(steps::completed).collect();
            Cycle { finishes, ..stand.asks(case.steps) }
        })
        .bench_local_refs(|call| *held.borrow_mut() = stand::claims_of(stand.timed(stand.store.cycle(call))));
    stand.close("finish_and_claim");
}

/// A beat of one of a few pods, which brings back how all of them are.
#[divan::bench(args = cases(&[0]), sample_size = 1)]
fn beat(bencher: Bencher, case: &Case) {
    let stand = Stand::open(case);
    (1..PODS).for_each(|n| stand.register(&format!("pod-{n:08x}")));
    let beat = steps::beat(&stand.pod);
    bencher.with_inputs(|| stand.settle()).bench_local_refs(|()| stand.timed(stand.store.beat(&beat)));
    stand.close("beat");
}

#[divan::bench(args = cases(&[STORED]), sample_size = 1)]
fn stats(bencher: Bencher, case: &Case) {
    let stand = Stand::open(case);
    stand.enqueue(case.steps);
    bencher.with_inputs(|| stand.settle()).bench_local_refs(|()| stand.timed(stand.store.stats()));
    stand.close("stats");
}

/// A step that is born claimed by the pod of its caller, while nothing waits.
#[divan::bench(args = cases(&[1]), sample_size = 1)]
fn hand_off(bencher: Bencher, case: &Case) {
    let stand = Stand::open(case);
    let last: RefCell<Option<Finish>> = RefCell::default();
    bencher
        .with_inputs(|| {
            stand.settle();
            let finishes = last.take().into_iter().collect();
            let reply = stand.wait(stand.store.cycle(&Cycle { finishes, demand: None, ..stand.asks(0) }));
            assert!(reply.verdicts.iter().all(Verdict::is_stored), "what was handed off is the pod's");
            let call = Enqueue { steps: stand.steps(1), hand_off: Some(stand.offer()) };
            *last.borrow_mut() = stand::born_claimed(&call);
            call
        })
        .bench_local_refs(|call| stand.timed(stand.store.enqueue(call)));
    stand.close("hand_off");
}
