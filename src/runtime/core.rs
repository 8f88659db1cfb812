//! What the loops of one pod share. Holds state behind short locks; runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};

use super::clock::{Clock, Draws};
use super::desk::{Desk, Places};
use super::ending::Bench;
use super::events::{Event, Events};
use super::fence::Fence;
use super::gate::LOOP_LAG_MAX;
use super::handler::{Handler, Slot, StopReason, TaskInfo};
use super::lock;
use super::sightings::Sightings;
use crate::rules::config::Config;
use crate::rules::crowd::{self, Heard, Look};
use crate::rules::demand::{Limits, capacity};
use crate::rules::recovery::DeathTiming;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::{Millis, Monotonic};
use crate::store::journal::Local;
use crate::store::{self, Pulse, Store};

/// How far a pod's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// No new claims; what runs may run until then.
    Draining {
        until: Monotonic,
    },
    /// Everything goes back now, running or not.
    Abandoning,
    Stopped,
}

/// What the event loop's watch last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopHealth {
    pub(crate) lag: Millis,
    pub(crate) blocker: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) local: Arc<dyn Local>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) draws: Arc<dyn Draws>,
    pub(crate) events: Events,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) tasks: BTreeMap<Arc<str>, TaskInfo>,
    /// What bounds this pod.
    pub(crate) limits: Limits,
    pub(crate) desk: Mutex<Desk>,
    pub(crate) fence: Fence,
    pub(crate) sightings: Mutex<Sightings>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) pulse: watch::Sender<Option<Arc<Pulse>>>,
    pub(crate) loop_health: Mutex<LoopHealth>,
    /// Claims whose outcome waits in the journal.
    pub(crate) owed: Mutex<BTreeSet<Claim>>,
    /// What is wrong with the journal, as long as something is.
    pub(crate) journal_error: Mutex<Option<String>>,
    /// The work loop has something to do.
    pub(crate) work: Notify,
    /// The watchdog's next deadline moved.
    pub(crate) deadlines: Notify,
    /// Beat now.
    pub(crate) beat_now: Notify,
    /// The pod empties itself for a suspect, or runs one: it takes nothing else (P14).
    pub(crate) waits_alone: AtomicBool,
    /// The store said `down`; the work loop registers anew.
    pub(crate) declared_dead: AtomicBool,
    pub(crate) store_ok: AtomicBool,
    /// When the leader pass that is under way began; zero if none is.
    pub(crate) leader_pass_began: AtomicU64,
    id: Mutex<PodId>,
}

pub(crate) struct CoreParts {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) local: Arc<dyn Local>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) draws: Arc<dyn Draws>,
    pub(crate) events: Events,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) id: PodId,
}

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Self {
        let timing = timing(&parts.config);
        let limits = super::meta::limits(&parts.config, &*parts.handler);
        let places = Places { all: capacity(&limits), by_executor: limits.executor_caps.clone() };
        let tasks = parts.handler.tasks().iter().map(|task| (task.name.clone(), task.clone())).collect();
        Self {
            fence: Fence::new(timing, parts.clock.monotonic()),
            config: parts.config,
            store: parts.store,
            local: parts.local,
            clock: parts.clock,
            draws: parts.draws,
            events: parts.events,
            handler: parts.handler,
            tasks,
            limits,
            desk: Mutex::new(Desk::new(places)),
            sightings: Mutex::default(),
            phase: watch::Sender::new(Phase::Running),
            pulse: watch::Sender::new(None),
            loop_health: Mutex::default(),
            owed: Mutex::default(),
            journal_error: Mutex::default(),
            work: Notify::new(),
            deadlines: Notify::new(),
            beat_now: Notify::new(),
            waits_alone: AtomicBool::new(false),
            declared_dead: AtomicBool::new(false),
            store_ok: AtomicBool::new(true),
            leader_pass_began: AtomicU64::new(0),
            id: Mutex::new(parts.id),
        }
    }

    pub(crate) fn id(&self) -> PodId {
        lock(&self.id).clone()
    }

    pub(crate) fn rename(&self, id: PodId) {
        *lock(&self.id) = id;
    }

    /// What the end of a body is judged by, now.
    pub(crate) fn bench(&self) -> Bench {
        Bench { pod: self.id(), draw: self.draws.unit(), max_crashes: self.config.max_crashes }
    }

    /// How many bodies may run at once.
    pub(crate) fn capacity(&self) -> u32 {
        capacity(&self.limits)
    }

    pub(crate) fn timing(&self) -> DeathTiming {
        timing(&self.config)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.fence.is_up(self.clock.monotonic())
    }

    pub(crate) fn emit(&self, event: Event) {
        self.events.emit(event);
    }

    /// Whether the event loop runs so late that it should get no more work.
    pub(crate) fn is_lagging(&self) -> bool {
        lock(&self.loop_health).lag >= LOOP_LAG_MAX
    }

    /// Passes stops to the handler, if there are any.
    pub(crate) fn tell(&self, stops: Vec<(Slot, StopReason)>) {
        if !stops.is_empty() {
            self.handler.stop(stops);
        }
    }

    /// Whether a beat lies ahead of the database's clock, by the last pulse.
    pub(crate) fn beats_lie_ahead(&self) -> bool {
        let (pulse, limit) = (self.pulse.borrow(), self.config.dead_pod_threshold);
        pulse.as_ref().is_some_and(|pulse| pulse.pods.iter().any(|pod| pod.lies_ahead(pulse.now, limit)))
    }

    /// How many pods may claim, by the last pulse.
    pub(crate) fn living(&self) -> usize {
        self.pulse.borrow().as_ref().map_or(0, |pulse| crowd::living(&pulse.pods))
    }

    /// When this pod looks for work that it heard of.
    pub(crate) fn look(&self, heard: Heard) -> Look {
        let pulse = self.pulse.borrow();
        let pods = pulse.as_ref().map_or(&[][..], |pulse| &pulse.pods);
        crowd::look(heard, &self.id(), pods, self.capacity())
    }

    /// Who leads, by the last pulse.
    pub(crate) fn leader(&self) -> Option<PodId> {
        let pulse = self.pulse.borrow().clone()?;
        crate::rules::election::leader(&pulse.pods, pulse.now, self.config.dead_pod_threshold).cloned()
    }

    /// Whether a leader pass has hung for so long that another pod should lead.
    pub(crate) fn leads_well(&self) -> bool {
        let began = self.leader_pass_began.load(Ordering::Acquire);
        began == 0 || self.clock.monotonic().since(Monotonic(began)) <= self.config.recovery_interval.times(3)
    }

    /// Why this build may not work with the database any more, by the last pulse.
    pub(crate) fn shut_out(&self) -> Option<String> {
        self.pulse.borrow().as_ref().and_then(|pulse| pulse.shut_out.clone())
    }

    /// Notes that the journal took what it was given, or why not; each failure is said.
    pub(crate) fn note_journal<T>(&self, answer: store::Result<T>) -> Option<T> {
        let error = answer.as_ref().err().map(|error| super::error::with_causes(error));
        if let Some(message) = error.clone() {
            self.emit(Event::JournalFailed { pod: self.id(), message });
        }
        *lock(&self.journal_error) = error;
        answer.ok()
    }

    /// Notes that the store failed or answered; says so once per change.
    pub(crate) fn note_store(&self, failure: Option<(&'static str, &store::Error)>) {
        let ok = failure.is_none();
        let was_ok = self.store_ok.swap(ok, Ordering::AcqRel);
        if let Some((action, error)) = failure {
            self.emit(Event::StoreFailed {
                pod: self.id(),
                action,
                message: super::error::with_causes(error),
                unknown: error.is_unknown(),
            });
        } else if !was_ok {
            self.emit(Event::StoreBack { pod: self.id() });
        }
    }
}

fn timing(config: &Config) -> DeathTiming {
    DeathTiming { heartbeat_interval: config.heartbeat_interval, dead_pod_threshold: config.dead_pod_threshold }
}
