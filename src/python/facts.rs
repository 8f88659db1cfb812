//! Turns each `Event` of the runtime into one log record with structured fields. Decides only how
//! loud a fact is: what a user must act on is a warning, what happens per step is for debugging.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tracing::{debug, error, info, warn};

use crate::rules::state::State;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Millis;
use crate::runtime::events::{End, Event, Events};

/// Logs every event until the runtime is gone.
pub async fn follow(events: Events) {
    let mut facts = events.subscribe();
    drop(events);
    loop {
        match facts.recv().await {
            Ok(event) => log(event),
            Err(RecvError::Lagged(missed)) => {
                warn!(target: "fleet_q.events", missed, "events came faster than they could be logged");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn log(event: Event) {
    match event {
        Event::PodStarted { pod } => info!(target: "fleet_q.pod", %pod, "pod started"),
        Event::PodDeclaredDead { pod } => declared_dead(&pod),
        Event::PodStopped { pod } => info!(target: "fleet_q.pod", %pod, "pod stopped"),
        Event::Enqueued { steps, refused } => debug!(target: "fleet_q.client", steps, refused, "steps enqueued"),
        Event::Claimed { pod, claims } => claimed(&pod, &claims),
        Event::Finished { pod, ends } => ends.iter().for_each(|end| finished(&pod, end)),
        Event::ClaimLost { pod, claim } => claim_lost(&pod, claim),
        Event::OutcomeRefused { pod, claim, message } => outcome_refused(&pod, claim, &message),
        Event::Released { pod, claims } => released(&pod, &claims),
        Event::Journaled { pod, outcomes } => journaled(&pod, outcomes),
        Event::Delivered { pod, outcomes } => {
            info!(target: "fleet_q.journal", %pod, outcomes, "outcomes that had waited are stored");
        }
        Event::JournalFailed { pod, message } => journal_failed(&pod, &message),
        Event::BurialFailed { pod, message } => {
            warn!(target: "fleet_q.leader", %pod, error = message, "dead letters could not be kept in LOCAL_PATH");
        }
        Event::BeatFailed { pod, message } => {
            warn!(target: "fleet_q.heartbeat", %pod, error = message, "a heartbeat failed");
        }
        Event::Fenced { pod } => fenced(&pod),
        Event::Unfenced { pod } => {
            info!(target: "fleet_q.heartbeat", %pod, "the pod beats again and takes steps again");
        }
        Event::StoreFailed { pod, action, message, unknown } => store_failed(&pod, action, &message, unknown),
        Event::StoreCaution { message } => {
            warn!(target: "fleet_q.store", caution = message, "a setting of the database puts work at risk");
        }
        Event::StoreBack { pod } => info!(target: "fleet_q.store", %pod, "the store answers again"),
        Event::ShutOut { pod, why } => shut_out(&pod, why.as_deref()),
        Event::LeaderChanged { pod, leader } => leader_changed(&pod, leader.as_ref()),
        Event::MarkedDead { by, pods } => marked_dead(&by, &pods),
        Event::Recovered { by, step_id, from, to, crash_count } => recovered(&by, step_id, &from, to, crash_count),
        Event::Pruned { by, steps, pods } => debug!(target: "fleet_q.leader", %by, steps, pods, "old rows pruned"),
        Event::Reconciled { pod, released, lost } => reconciled(&pod, released, lost),
        Event::DeadlinePassed { pod, claim, task, timeout } => deadline_passed(&pod, claim, &task, timeout),
        Event::LoopBlocked { pod, lag, blocker } => loop_blocked(&pod, lag, blocker.as_deref()),
        Event::Draining { pod, running } => info!(target: "fleet_q.pod", %pod, running, "pod is draining"),
    }
}

fn declared_dead(pod: &PodId) {
    warn!(target: "fleet_q.pod", %pod, "the fleet declared this pod dead; it registers anew");
}

fn claimed(pod: &PodId, claims: &[Claim]) {
    if let Some(first) = claims.first() {
        debug!(target: "fleet_q.pod", %pod, steps = claims.len(), claim_id = %first.claim_id, "steps claimed");
    }
}

fn finished(pod: &PodId, end: &End) {
    let End { claim: Claim { step_id, .. }, task, to } = end;
    match to {
        State::Failed => {
            warn!(target: "fleet_q.step", %pod, %step_id, task = &**task, to = %to, "step failed for good");
        }
        State::Scheduled => {
            info!(target: "fleet_q.step", %pod, %step_id, task = &**task, to = %to, "step will run again");
        }
        State::Pending => {
            warn!(target: "fleet_q.step", %pod, %step_id, task = &**task, to = %to, "step's process died; it will run again");
        }
        State::Completed | State::Cancelled | State::Claimed | State::Blocked => {
            debug!(target: "fleet_q.step", %pod, %step_id, task = &**task, to = %to, "step finished");
        }
    }
}

fn claim_lost(pod: &PodId, claim: Claim) {
    let Claim { step_id, claim_id } = claim;
    warn!(target: "fleet_q.step", %pod, %step_id, %claim_id, "claim lost: the outcome came too late and was dropped");
}

fn outcome_refused(pod: &PodId, claim: Claim, message: &str) {
    let step_id = claim.step_id;
    warn!(target: "fleet_q.step", %pod, %step_id, error = message, "the database refused the step's outcome");
}

fn released(pod: &PodId, claims: &[Claim]) {
    info!(target: "fleet_q.pod", %pod, steps = claims.len(), "steps given back unspent");
}

fn journaled(pod: &PodId, outcomes: u32) {
    warn!(target: "fleet_q.journal", %pod, outcomes, "outcomes wait in the local journal for the store");
}

fn journal_failed(pod: &PodId, message: &str) {
    error!(target: "fleet_q.journal", %pod, error = message, "the local journal failed: what the store has not taken waits in memory, and its slots stay taken");
}

fn fenced(pod: &PodId) {
    error!(target: "fleet_q.heartbeat", %pod, "no heartbeat got through for too long: the pod starts nothing and ends what it runs");
}

fn store_failed(pod: &PodId, action: &str, message: &str, unknown: bool) {
    warn!(target: "fleet_q.store", %pod, action, unknown, error = message, "a call of the store failed");
}

fn shut_out(pod: &PodId, why: Option<&str>) {
    if let Some(why) = why {
        error!(target: "fleet_q.store", %pod, why, "this pod takes no more steps: {why}");
    } else {
        info!(target: "fleet_q.store", %pod, "the schema admits this pod again; it takes steps");
    }
}

fn leader_changed(pod: &PodId, leader: Option<&PodId>) {
    let leader = leader.map(PodId::as_str);
    info!(target: "fleet_q.leader", %pod, leader, "the leader changed");
}

fn marked_dead(by: &PodId, pods: &[PodId]) {
    for pod in pods {
        warn!(target: "fleet_q.leader", %by, %pod, "pod declared dead");
    }
}

fn recovered(by: &PodId, step_id: StepId, from: &PodId, to: State, crash_count: u32) {
    warn!(target: "fleet_q.leader", %by, %step_id, %from, to = %to, crash_count, "step of a dead pod recovered");
}

fn reconciled(pod: &PodId, released: u32, lost: u32) {
    warn!(target: "fleet_q.pod", %pod, released, lost, "what the pod holds and what the store says differed; mended");
}

fn deadline_passed(pod: &PodId, claim: Claim, task: &Arc<str>, timeout: Millis) {
    let (step_id, timeout_s) = (claim.step_id, timeout.as_secs_f64());
    warn!(target: "fleet_q.step", %pod, %step_id, task = &**task, timeout_s, "step ran past its timeout");
}

fn loop_blocked(pod: &PodId, lag: Millis, blocker: Option<&str>) {
    let lag_s = lag.as_secs_f64();
    warn!(target: "fleet_q.watch", %pod, lag_s, blocker, "the event loop is blocked; it gets no more steps");
}
