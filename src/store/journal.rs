//! What a pod keeps for itself: outcomes the store has not acknowledged, and the leader's dead letters.
//!
//! Refuses to decide when to write or deliver: that is the runtime's.

use async_trait::async_trait;
use serde_json::json;

use super::error::Result;
use super::failures::Failed;
use super::types::{Finish, Recovered};
use crate::rules::state::State;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Timestamp;

/// A finish waiting for delivery, with the pod that owed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    pub pod: PodId,
    pub finish: Finish,
}

/// What a dead letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LetterKind {
    /// A step whose pod died under it.
    Orphan,
    /// A step that failed for good.
    Failure,
}

impl LetterKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Failure => "failure",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Orphan, Self::Failure].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One dead letter: an orphan or a terminal failure, as the leader saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub step_id: StepId,
    pub task: String,
    pub kind: LetterKind,
    /// What tells two letters about one step apart: the claim of the orphan, the moment of the failure.
    pub mark: String,
    /// When, by the database's clock; of an orphan, as the leader's last beat told it.
    pub at: Timestamp,
    /// JSON: where, how often, why, what was done.
    pub evidence: String,
}

impl DeadLetter {
    pub fn of_orphan(orphan: &Recovered, leader: &PodId, at: Timestamp) -> Self {
        let evidence = json!({
            "pod": orphan.pod.as_str(),
            "claim": orphan.claim.claim_id.to_string(),
            "crash_count": orphan.crash_count,
            "leader": leader.as_str(),
            "went_to": orphan.to.as_str(),
        });
        Self {
            step_id: orphan.claim.step_id,
            task: orphan.task.to_string(),
            kind: LetterKind::Orphan,
            mark: orphan.claim.claim_id.to_string(),
            at,
            evidence: evidence.to_string(),
        }
    }

    pub fn of_failure(failed: &Failed) -> Self {
        let evidence = json!({
            "queue": &*failed.queue,
            "pod": failed.last.pod,
            "kind": failed.last.kind,
            "error_type": failed.last.error_type,
            "message": failed.last.message,
            "retry_count": failed.retry_count,
            "max_retries": failed.max_retries,
            "crash_count": failed.crash_count,
            "went_to": State::Failed.as_str(),
        });
        Self {
            step_id: failed.step_id,
            task: failed.task.to_string(),
            kind: LetterKind::Failure,
            mark: failed.failed.0.to_string(),
            at: failed.failed,
            evidence: evidence.to_string(),
        }
    }
}

/// The pod's own durable memory. One per process; a file whose owner died is found by [`Local::adopt`].
#[async_trait]
pub trait Local: Send + Sync + std::fmt::Debug + 'static {
    /// Keeps outcomes, keyed by `(step_id, claim_id)`; durable when it returns.
    async fn put(&self, owed: &[Owed]) -> Result<()>;

    /// The oldest outcomes still owed, at most `limit`.
    async fn owed(&self, limit: u32) -> Result<Vec<Owed>>;

    /// Forgets outcomes that were answered.
    async fn delivered(&self, claims: &[Claim]) -> Result<()>;

    /// How many outcomes are owed.
    async fn depth(&self) -> Result<u64>;

    /// Takes over the outcomes of every journal in the folder whose process is gone; returns how many.
    async fn adopt(&self) -> Result<u64>;

    /// Keeps dead letters, each once however often it comes; beyond [`DLQ_KEPT`] the oldest go.
    async fn bury(&self, letters: &[DeadLetter]) -> Result<()>;

    /// Dead letters, newest first.
    async fn buried(&self, limit: u32) -> Result<Vec<DeadLetter>>;

    /// Up to which moment, by the database's clock, every failure has been buried here.
    async fn failures_seen(&self) -> Result<Option<Timestamp>>;

    /// Notes that moment.
    async fn saw_failures(&self, until: Timestamp) -> Result<()>;

    async fn close(&self);
}

/// Dead letters that a pod keeps: with messages cut at `MESSAGE_SHOWN`, some 10 MB at most.
pub const DLQ_KEPT: u32 = 10_000;
