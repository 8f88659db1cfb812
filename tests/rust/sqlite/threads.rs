//! The store's own threads: none is left, none blocks a beat, none is needed for a wake-up of ours.

use std::sync::Arc;

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::recovery::DeathTiming;
use fleet_q::rules::time::Millis;
use fleet_q::store::error::Error;
use fleet_q::store::types::*;
use fleet_q::store::{Accepted, Store};

use super::kit::{Bench, new_step, open, pod};

fn a_beat() -> Beat {
    let timing = DeathTiming { heartbeat_interval: Millis(3000), dead_pod_threshold: Millis(15_000) };
    Beat { pod_id: pod(), status: PodStatus::Up, can_lead: true, meta: None, timing, max_crashes: 3 }
}

/// Threads of this process whose connection is to `file`, by the files they hold open.
fn open_handles(file: &std::path::Path) -> usize {
    let handles = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = handles.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    targets.filter(|target| target == file).count()
}

#[tokio::test]
async fn close_ends_every_thread_and_later_calls_are_stopped() {
    let bench = Bench::new().await;
    let _hint = bench.store.wake_ups();
    assert_eq!(open_handles(&bench.path()), 4, "work, beats, reads, watcher");
    bench.store.close().await;
    assert_eq!(open_handles(&bench.path()), 0);
    assert!(matches!(bench.store.now().await, Err(Error::Stopped)));
    assert!(matches!(bench.store.beat(&a_beat()).await, Err(Error::Stopped)));
    bench.store.close().await;
}

#[tokio::test]
async fn a_beat_passes_a_long_queue_of_work() {
    let bench = Bench::new().await;
    let store = Arc::new(bench.store);
    let mut work = tokio::task::JoinSet::new();
    for batch in 0..40_u64 {
        let store = Arc::clone(&store);
        let steps = (0..1000).map(|n| new_step(batch * 1000 + n)).collect();
        work.spawn(async move { store.enqueue(&Enqueue { steps, hand_off: None }).await.unwrap() });
    }
    let first = work.join_next().await.unwrap().unwrap();
    assert_eq!(first[0], Ok(Accepted::Stored));
    assert!(store.beat(&a_beat()).await.unwrap().alive);
    let stored = store.stats().await.unwrap().counts["default"].values().sum::<u64>();
    assert!(stored < 40_000, "the beat came back while work was still queued");
    work.join_all().await;
}

#[tokio::test]
async fn a_write_of_another_process_rings() {
    let bench = Bench::new().await;
    let mut hint = bench.store.wake_ups();
    let other = open(&bench.path()).unwrap();
    hint.mark_unchanged();
    other.enqueue(&Enqueue { steps: vec![new_step(1)], hand_off: None }).await.unwrap();
    hint.changed().await.unwrap();
}

#[tokio::test]
async fn a_lock_held_too_long_is_unavailable_and_nothing_happened() {
    let bench = Bench::new().await;
    let mut options = super::kit::options(Some(bench.path()));
    options.busy_timeout = Millis(50);
    let store = fleet_q::store::sqlite::SqliteStore::open(options).unwrap();
    let blocker = bench.sql();
    blocker.execute_batch("begin immediate").unwrap();
    let call = Enqueue { steps: vec![new_step(1)], hand_off: None };
    let refused = store.enqueue(&call).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
    blocker.execute_batch("rollback").unwrap();
    assert_eq!(store.enqueue(&call).await.unwrap(), [Ok(Accepted::Stored)]);
}

#[tokio::test]
async fn a_claim_that_finds_nothing_writes_nothing_and_so_wakes_nobody() {
    let bench = Bench::new().await;
    let looker = bench.sql();
    let version = || looker.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    assert_eq!(bench.claim(10).await, []);
    assert_eq!(version(), before);
}
