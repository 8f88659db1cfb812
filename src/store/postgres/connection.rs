//! Runs transactions: on a line of the pool for work, or on the connection for beats. One round trip each.
//!
//! Where a pooler may stand between it leaves no session state behind: statements are unnamed, settings are local to
//! their transaction. On sessions of our own the hot ones are kept by name (`lines`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{Effect, is_not_kept, is_rivalry, of_connecting, of_statement};
use super::lines::Lines;
use super::round_trip::{Answers, prepared, transaction};
use super::sql::{Call, Statement, Statements};
use crate::rules::time::Millis;
use crate::store::clock::DatabaseClock;
use crate::store::error::{Error, Result};
use crate::store::types::Tally;

/// How often a transaction that gave way to a rival (40P01, 40001) is run again.
const RIVALRY_ROUNDS: u32 = 5;

/// How long an answer may be late beyond the server's own limit before the call is given up.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// Why a transaction failed: the driver's word, or silence.
#[derive(Debug)]
pub(super) enum Failure {
    Said(tokio_postgres::Error),
    Other(Error),
}

pub(super) struct Connections {
    pub sql: Arc<Statements>,
    pub config: Config,
    pub tls: MakeRustlsConnect,
    lines: Lines,
    beats: Mutex<Option<Client>>,
    /// Statements sent and transactions committed.
    tally: [AtomicU64; 2],
    clock: Option<Arc<dyn DatabaseClock>>,
    connect_timeout: Duration,
    statement_timeout: Duration,
}

/// Whether a transaction's statements are among the few that come again and again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    WherePossible,
    No,
}

/// How a store's connections are made and bounded.
#[derive(Debug)]
pub(super) struct Bounds {
    pub work_connections: usize,
    pub connect_timeout: Millis,
    pub statement_timeout: Millis,
    /// Stands in for the database's clock in tests.
    pub clock: Option<Arc<dyn DatabaseClock>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("keeps", &self.lines.keeps()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Connects to nothing yet.
    pub fn new(config: Config, tls: MakeRustlsConnect, sql: Arc<Statements>, bounds: Bounds) -> Self {
        let connect_timeout = bounds.connect_timeout.as_duration();
        let statement_timeout = bounds.statement_timeout.as_duration();
        let lines =
            Lines::new(config.clone(), tls.clone(), bounds.work_connections, connect_timeout, statement_timeout);
        let (beats, clock) = (Mutex::new(None), bounds.clock);
        let tally = [AtomicU64::new(0), AtomicU64::new(0)];
        Self { sql, config, tls, lines, beats, tally, clock, connect_timeout, statement_timeout }
    }

    /// A statement of this store, to be given its values.
    pub fn call<'a>(&self, statement: &'a Statement) -> Call<'a> {
        statement.call(self.clock.as_ref().map(|clock| clock.now().0))
    }

    /// Runs statements that write, in one transaction.
    pub async fn write(&self, calls: &[Call<'_>]) -> Result<Answers> {
        self.try_write(calls).await.map_err(|failure| failure.into_error(Effect::Possible))
    }

    /// As `write`, but the driver's own error can still be asked whether a row was at fault.
    pub async fn try_write(&self, calls: &[Call<'_>]) -> Result<Answers, Failure> {
        self.rivalling(&self.sql.begin_work, Keeping::No, calls).await
    }

    /// As `try_write`, for statements that name the rows they mean, or take them in the order of an index.
    /// Kept by name, where sessions are our own.
    pub async fn try_write_by_key(&self, calls: &[Call<'_>]) -> Result<Answers, Failure> {
        self.rivalling(&self.sql.begin_by_key, Keeping::WherePossible, calls).await
    }

    async fn rivalling(&self, begin: &Statement, keeping: Keeping, calls: &[Call<'_>]) -> Result<Answers, Failure> {
        let mut rounds = 1;
        loop {
            let kept = keeping == Keeping::WherePossible && self.lines.keeps();
            match self.on_pool(begin, kept, calls, Effect::Possible).await {
                Err(Failure::Said(error)) if is_rivalry(&error) && rounds < RIVALRY_ROUNDS => rounds += 1,
                // Nothing of the transaction was done, and the next round keeps nothing.
                Err(Failure::Said(error)) if kept && is_not_kept(&error) => self.lines.keep_no_more(),
                answer => return answer,
            }
        }
    }

    /// Runs statements that only read.
    pub async fn read(&self, calls: &[Call<'_>]) -> Result<Answers> {
        self.on_pool(&self.sql.begin_work, false, calls, Effect::None)
            .await
            .map_err(|failure| failure.into_error(Effect::None))
    }

    /// A connection of the pool, for what is not one round trip.
    pub async fn lend(&self) -> Result<Object> {
        self.lines.lend(&self.sql.line).await
    }

    async fn on_pool(
        &self,
        begin: &Statement,
        kept: bool,
        calls: &[Call<'_>],
        effect: Effect,
    ) -> Result<Answers, Failure> {
        let lent = self.lend().await.map_err(Failure::Other)?;
        let answer = if kept {
            let opening = self.opening(&self.sql.begin);
            let sent = if calls.len() == 1 { 1 } else { framed(calls) };
            self.in_time(prepared(&lent, &opening, calls), sent, effect).await
        } else {
            self.in_time(transaction(&lent, &self.opening(begin), calls), framed(calls), effect).await
        };
        if !matches!(&answer, Ok(_) | Err(Failure::Said(_))) {
            // What did not answer may still be busy with it; nobody else gets this connection.
            drop(Object::take(lent));
        }
        answer
    }

    /// Runs a beat's transaction on the connection that serves beats alone. Whenever it fails, or is
    /// given up by its caller, the next beat connects anew and looks the name up again.
    pub async fn beat(&self, calls: &[Call<'_>]) -> Result<Answers> {
        let mut held = self.beats.lock().await;
        let client = match held.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            // Its driver ends with it: every call on it then says that the connection is closed.
            None => self.connect().await?.0,
        };
        let opening = self.opening(&self.sql.begin_lazily);
        let answer = self.in_time(transaction(&client, &opening, calls), framed(calls), Effect::Possible).await;
        if answer.is_ok() {
            *held = Some(client);
        }
        answer.map_err(|failure| failure.into_error(Effect::Possible))
    }

    /// A connection apart from the pool, and the task that drives it.
    pub async fn connect(&self) -> Result<(Client, JoinHandle<()>)> {
        let connecting = self.config.connect(self.tls.clone());
        let connected = tokio::time::timeout(self.connect_timeout, connecting).await;
        let (client, driver) =
            connected.map_err(|e| Error::unavailable("no connection in time", e))?.map_err(of_connecting)?;
        Ok((client, tokio::spawn(async move { drop(driver.await) })))
    }

    pub async fn close(&self) {
        self.lines.close();
        *self.beats.lock().await = None;
    }

    /// How long the server may take for a statement of ours, and to wait for a lock.
    pub const fn patience(&self) -> Duration {
        self.statement_timeout
    }

    pub fn tally(&self) -> Tally {
        let [statements, commits] = &self.tally;
        Tally { statements: statements.load(Ordering::Relaxed), commits: commits.load(Ordering::Relaxed) }
    }

    /// What a transaction begins with.
    pub fn opening(&self, begin: &Statement) -> String {
        let ms = i64::try_from(self.statement_timeout.as_millis()).unwrap_or(i64::MAX);
        begin.call(None).number("timeout_literal", ms).spelled().0
    }

    async fn in_time(
        &self,
        answer: impl Future<Output = Result<Answers, tokio_postgres::Error>>,
        sent: u64,
        effect: Effect,
    ) -> Result<Answers, Failure> {
        self.tally[0].fetch_add(sent, Ordering::Relaxed);
        let patience = self.statement_timeout + ANSWER_GRACE;
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => {
                self.tally[1].fetch_add(u64::from(answer.is_ok()), Ordering::Relaxed);
                answer.map_err(Failure::Said)
            }
            Err(late) => Err(Failure::Other(match effect {
                Effect::None => Error::unavailable("no answer in time", late),
                Effect::Possible => Error::unknown("no answer in time"),
            })),
        }
    }
}

/// Statements of a transaction, with begin and commit.
const fn framed(calls: &[Call<'_>]) -> u64 {
    calls.len() as u64 + 2
}

impl Failure {
    pub fn into_error(self, effect: Effect) -> Error {
        match self {
            Self::Said(error) => of_statement(error, effect),
            Self::Other(error) => error,
        }
    }
}
