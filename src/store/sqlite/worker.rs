//! Owns the threads that talk to SQLite: one connection each, requests in, answers out.
//! Several queued requests share one commit, each in its own savepoint; a lone one has the transaction to itself. Knows no request's meaning.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior, named_params};
use tokio::sync::{mpsc, oneshot};

use super::errors;
use super::fork::Counted;
use super::turn::Turn;
use crate::rules::time::Timestamp;
use crate::store::clock::DatabaseClock;
use crate::store::error::{Error, Result};

/// Rows that one transaction writes at most: keeps it under 50 ms.
pub(super) const ROWS_PER_TRANSACTION: usize = 1000;
const QUEUE_LENGTH: usize = 256;

/// The kind of transaction a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Read,
    /// Alone in its transaction.
    Write,
    /// May share its commit with neighbours, up to [`ROWS_PER_TRANSACTION`] together.
    Grouped {
        rows: usize,
    },
}

/// What a request sees: the connection inside a transaction, and the database's time at its start.
pub(super) struct Session<'a> {
    pub conn: &'a Connection,
    pub now: Timestamp,
}

/// How a worker's thread behaves.
pub(super) struct Options {
    pub name: &'static str,
    pub clock: Option<Arc<dyn DatabaseClock>>,
    pub lock_rounds: u64,
    pub turn: Turn,
}

/// A handle to one thread; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    thread: Arc<Mutex<Option<Ending>>>,
}

#[derive(Debug)]
struct Ending {
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

struct Job {
    begin: Begin,
    body: Box<dyn Body>,
}

impl Worker {
    pub fn start(conn: Counted, options: Options) -> Result<Self> {
        let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(options.name.into())
            .spawn(move || {
                Thread { conn, options, queue }.run();
                // The receiver is gone when nobody waits for the end.
                let _ = end.send(());
            })
            .map_err(|e| Error::unavailable("cannot start a thread", e))?;
        Ok(Self {
            queue: Arc::new(Mutex::new(Some(sender))),
            thread: Arc::new(Mutex::new(Some(Ending { ended, thread }))),
        })
    }

    /// Runs `work` in a transaction and answers once that is committed.
    pub async fn call<T, F>(&self, begin: Begin, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Session<'_>) -> Result<T> + Send + 'static,
    {
        let queue = lock(&self.queue).clone().ok_or(Error::Stopped)?;
        let (reply, answer) = oneshot::channel();
        let body = Box::new(Call { work: Some(work), outcome: None, reply });
        let died = || errors::internal("the thread of the store has ended");
        queue.send(Job { begin, body }).await.map_err(|_| died())?;
        answer.await.map_err(|_| died())?
    }

    /// Takes no more requests, finishes those it has, and ends the thread.
    pub async fn close(&self) {
        lock(&self.queue).take();
        let ending = lock(&self.thread).take();
        if let Some(ending) = ending {
            // An error means that the thread has already unwound; join returns at once either way.
            let _ = ending.ended.await;
            let _ = ending.thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A request without its types.
trait Body: Send {
    /// Whether what it wrote should stay.
    fn run(&mut self, session: &Session<'_>) -> bool;
    fn answer(self: Box<Self>, group_failed: Option<&Error>);
}

struct Call<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Body for Call<T, F>
where
    T: Send,
    F: FnOnce(&Session<'_>) -> Result<T> + Send,
{
    fn run(&mut self, session: &Session<'_>) -> bool {
        let work = self.work.take().expect("a request runs once");
        let outcome = catch_unwind(AssertUnwindSafe(|| work(session)))
            .unwrap_or_else(|panic| Err(errors::internal(format!("a request panicked: {}", panic_text(&*panic)))));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, group_failed: Option<&Error>) {
        let answer = match (self.outcome, group_failed) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(error)) => Err(errors::echo(error)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(errors::internal("a request was not run")),
        };
        // Who stopped waiting does not hear it.
        let _ = self.reply.send(answer);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

struct Thread {
    conn: Counted,
    options: Options,
    queue: mpsc::Receiver<Job>,
}

impl Thread {
    fn run(mut self) {
        let mut carried = None;
        while let Some(job) = carried.take().or_else(|| self.queue.blocking_recv()) {
            let mut group = vec![job];
            carried = self.gather(&mut group);
            let failed = self.commit(&mut group).err();
            for job in group {
                job.body.answer(failed.as_ref());
            }
        }
    }

    /// Adds queued requests to the group while they fit; returns the first that does not.
    fn gather(&mut self, group: &mut Vec<Job>) -> Option<Job> {
        let mut rows_left = match group[0].begin {
            Begin::Read | Begin::Write => return None,
            Begin::Grouped { rows } => ROWS_PER_TRANSACTION.saturating_sub(rows),
        };
        while let Ok(job) = self.queue.try_recv() {
            match job.begin {
                Begin::Grouped { rows } if rows <= rows_left => rows_left -= rows,
                Begin::Grouped { .. } | Begin::Read | Begin::Write => return Some(job),
            }
            group.push(job);
        }
        None
    }

    fn commit(&self, group: &mut [Job]) -> Result<()> {
        let (behavior, _turn) = match group[0].begin {
            Begin::Read => (TransactionBehavior::Deferred, None),
            Begin::Write | Begin::Grouped { .. } => (TransactionBehavior::Immediate, Some(self.options.turn.take())),
        };
        let transaction = self.begin(behavior)?;
        let now = self.now(&transaction)?;
        match group {
            [lone] => run_alone(lone, transaction, now),
            several => run_each(several, transaction, now),
        }
    }

    fn begin(&self, behavior: TransactionBehavior) -> Result<Transaction<'_>> {
        let mut rounds_left = self.options.lock_rounds;
        loop {
            match Transaction::new_unchecked(&self.conn, behavior) {
                Err(e) if errors::is_busy(&e) && rounds_left > 1 => rounds_left -= 1,
                answer => return Ok(answer?),
            }
        }
    }

    fn now(&self, conn: &Connection) -> Result<Timestamp> {
        let pinned = self.options.clock.as_ref().map(|clock| clock.now().0);
        let mut statement = conn.prepare_cached(include_str!("sql/now.sql"))?;
        Ok(Timestamp(statement.query_row(named_params! {":now": pinned}, |row| row.get(0))?))
    }
}

/// SQLite copies each page that a savepoint may have to bring back; nobody's work is beside this one's.
fn run_alone(job: &mut Job, transaction: Transaction<'_>, now: Timestamp) -> Result<()> {
    let keep = job.body.run(&Session { conn: &transaction, now });
    if transaction.is_autocommit() {
        return Err(rolled_back());
    }
    if keep { transaction.commit().map_err(errors::of_commit) } else { Ok(transaction.rollback()?) }
}

fn run_each(group: &mut [Job], mut transaction: Transaction<'_>, now: Timestamp) -> Result<()> {
    for job in group {
        let savepoint = transaction.savepoint()?;
        let keep = job.body.run(&Session { conn: &savepoint, now });
        if savepoint.is_autocommit() {
            return Err(rolled_back());
        }
        if keep {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit().map_err(errors::of_commit)
}

/// SQLite itself took everything back: disk full, I/O error.
fn rolled_back() -> Error {
    Error::Unavailable { message: "the database rolled back".into(), cause: None }
}

#[cfg(test)]
mod tests;
