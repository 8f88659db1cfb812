//! What runs the bodies, seen from the runtime: batches in, reports out. Knows no Python.

use std::fmt::Debug;
use std::sync::Arc;

use crate::rules::backoff::Backoff;
use crate::rules::demand::Executor;
use crate::rules::step::Claim;
use crate::rules::time::{Millis, Timestamp};
use crate::store::Content;

/// A registered task, as much of it as the runtime needs.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    pub name: Arc<str>,
    pub executor: Executor,
    pub retry: Backoff,
    /// Whether a body may run on while its pod is fenced.
    pub continue_on_fence: bool,
}

/// The place of one running step in its pod; never used twice in a pod's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// A step to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub slot: Slot,
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
}

/// Why a body should end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// Somebody cancelled the step.
    Cancel,
    /// Its deadline passed.
    Timeout,
    /// The pod stops and its grace is over.
    Shutdown,
    /// The pod lost touch with the store for too long (P8).
    Fenced,
    /// The step is no longer this pod's.
    Lost,
}

impl StopReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::Fenced => "fenced",
            Self::Lost => "lost",
        }
    }
}

/// How a body ended, with what it left.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Returned(Option<Content>),
    Raised(Failure),
    RetryAfter(Failure, Millis),
    Snoozed(Millis),
    Discarded(Failure),
    /// The process that ran it died by itself; the failure says how.
    Crashed(Failure),
    /// It ended because of the stop it was sent, or never began because [`Gate::begin`] said no.
    Stopped,
}

/// What went wrong in a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub error_type: String,
    pub message: String,
    pub traceback: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The body is over and its place is free.
    Ended(Slot, Ended),
    /// JSON `{"fraction","message"}`.
    Progress(Slot, Arc<str>),
}

/// Runs bodies. Both calls return at once; ends come back through the [`Gate`] given at start.
pub trait Handler: Send + Sync + Debug + 'static {
    fn tasks(&self) -> Arc<[TaskInfo]>;

    /// How many bodies each executor can run at once; one that is absent is bounded by the pod alone.
    fn capacity(&self) -> std::collections::BTreeMap<Executor, u32>;

    /// Called once, before the first job.
    fn attach(&self, gate: Arc<dyn Gate>);

    /// Begins these steps, in this order. Each body asks [`Gate::begin`] right before it starts.
    fn start(&self, jobs: Vec<Job>);

    /// Asks bodies to end. Slots that already ended are ignored.
    fn stop(&self, stops: Vec<(Slot, StopReason)>);
}

/// What a handler tells its pod. Callable from any thread; never blocks.
pub trait Gate: Send + Sync + Debug + 'static {
    /// Whether the body may start now. Notes the start, from which its timeout counts.
    /// On false the handler reports [`Ended::Stopped`] and runs nothing.
    fn begin(&self, slot: Slot) -> bool;

    /// Takes a batch of ends and progress notes. Gives the steps whose turn has come by that: the handler begins
    /// them as those of [`Handler::start`].
    #[must_use]
    fn report(&self, reports: Vec<Report>) -> Vec<Job>;

    /// How late the handler's event loop runs, and what blocks it (task, file and line) if that is known.
    fn loop_lag(&self, lag: Millis, blocker: Option<String>);
}
