//! Knows whether this pod must consider itself dead (P8). Stops nobody itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::rules::recovery::{DeathTiming, fence_margin, is_fenced};
use crate::rules::time::{Millis, Monotonic};

/// The age of the last beat that the store acknowledged, by when it was *sent*.
#[derive(Debug)]
pub(crate) struct Fence {
    timing: DeathTiming,
    last_beat_sent: AtomicU64,
    noted: AtomicBool,
}

impl Fence {
    pub(crate) fn new(timing: DeathTiming, now: Monotonic) -> Self {
        Self { timing, last_beat_sent: AtomicU64::new(now.0), noted: AtomicBool::new(false) }
    }

    pub(crate) fn acknowledge(&self, sent: Monotonic) {
        self.last_beat_sent.fetch_max(sent.0, Ordering::AcqRel);
    }

    pub(crate) fn last_beat_age(&self, now: Monotonic) -> Millis {
        now.since(Monotonic(self.last_beat_sent.load(Ordering::Acquire)))
    }

    pub(crate) fn is_up(&self, now: Monotonic) -> bool {
        is_fenced(self.last_beat_age(now), self.timing)
    }

    /// How long until the fence rises if no beat is acknowledged before.
    pub(crate) fn rises_in(&self, now: Monotonic) -> Millis {
        let reach = self.timing.dead_pod_threshold - fence_margin(self.timing.heartbeat_interval);
        reach + Millis(1) - self.last_beat_age(now)
    }

    /// Whether the fence went up or down since the last call: `Some(is_up)` once per change.
    pub(crate) fn change(&self, now: Monotonic) -> Option<bool> {
        let up = self.is_up(now);
        (self.noted.swap(up, Ordering::AcqRel) != up).then_some(up)
    }
}
