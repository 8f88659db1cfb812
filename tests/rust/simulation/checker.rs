//! Watches what truly happens in the store, and judges it: nothing lost, nothing recorded twice,
//! no two live claims on a step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use fleet_q::rules::step::{Claim, ClaimId, StepId};
use fleet_q::store::{Accepted, Claimed, Cycle, CycleReply, Enqueue, Outcome, Recovered, Refusal, Step, Verdict};

#[derive(Debug, Default)]
pub struct Checker(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The live claim of each claimed step.
    live: BTreeMap<StepId, ClaimId>,
    /// Claims whose reply reached their pod.
    delivered: BTreeSet<Claim>,
    /// How often a completion or a final failure was recorded.
    recorded: BTreeMap<StepId, u32>,
    broken: Vec<String>,
    cycles: u32,
    handed: u32,
}

impl Checker {
    pub fn saw_cycle(&self, call: &Cycle, reply: &CycleReply) {
        let mut book = self.0.lock().expect("the checker does not panic");
        book.cycles += 1;
        for (finish, verdict) in call.finishes.iter().zip(&reply.verdicts) {
            if *verdict != Verdict::Recorded {
                continue;
            }
            let Claim { step_id, claim_id } = finish.claim;
            if book.live.remove(&step_id) != Some(claim_id) {
                book.broken.push(format!("P3: {step_id} was ended by {claim_id}, which did not hold it"));
            }
            if matches!(finish.outcome, Outcome::Complete { .. } | Outcome::Fail { .. }) {
                *book.recorded.entry(step_id).or_default() += 1;
            }
        }
        for (claim, verdict) in call.releases.iter().zip(&reply.released) {
            if *verdict == Verdict::Recorded {
                book.live.remove(&claim.step_id);
            }
        }
        for claimed in &reply.claims {
            let Claim { step_id, claim_id } = claimed.claim;
            if let Some(other) = book.live.insert(step_id, claim_id) {
                book.broken.push(format!("P2: {step_id} was claimed by {claim_id} while {other} held it"));
            }
        }
    }

    pub fn saw_recovery(&self, recovered: &[Recovered]) {
        let mut book = self.0.lock().expect("the checker does not panic");
        for orphan in recovered {
            book.live.remove(&orphan.claim.step_id);
        }
    }

    pub fn saw_hand_off(&self, call: &Enqueue, rows: &[Result<Accepted, Refusal>]) {
        let Some(terms) = &call.hand_off else { return };
        let mut book = self.0.lock().expect("the checker does not panic");
        for (step, row) in call.steps.iter().zip(rows) {
            if *row == Ok(Accepted::HandedOff) {
                book.live.insert(step.step_id, terms.claim_id);
                book.handed += 1;
            }
        }
    }

    pub fn was_handed(&self, call: &Enqueue, rows: &[Result<Accepted, Refusal>], claim_id: ClaimId) {
        let mut book = self.0.lock().expect("the checker does not panic");
        let handed = call.steps.iter().zip(rows).filter(|(_, row)| **row == Ok(Accepted::HandedOff));
        book.delivered.extend(handed.map(|(step, _)| Claim { step_id: step.step_id, claim_id }));
    }

    /// How many steps were handed off directly.
    pub fn handed(&self) -> u32 {
        self.0.lock().expect("the checker does not panic").handed
    }

    pub fn delivered(&self, claims: &[Claimed]) {
        self.0.lock().expect("the checker does not panic").delivered.extend(claims.iter().map(|c| c.claim));
    }

    pub fn was_delivered(&self, claim: Claim) -> bool {
        self.0.lock().expect("the checker does not panic").delivered.contains(&claim)
    }

    pub fn cycles(&self) -> u32 {
        self.0.lock().expect("the checker does not panic").cycles
    }

    pub fn holder(&self, step_id: StepId) -> Option<ClaimId> {
        self.0.lock().expect("the checker does not panic").live.get(&step_id).copied()
    }

    /// Everything that broke a promise, given the accepted steps as the store shows them at the end.
    pub fn verdict(&self, accepted: &[StepId], found: &[Option<Step>], runs: &BTreeMap<StepId, u32>) -> Vec<String> {
        let book = self.0.lock().expect("the checker does not panic");
        let mut broken = book.broken.clone();
        for (id, step) in accepted.iter().zip(found) {
            match step {
                None => broken.push(format!("P1: {id} was accepted and is gone")),
                Some(step) if !step.state.is_final() => {
                    broken.push(format!("P4: {id} is {} by {:?} at the end", step.state, step.claimed_by));
                }
                Some(_) if !runs.contains_key(id) => broken.push(format!("P4: {id} is final and never ran")),
                Some(_) => {}
            }
        }
        let twice = book.recorded.iter().filter(|(_, times)| **times > 1);
        broken.extend(twice.map(|(id, times)| format!("P7: {id} was recorded {times} times")));
        broken
    }
}
