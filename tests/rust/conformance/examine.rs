//! What a doctor is told of the steps: orphans, due steps by task, steps that living pods hold.

use fleet_q::rules::diagnosis::facts::{Fact, Held, Orphans, Waiting};
use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::{Error, Migrate};

use super::bed::Bed;
use super::fixtures::{T0, id, ordinary, step};

for_each_store!(
    empty_queue_has_tables_and_nothing_to_tell,
    steps_are_told_by_who_holds_them,
    oldest_waits_are_told,
    closed_store_examines_nothing,
);

async fn empty_queue_has_tables_and_nothing_to_tell(bed: &Bed) {
    let seen = bed.store.examine().await.unwrap();
    let schema = seen.schema.known().unwrap();
    let version = bed.store.migrate(Migrate::CheckOnly).await.unwrap();
    assert_eq!((schema.version, schema.min_compatible), (version.version, version.min_compatible));
    assert_eq!(schema.tables, ["pod_health", "step_tracker"]);
    assert_eq!((schema.missing_indexes.len(), schema.invalid_indexes.len(), schema.foreign), (0, 0, false));
    assert!(!seen.server.known().unwrap().version.is_empty());
    assert_eq!(seen.orphans, Fact::Known(Orphans::default()));
    assert_eq!((seen.waiting, seen.held), (Fact::Known(vec![]), Fact::Known(vec![])));
}

async fn steps_are_told_by_who_holds_them(bed: &Bed) {
    let pod = bed.pod("a").await;
    bed.enqueue((1..=3).map(step).collect()).await;
    bed.force(id(2), State::Claimed);
    bed.clock.advance(Millis(5));
    assert_eq!(bed.claim(&pod, ordinary(1, 1)).await, [1]);
    let seen = bed.second.examine().await.unwrap();
    assert_eq!(seen.orphans, Fact::Known(Orphans { steps: 1, since: Some(T0) }));
    let (task, queue) = (step(1).task.to_string(), step(1).queue.to_string());
    let held = Held { step_id: id(1).to_string(), task: task.clone(), pod: pod.to_string(), since: T0 + Millis(5) };
    assert_eq!(seen.held, Fact::Known(vec![held]));
    assert_eq!(seen.waiting, Fact::Known(vec![Waiting { task, queue, steps: 1, since: T0 }]));
}

async fn oldest_waits_are_told(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    bed.clock.advance(Millis(7));
    bed.enqueue(vec![step(2)]).await;
    let seen = bed.store.examine().await.unwrap();
    let waiting = seen.waiting.known().unwrap();
    assert_eq!((waiting.len(), waiting[0].steps, waiting[0].since), (1, 2, T0));
}

async fn closed_store_examines_nothing(bed: &Bed) {
    bed.second.close().await;
    let seen = bed.second.examine().await;
    assert!(matches!(seen, Err(Error::Stopped)), "{seen:?}");
}
