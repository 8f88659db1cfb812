//! A running pod: starts its loops, and stops them in order (P10).

use std::sync::Arc;

use super::core::{Core, CoreParts, Phase};
use super::error::ClientError;
use super::events::Event;
use super::fleet::Parts;
use super::gate::PodGate;
use super::hand_off::Host;
use super::handler::Handler;
use super::health::{self, Health};
use super::heartbeat_loop::HeartbeatLoop;
use super::leader_loop::LeaderLoop;
use super::lifecycle::{mint_named, register};
use super::lock;
use super::retry::until_answered;
use super::spawn::BoxFuture;
use super::watchdog::Watchdog;
use super::work_loop::{UNWIND_GRACE, WorkLoop};
use crate::rules::config::Config;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Millis;
use crate::store;
use crate::store::{Cycle, Verdict};

/// Outcomes delivered per call before registration.
const INHERITED_MAX: u32 = 500;

/// One registration of this process, from `start` to `stop`.
#[derive(Clone, Debug)]
pub struct Pod(Arc<Core>);

impl Pod {
    /// Delivers what dead predecessors on this volume left, registers, and starts the loops.
    pub(crate) async fn start(config: Config, parts: &Parts, handler: Arc<dyn Handler>) -> Result<Self, ClientError> {
        let id = mint_named(config.pod_name.as_deref().unwrap_or("pod"), &*parts.draws);
        let core = Arc::new(Core::new(CoreParts {
            config,
            store: parts.store.clone(),
            local: parts.local.clone(),
            clock: parts.clock.clone(),
            draws: parts.draws.clone(),
            events: parts.events.clone(),
            handler,
            id: id.clone(),
        }));
        let until = core.clock.monotonic() + core.config.connect_timeout;
        let failed = |error: &store::Error| ClientError::from_store(error, &[]);
        deliver_inherited(&core, until).await.map_err(|error| failed(&error))?;
        let sent = core.clock.monotonic();
        until_answered(&*core.clock, &*core.draws, until, || register(&core, &id)).await.map_err(|e| failed(&e))?;
        core.fence.acknowledge(sent);
        core.handler.attach(Arc::new(PodGate(core.clone())));
        core.emit(Event::PodStarted { pod: id });
        let spawner = &parts.spawner;
        spawner.beats(supervised(&core, |core| Box::pin(HeartbeatLoop::new(core).run())));
        spawner.beats(supervised(&core, |core| Box::pin(Watchdog(core).run())));
        spawner.work(supervised(&core, |core| Box::pin(WorkLoop::new(core).run())));
        spawner.work(supervised(&core, |core| Box::pin(LeaderLoop::new(core).run())));
        Ok(Self(core))
    }

    /// Opens its free slots to the enqueues of this process.
    pub(crate) fn host(&self, host: &Host) {
        host.seat(&self.0);
    }

    pub fn id(&self) -> PodId {
        self.0.id()
    }

    /// No new claims; what runs gets `grace`, the rest goes back at once, unspent. Returns when the
    /// pod has stopped, or when only bodies that cannot be stopped are left: their claims are kept,
    /// and beaten for, until they return or [`abandon`](Self::abandon) is called.
    pub async fn stop(&self, grace: Millis) {
        let now = self.0.clock.monotonic();
        let mut phase = self.0.phase.subscribe();
        self.0.phase.send_if_modified(|phase| match *phase {
            Phase::Running => {
                *phase = Phase::Draining { until: now + grace };
                true
            }
            Phase::Draining { until } => {
                *phase = Phase::Draining { until: until.min(now + grace) };
                true
            }
            Phase::Abandoning | Phase::Stopped => false,
        });
        let running = u32::try_from(lock(&self.0.desk).bodies()).unwrap_or(u32::MAX);
        self.0.emit(Event::Draining { pod: self.0.id(), running });
        self.0.beat_now.notify_one();
        let limit = grace + UNWIND_GRACE + Millis(500);
        let stopped = phase.wait_for(|phase| *phase == Phase::Stopped);
        // Past the limit the pod lives on for its last bodies.
        let _ = tokio::time::timeout(limit.as_duration(), stopped).await;
    }

    /// The last act before the process exits: gives every claim back, running body or not.
    pub async fn abandon(&self, limit: Millis) {
        let mut phase = self.0.phase.subscribe();
        self.0.phase.send_if_modified(|phase| {
            let alive = *phase != Phase::Stopped;
            if alive {
                *phase = Phase::Abandoning;
            }
            alive
        });
        let stopped = phase.wait_for(|phase| *phase == Phase::Stopped);
        let _ = tokio::time::timeout(limit.as_duration(), stopped).await;
        // Whatever hung, no loop outlives this call.
        self.0.phase.send_replace(Phase::Stopped);
    }

    /// What this process knows of itself, without asking the store.
    pub fn health(&self) -> Health {
        health::of(&self.0)
    }

    pub fn is_stopped(&self) -> bool {
        self.0.phase() == Phase::Stopped
    }

    /// Whether the process may exit without cutting a body short.
    pub fn may_exit(&self) -> bool {
        lock(&self.0.desk).bodies() == 0
    }
}

/// A loop that panics is reported and begins anew; a pod never lives on with a dead loop.
fn supervised(core: &Arc<Core>, start: impl Fn(Arc<Core>) -> BoxFuture + Send + 'static) -> BoxFuture {
    let core = core.clone();
    Box::pin(async move {
        loop {
            // A set, because it takes its task along when it is dropped.
            let mut task = tokio::task::JoinSet::new();
            task.spawn(start(core.clone()));
            let Some(Err(death)) = task.join_next().await else { return };
            if !death.is_panic() {
                return;
            }
            let error = store::Error::internal("a loop of the pod panicked", death);
            core.note_store(Some(("a loop", &error)));
            tokio::time::sleep(core.config.heartbeat_interval.as_duration()).await;
        }
    })
}

/// Outcomes that dead processes on this volume could not deliver go first: a step they finished
/// must not run again (P12).
async fn deliver_inherited(core: &Core, until: crate::rules::time::Monotonic) -> store::Result<()> {
    core.local.adopt().await?;
    loop {
        let owed = core.local.owed(INHERITED_MAX).await?;
        if owed.is_empty() {
            return Ok(());
        }
        let finishes: Vec<_> = owed.iter().map(|owed| owed.finish.clone()).collect();
        let claims: Vec<_> = finishes.iter().map(|finish| finish.claim).collect();
        let call = Cycle { pod: core.id(), finishes, releases: Vec::new(), demand: None };
        // Fenced, so it may be sent twice.
        let reply = until_answered(&*core.clock, &*core.draws, until, || core.store.cycle(&call)).await?;
        core.local.delivered(&claims).await?;
        tell_inherited(core, claims, reply.verdicts);
    }
}

/// Says what became of outcomes whose pod is gone; those that came after the rescue are dropped.
fn tell_inherited(core: &Core, claims: Vec<Claim>, verdicts: Vec<Verdict>) {
    let (pod, mut outcomes) = (core.id(), 0);
    for (claim, verdict) in claims.into_iter().zip(verdicts) {
        outcomes += u32::from(verdict.is_stored());
        match verdict {
            Verdict::Recorded | Verdict::Already => {}
            Verdict::Lost => core.emit(Event::ClaimLost { pod: pod.clone(), claim }),
            Verdict::Refused(message) => core.emit(Event::OutcomeRefused { pod: pod.clone(), claim, message }),
        }
    }
    if outcomes > 0 {
        core.emit(Event::Delivered { pod, outcomes });
    }
}
