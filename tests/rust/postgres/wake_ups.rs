//! One process's enqueue wakes another's waiting pod and says how much there is; without a listener nothing breaks.

use std::time::Duration;

use fleet_q::rules::crowd::{Heard, Rings};
use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Enqueue, Migrate, Store};
use tokio::sync::watch;

use super::{fresh, options, server};
use crate::conformance::fixtures::step;

#[tokio::test]
async fn enqueue_wakes_another_process() {
    let Some(server) = server::get() else { return };
    let (_, schema) = fresh(server, "wake");
    // Directly: through a pooler in transaction mode nobody can listen.
    let open = || PostgresStore::open(&server.url, options(Some(&schema.name))).unwrap();
    let (here, there) = (open(), open());
    here.migrate(Migrate::Apply).await.unwrap();
    let mut waits = there.wake_ups();
    // The listener rings once when it has begun to listen.
    waits.changed().await.unwrap();
    here.enqueue(&Enqueue { steps: vec![step(1)], hand_off: None }).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), waits.changed()).await.expect("a wake-up").unwrap();
}

/// What was heard since `known`, as soon as there is something.
async fn heard(waits: &mut watch::Receiver<Rings>, known: Rings) -> Heard {
    tokio::time::timeout(Duration::from_secs(10), waits.changed()).await.expect("a wake-up").unwrap();
    waits.borrow_and_update().since(&known)
}

#[tokio::test]
async fn all_who_listen_hear_the_same_number_of_steps_and_the_same_lot() {
    let Some(server) = server::get() else { return };
    let (_, schema) = fresh(server, "lot");
    let open = || PostgresStore::open(&server.url, options(Some(&schema.name))).unwrap();
    let (here, there, beyond) = (open(), open(), open());
    here.migrate(Migrate::Apply).await.unwrap();
    let (mut one, mut other) = (there.wake_ups(), beyond.wake_ups());
    one.changed().await.unwrap();
    other.changed().await.unwrap();
    let known = (*one.borrow_and_update(), *other.borrow_and_update());
    here.enqueue(&Enqueue { steps: (1..=3).map(step).collect(), hand_off: None }).await.unwrap();
    let told = heard(&mut one, known.0).await;
    assert!(matches!(told, Heard::Steps { steps: 3, .. }), "{told:?}");
    assert_eq!(heard(&mut other, known.1).await, told);

    let known = *one.borrow_and_update();
    there.pass_on(8);
    let told = heard(&mut one, known).await;
    assert!(matches!(told, Heard::Steps { steps: 8, .. }), "who passes on is not told to look itself: {told:?}");
}

#[tokio::test]
async fn who_notifies_without_a_word_tells_of_one_step() {
    let Some(server) = server::get() else { return };
    let (_, schema) = fresh(server, "wordless");
    let there = PostgresStore::open(&server.url, options(Some(&schema.name))).unwrap();
    there.migrate(Migrate::Apply).await.unwrap();
    let mut waits = there.wake_ups();
    waits.changed().await.unwrap();
    let known = *waits.borrow_and_update();
    server.execute(format!("select pg_notify('fleet_q_' || md5('{}'), '')", schema.name));
    let told = heard(&mut waits, known).await;
    assert!(matches!(told, Heard::Steps { steps: 1, .. }), "{told:?}");
}

#[tokio::test]
async fn store_without_a_listener_says_so_and_wakes_its_own_process() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "deaf");
    open().migrate(Migrate::Apply).await.unwrap();
    let joint = if server.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{joint}listen=off", server.url);
    let store = PostgresStore::open(&url, options(Some(&schema.name))).unwrap();
    assert!(!store.capabilities().wake_ups);
    let mut waits = store.wake_ups();
    store.enqueue(&Enqueue { steps: vec![step(1)], hand_off: None }).await.unwrap();
    waits.changed().await.unwrap();
}
