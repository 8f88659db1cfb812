//! What a migration does to pods that run meanwhile, and what a pod does that dies in the middle of one.
//! There is one version today, so a second one is planted.

use std::time::Duration;

use fleet_q::rules::time::Millis;
use fleet_q::store::migrate::{History, Migration};
use fleet_q::store::postgres::{PostgresOptions, PostgresStore};
use fleet_q::store::{Error, Migrate, Schema, SchemaVersion, Script, Store};
use tokio::task::JoinSet;

use super::{fresh, options, server};
use crate::conformance::life;

const FIRST: Migration = Migration {
    version: 1,
    min_compatible: 1,
    sql: include_str!("../../../src/store/postgres/migrations/0001_tables.sql"),
};
const ADDS: Migration = Migration {
    version: 2,
    min_compatible: 1,
    sql: "alter table /*schema*/step_tracker add column later integer;
          create table if not exists /*schema*/ran (n integer);
          insert into /*schema*/ran values (1);
          comment on table /*schema*/step_tracker is '{\"version\": 2, \"min_compatible\": 1}';",
};
const SHUTS_OUT: Migration = Migration {
    version: 3,
    min_compatible: 3,
    sql: "comment on table /*schema*/step_tracker is '{\"version\": 3, \"min_compatible\": 3}';",
};
const LINGERS: Migration = Migration {
    version: 2,
    min_compatible: 1,
    sql: "alter table /*schema*/step_tracker add column later integer; select pg_sleep(120);",
};
const SECOND: History = History(&[FIRST, ADDS]);
const THIRD: History = History(&[FIRST, ADDS, SHUTS_OUT]);
const STUCK: History = History(&[FIRST, LINGERS]);

#[tokio::test]
async fn old_pods_work_while_the_schema_moves_on_and_start_until_it_shuts_them_out() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "moves_on");
    let old = open();
    old.migrate(Migrate::Apply).await.unwrap();
    let upgrading = open().with_history(SECOND);
    let (lived, reached) = tokio::join!(life::whole(&old, "a-00000001", 100), upgrading.migrate(Migrate::Apply));
    assert_eq!((lived, reached.unwrap()), ((), SchemaVersion { version: 2, min_compatible: 1 }));
    life::whole(&old, "b-00000002", 200).await;
    let restarted = open();
    assert_eq!(restarted.migrate(Migrate::Apply).await.unwrap().version, 2);
    assert_eq!(restarted.migrate(Migrate::CheckOnly).await.unwrap().version, 2);
    life::whole(&restarted, "c-00000003", 300).await;
    life::whole(&upgrading, "d-00000004", 400).await;
    open().with_history(THIRD).migrate(Migrate::Apply).await.unwrap();
    for mode in [Migrate::Apply, Migrate::CheckOnly] {
        let refused = open().migrate(mode).await.unwrap_err();
        assert!(refused.to_string().contains("upgrade fleet-q"), "{refused}");
        assert!(matches!(refused, Error::Schema { found: 3, min_compatible: 3, speaks: 1, .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn older_schema_is_told_and_left_alone_by_whoever_may_not_migrate() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "older");
    let empty = open().schema().await.unwrap();
    let none = SchemaVersion { version: 0, min_compatible: 0 };
    assert_eq!(empty, Schema { found: none, speaks: 1, pending: vec![1] });
    open().migrate(Migrate::Apply).await.unwrap();
    let newer = open().with_history(SECOND);
    let refused = newer.migrate(Migrate::CheckOnly).await.unwrap_err();
    let told =
        "the database has schema version 1, this fleet-q needs 2: run `fleet-q migrate`, or leave AUTO_MIGRATE on";
    assert_eq!(refused.to_string(), told);
    let found = SchemaVersion { version: 1, min_compatible: 1 };
    assert_eq!(newer.schema().await.unwrap(), Schema { found, speaks: 2, pending: vec![2] });
}

#[tokio::test]
async fn of_ten_pods_that_start_at_once_one_migrates_and_all_work() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "crowd");
    let mut pods = JoinSet::new();
    for n in 0..10u64 {
        let store = open().with_history(SECOND);
        pods.spawn(async move {
            store.migrate(Migrate::Apply).await.unwrap();
            store.register(&crate::conformance::fixtures::registration(&format!("p-0000000{n}"))).await.unwrap();
            store.beat(&crate::conformance::fixtures::beat_of(&format!("p-0000000{n}").as_str().into())).await.unwrap()
        });
    }
    assert!(pods.join_all().await.iter().all(|pulse| pulse.alive));
    assert_eq!(schema.execute("delete from SCHEMA.ran"), 1, "the second migration ran once");
}

#[tokio::test]
async fn waiting_for_another_migration_is_bounded_and_says_what_to_do() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "bounded");
    let (client, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(driver);
    let text = open().script(&Script::Migration { from: 0 }).await.unwrap();
    let held = text.split_inclusive(';').find(|part| part.contains("advisory")).unwrap();
    client.batch_execute(&format!("begin; {held}")).await.unwrap();
    let hasty = PostgresOptions { statement_timeout: Millis(300), ..options(Some(&schema.name)) };
    let hasty = PostgresStore::open(&server.url, hasty).unwrap();
    let late = hasty.migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(late, Error::Unavailable { .. }), "{late:?}");
    assert!(late.to_string().contains("0.3 s for the end of another migration"), "{late}");
    drop(client);
    driver.await.unwrap().unwrap();
    // With patience: other tests migrate in the same database, and have their turn too.
    open().migrate(Migrate::Apply).await.unwrap();
}

#[tokio::test]
async fn pod_that_dies_in_mid_migration_leaves_nothing_behind() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "dies");
    let old = open();
    old.migrate(Migrate::Apply).await.unwrap();
    let dying = open().with_history(STUCK);
    let migrating = tokio::spawn(async move { dying.migrate(Migrate::Apply).await });
    let (client, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    let stuck = format!(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%{}%pg_sleep(120);' and pid <> pg_backend_pid()",
        schema.name
    );
    let stuck = async || client.query_one(&stuck, &[]).await.unwrap().get::<_, i64>(0);
    while stuck().await == 0 {
        tokio::task::yield_now().await;
    }
    migrating.abort();
    let ended = async {
        while stuck().await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("the server notices that its client is gone");
    assert_eq!(old.schema().await.unwrap().found.version, 1);
    assert_eq!(
        open().with_history(SECOND).migrate(Migrate::Apply).await.unwrap().version,
        2,
        "the column was not left"
    );
}

#[tokio::test]
async fn migrations_written_out_are_the_migrations() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "script");
    let store = open().with_history(SECOND);
    let (client, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client.batch_execute(&open().script(&Script::Migration { from: 0 }).await.unwrap()).await.unwrap();
    assert_eq!(open().migrate(Migrate::CheckOnly).await.unwrap().version, 1);
    client.batch_execute(&store.script(&Script::Migration { from: 1 }).await.unwrap()).await.unwrap();
    assert_eq!(store.migrate(Migrate::CheckOnly).await.unwrap().version, 2);
    let nothing = store.script(&Script::Migration { from: 2 }).await.unwrap();
    assert!(nothing.starts_with("-- fleet-q: nothing to do") && nothing.lines().count() == 1, "{nothing}");
    life::whole(&open(), "a-00000001", 100).await;
}
