//! The store in memory: the model that the databases are tested against, and what simulations run on.
//!
//! Owns the lock and the connection; asks `rules` for every decision. Never spawns, sleeps or waits;
//! the same calls give the same answers. Refuses to be durable or shared beyond its process.

mod examine;
mod failures;
mod fleet;
mod history;
mod local;
mod rows;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

pub use local::MemoryLocal;

use super::Store;
use super::clock::DatabaseClock;
use super::error::{Error, Refusal, Result};
use super::failures::{Failed, Failures, PurgeVerdict};
use super::types::{
    Accepted, Beat, CancelVerdict, Capabilities, Control, Cycle, CycleReply, Enqueue, MarkDead, Migrate, Outcome, Pod,
    ProgressReport, Prune, Pruned, Pulse, Recover, Recovered, Registration, ReplayVerdict, Schema, SchemaVersion,
    Search, Stats, Step, Verdict,
};
use crate::rules::crowd::Rings;
use crate::rules::diagnosis::facts::Examination;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Timestamp;
use rows::Rows;

/// One connection to a database that is a value. [`MemoryStore::connect`] gives another one to the same data.
#[derive(Debug)]
pub struct MemoryStore {
    database: Arc<Database>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Database {
    clock: Arc<dyn DatabaseClock>,
    tables: Mutex<Tables>,
    wake: watch::Sender<Rings>,
}

/// STEP_TRACKER, POD_HEALTH and the control row.
#[derive(Debug, Default)]
struct Tables {
    rows: Rows,
    pods: BTreeMap<PodId, Pod>,
    paused: BTreeSet<String>,
}

/// Whether a call may have made work for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Steps(u64),
    /// What waited may go on.
    Resumed,
    Nothing,
}

impl News {
    fn of(steps: usize) -> Self {
        if steps == 0 { Self::Nothing } else { Self::Steps(u64::try_from(steps).unwrap_or(u64::MAX)) }
    }
}

impl MemoryStore {
    /// The schema this build speaks; what is in memory is never older.
    const SCHEMA: SchemaVersion = SchemaVersion { version: 1, min_compatible: 1 };

    /// An empty database with this clock.
    pub fn new(clock: Arc<dyn DatabaseClock>) -> Self {
        let tables = Mutex::new(Tables::default());
        let database = Arc::new(Database { clock, tables, wake: watch::Sender::default() });
        Self { database, closed: AtomicBool::new(false) }
    }

    /// Another connection to the same data, closed apart from this one.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self { database: Arc::clone(&self.database), closed: AtomicBool::new(false) }
    }

    /// Edits a stored step past every rule, as raw SQL would; for tests that need a row in some
    /// state. Returns whether there was such a step.
    pub fn edit_raw(&self, step_id: StepId, edit: impl FnOnce(&mut Step)) -> bool {
        self.tables().rows.change(step_id, edit).is_some()
    }

    /// The tables and the moment of the call, or `Stopped`.
    fn open(&self) -> Result<(MutexGuard<'_, Tables>, Timestamp)> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Stopped);
        }
        let mut tables = self.tables();
        let now = self.database.clock.now();
        tables.rows.turn_clock(now);
        Ok((tables, now))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.database.tables.lock().expect("no call panics while it holds the tables")
    }

    fn tell(&self, news: News) {
        match news {
            News::Steps(steps) => self.database.wake.send_modify(|rings| rings.tell_next(steps)),
            News::Resumed => self.database.wake.send_modify(Rings::urge),
            News::Nothing => {}
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { unique_keys: true, wake_ups: true, shared: false, durable: false }
    }

    async fn migrate(&self, _mode: Migrate) -> Result<SchemaVersion> {
        self.open().map(|_| Self::SCHEMA)
    }

    async fn schema(&self) -> Result<Schema> {
        let found = self.open().map(|_| Self::SCHEMA)?;
        Ok(Schema { found, speaks: found.version, pending: Vec::new() })
    }

    async fn now(&self) -> Result<Timestamp> {
        self.open().map(|(_, now)| now)
    }

    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>> {
        let answers = {
            let (mut tables, now) = self.open()?;
            tables.enqueue(call, now)
        };
        self.tell(News::of(answers.iter().filter(|answer| **answer == Ok(Accepted::Stored)).count()));
        Ok(answers)
    }

    async fn cycle(&self, call: &Cycle) -> Result<CycleReply> {
        let reply = {
            let (mut tables, now) = self.open()?;
            tables.cycle(call, now)
        };
        let released = reply.released.iter().filter(|verdict| **verdict == Verdict::Recorded).count();
        self.tell(News::of(released + gave_work(call, &reply)));
        Ok(reply)
    }

    async fn mine(&self, pod: &PodId) -> Result<Vec<Claim>> {
        self.open().map(|(tables, _)| tables.rows.held_by(pod).filter_map(claim_of).collect())
    }

    async fn progress(&self, reports: &[ProgressReport]) -> Result<()> {
        self.open().map(|(mut tables, now)| tables.progress(reports, now))
    }

    async fn cancel(&self, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
        self.open().map(|(mut tables, now)| ids.iter().map(|&id| tables.cancel(id, now)).collect())
    }

    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
        let verdicts: Vec<_> = {
            let (mut tables, now) = self.open()?;
            ids.iter().map(|&id| tables.replay(id, now)).collect()
        };
        self.tell(News::of(verdicts.iter().filter(|verdict| **verdict == ReplayVerdict::Replayed).count()));
        Ok(verdicts)
    }

    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>> {
        self.open().map(|(tables, now)| failures::find(&tables.rows, call, now))
    }

    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
        self.open().map(|(mut tables, _)| ids.iter().map(|&id| tables.purge(id)).collect())
    }

    async fn get(&self, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
        self.open().map(|(tables, _)| ids.iter().map(|&id| tables.rows.get(id).cloned()).collect())
    }

    async fn search(&self, filter: &Search) -> Result<Vec<Step>> {
        self.open().map(|(tables, _)| tables.rows.search(filter))
    }

    async fn stats(&self) -> Result<Stats> {
        self.open().map(|(tables, _)| Stats { counts: tables.rows.counts(), paused: tables.paused_queues() })
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        self.open().map(|(tables, _)| tables.pods_by_age().into_iter().cloned().collect())
    }

    async fn register(&self, pod: &Registration) -> Result<()> {
        let (mut tables, now) = self.open()?;
        tables.register(pod, now)
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        self.open().map(|(mut tables, now)| tables.beat(beat, now))
    }

    async fn retire(&self, pod: &PodId) -> Result<()> {
        self.open().map(|(mut tables, _)| tables.retire(pod))
    }

    async fn mark_dead(&self, call: &MarkDead) -> Result<Vec<PodId>> {
        self.open().map(|(mut tables, now)| tables.mark_dead(call, now))
    }

    async fn recover(&self, call: &Recover) -> Result<Vec<Recovered>> {
        let recovered = {
            let (mut tables, now) = self.open()?;
            tables.recover(call, now)
        };
        self.tell(News::of(recovered.len()));
        Ok(recovered)
    }

    async fn prune(&self, call: &Prune) -> Result<Pruned> {
        self.open().map(|(mut tables, now)| tables.prune(call, now))
    }

    async fn control(&self, command: &Control) -> Result<()> {
        let news = {
            let (mut tables, _) = self.open()?;
            tables.control(command)
        };
        self.tell(news);
        Ok(())
    }

    async fn examine(&self) -> Result<Examination> {
        self.open().map(|(tables, _)| tables.examine())
    }

    fn wake_ups(&self) -> watch::Receiver<Rings> {
        self.database.wake.subscribe()
    }

    fn pass_on(&self, steps: u64) {
        self.tell(News::Steps(steps));
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// How many finishes put their step back among those that will be due.
fn gave_work(call: &Cycle, reply: &CycleReply) -> usize {
    let ends = call.finishes.iter().zip(&reply.verdicts).filter(|(finish, verdict)| {
        let runs_again =
            matches!(finish.outcome, Outcome::Retry { .. } | Outcome::Snooze { .. } | Outcome::Crash { .. });
        **verdict == Verdict::Recorded && runs_again
    });
    ends.count()
}

fn claim_of(step: &Step) -> Option<Claim> {
    step.claim_id.map(|claim_id| Claim { step_id: step.step_id, claim_id })
}
