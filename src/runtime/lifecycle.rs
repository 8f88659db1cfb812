//! How a pod comes back after the store declared it dead, and how it ends.

use std::sync::atomic::Ordering;

use super::core::{Core, Phase};
use super::events::Event;
use super::lock;
use super::meta;
use super::retry::with_deadline;
use super::work_loop::WorkLoop;
use crate::rules::election::PodStatus;
use crate::rules::step::PodId;
use crate::rules::time::Millis;
use crate::store::{self, Registration};

/// How many calls the last act may take: outcomes left, then the claims given back.
const LAST_CALLS_MAX: usize = 16;

/// How long the farewell to POD_HEALTH may take.
const RETIRE_LIMIT: Millis = Millis(2000);

impl WorkLoop {
    /// Delivers what is owed, drops what is no longer this pod's, and registers under a fresh id.
    pub(crate) async fn be_reborn(&mut self) {
        let stops = lock(&self.core.desk).lose_all();
        self.core.tell(stops);
        let flight = self.gather().await;
        if !flight.is_empty() && self.cycle(flight, None).await.is_none() {
            return;
        }
        let (old, sent) = (self.core.id(), self.core.clock.monotonic());
        let id = self.reborn_as.take().unwrap_or_else(|| mint(&self.core));
        match register(&self.core, &id).await {
            Ok(()) => {
                self.core.fence.acknowledge(sent);
                self.core.rename(id.clone());
                self.core.declared_dead.store(false, Ordering::Release);
                self.core.beat_now.notify_one();
                self.core.emit(Event::PodDeclaredDead { pod: old });
                self.core.emit(Event::PodStarted { pod: id });
            }
            Err(error) => {
                // Whether the row is there nobody knows: the same id finds it, a fresh one would leave it to nobody.
                self.reborn_as = error.is_transient().then_some(id);
                self.core.note_store(Some(("registration", &error)));
                let wait = self.patience.after_failure(&*self.core.draws);
                self.retry_at = Some(self.core.clock.monotonic() + wait);
            }
        }
    }

    /// Writes what is left, says farewell and stops every loop of this pod. What cannot be written
    /// stays in the journal; what cannot be given back is rescued by the leader.
    pub(crate) async fn last_act(&mut self) {
        for _ in 0..LAST_CALLS_MAX {
            let flight = self.gather().await;
            if flight.is_empty() || self.cycle(flight, None).await.is_none() {
                break;
            }
        }
        let id = self.core.id();
        // A pod that leaves without a farewell is declared dead after the threshold; nothing is lost.
        let _ = with_deadline(RETIRE_LIMIT, "the farewell", self.core.store.retire(&id)).await;
        self.core.emit(Event::PodStopped { pod: id });
        self.core.phase.send_replace(Phase::Stopped);
    }
}

/// A fresh id for this process.
pub(crate) fn mint(core: &Core) -> PodId {
    mint_named(core.config.pod_name.as_deref().unwrap_or("pod"), &*core.draws)
}

pub(crate) fn mint_named(name: &str, draws: &dyn super::clock::Draws) -> PodId {
    let bytes = draws.bytes();
    PodId::mint(name, [bytes[0], bytes[1], bytes[2], bytes[3]])
}

pub(crate) async fn register(core: &Core, id: &PodId) -> store::Result<()> {
    let row = Registration { pod_id: id.clone(), can_lead: true, meta: meta::of_running(core) };
    match with_deadline(core.config.statement_timeout, "registration", core.store.register(&row)).await {
        // Nobody else mints this id: a row that bears it is of an earlier attempt, whose answer was lost.
        Err(error) if !error.is_transient() && is_registered(core, id).await => Ok(()),
        answer => answer,
    }
}

async fn is_registered(core: &Core, id: &PodId) -> bool {
    let pods = with_deadline(core.config.statement_timeout, "registration", core.store.pods()).await;
    pods.is_ok_and(|pods| pods.iter().any(|pod| pod.view.pod_id == *id && pod.view.status == PodStatus::Up))
}
