//! What a look at a real file finds: its log, its rights, its locks, damage, and journals that are owed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fleet_q::rules::diagnosis::facts::{DatabaseFile, Examination, Fact, JournalState};
use fleet_q::rules::step::Claim;
use fleet_q::store::Store;
use fleet_q::store::journal::{Local, Owed};
use fleet_q::store::sqlite::{LocalFiles, SqliteOptions, SqliteStore, journals};
use fleet_q::store::types::*;

use super::kit::{Bench, claim_id, id, open, options, pod};

fn file(seen: &Examination) -> &DatabaseFile {
    seen.file.known().unwrap()
}

#[tokio::test]
async fn healthy_file_is_described() {
    let bench = Bench::new().await;
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o600)).unwrap();
    let seen = bench.store.examine().await.unwrap();
    let file = file(&seen);
    assert!(seen.server.known().unwrap().version.starts_with("SQLite 3."), "{seen:?}");
    assert_eq!((file.journal_mode.as_str(), file.synchronous.as_str(), file.relaxed), ("wal", "full", false));
    assert_eq!((&file.damage, &file.locked, file.writable), (&Some(vec![]), &None, true));
    assert_eq!(file.mode.unwrap() & 0o777, 0o600);
    assert!(file.bytes > 0 && file.disk_free_bytes.unwrap() > 0 && file.file_system.is_some(), "{file:?}");
}

#[tokio::test]
async fn relaxed_commits_are_told() {
    let bench = Bench::new().await;
    let relaxed = SqliteOptions { synchronous_normal: true, ..options(Some(bench.path())) };
    let seen = SqliteStore::open(relaxed).unwrap().examine().await.unwrap();
    assert_eq!((file(&seen).relaxed, file(&seen).synchronous.as_str()), (true, "normal"));
}

#[tokio::test]
async fn held_write_lock_is_told() {
    let bench = Bench::new().await;
    let shell = bench.sql();
    shell.execute_batch("begin immediate").unwrap();
    let seen = bench.store.examine().await.unwrap();
    assert!(file(&seen).locked.as_deref().is_some_and(|why| why.contains("locked")), "{:?}", file(&seen));
    shell.execute_batch("rollback").unwrap();
    assert_eq!(file(&bench.store.examine().await.unwrap()).locked, None);
}

#[tokio::test]
async fn missing_index_is_told_with_the_statement_that_makes_it() {
    let bench = Bench::new().await;
    bench.sql().execute_batch("drop index step_due").unwrap();
    let seen = bench.store.examine().await.unwrap();
    let missing = &seen.schema.known().unwrap().missing_indexes;
    assert_eq!((missing.len(), missing[0].name.as_str()), (1, "step_due"));
    bench.sql().execute_batch(&missing[0].create).unwrap();
    let mended = bench.store.examine().await.unwrap();
    assert_eq!(mended.schema.known().unwrap().missing_indexes, []);
}

#[tokio::test]
async fn damaged_page_is_told() {
    let bench = Bench::new().await;
    let shell = bench.sql();
    shell
        .execute_batch("pragma writable_schema = on; update sqlite_schema set rootpage = 2 where name = 'step_due';")
        .unwrap();
    drop(shell);
    let seen = open(&bench.path()).unwrap().examine().await.unwrap();
    let told = match &seen.file {
        Fact::Known(file) => !file.damage.as_ref().unwrap().is_empty(),
        Fact::Unread(why) => why.contains("malformed"),
        Fact::Absent => false,
    };
    assert!(told, "{:?}", seen.file);
}

#[tokio::test]
async fn file_without_tables_is_left_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("q.db")).unwrap();
    for _ in 0..2 {
        let seen = store.examine().await.unwrap();
        assert_eq!(seen.schema.known().unwrap().tables, Vec::<String>::new());
        assert_eq!((seen.orphans, seen.held), (Fact::Absent, Fact::Absent));
    }
}

#[tokio::test]
async fn database_in_memory_has_no_file() {
    let store = SqliteStore::open(options(None)).unwrap();
    assert_eq!(store.examine().await.unwrap().file, Fact::Absent);
}

#[tokio::test]
async fn journals_are_told_by_whether_their_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(journals(&folder.path().join("none")).unwrap(), []);
    let local = LocalFiles::open(folder.path(), "1-a").unwrap();
    let claim = Claim { step_id: id(1), claim_id: claim_id(1) };
    let finish = Finish { claim, outcome: Outcome::Complete { result: None } };
    local.put(&[Owed { pod: pod(), finish }]).await.unwrap();
    let states = || journals(folder.path()).unwrap().into_iter().map(|journal| journal.state).collect::<Vec<_>>();
    assert_eq!(states(), [JournalState::InUse { owed: 1 }]);
    local.close().await;
    drop(local);
    assert_eq!(states(), [JournalState::Abandoned { owed: 1 }]);
    fs::write(folder.path().join("journal-1-a.db"), "no database").unwrap();
    fs::write(folder.path().join("journal-2-b.db.unreadable"), "set aside").unwrap();
    assert_eq!(states(), [JournalState::Unreadable, JournalState::SetAside]);
}
