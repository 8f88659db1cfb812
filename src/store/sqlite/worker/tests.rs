//! What cannot be provoked from outside: requests that fail or panic in the middle of a group.

use std::sync::mpsc;

use super::super::{connection, migrate};
use super::{Begin, Error, Options, Session, Turn, Worker, errors};
use crate::store::error::Result;

fn worker() -> Result<Worker> {
    let options = Options { name: "test", clock: None, lock_rounds: 1, turn: Turn::Alone };
    Worker::start(connection::open_memory()?, options)
}

fn version(session: &Session<'_>) -> Result<i64> {
    Ok(session.conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn set_version(session: &Session<'_>, version: i64) -> Result<()> {
    Ok(session.conn.pragma_update(None, "user_version", version)?)
}

#[tokio::test]
async fn requests_that_fail_or_panic_take_nobody_with_them() -> Result<()> {
    let worker = worker()?;
    let (let_go, held) = mpsc::channel::<()>();
    let first = worker.call(Begin::Grouped { rows: 1 }, move |session| {
        held.recv().expect("the test lets go");
        set_version(session, 1)
    });
    let panics = worker.call(Begin::Grouped { rows: 1 }, |session| -> Result<()> {
        set_version(session, 2)?;
        panic!("planted");
    });
    let fails = worker.call(Begin::Grouped { rows: 1 }, |session| -> Result<()> {
        set_version(session, 3)?;
        Err(errors::internal("refused"))
    });
    let last = worker.call(Begin::Grouped { rows: 1 }, version);
    let release = async { let_go.send(()).expect("the first request waits for it") };
    let (first, panics, fails, last, ()) = tokio::join!(first, panics, fails, last, release);
    assert!(first.is_ok());
    assert!(matches!(panics, Err(Error::Internal { message, .. }) if message.contains("planted")));
    assert!(matches!(fails, Err(Error::Internal { message, .. }) if message == "refused"));
    assert_eq!(last?, 1, "what the others wrote was rolled back");
    assert_eq!(worker.call(Begin::Read, version).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_nothing() -> Result<()> {
    let worker = worker()?;
    let half = worker.call(Begin::Write, |session| -> Result<()> {
        migrate::apply(session.conn, migrate::HISTORY)?;
        Err(errors::internal("power cut"))
    });
    assert!(half.await.is_err());
    assert_eq!(worker.call(Begin::Read, version).await?, 0);
    let whole = worker.call(Begin::Write, |session| migrate::apply(session.conn, migrate::HISTORY));
    assert_eq!(whole.await?.version, migrate::HISTORY.speaks());
    Ok(())
}

#[tokio::test]
async fn a_lone_request_that_fails_or_panics_leaves_nothing_and_the_thread_goes_on() -> Result<()> {
    let worker = worker()?;
    let begin = Begin::Grouped { rows: 1 };
    let fails = worker.call(begin, |session| -> Result<()> {
        set_version(session, 2)?;
        Err(errors::internal("refused"))
    });
    assert!(matches!(fails.await, Err(Error::Internal { message, .. }) if message == "refused"));
    let panics = worker.call(begin, |session| -> Result<()> {
        set_version(session, 3)?;
        panic!("planted");
    });
    assert!(matches!(panics.await, Err(Error::Internal { message, .. }) if message.contains("planted")));
    assert_eq!(worker.call(begin, version).await?, 0, "what they wrote was rolled back");
    worker.call(begin, |session| set_version(session, 4)).await?;
    assert_eq!(worker.call(Begin::Read, version).await?, 4);
    Ok(())
}
