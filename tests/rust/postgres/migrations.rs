//! Ten pods that start at once, and schemas that are missing or too new.

use fleet_q::store::{Error, Migrate, SchemaVersion, Store};

use super::{fresh, server};
use crate::conformance::fixtures::{beat_of, registration};

const FIRST: SchemaVersion = SchemaVersion { version: 1, min_compatible: 1 };

#[tokio::test]
async fn ten_pods_starting_at_once_migrate_once() {
    let Some(server) = server::get() else { return };
    // Twice, for a pooler's connections: in the second round they remember that there was no such schema.
    for name in ["ten", "ten_more"] {
        let (open, _schema) = fresh(server, name);
        let mut pods = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let store = open();
            pods.spawn(async move { store.migrate(Migrate::Apply).await.unwrap() });
        }
        assert_eq!(pods.join_all().await, [FIRST; 10]);
        assert_eq!(open().migrate(Migrate::CheckOnly).await.unwrap(), FIRST);
    }
}

#[tokio::test]
async fn looking_creates_nothing_and_says_what_is_missing() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "look");
    for _ in 0..2 {
        let missing = open().migrate(Migrate::CheckOnly).await.unwrap_err();
        assert!(matches!(missing, Error::Schema { found: 0, .. }), "{missing}");
    }
    assert_eq!(schema.execute("create schema SCHEMA"), 0);
    let missing = open().stats().await.unwrap_err();
    assert!(matches!(missing, Error::Schema { .. }), "{missing}");
}

#[tokio::test]
async fn newer_schema_is_used_while_it_admits_us_and_then_refused() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "newer");
    open().migrate(Migrate::Apply).await.unwrap();
    schema.execute("comment on table SCHEMA.step_tracker is '{\"version\": 9, \"min_compatible\": 1}'");
    let newer = SchemaVersion { version: 9, min_compatible: 1 };
    assert_eq!(open().migrate(Migrate::Apply).await.unwrap(), newer);
    let runs = open();
    runs.register(&registration("a-00000001")).await.unwrap();
    assert_eq!(runs.beat(&beat_of(&"a-00000001".into())).await.unwrap().shut_out, None);
    schema.execute("comment on table SCHEMA.step_tracker is '{\"version\": 9, \"min_compatible\": 9}'");
    let refused = open().migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(refused, Error::Schema { found: 9, min_compatible: 9, .. }), "{refused}");
    let pulse = runs.beat(&beat_of(&"a-00000001".into())).await.unwrap();
    assert_eq!((pulse.alive, pulse.shut_out), (true, Some(refused.to_string())), "a pod that runs is told the same");
}

#[tokio::test]
async fn foreign_table_of_our_name_is_left_alone() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "foreign");
    schema.execute("create schema SCHEMA");
    schema.execute("create table SCHEMA.step_tracker (theirs int)");
    let refused = open().migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(refused, Error::Config { .. }) && refused.to_string().contains("SCHEMA"), "{refused}");
}
