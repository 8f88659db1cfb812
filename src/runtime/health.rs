//! Says how a pod is. Alive, progressing and within deadline are three different signals.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::core::{Core, Phase};
use super::gate::LOOP_LAG_MAX;
use super::lock;

/// A pod's health as `/health` shows it. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "a report, not a state machine")]
pub struct Health {
    pub pod_id: String,
    pub status: &'static str,
    pub leader: Option<String>,
    pub is_leader: bool,
    pub last_beat_age_s: f64,
    pub fenced: bool,
    pub in_flight: u32,
    pub capacity: u32,
    /// Outcomes waiting in the journal.
    pub journal_depth: usize,
    /// Why outcomes cannot be written to the journal: those that the store has not taken wait in memory.
    pub journal_error: Option<String>,
    pub loop_lag_s: f64,
    pub blocked_by: Option<String>,
    /// Steps past their deadline whose body still runs.
    pub overdue: Vec<String>,
    pub store_ok: bool,
    pub live: bool,
    pub live_reason: Option<String>,
    pub ready: bool,
    pub ready_reason: Option<String>,
}

pub(crate) fn of(core: &Core) -> Health {
    let (in_flight, outlived, overdue) = {
        let desk = lock(&core.desk);
        (desk.taken(), desk.outlived(), desk.overdue())
    };
    let loop_health = lock(&core.loop_health).clone();
    let (phase, leader) = (core.phase(), core.leader());
    let capacity = core.capacity();
    let fenced = core.is_fenced();
    let store_ok = core.store_ok.load(Ordering::Acquire);
    let shut_out = core.shut_out();
    let live_reason = (outlived >= capacity as usize)
        .then(|| format!("no slot is left: {outlived} bodies ran past their deadline and do not stop"))
        // Only other code helps; a restart costs nothing once the last body is over.
        .or_else(|| shut_out.clone().filter(|_| in_flight == 0));
    let ready_reason = shut_out.or_else(|| not_ready(phase, fenced, store_ok, loop_health.lag >= LOOP_LAG_MAX));
    Health {
        is_leader: leader.as_ref() == Some(&core.id()),
        pod_id: core.id().to_string(),
        status: status(phase),
        leader: leader.map(|leader| leader.to_string()),
        last_beat_age_s: core.fence.last_beat_age(core.clock.monotonic()).as_secs_f64(),
        fenced,
        in_flight,
        capacity,
        journal_depth: lock(&core.owed).len(),
        journal_error: lock(&core.journal_error).clone(),
        loop_lag_s: loop_health.lag.as_secs_f64(),
        blocked_by: loop_health.blocker,
        overdue,
        store_ok,
        live: live_reason.is_none(),
        live_reason,
        ready: ready_reason.is_none(),
        ready_reason,
    }
}

const fn status(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "up",
        Phase::Draining { .. } | Phase::Abandoning => "draining",
        Phase::Stopped => "stopped",
    }
}

fn not_ready(phase: Phase, fenced: bool, store_ok: bool, loop_blocked: bool) -> Option<String> {
    let reason = match phase {
        Phase::Draining { .. } | Phase::Abandoning => "the pod is draining",
        Phase::Stopped => "the pod has stopped",
        Phase::Running if fenced => "no beat has been acknowledged for too long; the pod starts nothing",
        Phase::Running if !store_ok => "the store does not answer",
        Phase::Running if loop_blocked => "the event loop is blocked",
        Phase::Running => return None,
    };
    Some(reason.to_string())
}
