//! The embedded store: one SQLite file shared by the processes of one machine, or a database in memory.
//!
//! Decides which thread runs a call and how a long one is split; the meaning is in `sql/`.
//! Refuses what SQLite cannot promise: other machines, a read-only file, a foreign schema.

mod admin;
mod claim;
mod claimed;
mod connection;
mod cycle;
mod enqueue;
mod errors;
mod examine;
mod failures;
mod finish;
mod for_rows;
mod fork;
mod leader;
mod local;
mod migrate;
mod options;
mod parameters;
mod pods;
mod rows;
mod tally;
mod turn;
mod watch;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::local::{LocalFiles, journals};
pub use self::options::SqliteOptions;

use self::connection::Role;
use self::errors::partly;
use self::fork::Counted;
use self::turn::{Gate, Turn};
use self::worker::{Begin, Options, ROWS_PER_TRANSACTION, Session, Worker};
use super::Store;
use super::error::{Error, Refusal, Result};
use super::failures::{Failed, Failures, PurgeVerdict};
use super::migrate::History;
use super::types::{
    Accepted, Beat, CancelVerdict, Capabilities, Control, Cycle, CycleReply, Enqueue, MarkDead, Migrate, Outcome, Pod,
    ProgressReport, Prune, Pruned, Pulse, Recover, Recovered, Registration, ReplayVerdict, Schema, SchemaVersion,
    Script, Search, Stats, Step, Tally, Verdict,
};
use crate::rules::crowd::Rings;
use crate::rules::diagnosis::facts::Examination;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Timestamp;

#[derive(Debug)]
pub struct SqliteStore {
    work: Worker,
    beats: Worker,
    reads: Worker,
    wakes: watch::Wakes,
    durable: bool,
    history: History,
}

impl SqliteStore {
    /// Opens or creates the database and starts the threads. Creates no tables: that is `migrate`.
    #[allow(clippy::needless_pass_by_value, reason = "the options of one store, spelled out at the call")]
    pub fn open(options: SqliteOptions) -> Result<Self> {
        options.path.clone().map_or_else(|| Self::open_memory(&options), |path| Self::open_file(path, &options))
    }

    fn open_file(path: PathBuf, options: &SqliteOptions) -> Result<Self> {
        let work_role = if options.synchronous_normal { Role::RelaxedWork } else { Role::Work };
        let work = connection::open_file(&path, work_role)?;
        let beats = connection::open_file(&path, Role::Beats)?;
        let reads = connection::open_file(&path, Role::Reads)?;
        let gate = Arc::new(Gate::default());
        Ok(Self {
            work: start("fleet-q-work", work, options, Turn::Yields(Arc::clone(&gate)))?,
            beats: start("fleet-q-beats", beats, options, Turn::First(gate))?,
            reads: start("fleet-q-reads", reads, options, Turn::Alone)?,
            wakes: watch::Wakes::new(Some(path)),
            durable: true,
            history: migrate::HISTORY,
        })
    }

    /// One connection in all three roles: a private database has no other.
    fn open_memory(options: &SqliteOptions) -> Result<Self> {
        let only = start("fleet-q-memory", connection::open_memory()?, options, Turn::Alone)?;
        let wakes = watch::Wakes::new(None);
        let history = migrate::HISTORY;
        Ok(Self { work: only.clone(), beats: only.clone(), reads: only, wakes, durable: false, history })
    }

    /// Speaks another schema than this build's own; for tests of migrations that are not yet there.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// Runs `work` over the ids, a bounded number of them per transaction.
    async fn by_id<T: Send + 'static>(
        &self,
        ids: &[StepId],
        work: fn(&Session<'_>, &[StepId]) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let mut verdicts = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS_PER_TRANSACTION) {
            let ids = chunk.to_vec();
            let begin = Begin::Grouped { rows: ids.len() };
            let said = self.work.call(begin, move |session| work(session, &ids)).await;
            verdicts.extend(said.map_err(|e| partly(e, verdicts.len()))?);
        }
        Ok(verdicts)
    }

    fn bump_if(&self, news: bool) {
        if news {
            self.wakes.bump();
        }
    }
}

fn start(name: &'static str, conn: Counted, options: &SqliteOptions, turn: Turn) -> Result<Worker> {
    let lock_rounds = connection::lock_rounds(options.busy_timeout);
    Worker::start(conn, Options { name, clock: options.clock.clone(), lock_rounds, turn })
}

#[async_trait]
impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { unique_keys: true, wake_ups: true, shared: self.durable, durable: self.durable }
    }

    async fn migrate(&self, mode: Migrate) -> Result<SchemaVersion> {
        migrate::migrate(&self.work, self.schema().await?.found, self.history, mode).await
    }

    async fn schema(&self) -> Result<Schema> {
        let found = self.reads.call(Begin::Read, |session| migrate::read(session.conn)).await?;
        Ok(self.history.look(found))
    }

    async fn script(&self, script: &Script) -> Result<String> {
        match script {
            Script::Migration { from } => Ok(migrate::script(self.history, *from)),
            Script::Grants { .. } => Err(Error::config("SQLite knows no roles: whoever may write the file may use it")),
        }
    }

    async fn now(&self) -> Result<Timestamp> {
        self.reads.call(Begin::Read, |session| Ok(session.now)).await
    }

    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>> {
        let answers = enqueue::in_batches(&self.work, call).await?;
        self.bump_if(answers.contains(&Ok(Accepted::Stored)));
        Ok(answers)
    }

    async fn cycle(&self, call: &Cycle) -> Result<CycleReply> {
        let mut reply = CycleReply::default();
        for part in cycle::parts(call) {
            let begin = Begin::Grouped { rows: cycle::weight(&part) };
            let done = reply.verdicts.len() + reply.released.len();
            let work = self.work.call(begin, move |session| cycle::cycle(session, &part)).await;
            let mut latest = work.map_err(|e| partly(e, done))?;
            latest.verdicts.splice(..0, reply.verdicts);
            latest.released.splice(..0, reply.released);
            reply = latest;
        }
        let runs_again = call.finishes.iter().any(|finish| match finish.outcome {
            Outcome::Retry { .. } | Outcome::Snooze { .. } | Outcome::Crash { .. } => true,
            Outcome::Complete { .. } | Outcome::Fail { .. } | Outcome::Cancel { .. } => false,
        });
        self.bump_if(runs_again || reply.released.contains(&Verdict::Recorded));
        Ok(reply)
    }

    async fn mine(&self, pod: &PodId) -> Result<Vec<Claim>> {
        let pod = pod.clone();
        self.reads.call(Begin::Read, move |session| pods::mine(session, &pod)).await
    }

    async fn progress(&self, reports: &[ProgressReport]) -> Result<()> {
        for chunk in reports.chunks(ROWS_PER_TRANSACTION) {
            let (reports, begin) = (chunk.to_vec(), Begin::Grouped { rows: chunk.len() });
            self.work.call(begin, move |session| finish::progress(session, &reports)).await?;
        }
        Ok(())
    }

    async fn cancel(&self, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
        self.by_id(ids, admin::cancel).await
    }

    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
        let verdicts = self.by_id(ids, admin::replay).await?;
        self.bump_if(verdicts.contains(&ReplayVerdict::Replayed));
        Ok(verdicts)
    }

    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>> {
        let call = call.clone();
        self.reads.call(Begin::Read, move |session| failures::find(session, &call)).await
    }

    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
        self.by_id(ids, failures::purge).await
    }

    async fn get(&self, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
        let ids = ids.to_vec();
        self.reads.call(Begin::Read, move |session| admin::get(session, &ids)).await
    }

    async fn search(&self, filter: &Search) -> Result<Vec<Step>> {
        let filter = filter.clone();
        self.reads.call(Begin::Read, move |session| admin::search(session, &filter)).await
    }

    async fn stats(&self) -> Result<Stats> {
        self.reads.call(Begin::Read, admin::stats).await
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        self.reads.call(Begin::Read, pods::pods).await
    }

    async fn register(&self, pod: &Registration) -> Result<()> {
        let pod = pod.clone();
        self.beats.call(Begin::Write, move |session| pods::register(session, &pod)).await
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        assert!(beat.status.holds_claims(), "a pod ends by `retire`, not by a beat");
        let (beat, history) = (beat.clone(), self.history);
        self.beats.call(Begin::Write, move |session| pods::beat(session, history, &beat)).await
    }

    async fn retire(&self, pod: &PodId) -> Result<()> {
        let pod = pod.clone();
        self.beats.call(Begin::Write, move |session| pods::retire(session, &pod)).await
    }

    async fn mark_dead(&self, call: &MarkDead) -> Result<Vec<PodId>> {
        let call = call.clone();
        self.beats.call(Begin::Write, move |session| leader::mark_dead(session, &call)).await
    }

    async fn recover(&self, call: &Recover) -> Result<Vec<Recovered>> {
        let orphans = leader::recover_in_batches(&self.work, call).await?;
        self.bump_if(!orphans.is_empty());
        Ok(orphans)
    }

    async fn prune(&self, call: &Prune) -> Result<Pruned> {
        leader::prune_in_batches(&self.work, call).await
    }

    async fn control(&self, command: &Control) -> Result<()> {
        let resumed = matches!(command, Control::Resume { .. });
        let command = command.clone();
        self.work.call(Begin::Write, move |session| admin::control(session, &command)).await?;
        self.bump_if(resumed);
        Ok(())
    }

    async fn examine(&self) -> Result<Examination> {
        examine::examine(&self.work, &self.reads, self.history).await
    }

    fn wake_ups(&self) -> tokio::sync::watch::Receiver<Rings> {
        self.wakes.subscribe()
    }

    fn tally(&self) -> Tally {
        tally::read()
    }

    async fn close(&self) {
        self.wakes.stop();
        self.work.close().await;
        self.reads.close().await;
        self.beats.close().await;
    }
}
