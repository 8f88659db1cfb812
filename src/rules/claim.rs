//! Decides which steps a claim takes, and in which order. The databases say the same in SQL;
//! `memory`, the model they are tested against, asks here.

use std::cmp::Ordering;

use super::state::State;
use super::step::StepId;
use super::time::Timestamp;

/// What decides a step's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub priority: i32,
    pub created: Timestamp,
    pub step_id: StepId,
}

impl Turn {
    /// P9: higher priority first, then the older, then the smaller id.
    pub fn before(&self, other: &Self) -> Ordering {
        other.priority.cmp(&self.priority).then(self.created.cmp(&other.created)).then(self.step_id.cmp(&other.step_id))
    }
}

/// Whether a step in this state may be claimed now.
pub fn is_due(state: State, available: Timestamp, now: Timestamp) -> bool {
    match state {
        State::Pending => true,
        State::Scheduled => available <= now,
        State::Blocked | State::Claimed | State::Completed | State::Failed | State::Cancelled => false,
    }
}
