//! The pod as its handler sees it: may this body begin, and here is how those ended.

use std::sync::Arc;

use super::core::{Core, LoopHealth};
use super::events::Event;
use super::handler::{Ended, Gate, Job, Report, Slot};
use super::lock;
use crate::rules::time::Millis;

/// From here on the loop counts as blocked, and gets no more work.
pub(crate) const LOOP_LAG_MAX: Millis = Millis(1000);

#[derive(Debug)]
pub(crate) struct PodGate(pub(crate) Arc<Core>);

impl Gate for PodGate {
    fn begin(&self, slot: Slot) -> bool {
        let now = self.0.clock.monotonic();
        if self.0.fence.is_up(now) {
            return false;
        }
        let (may, timed) = lock(&self.0.desk).begin(slot, now);
        if timed {
            self.0.deadlines.notify_one();
        }
        may
    }

    fn report(&self, reports: Vec<Report>) -> Vec<Job> {
        let mut bench = self.0.bench();
        let mut desk = lock(&self.0.desk);
        let mut ends = false;
        for report in reports {
            match report {
                Report::Ended(slot, ended) => {
                    // A draw asks the system; what returned waits for nothing, so it needs none.
                    if !matches!(ended, Ended::Returned(_)) {
                        bench.draw = self.0.draws.unit();
                    }
                    desk.ended(slot, ended, &bench);
                    ends = true;
                }
                Report::Progress(slot, json) => desk.note_progress(slot, json),
            }
        }
        let next = if ends { desk.hand_out() } else { Vec::new() };
        drop(desk);
        self.0.work.notify_one();
        next
    }

    fn loop_lag(&self, lag: Millis, blocker: Option<String>) {
        let too_late = lag >= LOOP_LAG_MAX;
        // Asked before the lock is taken: nobody holds this lock and the desk's together.
        let named = blocker.or_else(|| too_late.then(|| self.on_loop()).flatten());
        let mut health = lock(&self.0.loop_health);
        let newly_blocked = too_late && health.lag < LOOP_LAG_MAX;
        *health = LoopHealth { lag, blocker: named.clone() };
        drop(health);
        if newly_blocked {
            self.0.emit(Event::LoopBlocked { pod: self.0.id(), lag, blocker: named });
        }
    }
}

impl PodGate {
    fn on_loop(&self) -> Option<String> {
        let running = lock(&self.0.desk).on_loop();
        (!running.is_empty()).then(|| running.join(", "))
    }
}
