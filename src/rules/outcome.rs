//! Decides what becomes of a step whose body ended, by how it ended. Runs and records nothing.

use super::backoff::{self, Backoff};
use super::state::Action;
use super::time::{Millis, Unit};

/// How a body ended, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Returned,
    /// It raised, or its result could not be stored, or it ran out of time.
    Failed,
    /// It raised `Retry(after=…)`: a failure that names its own wait.
    RetryAfter(Millis),
    /// It raised `Snooze(delay)`.
    Snoozed(Millis),
    /// It raised `Discard(reason)`.
    Discarded,
    /// It stopped because its cancellation had been requested.
    Cancelled,
    /// It stopped, or never began, because the pod stops, is fenced, or lost its queue.
    Interrupted,
}

/// What to record, and for moves to `scheduled` the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub action: Action,
    pub delay: Millis,
}

/// What the step itself allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    pub retry_count: u32,
    pub max_retries: u32,
    pub policy: Backoff,
}

/// What to record for a body that ended like this.
pub fn decide(ending: Ending, allowance: &Allowance, draw: Unit) -> Decision {
    let at_once = |action| Decision { action, delay: Millis::ZERO };
    match ending {
        Ending::Returned => at_once(Action::Complete),
        Ending::Discarded => at_once(Action::Fail),
        Ending::Cancelled => at_once(Action::Cancel),
        Ending::Interrupted => at_once(Action::Release),
        Ending::Snoozed(delay) => Decision { action: Action::Snooze, delay },
        Ending::Failed | Ending::RetryAfter(_) if allowance.retry_count >= allowance.max_retries => {
            at_once(Action::Fail)
        }
        Ending::RetryAfter(delay) => Decision { action: Action::Retry, delay },
        Ending::Failed => {
            Decision { action: Action::Retry, delay: backoff::delay(&allowance.policy, allowance.retry_count, draw) }
        }
    }
}
