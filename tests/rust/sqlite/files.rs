//! Which files are taken, how they are opened, and how the others are refused.

use fleet_q::store::Store;
use fleet_q::store::error::Error;
use fleet_q::store::sqlite::SqliteStore;
use fleet_q::store::types::Migrate;
use std::path::Path;

use super::kit::{Bench, new_step, open, options};

fn refusal(path: &Path) -> String {
    match open(path) {
        Err(error @ Error::Config { .. }) => error.to_string(),
        other => panic!("expected a Config error, not {other:?}"),
    }
}

#[tokio::test]
async fn the_file_is_in_wal_mode() {
    let bench = Bench::new().await;
    let mode: String = bench.sql().pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn steps_survive_close_and_reopen() {
    let bench = Bench::new().await;
    bench.enqueue(vec![new_step(1)]).await;
    bench.store.close().await;
    let again = open(&bench.path()).unwrap();
    assert_eq!(again.migrate(Migrate::CheckOnly).await.unwrap().version, 1);
    assert!(again.get(&[super::kit::id(1)]).await.unwrap()[0].is_some());
}

#[test]
fn a_folder_is_refused_with_a_name_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("is a folder") && message.contains("fleet_q.db"), "{message}");
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(&folder.path().join("nowhere/q.db"));
    assert!(message.contains("there is no folder") && message.contains("nowhere"), "{message}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let notes = "not a database. ".repeat(100);
    std::fs::write(&path, &notes).unwrap();
    let message = refusal(&path);
    assert!(message.contains("not an SQLite database"), "{message}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[test]
fn a_path_where_nothing_can_be_created_is_refused() {
    let message = refusal(Path::new("/proc/fleet_q.db"));
    assert!(message.contains("/proc/fleet_q.db") && message.contains("rights"), "{message}");
}

#[tokio::test]
async fn in_memory_each_handle_has_a_database_of_its_own() {
    let (one, other) = (SqliteStore::open(options(None)).unwrap(), SqliteStore::open(options(None)).unwrap());
    one.migrate(Migrate::Apply).await.unwrap();
    assert!(one.stats().await.is_ok());
    assert!(matches!(other.stats().await, Err(Error::Schema { .. })));
}
