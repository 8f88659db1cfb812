//! Remembers. One trait of intents, batch-shaped, and what crosses it; the dialects implement it.
//!
//! Refuses policy: a store never decides whether to retry, when to beat or what is due to whom.
//! Every write carries its precondition and is decided inside the database, by the database's clock.

pub mod clock;
pub mod error;
mod examine;
pub mod failures;
pub mod journal;
pub mod memory;
pub mod migrate;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod types;
pub mod url;

use async_trait::async_trait;

pub use error::{Error, Refusal, Result};
pub use failures::{Failed, Failures, LastError, PurgeVerdict, Since};
pub use types::*;
pub use url::open;

use crate::rules::diagnosis::facts::Examination;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Timestamp;

/// What a pod needs of a shared database. Every call is a batch and at most one round trip;
/// a call with an empty batch does nothing and touches no database.
///
/// Errors: [`Error`] speaks for the whole call (nothing of it happened, unless it
/// [`is_unknown`](Error::is_unknown)); what concerns one row comes back beside that row.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    fn capabilities(&self) -> Capabilities;

    /// Creates or upgrades the tables, or with [`Migrate::CheckOnly`] only looks.
    /// Refuses a schema whose `min_compatible` is above what this build speaks.
    /// Happens whole or not at all, one caller at a time; bounds its own waits, for it may take longer than other calls.
    async fn migrate(&self, mode: Migrate) -> Result<SchemaVersion>;

    /// What schema the database has and what `migrate` would do to it. Changes nothing; tables that are
    /// missing, old or too new are an answer, no error.
    async fn schema(&self) -> Result<Schema>;

    /// The statements that somebody with more rights runs instead of this store, as text for the database's own shell.
    async fn script(&self, script: &Script) -> Result<String> {
        match script {
            Script::Migration { .. } => Err(Error::config("this store has no tables that could be made by hand")),
            Script::Grants { .. } => Err(Error::config("this store knows no roles: who may open it may use it")),
        }
    }

    /// What the database's own settings put at risk, a sentence each; an error for what P1 cannot stand.
    async fn cautions(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// The database's clock.
    async fn now(&self) -> Result<Timestamp>;

    /// Stores new steps, each row accepted or refused by itself, in one commit.
    /// A `step_id` that is already stored is answered [`Accepted::Existing`], unchanged: so a call
    /// whose answer was lost can be sent again. With a hand-off, rows may be born `claimed` by the
    /// caller, where nothing due in their queue has the turn before them.
    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>>;

    /// Records outcomes, gives claims back and takes new ones: in one transaction, or the outcomes in one of their own, side
    /// by side with the rest, where both are many. What failed in part is `Unknown`.
    /// A pod whose row is `down` or missing gets no claims; its outcomes still count, for the fence decides.
    /// An outcome the database refuses as data is answered [`Verdict::Refused`] alone.
    async fn cycle(&self, call: &Cycle) -> Result<CycleReply>;

    /// Every step the pod holds according to the database.
    async fn mine(&self, pod: &PodId) -> Result<Vec<Claim>>;

    /// Notes how far claimed steps are; fenced, and dropped in silence when the claim is lost.
    async fn progress(&self, reports: &[ProgressReport]) -> Result<()>;

    /// Cancels steps not yet claimed; of claimed ones, asks the holder to stop.
    async fn cancel(&self, ids: &[StepId]) -> Result<Vec<CancelVerdict>>;

    /// Puts failed steps back to `pending`, counters at zero, history kept; row by row.
    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>>;

    /// Reads failed steps without their payloads, the latest failure first, at most `call.limit`.
    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>>;

    /// Deletes failed steps, row by row; what is not failed when the statement comes to it stays.
    /// Idempotent.
    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>>;

    /// Reads steps by id; in the order asked, `None` where there is none.
    async fn get(&self, ids: &[StepId]) -> Result<Vec<Option<Step>>>;

    /// Reads steps by filter, newest id first, at most `filter.limit`.
    async fn search(&self, filter: &Search) -> Result<Vec<Step>>;

    /// Counts steps by queue and state.
    async fn stats(&self) -> Result<Stats>;

    /// Reads every pod that is not pruned, with its meta.
    async fn pods(&self) -> Result<Vec<Pod>>;

    /// Writes a new pod's row, `up` and beating since now. An id that exists is an error.
    async fn register(&self, pod: &Registration) -> Result<()>;

    /// Beats, and reads back what the pod needs to know, in one statement's worth of work on a
    /// connection of its own. Changes nothing for a row that is `down`; then `alive` is false.
    async fn beat(&self, beat: &Beat) -> Result<Pulse>;

    /// Marks a pod's own row `down` at the end of its life. Its claims must have been released.
    async fn retire(&self, pod: &PodId) -> Result<()>;

    /// Declares dead, in one statement on POD_HEALTH alone, those suspects whose row still shows
    /// the beat the leader saw and is too old, provided the leader's own row allows it
    /// (`rules::recovery::may_declare_deaths`). Returns whom it marked.
    async fn mark_dead(&self, call: &MarkDead) -> Result<Vec<PodId>>;

    /// Gives back, fails or cancels (`rules::recovery::orphan_goes_to`) up to `limit` claimed steps
    /// whose `claimed_by` has no row that holds claims. Idempotent; decided in the database.
    async fn recover(&self, call: &Recover) -> Result<Vec<Recovered>>;

    /// Deletes final steps and `down` pods past their keep, at most `limit` steps; a pod row that
    /// a claimed step names stays.
    async fn prune(&self, call: &Prune) -> Result<Pruned>;

    /// Pauses or resumes a queue for the whole fleet.
    async fn control(&self, command: &Control) -> Result<()>;

    /// Looks at the database as a doctor does, and changes nothing. Works without tables and with few
    /// rights: what cannot be read is told fact by fact, what has no meaning here is `Absent`.
    async fn examine(&self) -> Result<Examination>;

    /// A counter that changes whenever there may be new work: a hint, never a promise.
    /// A store without wake-ups never changes it; polling is the safety net.
    fn wake_ups(&self) -> tokio::sync::watch::Receiver<u64>;

    /// What this process has asked of such stores so far. A store that does not count answers zeros.
    fn tally(&self) -> Tally {
        Tally::default()
    }

    /// Finishes what is under way and lets go of threads and connections. Calls after it are `Stopped`.
    async fn close(&self);
}
