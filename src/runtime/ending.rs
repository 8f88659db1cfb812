//! Turns the end of a body into what is to be recorded. What that is, `rules::outcome` decides.

use serde_json::json;

use super::desk::Held;
use super::handler::{Ended, Failure, StopReason};
use crate::rules::outcome::{Allowance, Decision, Ending, decide};
use crate::rules::recovery::orphan_goes_to;
use crate::rules::state::{Action, State, next};
use crate::rules::step::PodId;
use crate::rules::time::{Millis, Unit};
use crate::store::{Content, ErrorEntry, Outcome};

/// How a claim ends.
#[derive(Debug, PartialEq)]
pub(crate) enum Closing {
    Record {
        outcome: Outcome,
        to: State,
    },
    /// Unspent.
    GiveBack,
    /// It is no longer ours; there is nothing to say.
    Drop,
}

/// What a body's end is judged by, beside the step itself.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) pod: PodId,
    pub(crate) draw: Unit,
    /// From how many crashes on a step is a suspect.
    pub(crate) max_crashes: u32,
}

/// What to record of a body that ended like this, given what it had been told.
pub(crate) fn close(held: &Held, ended: Ended, bench: &Bench) -> Closing {
    let Bench { pod, draw, max_crashes } = bench;
    let draw = *draw;
    let told = held.stop;
    if told == Some(StopReason::Lost) {
        return Closing::Drop;
    }
    match ended {
        Ended::Returned(result) => settle(held, Ending::Returned, result, None, draw),
        Ended::Snoozed(delay) => settle(held, Ending::Snoozed(delay), None, None, draw),
        Ended::Discarded(failure) => {
            settle(held, Ending::Discarded, None, Some(entry("discard", &failure, held, pod)), draw)
        }
        // A body cut short by the end of its pod has not failed: it goes back unspent (P10).
        Ended::Raised(_) | Ended::RetryAfter(..) if is_interruption(told) => Closing::GiveBack,
        Ended::Raised(failure) => settle(held, Ending::Failed, None, Some(entry("failure", &failure, held, pod)), draw),
        Ended::RetryAfter(failure, after) => {
            settle(held, Ending::RetryAfter(after), None, Some(entry("retry", &failure, held, pod)), draw)
        }
        Ended::Crashed(failure) if told.is_none() => crashed(held, entry("crash", &failure, held, pod), *max_crashes),
        // Whoever had been told to end was ended.
        Ended::Crashed(_) | Ended::Stopped => stopped(held, pod, draw),
    }
}

fn stopped(held: &Held, pod: &PodId, draw: Unit) -> Closing {
    match held.stop {
        Some(StopReason::Timeout) => {
            let failure = timed_out(held.timeout.unwrap_or_default());
            settle(held, Ending::Failed, None, Some(entry("timeout", &failure, held, pod)), draw)
        }
        Some(StopReason::Cancel) => settle(held, Ending::Cancelled, None, None, draw),
        Some(StopReason::Shutdown | StopReason::Fenced) | None => Closing::GiveBack,
        Some(StopReason::Lost) => Closing::Drop,
    }
}

/// What becomes of a step that was told to end before it was handed over.
pub(crate) fn unbegun(told: StopReason) -> Closing {
    match told {
        StopReason::Cancel => Closing::Record { outcome: Outcome::Cancel { error: None }, to: State::Cancelled },
        StopReason::Timeout | StopReason::Shutdown | StopReason::Fenced => Closing::GiveBack,
        StopReason::Lost => Closing::Drop,
    }
}

/// Its own process was isolation enough: nobody else is a suspect, and no pod need be empty for the verdict.
fn crashed(held: &Held, error: ErrorEntry, max_crashes: u32) -> Closing {
    let to = orphan_goes_to(held.crash_count, max_crashes, false);
    Closing::Record { outcome: Outcome::Crash { error, max_crashes }, to }
}

const fn is_interruption(told: Option<StopReason>) -> bool {
    matches!(told, Some(StopReason::Shutdown | StopReason::Fenced))
}

fn timed_out(timeout: Millis) -> Failure {
    Failure {
        error_type: "StepTimeout".into(),
        message: format!("the body ran longer than its timeout of {} s", timeout.as_secs_f64()),
        traceback: String::new(),
    }
}

fn settle(held: &Held, ending: Ending, result: Option<Content>, error: Option<ErrorEntry>, draw: Unit) -> Closing {
    let allowance = Allowance { retry_count: held.retry_count, max_retries: held.max_retries, policy: held.task.retry };
    let Decision { action, delay } = decide(ending, &allowance, draw);
    let error_or_empty = || error.clone().unwrap_or_else(|| ErrorEntry { json: "{}".into() });
    let outcome = match action {
        Action::Complete => Outcome::Complete { result },
        Action::Retry => Outcome::Retry { error: error_or_empty(), delay },
        Action::Fail => Outcome::Fail { error: error_or_empty() },
        Action::Snooze => Outcome::Snooze { delay },
        Action::Cancel => Outcome::Cancel { error },
        Action::Release => return Closing::GiveBack,
        Action::Unblock | Action::Promote | Action::Claim | Action::Recover | Action::Replay => {
            unreachable!("rules::outcome decides only what ends a claim")
        }
    };
    let to = next(State::Claimed, action).expect("rules::outcome decides only legal moves of a claimed step");
    Closing::Record { outcome, to }
}

fn entry(kind: &str, failure: &Failure, held: &Held, pod: &PodId) -> ErrorEntry {
    let json = json!({
        "kind": kind,
        "error_type": failure.error_type,
        "message": failure.message,
        "traceback": failure.traceback,
        "pod": pod.as_str(),
        "claim": held.claim.claim_id.to_string(),
        "attempt": held.retry_count + held.crash_count + 1,
    });
    ErrorEntry { json: json.to_string().into() }
}
