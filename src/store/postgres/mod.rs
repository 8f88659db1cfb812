//! The store that many machines share: one Postgres, by a pool for work, a connection for beats and
//! one that listens.
//!
//! Decides which connection runs a call and who is told of new work; the meaning is in `sql/`.
//! Refuses session state: nothing outlives a transaction, so a pooler in transaction mode may stand between.

mod admin;
mod batch;
mod claim;
mod connection;
mod cycle;
mod durability;
mod enqueue;
mod errors;
mod examine;
mod examined;
mod failures;
mod finish;
mod floors;
mod gate;
mod leader;
mod lines;
mod migrate;
mod pods;
mod round_trip;
mod rows;
mod script;
mod sql;
mod tls;
mod url;
mod values;
mod wakes;

use std::sync::Arc;

use async_trait::async_trait;

use self::connection::{Bounds, Connections};
use self::durability::Durability;
use self::floors::Known;
use self::sql::Statements;
use self::url::Process;
use self::wakes::{EVERYBODY, Wakes};
use super::Store;
use super::clock::DatabaseClock;
use super::error::{Error, Refusal, Result};
use super::failures::{Failed, Failures, PurgeVerdict};
use super::migrate::History;
use super::types::{
    Accepted, Beat, CancelVerdict, Capabilities, Control, Cycle, CycleReply, Enqueue, MarkDead, Migrate, Outcome, Pod,
    ProgressReport, Prune, Pruned, Pulse, Recover, Recovered, Registration, ReplayVerdict, Schema, SchemaVersion,
    Script, Search, Stats, Step, Tally, Verdict,
};
use crate::rules::crowd::{self, Rings};
use crate::rules::diagnosis::facts::Examination;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::{Millis, Timestamp};

/// Connections for work, beside the one for beats and the one that listens.
pub const WORK_CONNECTIONS: usize = 2;

#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `None`: the connection's own schema, by its `search_path`.
    pub schema: Option<String>,
    /// Tells the server who connects, in `pg_stat_activity`.
    pub pod_name: Option<String>,
    pub work_connections: usize,
    pub connect_timeout: Millis,
    /// The server's limit for each statement of ours; with a little grace also how long we wait.
    pub statement_timeout: Millis,
    /// Stands in for the database's clock in tests.
    pub clock: Option<Arc<dyn DatabaseClock>>,
}

#[derive(Debug)]
pub struct PostgresStore {
    db: Arc<Connections>,
    wakes: Wakes,
    floors: Known,
    schema: Option<String>,
    listens: bool,
    durability: Durability,
    history: History,
}

impl PostgresStore {
    /// Reads the URL. Connects to nothing yet and creates no tables: that is `migrate`.
    pub fn open(url: &str, options: PostgresOptions) -> Result<Self> {
        if options.schema.as_deref().is_some_and(|name| name.is_empty() || name.len() > 63 || name.contains('\0')) {
            return Err(Error::config("SCHEMA is a name of 1 to 63 bytes"));
        }
        let program =
            options.pod_name.as_deref().map_or_else(|| "fleet-q".to_owned(), |name| format!("fleet-q {name}"));
        let address = url::read(url, &program, &Process)?;
        let tls = tls::connector(&address.trust, address.identity.as_ref())?;
        let mut config = address.config;
        if config.get_connect_timeout().is_none() {
            // All hosts together get the time that a caller waits; one that swallows packets leaves the rest theirs.
            let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
            config.connect_timeout(options.connect_timeout.as_duration() / u32::try_from(hosts).unwrap_or(1));
        }
        let statements = Arc::new(Statements::read(options.schema.as_deref()));
        let bounds = Bounds {
            work_connections: options.work_connections,
            connect_timeout: options.connect_timeout,
            statement_timeout: options.statement_timeout,
            clock: options.clock,
        };
        let db = Arc::new(Connections::new(config, tls, statements, bounds));
        Ok(Self {
            db,
            wakes: Wakes::new(address.listen),
            floors: Known::default(),
            schema: options.schema,
            listens: address.listen,
            durability: address.durability,
            history: migrate::HISTORY,
        })
    }

    /// Speaks another schema than this build's own; for tests of migrations that are not yet there.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    fn tell_of(&self, steps: usize) {
        if steps > 0 {
            self.wakes.bump(&self.db, self.schema.as_deref(), u64::try_from(steps).unwrap_or(u64::MAX));
        }
    }
}

/// Names the database of a URL, without who connects and how: the same for every process that uses it.
pub fn place(url: &str) -> Result<String> {
    let config = url::read(url, "", &Process)?.config;
    let hosts = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    Ok(format!("{hosts:?} {:?}", config.get_dbname().or(config.get_user())))
}

#[async_trait]
impl Store for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { unique_keys: true, wake_ups: self.listens, shared: true, durable: true }
    }

    async fn migrate(&self, mode: Migrate) -> Result<SchemaVersion> {
        migrate::migrate(&self.db, self.schema.as_deref(), self.history, mode).await
    }

    async fn schema(&self) -> Result<Schema> {
        migrate::version(&self.db, self.schema.as_deref()).await.map(|found| self.history.look(found))
    }

    async fn script(&self, script: &Script) -> Result<String> {
        script::script(&self.db, self.schema.as_deref(), self.history, script).await
    }

    async fn cautions(&self) -> Result<Vec<String>> {
        durability::cautions(&self.db, self.durability).await
    }

    async fn now(&self) -> Result<Timestamp> {
        pods::now(&self.db).await
    }

    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>> {
        if call.steps.is_empty() {
            return Ok(Vec::new());
        }
        let answers = enqueue::enqueue(&self.db, &self.floors, call).await?;
        self.tell_of(answers.iter().filter(|answer| **answer == Ok(Accepted::Stored)).count());
        Ok(answers)
    }

    async fn cycle(&self, call: &Cycle) -> Result<CycleReply> {
        let reply = cycle::cycle(&self.db, &self.floors, call).await?;
        let run_again = call.finishes.iter().filter(|finish| match finish.outcome {
            Outcome::Retry { .. } | Outcome::Snooze { .. } | Outcome::Crash { .. } => true,
            Outcome::Complete { .. } | Outcome::Fail { .. } | Outcome::Cancel { .. } => false,
        });
        let released = reply.released.iter().filter(|verdict| **verdict == Verdict::Recorded);
        self.tell_of(run_again.count() + released.count());
        Ok(reply)
    }

    async fn mine(&self, pod: &PodId) -> Result<Vec<Claim>> {
        pods::mine(&self.db, &self.floors, pod).await
    }

    async fn progress(&self, reports: &[ProgressReport]) -> Result<()> {
        if reports.is_empty() { Ok(()) } else { finish::progress(&self.db, reports).await }
    }

    async fn cancel(&self, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
        if ids.is_empty() { Ok(Vec::new()) } else { admin::cancel(&self.db, ids).await }
    }

    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
        let verdicts = admin::replay(&self.db, ids).await?;
        self.tell_of(verdicts.iter().filter(|verdict| **verdict == ReplayVerdict::Replayed).count());
        Ok(verdicts)
    }

    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>> {
        failures::find(&self.db, call).await
    }

    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
        if ids.is_empty() { Ok(Vec::new()) } else { failures::purge(&self.db, ids).await }
    }

    async fn get(&self, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
        if ids.is_empty() { Ok(Vec::new()) } else { admin::get(&self.db, ids).await }
    }

    async fn search(&self, filter: &Search) -> Result<Vec<Step>> {
        admin::search(&self.db, filter).await
    }

    async fn stats(&self) -> Result<Stats> {
        admin::stats(&self.db).await
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        pods::pods(&self.db).await
    }

    async fn register(&self, pod: &Registration) -> Result<()> {
        pods::register(&self.db, pod).await
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        assert!(beat.status.holds_claims(), "a pod ends by `retire`, not by a beat");
        let pulse = pods::beat(&self.db, self.schema.as_deref(), self.history, beat).await?;
        self.floors.set_sharers(crowd::alike(&beat.pod_id, &pulse.pods).count());
        Ok(pulse)
    }

    async fn retire(&self, pod: &PodId) -> Result<()> {
        pods::retire(&self.db, pod).await
    }

    async fn mark_dead(&self, call: &MarkDead) -> Result<Vec<PodId>> {
        leader::mark_dead(&self.db, call).await
    }

    async fn recover(&self, call: &Recover) -> Result<Vec<Recovered>> {
        let orphans = leader::recover(&self.db, call).await?;
        self.tell_of(orphans.len());
        Ok(orphans)
    }

    async fn prune(&self, call: &Prune) -> Result<Pruned> {
        leader::prune(&self.db, &self.floors, call).await
    }

    async fn control(&self, command: &Control) -> Result<()> {
        let resumed = match command {
            Control::Pause { .. } => false,
            Control::Resume { .. } => true,
        };
        admin::control(&self.db, command).await?;
        if resumed {
            self.wakes.bump(&self.db, self.schema.as_deref(), EVERYBODY);
        }
        Ok(())
    }

    async fn examine(&self) -> Result<Examination> {
        examine::examine(&self.db, self.schema.as_deref(), self.history).await
    }

    fn wake_ups(&self) -> tokio::sync::watch::Receiver<Rings> {
        self.wakes.subscribe(&self.db, self.schema.as_deref())
    }

    fn pass_on(&self, steps: u64) {
        self.wakes.tell(&self.db, self.schema.as_deref(), steps);
    }

    fn tally(&self) -> Tally {
        self.db.tally()
    }

    async fn close(&self) {
        self.wakes.stop();
        self.db.close().await;
    }
}
