//! One process's enqueue wakes another's waiting pod; without a listener nothing breaks.

use std::time::Duration;

use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Enqueue, Migrate, Store};

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
