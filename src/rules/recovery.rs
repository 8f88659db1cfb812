//! Decides who is dead and what becomes of the steps they held. Marks and moves nothing.

use super::election::{PodStatus, PodView};
use super::state::{Action, State, settle};
use super::time::{Millis, Timestamp};

/// The two settings that death is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeathTiming {
    pub heartbeat_interval: Millis,
    pub dead_pod_threshold: Millis,
}

/// Whether a leader with this row may declare deaths now. After an outage, a clock step or its
/// own registration it first beats for one whole threshold, so that everybody else had the time.
pub fn may_declare_deaths(leader: &PodView, now: Timestamp, timing: DeathTiming) -> bool {
    leader.status == PodStatus::Up
        && leader.last_heartbeat <= now
        && now.since(leader.last_heartbeat) <= timing.heartbeat_interval.times(2)
        && leader.beating_since <= now
        && now.since(leader.beating_since) >= timing.dead_pod_threshold
}

/// Whether a pod with this row is dead, given a leader that may say so.
pub fn is_dead(pod: &PodView, now: Timestamp, timing: DeathTiming) -> bool {
    matches!(pod.status, PodStatus::Up | PodStatus::Draining)
        && now.since(pod.last_heartbeat) > timing.dead_pod_threshold
}

/// Whether a step that crashed this often may run only alone, as its last chance (P14).
pub const fn is_suspect(crash_count: u32, max_crashes: u32) -> bool {
    crash_count >= max_crashes
}

/// Where recovery puts an orphan whose `crash_count` was this *before* the crash now seen.
/// A suspect ran alone, so the crash was its own: it fails. Anybody else runs again.
pub fn orphan_goes_to(crash_count: u32, max_crashes: u32, cancel_requested: bool) -> State {
    let action = if is_suspect(crash_count, max_crashes) { Action::Fail } else { Action::Recover };
    match settle(action, cancel_requested) {
        Some(State::Failed) if cancel_requested => State::Cancelled,
        Some(state) => state,
        None => unreachable!("both actions are legal on a claimed step"),
    }
}

/// The margin of self-fencing: a pod stops `margin` before others may declare it dead.
pub fn fence_margin(heartbeat_interval: Millis) -> Millis {
    heartbeat_interval + Millis(1000)
}

/// The least `dead_pod_threshold` for a heartbeat. Five beats, so that one lost beat is no death; and
/// what self-fencing needs, so that a pod whose beats arrive is never fenced between two of them:
/// one interval until the next beat, one for its answer, and the margin.
pub fn threshold_min(heartbeat_interval: Millis) -> Millis {
    let to_beat_unfenced = heartbeat_interval.times(2) + fence_margin(heartbeat_interval);
    heartbeat_interval.times(5).max(to_beat_unfenced)
}

/// Whether a pod whose last acknowledged beat was *sent* this long ago must consider itself dead (P8).
pub fn is_fenced(since_last_beat_sent: Millis, timing: DeathTiming) -> bool {
    since_last_beat_sent > timing.dead_pod_threshold - fence_margin(timing.heartbeat_interval)
}
