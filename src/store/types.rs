//! What crosses the store's trait. Plain data; the meaning stands at the trait's methods.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rules::election::{PodStatus, PodView};
use crate::rules::recovery::DeathTiming;
use crate::rules::state::State;
use crate::rules::step::{Claim, ClaimId, PodId, StepId};
use crate::rules::time::{Millis, Timestamp};

/// What a store can do. Differences between dialects are declared here, never asked by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is asked by itself; no two exclude each other")]
pub struct Capabilities {
    /// Unique keys are enforced by the database.
    pub unique_keys: bool,
    /// `wake_ups` changes on new work.
    pub wake_ups: bool,
    /// Other processes see the same data.
    pub shared: bool,
    /// What was acknowledged survives the death of this process.
    pub durable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    Apply,
    CheckOnly,
}

/// The schema a database has, and the oldest code version it admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    pub version: u32,
    pub min_compatible: u32,
}

/// What schema a database has, and what this build would make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Zeros where there are no tables.
    pub found: SchemaVersion,
    /// The version this build writes.
    pub speaks: u32,
    /// The versions `migrate` would go through, in order.
    pub pending: Vec<u32>,
}

/// What a database administrator may run by hand instead of this store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// What brings tables of version `from` (0: none) to what this build speaks, in one transaction.
    Migration { from: u32 },
    /// What lets a role work with the tables and change neither them nor the schema.
    Grants { role: String },
}

/// Bytes and what they are. fleet-q itself writes `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub bytes: Arc<[u8]>,
    pub content_type: Arc<str>,
}

impl Content {
    pub const JSON: &'static str = "application/json";

    pub fn json(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { bytes: bytes.into(), content_type: Arc::from(Self::JSON) }
    }
}

/// A step to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStep {
    pub step_id: StepId,
    pub task: Arc<str>,
    pub queue: Arc<str>,
    pub priority: i32,
    /// JSON `{"args", "kwargs", "metadata"}`.
    pub payload: Content,
    pub max_retries: u32,
    pub due: Due,
    pub timeout: Option<Millis>,
    /// At most one step that is not final may carry the same key.
    pub unique_key: Option<Arc<str>>,
    pub tags: Vec<String>,
}

/// When a new step may be claimed, by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now,
    In(Millis),
    At(Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enqueue {
    pub steps: Vec<NewStep>,
    pub hand_off: Option<HandOff>,
}

/// The caller's offer to run new steps itself, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    pub pod: PodId,
    pub claim_id: ClaimId,
    /// Offers at most this many slots.
    pub limit: u32,
    /// Only these tasks.
    pub tasks: Arc<[Arc<str>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Stored, and due or scheduled.
    Stored,
    /// Stored as claimed by the caller, under the hand-off's `claim_id`.
    HandedOff,
    /// A step with this id was there before; nothing was changed.
    Existing,
}

/// One pod's finishes, releases and demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    pub pod: PodId,
    pub finishes: Vec<Finish>,
    pub releases: Vec<Claim>,
    pub demand: Option<ClaimCall>,
}

/// The end of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    pub claim: Claim,
    pub outcome: Outcome,
}

/// What to record. Counters and final states follow `rules::state`, inside the database.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Complete {
        result: Option<Content>,
    },
    /// To `scheduled`, one retry spent; `cancelled` if that was requested.
    Retry {
        error: ErrorEntry,
        delay: Millis,
    },
    Fail {
        error: ErrorEntry,
    },
    /// To `scheduled`, nothing spent; `cancelled` if that was requested.
    Snooze {
        delay: Millis,
    },
    /// The process that ran the body died under it: one crash more, no retry spent. To `pending`;
    /// `failed` if `crash_count` had reached `max_crashes` before; `cancelled` if that was requested.
    Crash {
        error: ErrorEntry,
        max_crashes: u32,
    },
    /// The body stopped because it was asked to.
    Cancel {
        error: Option<ErrorEntry>,
    },
}

/// One entry of a step's error history: a JSON object
/// `{"kind","error_type","message","traceback","pod","claim","attempt"}`; the store adds `ts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    pub json: Arc<str>,
}

/// A request for claims. The pod mints `claim_id` before the call; every step of the answer carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCall {
    pub claim_id: ClaimId,
    /// At most this many in all.
    pub limit: u32,
    /// Taken from in this order, each in P9's order, until `limit` is reached.
    pub lanes: Vec<Lane>,
    /// Ordinary steps have `crash_count < max_crashes`.
    pub max_crashes: u32,
    pub kind: ClaimKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// Steps with `crash_count < max_crashes`.
    Ordinary,
    /// At most one step, with `crash_count >= max_crashes`, to run alone (P14).
    Suspect,
}

/// Steps of these tasks in these queues, up to a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub tasks: Arc<[Arc<str>]>,
    pub queues: Queues,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queues {
    All,
    Only(Vec<Arc<str>>),
    Except(Vec<Arc<str>>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CycleReply {
    /// One for each finish, in order.
    pub verdicts: Vec<Verdict>,
    /// One for each release, in order.
    pub released: Vec<Verdict>,
    pub claims: Vec<Claimed>,
    /// False when the pod's own row is `down` or missing.
    pub pod_alive: bool,
    /// When the next step that is not yet due will be, if the store knows.
    pub next_due: Option<Timestamp>,
    /// The database's clock at the call.
    pub now: Timestamp,
}

/// What became of a fenced write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Recorded,
    /// The same write had been recorded before.
    Already,
    /// The claim had ended otherwise; nothing was changed.
    Lost,
    /// The database would not take the data; nothing was changed.
    Refused(String),
}

impl Verdict {
    /// Whether the store has the write.
    pub const fn is_stored(&self) -> bool {
        match self {
            Self::Recorded | Self::Already => true,
            Self::Lost | Self::Refused(_) => false,
        }
    }
}

/// A step that is now the caller's.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub claim: Claim,
    pub task: Arc<str>,
    pub queue: Arc<str>,
    pub priority: i32,
    pub payload: Content,
    pub retry_count: u32,
    pub max_retries: u32,
    pub crash_count: u32,
    pub timeout: Option<Millis>,
    pub created: Timestamp,
    pub claimed: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ProgressReport {
    pub claim: Claim,
    /// JSON `{"fraction","message"}`.
    pub json: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelVerdict {
    /// It had not begun and never will.
    Cancelled,
    /// It is claimed; its holder has been asked to stop.
    Requested,
    /// It had ended before.
    Final(State),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayVerdict {
    Replayed,
    /// Only failed steps are replayed; this one stands elsewhere.
    NotFailed(State),
    /// A live step carries the same unique key.
    Conflict(StepId),
    Unknown,
}

/// A whole row of STEP_TRACKER.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub step_id: StepId,
    pub task: Arc<str>,
    pub queue: Arc<str>,
    pub state: State,
    pub priority: i32,
    pub payload: Content,
    pub retry_count: u32,
    pub max_retries: u32,
    pub crash_count: u32,
    pub claimed_by: Option<PodId>,
    /// The current claim, or after a finish its receipt.
    pub claim_id: Option<ClaimId>,
    pub created: Timestamp,
    pub available: Timestamp,
    pub claimed: Option<Timestamp>,
    pub last_update: Timestamp,
    pub finished: Option<Timestamp>,
    pub timeout: Option<Millis>,
    pub result: Option<Content>,
    /// A JSON array of [`ErrorEntry`] objects, oldest first, at most [`ERRORS_KEPT`].
    pub errors: Option<Arc<str>>,
    pub progress: Option<Arc<str>>,
    pub unique_key: Option<Arc<str>>,
    pub tags: Vec<String>,
    pub cancel_requested: bool,
}

/// The first error and the latest ones; what is between is dropped.
pub const ERRORS_KEPT: usize = 20;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    pub queue: Option<String>,
    pub task: Option<String>,
    pub states: Vec<State>,
    pub tag: Option<String>,
    /// Only ids smaller than this one: the page after it.
    pub before: Option<StepId>,
    pub limit: u32,
}

/// How much this process has asked of a store so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub statements: u64,
    /// Transactions that were committed, those that only read included.
    pub commits: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Steps by queue, then state; combinations without steps are absent.
    pub counts: BTreeMap<String, BTreeMap<State, u64>>,
    pub paused: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub view: PodView,
    /// JSON, as the pod's last beat said it.
    pub meta: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub pod_id: PodId,
    pub can_lead: bool,
    pub meta: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    pub pod_id: PodId,
    /// `Up` or `Draining` (or `Dormant`, where the store has it); never `Down`.
    pub status: PodStatus,
    pub can_lead: bool,
    /// `None` leaves the stored meta as it is.
    pub meta: Option<Arc<str>>,
    pub timing: DeathTiming,
    /// From how many crashes on a step is a suspect.
    pub max_crashes: u32,
}

/// What a beat brings back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// False: this pod is `down` (or pruned) and must register anew.
    pub alive: bool,
    pub now: Timestamp,
    /// Every pod that is not `down`.
    pub pods: Vec<PodView>,
    pub paused: Vec<String>,
    /// Claims of this pod whose cancellation is requested.
    pub cancel_requested: Vec<Claim>,
    /// Whether a suspect (`crash_count >= max_crashes`) is pending: some pod must empty itself for it.
    pub suspects: bool,
    /// Why this build may not work with the tables any more, in words: they were migrated under it.
    pub shut_out: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkDead {
    pub leader: PodId,
    /// Pods whose row the leader has seen unchanged for a threshold, with the beat it saw.
    pub suspects: Vec<(PodId, Timestamp)>,
    pub timing: DeathTiming,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Who does it, for the record in `error`.
    pub leader: PodId,
    pub max_crashes: u32,
    pub limit: u32,
}

/// An orphan and where it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    pub claim: Claim,
    pub task: Arc<str>,
    pub pod: PodId,
    /// `Pending`, `Failed` or `Cancelled`.
    pub to: State,
    pub crash_count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    pub keep_completed: Millis,
    /// For `failed` and `cancelled`.
    pub keep_failed: Millis,
    /// For rows of pods that are `down`.
    pub keep_pods: Millis,
    pub limit: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub steps: u64,
    pub pods: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    Pause { queue: String },
    Resume { queue: String },
}
