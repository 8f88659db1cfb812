//! Beats, on a thread of its own, and passes on what each beat brings back.
//! Touches no Python and waits for no work: nothing a body does can delay a beat (P5).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::{Core, Phase};
use super::events::Event;
use super::handler::StopReason;
use super::lock;
use super::meta;
use super::retry::{Patience, with_deadline};
use crate::rules::backoff::Backoff;
use crate::rules::election::PodStatus;
use crate::rules::step::PodId;
use crate::rules::time::Millis;
use crate::store::{Beat, Pulse};

/// What was last told of the leader.
#[derive(Debug, PartialEq)]
enum LeaderSaid {
    Nothing,
    Leader(Option<PodId>),
}

pub(crate) struct HeartbeatLoop {
    core: Arc<Core>,
    patience: Patience,
    leader_said: LeaderSaid,
}

impl HeartbeatLoop {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            patience: Patience::new(Backoff { cap: Millis(1000), ..Backoff::STORE }),
            leader_said: LeaderSaid::Nothing,
        }
    }

    /// Beats until the pod has stopped.
    pub(crate) async fn run(mut self) {
        let mut phase = self.core.phase.subscribe();
        loop {
            let wait = self.tick().await;
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase == Phase::Stopped) => return,
                () = self.core.beat_now.notified() => {}
                () = tokio::time::sleep(wait.as_duration()) => {}
            }
        }
    }

    /// Sends one beat; says how long to wait for the next.
    async fn tick(&mut self) -> Millis {
        // A pod that was declared dead has no row to beat; the work loop registers the next one.
        if self.core.declared_dead.load(Ordering::Acquire) {
            return self.core.config.heartbeat_interval;
        }
        let sent = self.core.clock.monotonic();
        let interval = self.core.config.heartbeat_interval;
        let answer = with_deadline(interval, "a beat", self.core.store.beat(&self.beat())).await;
        match answer {
            Ok(pulse) if pulse.alive => {
                self.core.fence.acknowledge(sent);
                self.patience.after_success();
                self.take_in(pulse);
                interval - self.core.clock.monotonic().since(sent)
            }
            Ok(_) => {
                self.core.declared_dead.store(true, Ordering::Release);
                self.core.work.notify_one();
                interval
            }
            Err(error) => {
                let message = super::error::with_causes(&error);
                self.core.emit(Event::BeatFailed { pod: self.core.id(), message });
                self.patience.after_failure(&*self.core.draws).min(interval)
            }
        }
    }

    fn beat(&self) -> Beat {
        let draining = self.core.phase() != Phase::Running;
        Beat {
            pod_id: self.core.id(),
            status: if draining { PodStatus::Draining } else { PodStatus::Up },
            // Code that the tables shut out must not act for the fleet.
            can_lead: self.core.leads_well() && self.core.shut_out().is_none(),
            meta: Some(meta::of_running(&self.core)),
            timing: self.core.timing(),
            max_crashes: self.core.config.max_crashes,
        }
    }

    fn take_in(&mut self, pulse: Pulse) {
        lock(&self.core.sightings).observe(&pulse.pods, self.core.clock.monotonic());
        let mut desk = lock(&self.core.desk);
        let stops =
            pulse.cancel_requested.iter().filter_map(|claim| desk.stop_claim(*claim, StopReason::Cancel)).collect();
        let back = desk.give_back_paused(&pulse.paused);
        drop(desk);
        if back > 0 {
            self.core.work.notify_one();
        }
        self.core.tell(stops);
        let was_shut_out = self.core.shut_out();
        let shut_out = pulse.shut_out.clone();
        self.core.pulse.send_replace(Some(Arc::new(pulse)));
        if was_shut_out != shut_out {
            self.core.emit(Event::ShutOut { pod: self.core.id(), why: shut_out });
            self.core.beat_now.notify_one();
        }
        let leader = self.core.leader();
        let said = LeaderSaid::Leader(leader.clone());
        if self.leader_said != said {
            self.leader_said = said;
            self.core.emit(Event::LeaderChanged { pod: self.core.id(), leader });
        }
    }
}
