//! What others may know of the desk. Changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::counts::Counts;
use super::{Body, Desk, Held, Hold};
use crate::rules::demand::{Executor, Load};
use crate::rules::step::Claim;
use crate::runtime::handler::StopReason;

impl Desk {
    pub(crate) fn load(&self) -> Load {
        self.counts.load_without(&Counts::default(), self.reserved)
    }

    /// What will be left once the ends at hand are recorded, which travel with the next call.
    pub(crate) fn load_after_ends(&self) -> Load {
        self.counts.load_without(&self.leaving, self.reserved)
    }

    /// Places that are taken: bodies that are not over, and outcomes not yet durable. Without the look-ahead.
    pub(crate) fn taken(&self) -> u32 {
        u32::try_from(self.held.len() - self.aside()).unwrap_or(u32::MAX).saturating_add(self.reserved)
    }

    /// Claims that the store should show as this pod's: held, or with an outcome on its way.
    pub(crate) fn claims(&self) -> BTreeSet<Claim> {
        self.slot_of.keys().copied().chain(self.queued()).collect()
    }

    /// Claims with an outcome or a release that waits for the next call.
    pub(super) fn queued(&self) -> impl Iterator<Item = Claim> {
        let back = self.releases.iter().map(|(_, claim)| *claim);
        self.finishes.iter().map(|outgoing| outgoing.finish.claim).chain(back)
    }

    /// Claims whose loss would be news: held and nothing on its way.
    pub(crate) fn claims_without_outcome(&self) -> BTreeSet<Claim> {
        self.held.values().filter(|held| held.hold == Hold::Ours).map(|held| held.claim).collect()
    }

    /// Whether a hand-off under way may still bring this claim.
    pub(crate) fn expects(&self, claim: Claim) -> bool {
        self.expected.contains(&claim.claim_id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.reserved == 0
    }

    pub(crate) fn bodies(&self) -> usize {
        self.held.values().filter(|held| matches!(held.body, Body::Waiting | Body::Running)).count()
    }

    /// How many places are taken by bodies that outlived their step.
    pub(crate) fn outlived(&self) -> usize {
        self.held.values().filter(|held| held.body == Body::Running && held.hold != Hold::Ours).count()
    }

    /// Steps past their deadline whose body still runs, as `task (step id)`.
    pub(crate) fn overdue(&self) -> Vec<String> {
        let late = |held: &&Held| held.body != Body::Over && held.stop == Some(StopReason::Timeout);
        self.held.values().filter(late).map(|held| format!("{} ({})", held.task.name, held.claim.step_id)).collect()
    }

    /// Tasks whose bodies run on the event loop right now.
    pub(crate) fn on_loop(&self) -> Vec<Arc<str>> {
        let running = |held: &&Held| held.body == Body::Running && held.task.executor == Executor::Loop;
        self.held.values().filter(running).map(|held| held.task.name.clone()).collect()
    }
}
