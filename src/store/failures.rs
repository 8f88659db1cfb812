//! What crosses the store's trait about failed steps: which ones, what is told of each, and what
//! became of one that was to be deleted. Without payloads, so that many can be read at once.

use std::sync::Arc;

use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::rules::time::{Millis, Timestamp};

/// Characters of a failure's message that a look tells; the step itself has all of it.
pub const MESSAGE_SHOWN: usize = 500;

/// Which failed steps; what is `None` lets every one through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    pub queue: Option<String>,
    pub task: Option<String>,
    /// Found in `kind error_type: message` of the last failure; the case of ASCII letters does not matter.
    pub error: Option<String>,
    pub since: Option<Since>,
    /// Only those after this one in the order of the answer: the page after it.
    pub before: Option<(Timestamp, StepId)>,
    pub limit: u32,
}

/// From when on, by the database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    At(Timestamp),
    Ago(Millis),
}

impl Since {
    /// The moment, and the time before now; one of them is none.
    pub(crate) fn parts(since: Option<Self>) -> (Option<i64>, Option<i64>) {
        match since {
            None => (None, None),
            Some(Self::At(moment)) => (Some(moment.0), None),
            Some(Self::Ago(ago)) => (None, Some(i64::try_from(ago.0).unwrap_or(i64::MAX / 2))),
        }
    }
}

/// A failed step, as one line of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub step_id: StepId,
    pub task: Arc<str>,
    pub queue: Arc<str>,
    pub created: Timestamp,
    /// When it failed for good.
    pub failed: Timestamp,
    pub retry_count: u32,
    pub max_retries: u32,
    pub crash_count: u32,
    pub unique_key: Option<Arc<str>>,
    pub last: LastError,
}

/// The last entry of a step's error history; what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastError {
    /// `failure`, `retry`, `discard`, `timeout`, `crash`, `bad_row`.
    pub kind: String,
    pub error_type: String,
    /// At most [`MESSAGE_SHOWN`] characters.
    pub message: String,
    pub pod: String,
}

/// What became of a step that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeVerdict {
    Purged,
    /// Only failed steps are purged; this one stands elsewhere.
    NotFailed(State),
    /// It was never stored, or is gone already.
    Unknown,
}
