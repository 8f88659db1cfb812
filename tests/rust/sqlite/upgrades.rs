//! What a migration does to processes that run meanwhile. There is one version today, so a second one is planted.

use std::path::Path;

use fleet_q::store::migrate::{History, Migration};
use fleet_q::store::sqlite::SqliteStore;
use fleet_q::store::{Error, Migrate, Schema, SchemaVersion, Script, Store};
use rusqlite::Connection;

use super::kit;
use crate::conformance::life;

const FIRST: Migration = Migration {
    version: 1,
    min_compatible: 1,
    sql: include_str!("../../../src/store/sqlite/migrations/0001_tables.sql"),
};
const ADDS: Migration =
    Migration { version: 2, min_compatible: 1, sql: "alter table step_tracker add column later integer;" };
const SHUTS_OUT: Migration =
    Migration { version: 3, min_compatible: 3, sql: "alter table step_tracker add column last integer;" };
const BREAKS: Migration = Migration {
    version: 2,
    min_compatible: 1,
    sql: "alter table step_tracker add column later integer; alter table nowhere add column x;",
};
const SECOND: History = History(&[FIRST, ADDS]);
const THIRD: History = History(&[FIRST, ADDS, SHUTS_OUT]);

fn open(path: &Path) -> SqliteStore {
    kit::open(path).unwrap()
}

#[tokio::test]
async fn old_processes_work_while_the_schema_moves_on_and_start_until_it_shuts_them_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let old = open(&path);
    old.migrate(Migrate::Apply).await.unwrap();
    let upgrading = open(&path).with_history(SECOND);
    let (lived, reached) = tokio::join!(life::whole(&old, "a-00000001", 100), upgrading.migrate(Migrate::Apply));
    assert_eq!((lived, reached.unwrap()), ((), SchemaVersion { version: 2, min_compatible: 1 }));
    life::whole(&old, "b-00000002", 200).await;
    let restarted = open(&path);
    assert_eq!(restarted.migrate(Migrate::Apply).await.unwrap().version, 2);
    life::whole(&restarted, "c-00000003", 300).await;
    open(&path).with_history(THIRD).migrate(Migrate::Apply).await.unwrap();
    for mode in [Migrate::Apply, Migrate::CheckOnly] {
        let refused = open(&path).migrate(mode).await.unwrap_err();
        assert!(refused.to_string().contains("upgrade fleet-q"), "{refused}");
        assert!(matches!(refused, Error::Schema { found: 3, min_compatible: 3, speaks: 1, .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn older_schema_is_told_and_left_alone_by_whoever_may_not_migrate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let none = SchemaVersion { version: 0, min_compatible: 0 };
    assert_eq!(open(&path).schema().await.unwrap(), Schema { found: none, speaks: 1, pending: vec![1] });
    open(&path).migrate(Migrate::Apply).await.unwrap();
    let newer = open(&path).with_history(SECOND);
    let refused = newer.migrate(Migrate::CheckOnly).await.unwrap_err();
    let told =
        "the database has schema version 1, this fleet-q needs 2: run `fleet-q migrate`, or leave AUTO_MIGRATE on";
    assert_eq!(refused.to_string(), told);
    let found = SchemaVersion { version: 1, min_compatible: 1 };
    assert_eq!(newer.schema().await.unwrap(), Schema { found, speaks: 2, pending: vec![2] });
}

#[tokio::test]
async fn migration_that_fails_in_the_middle_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    open(&path).migrate(Migrate::Apply).await.unwrap();
    open(&path).with_history(History(&[FIRST, BREAKS])).migrate(Migrate::Apply).await.unwrap_err();
    assert_eq!(open(&path).schema().await.unwrap().found.version, 1);
    assert_eq!(open(&path).with_history(SECOND).migrate(Migrate::Apply).await.unwrap().version, 2);
}

#[tokio::test]
async fn migrations_written_out_are_the_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let store = SqliteStore::open(kit::options(None)).unwrap().with_history(SECOND);
    for (from, reached) in [(0, 2), (2, 2)] {
        let text = store.script(&Script::Migration { from }).await.unwrap();
        // What the shell is told beside the statements is not SQL.
        let sql = text.lines().filter(|line| !line.starts_with('.')).collect::<Vec<_>>().join("\n");
        Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
        assert_eq!(open(&path).schema().await.unwrap().found.version, reached);
    }
    life::whole(&open(&path), "a-00000001", 100).await;
    let refused = store.script(&Script::Grants { role: "app".into() }).await.unwrap_err();
    assert!(refused.to_string().contains("no roles"), "{refused}");
}
