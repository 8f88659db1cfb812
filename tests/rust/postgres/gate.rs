//! Two pods of a crowd claim at a time. Who waits for long claims all the same: a pod that hangs keeps nobody away.

use std::thread::JoinHandle;
use std::time::Duration;

use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Enqueue, Migrate, Store};

use super::{Schema, fresh, server};
use crate::conformance::fixtures::{asks, beat_of, id, ordinary, registration, step};

/// A store that knows by its beat how many pods there are.
async fn beside(pods: usize, name: &str) -> Option<(PostgresStore, Schema)> {
    let (open, schema) = fresh(server::get()?, name);
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    for n in 0..pods {
        store.register(&registration(&format!("p-{n:08}"))).await.unwrap();
    }
    store.beat(&beat_of(&"p-00000000".into())).await.unwrap();
    store.enqueue(&Enqueue { steps: (1..=9).map(step).collect(), hand_off: None }).await.unwrap();
    Some((store, schema))
}

async fn statements_of_a_claim(store: &PostgresStore, n: u64) -> u64 {
    let before = store.tally().statements;
    assert_eq!(store.cycle(&asks(&"p-00000000".into(), ordinary(n, 2))).await.unwrap().claims.len(), 2);
    store.tally().statements - before
}

/// Shuts both lanes for so many seconds, in a session of its own.
async fn shut_for(schema: Schema, seconds: f64) -> JoinHandle<Schema> {
    let key = "7381240360074215424 + cast(cast('SCHEMA.pod_health' as regclass) as oid)::bigint * 4";
    let shut = format!("select pg_advisory_lock({key}), pg_advisory_lock({key} + 1), pg_sleep({seconds})");
    let held = std::thread::spawn(move || {
        schema.execute(&shut);
        schema
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    held
}

async fn opened(held: JoinHandle<Schema>) -> Schema {
    tokio::task::spawn_blocking(move || held.join().unwrap()).await.unwrap()
}

#[tokio::test]
async fn few_pods_know_no_gate_and_a_crowd_asks_at_it() {
    let Some((few, _schema)) = beside(4, "gate_few").await else { return };
    let Some((crowd, _schema)) = beside(5, "gate_crowd").await else { return };
    assert_eq!(statements_of_a_claim(&few, 1).await + 1, statements_of_a_claim(&crowd, 1).await);
}

#[tokio::test]
async fn a_gate_that_somebody_keeps_shut_keeps_nobody_from_claiming() {
    let Some((store, schema)) = beside(8, "gate_shut").await else { return };
    let held = shut_for(schema, 5.0).await;
    for n in 1..=3 {
        assert!(statements_of_a_claim(&store, n).await > 0);
    }
    assert!(!held.is_finished(), "it was open again");
    drop(opened(held).await);
}

#[tokio::test]
async fn what_is_waited_for_at_the_gate_makes_full_looks_no_rarer() {
    let Some((store, schema)) = beside(8, "gate_look").await else { return };
    let pod = "p-00000000".into();
    let held = shut_for(schema, 0.8).await;
    assert_eq!(store.cycle(&asks(&pod, ordinary(1, 20))).await.unwrap().claims.len(), 9);
    let schema = opened(held).await;
    // A step of a transaction that began long ago and committed only now: below the floor.
    let ago = "cast(floor(extract(epoch from now()) * 1000) as bigint) - 60000";
    schema.execute(&format!(
        "insert into SCHEMA.step_tracker (step_id, task, payload, created_ts, available_ts, last_update_ts)
         values ('{}', 'work', '{{}}', {ago}, {ago}, {ago})",
        id(77)
    ));
    // Had the wait been taken for the price of the look, the next full one would come later than this waits.
    for n in 2..150 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if store.cycle(&asks(&pod, ordinary(n, 20))).await.unwrap().claims.len() == 1 {
            return;
        }
    }
    panic!("no full look within half a minute");
}
