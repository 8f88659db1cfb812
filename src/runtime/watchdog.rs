//! Watches deadlines and the fence, beside the beats so that no work can delay it.

use std::sync::Arc;

use super::core::{Core, Phase};
use super::events::Event;
use super::handler::StopReason;
use super::lock;
use crate::rules::time::Millis;

/// How long it sleeps when nothing is due.
const REST: Millis = Millis(60_000);

pub(crate) struct Watchdog(pub(crate) Arc<Core>);

impl Watchdog {
    pub(crate) async fn run(self) {
        let mut phase = self.0.phase.subscribe();
        loop {
            let wait = self.tick();
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase == Phase::Stopped) => return,
                () = self.0.deadlines.notified() => {}
                () = tokio::time::sleep(wait.as_duration()) => {}
            }
        }
    }

    /// Acts on what is due; says how long nothing will be.
    fn tick(&self) -> Millis {
        let now = self.0.clock.monotonic();
        self.watch_fence();
        let passed = lock(&self.0.desk).pass_deadlines(now, &self.0.bench());
        for (claim, task, timeout) in &passed.overdue {
            self.0.emit(Event::DeadlinePassed {
                pod: self.0.id(),
                claim: *claim,
                task: task.clone(),
                timeout: *timeout,
            });
        }
        if !passed.overdue.is_empty() {
            self.0.work.notify_one();
        }
        self.0.tell(passed.stops);
        let next_deadline = lock(&self.0.desk).next_deadline().map_or(REST, |due| due.since(now));
        let fence_change = if self.0.fence.is_up(now) { Millis(100) } else { self.0.fence.rises_in(now) };
        next_deadline.min(fence_change).max(Millis(1))
    }

    fn watch_fence(&self) {
        match self.0.fence.change(self.0.clock.monotonic()) {
            Some(true) => {
                let stops = lock(&self.0.desk).stop_where(StopReason::Fenced, |held| !held.task.continue_on_fence);
                self.0.emit(Event::Fenced { pod: self.0.id() });
                self.0.tell(stops);
            }
            Some(false) => {
                self.0.emit(Event::Unfenced { pod: self.0.id() });
                self.0.work.notify_one();
            }
            None => {}
        }
    }
}
