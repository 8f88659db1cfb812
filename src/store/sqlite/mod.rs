//! The embedded store: one SQLite file shared by the processes of one machine, or a database in memory.
//!
//! Decides which thread runs a call and how a long one is split; the meaning is in `sql/`.
//! Refuses what SQLite cannot promise: other machines, a read-only file, a foreign schema.

mod admin;
mod claim;
mod connection;
mod cycle;
mod enqueue;
mod errors;
mod failures;
mod finish;
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

pub use self::local::LocalFiles;
pub use self::options::SqliteOptions;

use self::connection::Role;
use self::errors::partly;
use self::fork::Counted;
use self::turn::{Gate, Turn};
use self::worker::{Begin, Options, ROWS_PER_TRANSACTION, Session, Worker};
use super::Store;
use super::error::{Refusal, Result};
use super::failures::{Failed, Failures, PurgeVerdict};
use super::types::{
    Accepted, Beat, CancelVerdict, Capabilities, Control, Cycle, CycleReply, Enqueue, MarkDead, Migrate, Outcome, Pod,
    ProgressReport, Prune, Pruned, Pulse, Recover, Recovered, Registration, ReplayVerdict, SchemaVersion, Search,
    Stats, Step, Tally, Verdict,
};
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Timestamp;

#[derive(Debug)]
pub struct SqliteStore {
    work: Worker,
    beats: Worker,
    reads: Worker,
    wakes: watch::Wakes,
    durable: bool,
}

impl SqliteStore {
    /// Opens or creates the database and starts the threads. Creates no tables: that is `migrate`.
    #[allow(clippy::needless_pass_by_value, reason = "the options of one store, spelled out at the call")]
    pub fn open(options: SqliteOptions) -> Result<Self> {
        match options.path.clone() {
            Some(path) => Self::open_file(path, &options),
            None => Self::open_memory(&options),
        }
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
        })
    }

    /// One connection in all three roles: a private database has no other.
    fn open_memory(options: &SqliteOptions) -> Result<Self> {
        let only = start("fleet-q-memory", connection::open_memory()?, options, Turn::Alone)?;
        let wakes = watch::Wakes::new(None);
        Ok(Self { work: only.clone(), beats: only.clone(), reads: only, wakes, durable: false })
    }

    /// Asks for steps by id, at most so many in one transaction; answers in their order.
    async fn in_chunks<V: Send + 'static>(
        &self,
        ids: &[StepId],
        ask: fn(&Session<'_>, &[StepId]) -> Result<Vec<V>>,
    ) -> Result<Vec<V>> {
        let mut verdicts = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS_PER_TRANSACTION) {
            let (ids, begin) = (chunk.to_vec(), Begin::Grouped { rows: chunk.len() });
            let work = self.work.call(begin, move |session| ask(session, &ids)).await;
            verdicts.extend(work.map_err(|e| partly(e, verdicts.len()))?);
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
        self.work.call(Begin::Write, move |session| migrate::migrate(session.conn, mode)).await
    }

    async fn now(&self) -> Result<Timestamp> {
        self.reads.call(Begin::Read, |session| Ok(session.now)).await
    }

    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>> {
        let mut answers = Vec::with_capacity(call.steps.len());
        let mut offer = call.hand_off.clone();
        for chunk in call.steps.chunks(ROWS_PER_TRANSACTION) {
            let (steps, offered) = (chunk.to_vec(), offer.clone());
            let begin = Begin::Grouped { rows: steps.len() };
            let work = self.work.call(begin, move |session| enqueue::enqueue(session, &steps, offered.as_ref()));
            let stored: Vec<Result<Accepted, Refusal>> = work.await.map_err(|e| partly(e, answers.len()))?;
            if let Some(offer) = &mut offer {
                let taken = stored.iter().filter(|answer| **answer == Ok(Accepted::HandedOff)).count();
                offer.limit = offer.limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
            }
            answers.extend(stored);
        }
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
        self.in_chunks(ids, admin::cancel).await
    }

    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
        let verdicts = self.in_chunks(ids, admin::replay).await?;
        self.bump_if(verdicts.contains(&ReplayVerdict::Replayed));
        Ok(verdicts)
    }

    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>> {
        let call = call.clone();
        self.reads.call(Begin::Read, move |session| failures::find(session, &call)).await
    }

    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
        self.in_chunks(ids, failures::purge).await
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
        let beat = beat.clone();
        self.beats.call(Begin::Write, move |session| pods::beat(session, &beat)).await
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
        let mut orphans = Vec::new();
        let mut left = call.limit;
        while left > 0 {
            let (call, limit) = (call.clone(), leader::RECOVERED_PER_TRANSACTION.min(left));
            let work = self.work.call(Begin::Write, move |session| leader::recover(session, &call, limit)).await;
            let found = work.map_err(|e| partly(e, orphans.len()))?;
            left -= limit;
            orphans.extend(found.orphans);
            if found.moved < limit {
                break;
            }
        }
        self.bump_if(!orphans.is_empty());
        Ok(orphans)
    }

    async fn prune(&self, call: &Prune) -> Result<Pruned> {
        let mut left = call.limit;
        let mut pruned = Pruned::default();
        while left > 0 {
            let (call, limit) = (*call, leader::PRUNED_PER_TRANSACTION.min(left));
            let gone = self.work.call(Begin::Write, move |session| leader::prune(session, &call, limit)).await?;
            left -= gone;
            pruned.steps += u64::from(gone);
            if gone < limit {
                break;
            }
        }
        let keep = call.keep_pods;
        pruned.pods = self.work.call(Begin::Write, move |session| leader::prune_pods(session, keep)).await?;
        Ok(pruned)
    }

    async fn control(&self, command: &Control) -> Result<()> {
        let resumed = match command {
            Control::Pause { .. } => false,
            Control::Resume { .. } => true,
        };
        let command = command.clone();
        self.work.call(Begin::Write, move |session| admin::control(session, &command)).await?;
        self.bump_if(resumed);
        Ok(())
    }

    fn wake_ups(&self) -> tokio::sync::watch::Receiver<u64> {
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
