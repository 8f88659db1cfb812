//! Remembers what silent pods held, so that a rescue whose reply is lost leaves its evidence all the same.
//! Rescues nothing: what became of a claim the database says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::core::Core;
use crate::rules::state::State;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Timestamp;
use crate::store::{self, Recovered, Step};

/// Claims remembered at once; beyond them a lost reply may cost evidence, never a step.
const CLAIMS_MAX: usize = 10_000;

/// Steps per read.
const STEPS_MAX: usize = 500;

pub(crate) struct Stakes {
    core: Arc<Core>,
    held: BTreeMap<Claim, PodId>,
}

impl Stakes {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, held: BTreeMap::new() }
    }

    /// Notes what these pods hold, before anybody declares them dead. It is but evidence: a read that fails
    /// holds up no rescue.
    pub(crate) async fn note(&mut self, suspects: &[(PodId, Timestamp)]) {
        for (pod, _) in suspects {
            let Ok(claims) = self.core.store.mine(pod).await else { return };
            let room = CLAIMS_MAX.saturating_sub(self.held.len());
            self.held.extend(claims.into_iter().take(room).map(|claim| (claim, pod.clone())));
        }
    }

    /// Forgets what a rescue told.
    pub(crate) fn told(&mut self, orphans: &[Recovered]) {
        for orphan in orphans {
            self.held.remove(&orphan.claim);
        }
    }

    /// What this leader has rescued without being told.
    pub(crate) async fn untold(&mut self, me: &PodId) -> store::Result<Vec<Recovered>> {
        let held: Vec<Claim> = self.held.keys().copied().collect();
        let mut untold = Vec::new();
        for claims in held.chunks(STEPS_MAX) {
            let ids: Vec<_> = claims.iter().map(|claim| claim.step_id).collect();
            let steps = self.core.store.get(&ids).await?;
            for (claim, step) in claims.iter().zip(steps) {
                let Some(step) = step.filter(|step| !is_held(step, *claim)) else {
                    // Gone, or still with its pod, which may be alive after all; if not, it is noted again.
                    self.held.remove(claim);
                    continue;
                };
                untold.extend(self.held.remove(claim).and_then(|pod| rescued(&step, *claim, pod, me)));
            }
        }
        Ok(untold)
    }
}

fn is_held(step: &Step, claim: Claim) -> bool {
    step.state == State::Claimed && step.claim_id == Some(claim.claim_id)
}

/// The rescue of this claim, if the step's history tells of it and this leader did it.
fn rescued(step: &Step, claim: Claim, pod: PodId, me: &PodId) -> Option<Recovered> {
    let history: Value = serde_json::from_str(step.errors.as_deref()?).ok()?;
    let entries = history.as_array()?;
    let fence = claim.claim_id.to_string();
    let says = |entry: &Value, field: &str, value: &str| entry.get(field).and_then(Value::as_str) == Some(value);
    let at = entries.iter().position(|entry| says(entry, "claim", &fence) && says(entry, "leader", me.as_str()))?;
    let was_last = at + 1 == entries.len() && matches!(step.state, State::Failed | State::Cancelled);
    let to = if was_last { step.state } else { State::Pending };
    Some(Recovered { claim, task: step.task.clone(), pod, to, crash_count: step.crash_count })
}
