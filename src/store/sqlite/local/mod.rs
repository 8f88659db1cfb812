//! The pod's own durable memory in one SQLite file: outcomes the store has not acknowledged, and dead
//! letters. One file per process, locked for its life; files whose process is gone are adopted.

mod files;
mod inspect;
mod letters;
mod rows;

pub use inspect::journals;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, named_params};

use self::files::{Place, Tried};
use super::connection::{self, Role};
use super::errors::internal;
use super::fork::Counted;
use super::turn::Turn;
use super::worker::{Begin, Options, Worker};
use crate::rules::step::Claim;
use crate::rules::time::{Millis, Timestamp};
use crate::store::error::{Error, Result};
use crate::store::journal::{DLQ_KEPT, DeadLetter, Local, Owed};

/// Outcomes moved in one transaction when a journal is adopted.
const ADOPTED_AT_ONCE: u32 = 500;
const BUSY_TIMEOUT: Millis = Millis(5000);

#[derive(Debug)]
pub struct LocalFiles {
    folder: PathBuf,
    place: Place,
    worker: Worker,
    /// Until `close` or the end of the process; then others may adopt the file.
    lock: Mutex<Option<File>>,
}

impl LocalFiles {
    /// Opens this process's own file in `folder`, which is created if missing. `name` must be
    /// unique among the processes that share the folder, such as `<pid>-<random>`.
    pub fn open(folder: &Path, name: &str) -> Result<Self> {
        files::create_folder(folder)?;
        let place = Place::new(folder, name);
        let lock = match place.lock_own()? {
            Tried::Taken(lock) => lock,
            Tried::HeldByAnother => {
                return Err(Error::config(format!(
                    "another process uses the journal {}: give each process its own name",
                    place.database.display()
                )));
            }
        };
        let conn = Journal::open(&place.database).map_err(|error| files::unkept(folder, error))?.0;
        let options = Options {
            name: "fleet-q-journal",
            clock: None,
            lock_rounds: connection::lock_rounds(BUSY_TIMEOUT),
            turn: Turn::Alone,
        };
        let worker = Worker::start(conn, options)?;
        Ok(Self { folder: folder.to_path_buf(), place, worker, lock: Mutex::new(Some(lock)) })
    }

    /// Dead letters of every file in the folder, newest first, for whoever looks from another process.
    /// Locks, adopts and creates nothing; a file that is gone or cannot be read is passed over.
    pub fn letters_in(folder: &Path, limit: u32) -> Result<Vec<DeadLetter>> {
        let places = if folder.is_dir() { files::all(folder)? } else { Vec::new() };
        let found = places.iter().filter_map(|place| letters::peek(&place.database, limit).ok());
        Ok(letters::merged(found.collect(), limit))
    }

    /// Takes over one journal if its process is gone, and deletes it. One that cannot be read is set
    /// aside: it must not keep a pod from starting.
    async fn adopt_one(&self, other: &Place) -> Result<u64> {
        let Tried::Taken(_lock) = other.lock()? else {
            return Ok(0);
        };
        if !other.database.exists() {
            return other.remove().map(|()| 0);
        }
        match self.move_all(&other.database).await {
            Ok(moved) => other.remove().map(|()| moved),
            Err(error) if error.is_transient() => Err(files::unkept(&self.folder, error)),
            Err(_unreadable) => other.set_aside().map(|()| 0),
        }
    }

    /// Runs what touches our own file; an error says where that is, and the way out.
    async fn call<T: Send + 'static>(
        &self,
        begin: Begin,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = self.worker.call(begin, move |session| work(session.conn)).await;
        answer.map_err(|error| files::unkept(&self.folder, error))
    }

    async fn move_all(&self, database: &Path) -> Result<u64> {
        let mut journal = Journal::open(database)?;
        let mut moved = 0;
        loop {
            let owed = journal.owed(ADOPTED_AT_ONCE)?;
            if owed.is_empty() {
                break;
            }
            self.put(&owed).await?;
            moved += owed.len() as u64;
            // Ours is durable by now; a crash here only has an outcome twice, and `put` keeps one.
            journal.forget(&owed)?;
        }
        self.bury(&journal.letters()?).await?;
        Ok(moved)
    }
}

#[async_trait]
impl Local for LocalFiles {
    async fn put(&self, owed: &[Owed]) -> Result<()> {
        let owed = owed.to_vec();
        let begin = Begin::Grouped { rows: owed.len() };
        self.call(begin, move |conn| owed.iter().try_for_each(|one| put(conn, one))).await
    }

    async fn owed(&self, limit: u32) -> Result<Vec<Owed>> {
        self.call(Begin::Read, move |conn| owed(conn, limit)).await
    }

    async fn delivered(&self, claims: &[Claim]) -> Result<()> {
        let claims = claims.to_vec();
        let begin = Begin::Grouped { rows: claims.len() };
        self.call(begin, move |conn| delivered(conn, &claims)).await
    }

    async fn depth(&self) -> Result<u64> {
        let depth = |conn: &Connection| conn.query_row(include_str!("sql/depth.sql"), [], |row| row.get::<_, i64>(0));
        let depth = self.call(Begin::Read, move |conn| Ok(depth(conn)?)).await?;
        u64::try_from(depth).map_err(|e| internal(e.to_string()))
    }

    async fn adopt(&self) -> Result<u64> {
        let mut moved = 0;
        for other in files::others(&self.folder, &self.place)? {
            moved += self.adopt_one(&other).await?;
        }
        Ok(moved)
    }

    async fn bury(&self, letters: &[DeadLetter]) -> Result<()> {
        let letters = letters.to_vec();
        let begin = Begin::Grouped { rows: letters.len() };
        self.call(begin, move |conn| letters::bury(conn, &letters)).await
    }

    async fn buried(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        self.call(Begin::Read, move |conn| letters::buried(conn, limit)).await
    }

    async fn failures_seen(&self) -> Result<Option<Timestamp>> {
        self.call(Begin::Read, letters::failures_seen).await
    }

    async fn saw_failures(&self, until: Timestamp) -> Result<()> {
        let begin = Begin::Grouped { rows: 1 };
        self.call(begin, move |conn| letters::saw_failures(conn, until)).await
    }

    async fn close(&self) {
        self.worker.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The journal of a process that is gone.
struct Journal(Counted);

impl Journal {
    fn open(path: &Path) -> Result<Self> {
        let conn = connection::open_file(path, Role::Work)?;
        conn.execute_batch(include_str!("migrations/0001_tables.sql"))?;
        Ok(Self(conn))
    }

    fn owed(&self, limit: u32) -> Result<Vec<Owed>> {
        owed(&self.0, limit)
    }

    /// Oldest first, so that burying them again keeps their order.
    fn letters(&self) -> Result<Vec<DeadLetter>> {
        let mut letters = letters::buried(&self.0, DLQ_KEPT)?;
        letters.reverse();
        Ok(letters)
    }

    fn forget(&mut self, owed: &[Owed]) -> Result<()> {
        let claims: Vec<Claim> = owed.iter().map(|owed| owed.finish.claim).collect();
        let transaction = self.0.transaction()?;
        delivered(&transaction, &claims)?;
        Ok(transaction.commit()?)
    }
}

fn put(conn: &Connection, owed: &Owed) -> Result<()> {
    let result = rows::result_of(&owed.finish.outcome);
    conn.prepare_cached(include_str!("sql/put.sql"))?.execute(named_params! {
        ":step_id": owed.finish.claim.step_id.to_string(),
        ":claim_id": owed.finish.claim.claim_id.to_string(),
        ":pod": owed.pod.as_str(),
        ":outcome": rows::spelled(&owed.finish.outcome),
        ":result": result.map(|content| &content.bytes[..]),
        ":result_content_type": result.map(|content| &content.content_type),
    })?;
    Ok(())
}

fn owed(conn: &Connection, limit: u32) -> Result<Vec<Owed>> {
    let mut statement = conn.prepare_cached(include_str!("sql/owed.sql"))?;
    let mut found = statement.query(named_params! {":limit": limit})?;
    let mut owed = Vec::new();
    while let Some(row) = found.next()? {
        owed.push(rows::owed(row)?);
    }
    Ok(owed)
}

fn delivered(conn: &Connection, claims: &[Claim]) -> Result<()> {
    let mut statement = conn.prepare_cached(include_str!("sql/delivered.sql"))?;
    for claim in claims {
        let ids = named_params! {":step_id": claim.step_id.to_string(), ":claim_id": claim.claim_id.to_string()};
        statement.execute(ids)?;
    }
    Ok(())
}
