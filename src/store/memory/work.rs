//! Does to steps what pods and clients ask: enqueue, finish, release, claim, cancel, replay.
//! Where a step goes is asked of `rules::state`, whose turn it is of the index that `rules::claim` orders.

use std::sync::Arc;

use serde_json::Value;

use super::rows::Rows;
use super::{Tables, history};
use crate::rules::claim::is_due;
use crate::rules::recovery::{is_suspect, orphan_goes_to};
use crate::rules::state::{Action, State, next, settle};
use crate::rules::step::{Claim, ClaimId, PodId, StepId};
use crate::rules::time::Timestamp;
use crate::store::error::Refusal;
use crate::store::types::{
    Accepted, CancelVerdict, ClaimCall, ClaimKind, Claimed, Cycle, CycleReply, Due, Enqueue, ErrorEntry, Finish,
    HandOff, NewStep, Outcome, ProgressReport, ReplayVerdict, Step, Verdict,
};

impl Tables {
    pub(super) fn enqueue(&mut self, call: &Enqueue, now: Timestamp) -> Vec<Result<Accepted, Refusal>> {
        let mut offer = call.hand_off.clone().filter(|offer| self.is_alive(&offer.pod));
        call.steps.iter().map(|new| self.enqueue_one(new, offer.as_mut(), now)).collect()
    }

    fn enqueue_one(&mut self, new: &NewStep, offer: Option<&mut HandOff>, now: Timestamp) -> Result<Accepted, Refusal> {
        check_names(new)?;
        if self.rows.get(new.step_id).is_some() {
            return Ok(Accepted::Existing);
        }
        if let Some((key, holder)) = new.unique_key.as_ref().and_then(|key| Some((key, self.rows.holder_of(key)?))) {
            return Err(Refusal::UniqueConflict { key: key.to_string(), holder });
        }
        let mut step = born(new, now);
        let offer = offer.filter(|offer| self.may_hand_off(&step, offer, now));
        let accepted = if offer.is_some() { Accepted::HandedOff } else { Accepted::Stored };
        if let Some(offer) = offer {
            offer.limit -= 1;
            take(&mut step, &offer.pod, offer.claim_id, now);
        }
        self.rows.insert(step);
        Ok(accepted)
    }

    /// Whether a new step may skip the queue because nobody in it has the turn before.
    fn may_hand_off(&self, step: &Step, offer: &HandOff, now: Timestamp) -> bool {
        offer.limit > 0
            && is_due(step.state, step.available, now)
            && offer.tasks.contains(&step.task)
            && !self.paused.contains(&*step.queue)
            && self.rows.top_priority(&step.queue).is_none_or(|top| top < step.priority)
    }

    pub(super) fn cycle(&mut self, call: &Cycle, now: Timestamp) -> CycleReply {
        let verdicts = call.finishes.iter().map(|finish| self.finish(finish, now)).collect();
        let released = call.releases.iter().map(|&claim| self.release(claim, now)).collect();
        let pod_alive = self.is_alive(&call.pod);
        let demand = call.demand.as_ref().filter(|_| pod_alive);
        let claims = demand.map(|demand| self.claim(&call.pod, demand, now)).unwrap_or_default();
        CycleReply { verdicts, released, claims, pod_alive, next_due: self.rows.next_due(), now }
    }

    fn finish(&mut self, finish: &Finish, now: Timestamp) -> Verdict {
        let Claim { step_id, claim_id } = finish.claim;
        let Some(step) = self.rows.get(step_id).filter(|step| step.claim_id == Some(claim_id)) else {
            return Verdict::Lost;
        };
        if step.state != State::Claimed {
            return Verdict::Already;
        }
        let error = match error_of(&finish.outcome).map(|error| history::entry(&error.json, now)).transpose() {
            Ok(error) => error,
            Err(message) => return Verdict::Refused(message),
        };
        self.rows.change(step_id, |step| record(step, &finish.outcome, error, now));
        Verdict::Recorded
    }

    fn release(&mut self, claim: Claim, now: Timestamp) -> Verdict {
        if !holds(&self.rows, claim) {
            return Verdict::Lost;
        }
        self.rows.change(claim.step_id, |step| {
            go(step, settled(Action::Release, step), now);
            end_claim(step);
        });
        Verdict::Recorded
    }

    fn claim(&mut self, pod: &PodId, call: &ClaimCall, now: Timestamp) -> Vec<Claimed> {
        let suspects = call.kind == ClaimKind::Suspect;
        let wanted = |step: &Step| is_suspect(step.crash_count, call.max_crashes) == suspects;
        let limit = if suspects { call.limit.min(1) } else { call.limit };
        let mut claims = Vec::new();
        for lane in &call.lanes {
            let left = limit - u32::try_from(claims.len()).expect("never more claims than the limit");
            for id in self.rows.first_due(lane, left.min(lane.limit), wanted, &self.paused) {
                let step = self.rows.change(id, |step| take(step, pod, call.claim_id, now));
                claims.push(claimed(step.expect("the index names stored steps"), call.claim_id, now));
            }
        }
        claims
    }

    pub(super) fn progress(&mut self, reports: &[ProgressReport], now: Timestamp) {
        for report in reports.iter().filter(|report| holds(&self.rows, report.claim)).collect::<Vec<_>>() {
            self.rows.change(report.claim.step_id, |step| {
                step.progress = Some(Arc::clone(&report.json));
                step.last_update = now;
            });
        }
    }

    pub(super) fn cancel(&mut self, id: StepId, now: Timestamp) -> CancelVerdict {
        let Some(state) = self.rows.get(id).map(|step| step.state) else { return CancelVerdict::Unknown };
        if state == State::Claimed {
            self.rows.change(id, |step| {
                step.cancel_requested = true;
                step.last_update = now;
            });
            return CancelVerdict::Requested;
        }
        let Some(to) = next(state, Action::Cancel) else { return CancelVerdict::Final(state) };
        self.rows.change(id, |step| {
            go(step, to, now);
            end_claim(step);
        });
        CancelVerdict::Cancelled
    }

    pub(super) fn replay(&mut self, id: StepId, now: Timestamp) -> ReplayVerdict {
        let Some(step) = self.rows.get(id) else { return ReplayVerdict::Unknown };
        let Some(to) = next(step.state, Action::Replay) else { return ReplayVerdict::NotFailed(step.state) };
        if let Some(holder) = step.unique_key.as_ref().and_then(|key| self.rows.holder_of(key)) {
            return ReplayVerdict::Conflict(holder);
        }
        self.rows.change(id, |step| {
            go(step, to, now);
            end_claim(step);
            step.available = now;
            step.retry_count = 0;
            step.crash_count = 0;
            step.result = None;
            step.progress = None;
            step.cancel_requested = false;
        });
        ReplayVerdict::Replayed
    }
}

/// Moves a step; the caller has asked the rules.
pub(super) fn go(step: &mut Step, to: State, now: Timestamp) {
    step.state = to;
    step.last_update = now;
    step.finished = to.is_final().then_some(now);
}

/// Leaves no receipt: a claim given back unspent did not happen.
pub(super) fn end_claim(step: &mut Step) {
    step.claimed_by = None;
    step.claim_id = None;
    step.claimed = None;
}

fn take(step: &mut Step, pod: &PodId, claim_id: ClaimId, now: Timestamp) {
    go(step, State::Claimed, now);
    step.claimed_by = Some(pod.clone());
    step.claim_id = Some(claim_id);
    step.claimed = Some(now);
}

fn record(step: &mut Step, outcome: &Outcome, error: Option<Value>, now: Timestamp) {
    if let Some(error) = error {
        history::append(&mut step.errors, error);
    }
    let action = match outcome {
        Outcome::Complete { result } => {
            step.result.clone_from(result);
            Action::Complete
        }
        Outcome::Retry { delay, .. } => {
            step.retry_count += 1;
            step.available = now + *delay;
            Action::Retry
        }
        Outcome::Fail { .. } => Action::Fail,
        Outcome::Snooze { delay } => {
            step.available = now + *delay;
            Action::Snooze
        }
        Outcome::Crash { max_crashes, .. } => {
            let to = orphan_goes_to(step.crash_count, *max_crashes, step.cancel_requested);
            step.crash_count += 1;
            return go(step, to, now);
        }
        Outcome::Cancel { .. } => Action::Cancel,
    };
    go(step, settled(action, step), now);
}

fn settled(action: Action, step: &Step) -> State {
    settle(action, step.cancel_requested).expect("every end of a claim is legal on a claimed step")
}

fn holds(rows: &Rows, claim: Claim) -> bool {
    rows.get(claim.step_id).is_some_and(|step| step.state == State::Claimed && step.claim_id == Some(claim.claim_id))
}

fn error_of(outcome: &Outcome) -> Option<&ErrorEntry> {
    match outcome {
        Outcome::Retry { error, .. } | Outcome::Fail { error } | Outcome::Crash { error, .. } => Some(error),
        Outcome::Cancel { error } => error.as_ref(),
        Outcome::Complete { .. } | Outcome::Snooze { .. } => None,
    }
}

/// Databases differ in what they make of a NUL in a text; no store takes one.
fn check_names(new: &NewStep) -> Result<(), Refusal> {
    let optional = new.unique_key.iter().map(|key| ("unique key", &**key));
    let tags = new.tags.iter().map(|tag| ("tag", tag.as_str()));
    let names = [("task", &*new.task), ("queue", &*new.queue), ("content type", &*new.payload.content_type)];
    match names.into_iter().chain(optional).chain(tags).find(|(_, text)| text.contains('\0')) {
        Some((what, _)) => Err(Refusal::BadData { message: format!("the {what} contains a NUL character") }),
        None => Ok(()),
    }
}

fn born(new: &NewStep, now: Timestamp) -> Step {
    let due = match new.due {
        Due::Now => now,
        Due::In(delay) => now + delay,
        Due::At(moment) => moment.max(now),
    };
    Step {
        step_id: new.step_id,
        task: Arc::clone(&new.task),
        queue: Arc::clone(&new.queue),
        state: if due > now { State::Scheduled } else { State::Pending },
        priority: new.priority,
        payload: new.payload.clone(),
        retry_count: 0,
        max_retries: new.max_retries,
        crash_count: 0,
        claimed_by: None,
        claim_id: None,
        created: now,
        available: due,
        claimed: None,
        last_update: now,
        finished: None,
        timeout: new.timeout,
        result: None,
        errors: None,
        progress: None,
        unique_key: new.unique_key.clone(),
        tags: new.tags.clone(),
        cancel_requested: false,
    }
}

fn claimed(step: &Step, claim_id: ClaimId, now: Timestamp) -> Claimed {
    Claimed {
        claim: Claim { step_id: step.step_id, claim_id },
        task: Arc::clone(&step.task),
        queue: Arc::clone(&step.queue),
        priority: step.priority,
        payload: step.payload.clone(),
        retry_count: step.retry_count,
        max_retries: step.max_retries,
        crash_count: step.crash_count,
        timeout: step.timeout,
        created: step.created,
        claimed: now,
    }
}
