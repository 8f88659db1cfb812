//! Keeps POD_HEALTH in memory and does what leaders ask: beats, deaths, rescue, pruning, pauses.
//! Who is dead and where an orphan goes is asked of `rules`.

use std::sync::Arc;

use serde_json::Value;

use super::work::{end_claim, go};
use super::{News, Tables, claim_of, history};
use crate::rules::election::{PodStatus, PodView, beating_since};
use crate::rules::recovery::{is_dead, may_declare_deaths, orphan_goes_to};
use crate::rules::state::State;
use crate::rules::step::{PodId, StepId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::error::{Error, Result};
use crate::store::types::{Beat, Control, MarkDead, Pod, Prune, Pruned, Pulse, Recover, Recovered, Registration};

impl Tables {
    /// Whether the pod may claim: it has a row, and nobody declared it dead.
    pub(super) fn is_alive(&self, pod: &PodId) -> bool {
        self.pods.get(pod).is_some_and(|pod| pod.view.status.holds_claims())
    }

    /// Every pod, oldest first.
    pub(super) fn pods_by_age(&self) -> Vec<&Pod> {
        let mut pods: Vec<&Pod> = self.pods.values().collect();
        pods.sort_by(|a, b| (a.view.birth, &a.view.pod_id).cmp(&(b.view.birth, &b.view.pod_id)));
        pods
    }

    pub(super) fn register(&mut self, pod: &Registration, now: Timestamp) -> Result<()> {
        if self.pods.contains_key(&pod.pod_id) {
            return Err(Error::config(format!("pod {} is registered already", pod.pod_id)));
        }
        let said = said(&pod.meta);
        let view = PodView {
            pod_id: pod.pod_id.clone(),
            birth: now,
            last_heartbeat: now,
            beating_since: now,
            status: PodStatus::Up,
            can_lead: pod.can_lead,
            has_room: has_room(&said),
            serves: serves(&said),
        };
        self.pods.insert(pod.pod_id.clone(), Pod { view, meta: Arc::clone(&pod.meta) });
        Ok(())
    }

    pub(super) fn beat(&mut self, beat: &Beat, now: Timestamp) -> Pulse {
        assert!(beat.status.holds_claims(), "a pod ends by `retire`, not by a beat");
        let row = self.pods.get_mut(&beat.pod_id).filter(|pod| pod.view.status.holds_claims());
        let alive = row.is_some();
        if let Some(pod) = row {
            pod.view.beating_since = beating_since(&pod.view, now, beat.timing.heartbeat_interval);
            pod.view.last_heartbeat = now;
            pod.view.status = beat.status;
            pod.view.can_lead = beat.can_lead;
            pod.meta = beat.meta.as_ref().unwrap_or(&pod.meta).clone();
            let said = said(&pod.meta);
            (pod.view.has_room, pod.view.serves) = (has_room(&said), serves(&said));
        }
        let living = self.pods_by_age().into_iter().filter(|pod| pod.view.status.holds_claims());
        let asked_to_stop = self.rows.held_by(&beat.pod_id).filter(|step| step.cancel_requested);
        Pulse {
            alive,
            now,
            pods: living.map(|pod| pod.view.clone()).collect(),
            paused: self.paused_queues(),
            cancel_requested: asked_to_stop.filter_map(claim_of).collect(),
            suspects: self.rows.has_suspect(beat.max_crashes),
            shut_out: None,
        }
    }

    pub(super) fn retire(&mut self, pod: &PodId) {
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.view.status = PodStatus::Down;
        }
    }

    pub(super) fn mark_dead(&mut self, call: &MarkDead, now: Timestamp) -> Vec<PodId> {
        self.clamp_beats(now);
        let leader = self.pods.get(&call.leader);
        if !leader.is_some_and(|leader| may_declare_deaths(&leader.view, now, call.timing)) {
            return Vec::new();
        }
        let mut dead = Vec::new();
        for (id, seen) in &call.suspects {
            let Some(pod) = self.pods.get_mut(id).filter(|pod| pod.view.last_heartbeat == *seen) else { continue };
            if is_dead(&pod.view, now, call.timing) {
                pod.view.status = PodStatus::Down;
                dead.push(id.clone());
            }
        }
        dead
    }

    /// A beat from the future would keep a dead pod alive until the clock has caught up.
    fn clamp_beats(&mut self, now: Timestamp) {
        for pod in self.pods.values_mut().filter(|pod| matches!(pod.view.status, PodStatus::Up | PodStatus::Draining)) {
            pod.view.pull_back(now);
        }
    }

    pub(super) fn recover(&mut self, call: &Recover, now: Timestamp) -> Vec<Recovered> {
        let orphans = self.rows.orphans(|pod| self.is_alive(pod), call.limit);
        orphans.into_iter().filter_map(|id| self.recover_one(id, call, now)).collect()
    }

    fn recover_one(&mut self, id: StepId, call: &Recover, now: Timestamp) -> Option<Recovered> {
        let step = self.rows.get(id)?;
        let (claim, pod) = (claim_of(step)?, step.claimed_by.clone()?);
        let to = orphan_goes_to(step.crash_count, call.max_crashes, step.cancel_requested);
        let evidence = history::crash(step, &call.leader, now);
        let step = self.rows.change(id, |step| {
            history::append(&mut step.errors, evidence);
            step.crash_count += 1;
            go(step, to, now);
            end_claim(step);
        })?;
        Some(Recovered { claim, task: Arc::clone(&step.task), pod, to, crash_count: step.crash_count })
    }

    pub(super) fn prune(&mut self, call: &Prune, now: Timestamp) -> Pruned {
        let expired: Vec<StepId> = self
            .rows
            .ended()
            .filter(|step| is_past(step.finished.unwrap_or_default(), keep(step.state, call), now))
            .map(|step| step.step_id)
            .take(call.limit as usize)
            .collect();
        for &id in &expired {
            self.rows.remove(id);
        }
        let before = self.pods.len();
        let rows = &self.rows;
        self.pods.retain(|id, pod| {
            pod.view.status.holds_claims()
                || !is_past(pod.view.last_heartbeat, call.keep_pods, now)
                || rows.held_by(id).next().is_some()
        });
        Pruned { steps: expired.len() as u64, pods: (before - self.pods.len()) as u64 }
    }

    pub(super) fn control(&mut self, command: &Control) -> News {
        match command {
            Control::Pause { queue } => {
                self.paused.insert(queue.clone());
                News::Nothing
            }
            Control::Resume { queue } if self.paused.remove(queue) => News::Resumed,
            Control::Resume { .. } => News::Nothing,
        }
    }

    pub(super) fn paused_queues(&self) -> Vec<String> {
        self.paused.iter().cloned().collect()
    }
}

fn is_past(moment: Timestamp, keep: Millis, now: Timestamp) -> bool {
    now.since(moment) > keep
}

fn keep(state: State, call: &Prune) -> Millis {
    match state {
        State::Completed => call.keep_completed,
        State::Failed | State::Cancelled => call.keep_failed,
        State::Blocked | State::Scheduled | State::Pending | State::Claimed => Millis::MAX,
    }
}

/// What a pod says of itself; nothing, if it cannot be read.
fn said(meta: &str) -> Value {
    serde_json::from_str(meta).unwrap_or_default()
}

/// Whether it says that it holds fewer steps than it has places.
fn has_room(said: &Value) -> bool {
    match (said["in_flight"].as_f64(), said["capacity"].as_f64()) {
        (Some(in_flight), Some(capacity)) => in_flight < capacity,
        (None, _) | (_, None) => true,
    }
}

/// The mark of what it says that it serves.
fn serves(said: &Value) -> Arc<str> {
    let named = ["tasks", "queues"].map(|key| said.get(key).filter(|named| !named.is_null()));
    named.into_iter().flatten().map(Value::to_string).collect::<String>().into()
}
