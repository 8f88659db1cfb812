//! Migration, pruning, wake-ups and the end of a connection.

use fleet_q::rules::crowd::Rings;
use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::{Control, Error, Migrate, Outcome, Prune, Pruned, Recover};

use super::bed::Bed;
use super::fixtures::{MAX_CRASHES, T0, claim, id, ordinary, step, stored};

for_each_store!(
    migrating_twice_changes_nothing,
    migrated_schema_is_what_this_build_speaks,
    clock_is_the_databases,
    prune_keeps_what_it_must,
    prune_is_bounded,
    pod_row_stays_while_a_claimed_step_names_it,
    new_work_wakes_waiters,
    closed_store_answers_stopped,
);

const NO_CAUTIONS: [String; 0] = [];
const HOUR: Millis = Millis::from_secs(3600);

fn prune_after(completed: Millis, failed: Millis) -> Prune {
    Prune { keep_completed: completed, keep_failed: failed, keep_pods: HOUR, limit: 100 }
}

async fn migrating_twice_changes_nothing(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    bed.store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    let version = bed.store.migrate(Migrate::CheckOnly).await.unwrap();
    assert_eq!(bed.second.migrate(Migrate::Apply).await.unwrap(), version);
    assert_eq!(bed.store.migrate(Migrate::CheckOnly).await.unwrap(), version);
    assert!(version.min_compatible <= version.version, "{version:?}");
    assert_eq!(stored(&*bed.store).await, [1]);
    assert_eq!(bed.store.stats().await.unwrap().paused, ["x"]);
}

async fn migrated_schema_is_what_this_build_speaks(bed: &Bed) {
    let schema = bed.store.schema().await.unwrap();
    assert_eq!(bed.second.schema().await.unwrap(), schema);
    assert_eq!(bed.store.migrate(Migrate::CheckOnly).await.unwrap(), schema.found);
    assert_eq!((schema.found.version, schema.pending), (schema.speaks, vec![]));
    assert_eq!(bed.store.cautions().await.unwrap(), NO_CAUTIONS);
}

async fn clock_is_the_databases(bed: &Bed) {
    assert_eq!(bed.store.now().await.unwrap(), T0);
    bed.clock.advance(Millis(7));
    assert_eq!(bed.second.now().await.unwrap(), T0 + Millis(7));
}

async fn prune_keeps_what_it_must(bed: &Bed) {
    bed.enqueue((1..=7).map(step).collect()).await;
    for (n, state) in (1..).zip(State::ALL) {
        bed.force(id(n), state);
    }
    bed.clock.set(T0 + HOUR);
    assert_eq!(bed.store.prune(&prune_after(HOUR, HOUR)).await.unwrap(), Pruned::default());
    bed.clock.advance(Millis(1));
    let prune = prune_after(HOUR, HOUR.times(2));
    assert_eq!(bed.store.prune(&prune).await.unwrap(), Pruned { steps: 1, pods: 0 });
    assert_eq!(stored(&*bed.store).await, [1, 2, 3, 4, 6, 7], "the completed one is gone");
    bed.clock.advance(HOUR);
    assert_eq!(bed.store.prune(&prune).await.unwrap(), Pruned { steps: 2, pods: 0 });
    assert_eq!(stored(&*bed.store).await, [1, 2, 3, 4], "no keep is long enough to lose a step that is not final");
}

async fn prune_is_bounded(bed: &Bed) {
    bed.enqueue((1..=6).map(step).collect()).await;
    for n in 1..=3 {
        bed.force(id(n), State::Completed);
        bed.force(id(n + 3), State::Failed);
    }
    bed.clock.advance(HOUR);
    let prune = Prune { limit: 4, ..prune_after(Millis(1), Millis(1)) };
    assert_eq!(bed.store.prune(&prune).await.unwrap().steps, 4);
    assert_eq!(bed.store.prune(&prune).await.unwrap().steps, 2);
    assert_eq!(bed.store.prune(&prune).await.unwrap().steps, 0);
}

async fn pod_row_stays_while_a_claimed_step_names_it(bed: &Bed) {
    let (a, b, c) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await, bed.pod("c-00000003").await);
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&b, ordinary(1, 1)).await;
    bed.store.retire(&b).await.unwrap();
    bed.store.retire(&c).await.unwrap();
    let prune = prune_after(HOUR, HOUR);
    assert_eq!(bed.store.prune(&prune).await.unwrap(), Pruned::default(), "too young");
    bed.clock.advance(HOUR + Millis(1));
    assert_eq!(bed.store.prune(&prune).await.unwrap(), Pruned { steps: 0, pods: 1 });
    bed.store.recover(&Recover { leader: a.clone(), max_crashes: MAX_CRASHES, limit: 9 }).await.unwrap();
    assert_eq!(bed.store.prune(&prune).await.unwrap(), Pruned { steps: 0, pods: 1 });
    // Stale as it is, a row that is not down stays; and the control row always does.
    assert_eq!(bed.view(&a).await.last_heartbeat, T0);
    bed.store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    assert_eq!(bed.store.stats().await.unwrap().paused, ["x"]);
}

async fn new_work_wakes_waiters(bed: &Bed) {
    if !bed.store.capabilities().wake_ups {
        return;
    }
    let a = bed.pod("a-00000001").await;
    let mut wake = bed.store.wake_ups();
    wake.borrow_and_update();
    bed.enqueue(vec![step(1)]).await;
    woken(&mut wake, "enqueue").await;
    bed.claim(&a, ordinary(1, 1)).await;
    wake.borrow_and_update();
    bed.release(&a, claim(1, 1)).await;
    woken(&mut wake, "release").await;
    bed.claim(&a, ordinary(2, 1)).await;
    let error = super::fixtures::error("no");
    bed.finish(&a, claim(1, 2), Outcome::Fail { error }).await;
    wake.borrow_and_update();
    bed.store.replay(&[id(1)]).await.unwrap();
    woken(&mut wake, "replay").await;
    bed.claim(&a, ordinary(3, 1)).await;
    bed.store.retire(&a).await.unwrap();
    wake.borrow_and_update();
    bed.store.recover(&Recover { leader: a, max_crashes: MAX_CRASHES, limit: 9 }).await.unwrap();
    woken(&mut wake, "recover").await;
}

/// Waits for the news itself; the limit only turns a hang into a failure.
async fn woken(wake: &mut tokio::sync::watch::Receiver<Rings>, by: &str) {
    let limit = std::time::Duration::from_secs(10);
    tokio::time::timeout(limit, wake.changed()).await.unwrap_or_else(|_| panic!("{by} woke nobody")).unwrap();
    wake.borrow_and_update();
}

async fn closed_store_answers_stopped(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    bed.second.close().await;
    bed.second.close().await;
    assert!(matches!(bed.second.now().await, Err(Error::Stopped)));
    assert!(matches!(bed.second.get(&[id(1)]).await, Err(Error::Stopped)));
    assert_eq!(stored(&*bed.store).await, [1], "the other connection lives on");
}
