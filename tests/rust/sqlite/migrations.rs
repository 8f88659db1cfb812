//! Schema versions: fresh, twice, at once, too new, too old.

use fleet_q::store::error::Error;
use fleet_q::store::types::*;
use fleet_q::store::{Store, types};
use rusqlite::Connection;

use super::kit::open;
use crate::conformance::fixtures::{beat_of, registration};

const LATEST: SchemaVersion = SchemaVersion { version: 1, min_compatible: 1 };

#[tokio::test]
async fn migrating_twice_changes_nothing_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("q.db")).unwrap();
    assert_eq!(store.migrate(Migrate::Apply).await.unwrap(), LATEST);
    store.control(&types::Control::Pause { queue: "mail".into() }).await.unwrap();
    assert_eq!(store.migrate(Migrate::Apply).await.unwrap(), LATEST);
    assert_eq!(store.stats().await.unwrap().paused, ["mail"]);
}

#[test]
fn processes_that_start_at_once_all_find_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let start = || {
        let store = open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.migrate(Migrate::Apply)).unwrap()
    };
    let versions = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(versions, [LATEST; 8]);
}

#[tokio::test]
async fn a_newer_schema_that_demands_newer_code_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7002).unwrap();
    let error = open(&path).unwrap().migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(error, Error::Schema { found: 7, min_compatible: 2, speaks: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_pod_that_runs_is_told_when_its_code_became_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let store = open(&path).unwrap();
    store.migrate(Migrate::Apply).await.unwrap();
    store.register(&registration("a-00000001")).await.unwrap();
    for (packed, told) in [(7001, None), (7002, Some("needs code of at least version 2"))] {
        Connection::open(&path).unwrap().pragma_update(None, "user_version", packed).unwrap();
        let pulse = store.beat(&beat_of(&"a-00000001".into())).await.unwrap();
        assert!(pulse.alive);
        assert_eq!(pulse.shut_out.is_some(), told.is_some());
        assert!(pulse.shut_out.unwrap_or_default().contains(told.unwrap_or_default()));
    }
}

#[tokio::test]
async fn a_newer_schema_that_admits_this_code_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7001).unwrap();
    let found = open(&path).unwrap().migrate(Migrate::Apply).await.unwrap();
    assert_eq!(found, SchemaVersion { version: 7, min_compatible: 1 });
}

#[tokio::test]
async fn checking_a_database_without_tables_names_the_mend_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("q.db")).unwrap();
    let checked = store.migrate(Migrate::CheckOnly).await.unwrap_err();
    let used = store.stats().await.unwrap_err();
    for error in [checked, used] {
        assert!(matches!(error, Error::Schema { found: 0, .. }), "{error}");
        assert!(error.to_string().contains("fleet-q migrate"), "{error}");
    }
}
