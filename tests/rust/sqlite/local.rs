//! The pod's own files: what they keep, who may take them over, and how bad places are refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fleet_q::rules::step::Claim;
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::error::Error;
use fleet_q::store::journal::{DLQ_KEPT, DeadLetter, LetterKind, Local, Owed};
use fleet_q::store::sqlite::LocalFiles;
use fleet_q::store::types::*;

use super::kit::{claim_id, complete, id, pod};

fn claim(n: u64) -> Claim {
    Claim { step_id: id(n), claim_id: claim_id(1) }
}

fn owed(n: u64) -> Owed {
    Owed { pod: pod(), finish: complete(claim(n)) }
}

fn every_outcome() -> Vec<Owed> {
    let error = ErrorEntry { json: "{\"kind\":\"raised\",\"message\":\"gr\u{fc}n \\\"x\\\"\"}".into() };
    let outcomes = [
        Outcome::Complete { result: None },
        Outcome::Complete { result: Some(Content { bytes: vec![0, 255].into(), content_type: "x/y".into() }) },
        Outcome::Retry { error: error.clone(), delay: Millis(u64::MAX) },
        Outcome::Fail { error: error.clone() },
        Outcome::Snooze { delay: Millis(5) },
        Outcome::Crash { error: error.clone(), max_crashes: 3 },
        Outcome::Cancel { error: None },
        Outcome::Cancel { error: Some(error) },
    ];
    let numbered = outcomes.into_iter().zip(1..);
    numbered.map(|(outcome, n)| Owed { pod: pod(), finish: Finish { claim: claim(n), outcome } }).collect()
}

fn journals_in(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|ending| ending == "db")).count()
}

#[tokio::test]
async fn every_outcome_comes_back_as_it_was_put_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalFiles::open(folder.path(), "1-a").unwrap();
    local.put(&every_outcome()).await.unwrap();
    assert_eq!(local.owed(100).await.unwrap(), every_outcome());
    assert_eq!(local.depth().await.unwrap(), 8);
    assert_eq!(local.owed(2).await.unwrap(), every_outcome()[..2]);
}

#[tokio::test]
async fn the_first_outcome_of_a_claim_stands_and_delivery_forgets_it() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalFiles::open(folder.path(), "1-a").unwrap();
    let second = Owed { pod: pod(), finish: Finish { claim: claim(1), outcome: Outcome::Snooze { delay: Millis(1) } } };
    local.put(&[owed(1), owed(2)]).await.unwrap();
    local.put(&[second]).await.unwrap();
    local.delivered(&[claim(2), claim(9)]).await.unwrap();
    assert_eq!(local.owed(10).await.unwrap(), [owed(1)]);
}

#[tokio::test]
async fn outcomes_survive_their_process_and_are_adopted_once() {
    let folder = tempfile::tempdir().unwrap();
    let gone = LocalFiles::open(folder.path(), "1-a").unwrap();
    gone.put(&[owed(1), owed(2)]).await.unwrap();
    gone.bury(&[letter(7)]).await.unwrap();
    gone.close().await;
    let heir = LocalFiles::open(folder.path(), "2-b").unwrap();
    assert_eq!(heir.adopt().await.unwrap(), 2);
    assert_eq!(heir.adopt().await.unwrap(), 0);
    assert_eq!(heir.owed(10).await.unwrap(), [owed(1), owed(2)]);
    assert_eq!(heir.buried(10).await.unwrap(), [letter(7)]);
    assert_eq!(journals_in(folder.path()), 1, "the adopted file is gone");
}

#[tokio::test]
async fn the_journal_of_a_living_process_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let alive = LocalFiles::open(folder.path(), "1-a").unwrap();
    alive.put(&[owed(1)]).await.unwrap();
    let other = LocalFiles::open(folder.path(), "2-b").unwrap();
    assert_eq!(other.adopt().await.unwrap(), 0);
    assert_eq!(alive.owed(10).await.unwrap(), [owed(1)]);
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_is_set_aside_and_the_others_adopted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("journal-0-bad.lock"), "").unwrap();
    std::fs::write(folder.path().join("journal-0-bad.db"), "no database. ".repeat(100)).unwrap();
    let gone = LocalFiles::open(folder.path(), "1-a").unwrap();
    gone.put(&[owed(1)]).await.unwrap();
    gone.close().await;
    let heir = LocalFiles::open(folder.path(), "2-b").unwrap();
    assert_eq!(heir.adopt().await.unwrap(), 1);
    assert!(folder.path().join("journal-0-bad.db.unreadable").exists());
}

#[test]
fn many_that_start_at_once_all_open_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let start = |n: u64| {
        let path = folder.path().to_path_buf();
        move || {
            let local = LocalFiles::open(&path, &format!("{n}-x")).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                local.adopt().await.unwrap();
                local.put(&[owed(n)]).await.unwrap();
                local.close().await;
            });
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|n| drop(scope.spawn(start(n)))));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let heir = LocalFiles::open(folder.path(), "heir").unwrap();
    runtime.block_on(async {
        heir.adopt().await.unwrap();
        assert_eq!(heir.depth().await.unwrap(), 8);
    });
}

#[test]
fn the_folder_is_created_for_its_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("state/fleet-q");
    let _local = LocalFiles::open(&inner, "1-a").unwrap();
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_place_that_cannot_be_written_names_the_setting() {
    let error = LocalFiles::open(Path::new("/proc/fleet-q"), "1-a").unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert!(error.to_string().contains("LOCAL_PATH"), "{error}");
}

fn letter(n: u64) -> DeadLetter {
    DeadLetter {
        step_id: id(n),
        task: "greet".into(),
        kind: LetterKind::Failure,
        mark: n.to_string(),
        at: Timestamp(i64::try_from(n).unwrap()),
        evidence: format!("{{\"n\":{n}}}"),
    }
}

#[tokio::test]
async fn dead_letters_come_back_newest_first_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalFiles::open(folder.path(), "1-a").unwrap();
    local.bury(&[letter(3), letter(1)]).await.unwrap();
    local.bury(&[letter(1), letter(2)]).await.unwrap();
    assert_eq!(local.buried(9).await.unwrap(), [letter(3), letter(2), letter(1)]);
    assert_eq!(local.buried(1).await.unwrap(), [letter(3)]);
}

#[tokio::test]
async fn the_oldest_dead_letters_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalFiles::open(folder.path(), "1-a").unwrap();
    let most = u64::from(DLQ_KEPT);
    local.bury(&(2..=most + 1).rev().map(letter).collect::<Vec<_>>()).await.unwrap();
    local.bury(&[letter(1), letter(most + 2)]).await.unwrap();
    let kept = local.buried(u32::MAX).await.unwrap();
    assert_eq!((kept.len() as u64, &kept[0], kept.last()), (most, &letter(most + 2), Some(&letter(3))));
}

#[tokio::test]
async fn how_far_failures_were_seen_is_this_files_own() {
    let folder = tempfile::tempdir().unwrap();
    let gone = LocalFiles::open(folder.path(), "1-a").unwrap();
    assert_eq!(gone.failures_seen().await.unwrap(), None);
    gone.saw_failures(Timestamp(5)).await.unwrap();
    gone.saw_failures(Timestamp(9)).await.unwrap();
    assert_eq!(gone.failures_seen().await.unwrap(), Some(Timestamp(9)));
    gone.close().await;
    let heir = LocalFiles::open(folder.path(), "2-b").unwrap();
    heir.adopt().await.unwrap();
    assert_eq!(heir.failures_seen().await.unwrap(), None);
}

#[tokio::test]
async fn whoever_looks_reads_the_letters_of_every_file_once_and_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let gone = LocalFiles::open(folder.path(), "1-a").unwrap();
    gone.bury(&[letter(1), letter(3)]).await.unwrap();
    gone.close().await;
    let alive = LocalFiles::open(folder.path(), "2-b").unwrap();
    alive.bury(&[letter(2), letter(3)]).await.unwrap();
    std::fs::write(folder.path().join("journal-0-bad.lock"), "").unwrap();
    std::fs::write(folder.path().join("journal-0-bad.db"), "no database. ".repeat(100)).unwrap();
    std::fs::write(folder.path().join("journal-0-gone.lock"), "").unwrap();
    let look = |limit| LocalFiles::letters_in(folder.path(), limit).unwrap();
    assert_eq!(look(9), [letter(3), letter(2), letter(1)]);
    assert_eq!(look(1), [letter(3)]);
    assert!(!folder.path().join("journal-0-gone.db").exists());
    assert_eq!(journals_in(folder.path()), 3);
    assert_eq!(LocalFiles::letters_in(&folder.path().join("nowhere"), 9).unwrap(), []);
}
