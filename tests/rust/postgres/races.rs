//! What other transactions do to ours: beats that come late, keys held open, connections that end.

use std::sync::Arc;
use std::time::Duration;

use fleet_q::rules::step::PodId;
use fleet_q::rules::time::Millis;
use fleet_q::store::clock::{DatabaseClock, PinnedClock};
use fleet_q::store::postgres::{PostgresOptions, PostgresStore};
use fleet_q::store::{Accepted, Cycle, Enqueue, Error, Finish, MarkDead, Migrate, NewStep, Store, Verdict};

use super::{fresh, options, server};
use crate::conformance::fixtures::{T0, TIMING, asks, beat_of, complete, ordinary, registration, step};

/// A transaction of somebody else's, left open.
async fn open_transaction(url: &str, sql: &str) -> tokio_postgres::Client {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client.batch_execute(&format!("begin; {sql}")).await.unwrap();
    client
}

#[tokio::test]
async fn beat_that_commits_while_its_death_is_declared_saves_the_pod() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "late_beat");
    open().migrate(Migrate::Apply).await.unwrap();
    let clock = Arc::new(PinnedClock::at(T0));
    let pinned = PostgresOptions { clock: Some(Arc::<PinnedClock>::clone(&clock) as _), ..options(Some(&schema.name)) };
    let store = Arc::new(PostgresStore::open(&server.store_url, pinned).unwrap());
    let (leader, late) = ("a-00000001".into(), "b-00000002".into());
    for pod in ["a-00000001", "b-00000002"] {
        store.register(&registration(pod)).await.unwrap();
    }
    for _ in 0..6 {
        clock.advance(TIMING.heartbeat_interval);
        store.beat(&beat_of(&leader)).await.unwrap();
    }
    let beat = format!(
        "update \"{}\".pod_health set last_heartbeat_ts = {} where pod_id = '{late}'",
        schema.name,
        clock.now().0
    );
    let beating = open_transaction(&server.url, &beat).await;
    let call = MarkDead { leader, suspects: vec![(late, T0)], timing: TIMING };
    let declaring = tokio::spawn({
        let (store, call) = (Arc::clone(&store), call.clone());
        async move { store.mark_dead(&call).await }
    });
    // The declaration waits for the beat's lock.
    commit_when_waited_for(&beating).await;
    assert_eq!(declaring.await.unwrap().unwrap(), []);
}

/// Commits as soon as some backend waits for this connection's locks.
async fn commit_when_waited_for(client: &tokio_postgres::Client) {
    let sql = "select count(*) from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))";
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    client.batch_execute("commit").await.unwrap();
}

#[tokio::test]
async fn key_in_a_users_open_transaction_holds_up_its_own_step_only_and_not_for_long() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "held_key");
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    let insert = format!(
        "insert into \"{}\".step_tracker (step_id, task, payload, unique_key) values (gen_random_uuid(), 't', '', 'k')",
        schema.name
    );
    let theirs = open_transaction(&server.url, &insert).await;
    let keyed = NewStep { unique_key: Some("k".into()), ..step(1) };
    let call = |step: NewStep| Enqueue { steps: vec![step], hand_off: None };
    let held_up = store.enqueue(&call(keyed.clone())).await.unwrap_err();
    assert!(matches!(held_up, Error::Unavailable { .. }), "{held_up:?}");
    assert_eq!(store.enqueue(&call(step(2))).await.unwrap(), [Ok(Accepted::Stored)]);
    theirs.batch_execute("rollback").await.unwrap();
    assert_eq!(store.enqueue(&call(keyed)).await.unwrap(), [Ok(Accepted::Stored)]);
}

#[tokio::test]
async fn outcome_that_waited_for_a_cancel_request_is_recorded() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "held_finish");
    let store = Arc::new(open());
    store.migrate(Migrate::Apply).await.unwrap();
    let pod: PodId = "a-00000001".into();
    store.register(&registration("a-00000001")).await.unwrap();
    store.enqueue(&Enqueue { steps: vec![step(1), step(2)], hand_off: None }).await.unwrap();
    let claimed = store.cycle(&asks(&pod, ordinary(7, 2))).await.unwrap().claims;
    let finishes: Vec<Finish> =
        claimed.iter().map(|claimed| Finish { claim: claimed.claim, outcome: complete() }).collect();
    let request = format!("update \"{}\".step_tracker set cancel_requested = true", schema.name);
    let theirs = open_transaction(&server.url, &request).await;
    let ending = tokio::spawn({
        let (store, call) = (Arc::clone(&store), Cycle { pod, finishes, releases: vec![], demand: None });
        async move { store.cycle(&call).await }
    });
    commit_when_waited_for(&theirs).await;
    assert_eq!(ending.await.unwrap().unwrap().verdicts, [Verdict::Recorded, Verdict::Recorded]);
}

#[tokio::test]
async fn step_that_another_transaction_stores_at_the_same_moment_is_there_already() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "same_id");
    let store = Arc::new(open());
    store.migrate(Migrate::Apply).await.unwrap();
    let insert = format!(
        "insert into \"{}\".step_tracker (step_id, task, payload) values ('{}', 't', '')",
        schema.name,
        step(1).step_id
    );
    let theirs = open_transaction(&server.url, &insert).await;
    let storing = tokio::spawn({
        let (store, call) = (Arc::clone(&store), Enqueue { steps: vec![step(1), step(2)], hand_off: None });
        async move { store.enqueue(&call).await }
    });
    commit_when_waited_for(&theirs).await;
    assert_eq!(storing.await.unwrap().unwrap(), [Ok(Accepted::Existing), Ok(Accepted::Stored)]);
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "ended");
    open().migrate(Migrate::Apply).await.unwrap();
    let url = server.store_url_alone();
    let joint = if url.contains('?') { '&' } else { '?' };
    let name = format!("{url}{joint}application_name={}", schema.name);
    let quick = PostgresOptions { statement_timeout: Millis(5000), ..options(Some(&schema.name)) };
    let store = PostgresStore::open(&name, quick).unwrap();
    store.register(&registration("a-00000001")).await.unwrap();
    let pod = "a-00000001".into();
    assert!(store.beat(&beat_of(&pod)).await.unwrap().alive);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = ";
    let ended = schema.execute(&format!("{end}'{}'", schema.name));
    // A pooler may have served both with one.
    assert!(ended == 2 || server.is_pooled() && ended == 1, "{ended}: one for work, one for beats");
    let again = async {
        // The first call may still find the old connection, and must say that its outcome is not known.
        while let Err(error) = store.beat(&beat_of(&pod)).await {
            assert!(error.is_transient(), "{error:?}");
        }
        while let Err(error) = store.stats().await {
            assert!(error.is_transient(), "{error:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("new connections in time");
}
