//! What a pod keeps for itself: outcomes the store has not acknowledged, and the leader's dead letters.
//!
//! Refuses to decide when to write or deliver: that is the runtime's.

use async_trait::async_trait;

use super::error::Result;
use super::types::{Finish, Recovered};
use crate::rules::step::{Claim, PodId, StepId};

/// A finish waiting for delivery, with the pod that owed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    pub pod: PodId,
    pub finish: Finish,
}

/// One dead letter: an orphan or a terminal failure, as the leader saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub step_id: StepId,
    pub task: String,
    /// `crashed`, `failed`.
    pub kind: String,
    /// JSON: what, where, how often, why, what was done.
    pub evidence: String,
}

impl DeadLetter {
    pub fn of_orphan(orphan: &Recovered) -> Self {
        let evidence = format!(
            "{{\"pod\":\"{}\",\"claim\":\"{}\",\"crash_count\":{},\"went_to\":\"{}\"}}",
            orphan.pod, orphan.claim.claim_id, orphan.crash_count, orphan.to
        );
        Self { step_id: orphan.claim.step_id, task: orphan.task.to_string(), kind: "crashed".into(), evidence }
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

    /// Keeps dead letters, newest [`DLQ_KEPT`].
    async fn bury(&self, letters: &[DeadLetter]) -> Result<()>;

    /// Dead letters, newest first.
    async fn buried(&self, limit: u32) -> Result<Vec<DeadLetter>>;

    async fn close(&self);
}

pub const DLQ_KEPT: u32 = 10_000;
