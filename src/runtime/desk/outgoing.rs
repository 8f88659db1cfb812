//! What leaves the desk: outcomes, claims that go back, and notes of progress. Decides none of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Desk, Hold};
use crate::rules::state::State;
use crate::rules::step::Claim;
use crate::runtime::handler::Slot;
use crate::store::Finish;

/// An outcome on its way to the store. Outcomes from the journal have no slot any more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) slot: Option<Slot>,
    pub(crate) finish: Finish,
    pub(crate) task: Arc<str>,
    pub(crate) to: State,
}

/// What leaves the desk with one cycle.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) finishes: Vec<Outgoing>,
    pub(crate) releases: Vec<(Option<Slot>, Claim)>,
}

impl Desk {
    pub(crate) fn note_progress(&mut self, slot: Slot, json: Arc<str>) {
        if let Some(held) = self.held.get(&slot).filter(|held| held.hold == Hold::Ours) {
            self.progress.insert(held.claim, json);
        }
    }

    pub(crate) fn take_progress(&mut self) -> BTreeMap<Claim, Arc<str>> {
        std::mem::take(&mut self.progress)
    }

    /// Takes what is to be written, oldest first, at most `limit` outcomes.
    pub(crate) fn take(&mut self, limit: usize) -> Batch {
        let many = self.finishes.len().min(limit);
        Batch { finishes: self.finishes.drain(..many).collect(), releases: self.releases.drain(..).collect() }
    }

    /// Puts back what could not be written, in its old order.
    pub(crate) fn put_back(&mut self, batch: Batch) {
        for outgoing in batch.finishes.into_iter().rev() {
            self.finishes.push_front(outgoing);
        }
        for release in batch.releases.into_iter().rev() {
            self.releases.push_front(release);
        }
    }

    pub(crate) fn release_unheld(&mut self, claim: Claim) {
        self.releases.push_back((None, claim));
    }
}
