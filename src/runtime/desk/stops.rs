//! The desk's stops: who is told to end, whose claim is given back or lost, and what a deadline does.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Body, Desk, Held, Hold};
use crate::rules::step::Claim;
use crate::rules::time::{Millis, Monotonic};
use crate::runtime::ending::{self, Bench, Closing};
use crate::runtime::handler::{Ended, Slot, StopReason};

/// How long a body may take to end after its deadline, before it is finished over its head.
const OVERDUE_GRACE: Millis = Millis(1000);

/// What the deadlines that passed ask for.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) stops: Vec<(Slot, StopReason)>,
    /// Finished over the body's head: claim, task, timeout.
    pub(crate) overdue: Vec<(Claim, Arc<str>, Millis)>,
}

impl Desk {
    /// Marks one claim's body to be stopped; `None` if it is not here or was told before.
    pub(crate) fn stop_claim(&mut self, claim: Claim, reason: StopReason) -> Option<(Slot, StopReason)> {
        let slot = *self.slot_of.get(&claim)?;
        self.stop_slot(slot, reason)
    }

    fn stop_slot(&mut self, slot: Slot, reason: StopReason) -> Option<(Slot, StopReason)> {
        let held = self.held.get_mut(&slot)?;
        let stronger = held.stop.is_none_or(|told| told < reason);
        if !stronger || held.body == Body::Over {
            return None;
        }
        held.stop = Some(reason);
        if held.body == Body::Aside {
            self.end_aside(slot, reason);
            return None;
        }
        Some((slot, reason))
    }

    /// Marks every body that `which` selects.
    pub(crate) fn stop_where(&mut self, reason: StopReason, which: impl Fn(&Held) -> bool) -> Vec<(Slot, StopReason)> {
        let slots: Vec<Slot> = self.held.iter().filter(|(_, held)| which(held)).map(|(slot, _)| *slot).collect();
        slots.into_iter().filter_map(|slot| self.stop_slot(slot, reason)).collect()
    }

    /// Lets no further body begin, and gives back those that have not. Returns whom to tell.
    pub(crate) fn close(&mut self) -> Vec<(Slot, StopReason)> {
        self.closed = true;
        let begins_not = |held: &Held| matches!(held.body, Body::Aside | Body::Waiting) && held.hold == Hold::Ours;
        let waiting = self.slots_where(begins_not);
        let mut told = Vec::with_capacity(waiting.len());
        for slot in waiting {
            self.close_claim(slot, Closing::GiveBack);
            told.extend(self.stop_slot(slot, StopReason::Shutdown));
        }
        told
    }

    /// Gives every claim back, running body or not: the last act before exit.
    pub(crate) fn give_all_back(&mut self) {
        self.closed = true;
        for slot in self.slots_where(|held| held.hold == Hold::Ours) {
            self.close_claim(slot, Closing::GiveBack);
        }
    }

    /// Gives back what was on its way with a call that never came back, because its loop died. The
    /// fence answers `lost` where the outcome had been recorded after all.
    pub(crate) fn give_back_stranded(&mut self) {
        let queued: BTreeSet<Claim> = self.queued().collect();
        for slot in self.slots_where(|held| held.hold == Hold::Ending && !queued.contains(&held.claim)) {
            self.close_claim(slot, Closing::GiveBack);
        }
    }

    /// Ends every claim without a word to the store: they are no longer this pod's. Returns whom to tell.
    pub(crate) fn lose_all(&mut self) -> Vec<(Slot, StopReason)> {
        let ours = self.slots_where(|held| held.hold == Hold::Ours);
        ours.into_iter().filter_map(|slot| self.lose(slot)).collect()
    }

    /// The same for one claim.
    pub(crate) fn lose_claim(&mut self, claim: Claim) -> Option<(Slot, StopReason)> {
        let slot = *self.slot_of.get(&claim)?;
        self.lose(slot)
    }

    fn lose(&mut self, slot: Slot) -> Option<(Slot, StopReason)> {
        let told = self.stop_slot(slot, StopReason::Lost);
        self.settle([slot]);
        told
    }

    fn slots_where(&self, which: impl Fn(&Held) -> bool) -> Vec<Slot> {
        self.held.iter().filter(|(_, held)| which(held)).map(|(slot, _)| *slot).collect()
    }

    /// Acts on deadlines up to `now`: first asks the body to stop, a grace later finishes the step.
    pub(crate) fn pass_deadlines(&mut self, now: Monotonic, bench: &Bench) -> Passed {
        let mut passed = Passed::default();
        while let Some((due, slot)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now) {
            self.deadlines.remove(&(due, slot));
            let Some(held) = self.held.get_mut(&slot) else { continue };
            held.deadline = None;
            if held.hold != Hold::Ours {
                continue;
            }
            if held.stop.is_some_and(|told| told >= StopReason::Timeout) {
                let (claim, task, timeout) = (held.claim, held.task.name.clone(), held.timeout.unwrap_or_default());
                let closing = ending::close(held, Ended::Stopped, bench);
                self.close_claim(slot, closing);
                passed.overdue.push((claim, task, timeout));
            } else {
                let again = now + OVERDUE_GRACE;
                held.deadline = Some(again);
                self.deadlines.insert((again, slot));
                passed.stops.extend(self.stop_slot(slot, StopReason::Timeout));
            }
        }
        passed
    }

    pub(crate) fn next_deadline(&self) -> Option<Monotonic> {
        self.deadlines.first().map(|(due, _)| *due)
    }
}
