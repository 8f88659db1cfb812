//! One bounded broadcast of facts, one event per fact, or per call that made many; logs, metrics and tests subscribe to it.
//! Decides nothing, and never waits for a slow listener.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::rules::state::State;
use crate::rules::step::{Claim, PodId, StepId};
use crate::rules::time::Millis;

/// How many events a slow listener may lag behind before it loses the oldest.
pub const EVENTS_BUFFERED: usize = 8192;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    PodStarted {
        pod: PodId,
    },
    /// The store says this pod is down; it registers anew.
    PodDeclaredDead {
        pod: PodId,
    },
    PodStopped {
        pod: PodId,
    },
    Enqueued {
        steps: u32,
        refused: u32,
    },
    Claimed {
        pod: PodId,
        claims: Vec<Claim>,
    },
    /// These outcomes are recorded, all in one call.
    Finished {
        pod: PodId,
        ends: Arc<[End]>,
    },
    /// A late outcome met another claim and was dropped.
    ClaimLost {
        pod: PodId,
        claim: Claim,
    },
    OutcomeRefused {
        pod: PodId,
        claim: Claim,
        message: String,
    },
    Released {
        pod: PodId,
        claims: Vec<Claim>,
    },
    Journaled {
        pod: PodId,
        outcomes: u32,
    },
    Delivered {
        pod: PodId,
        outcomes: u32,
    },
    /// An outcome could be neither stored nor journaled.
    JournalFailed {
        pod: PodId,
        message: String,
    },
    /// Dead letters could not be written down or read; the steps themselves are as they should be.
    BurialFailed {
        pod: PodId,
        message: String,
    },
    BeatFailed {
        pod: PodId,
        message: String,
    },
    Fenced {
        pod: PodId,
    },
    Unfenced {
        pod: PodId,
    },
    StoreFailed {
        pod: PodId,
        action: &'static str,
        message: String,
        unknown: bool,
    },
    StoreBack {
        pod: PodId,
    },
    /// A setting of the database puts something at risk; said once per process.
    StoreCaution {
        message: String,
    },
    /// The tables were migrated under this pod to a version that its code may not work with; `None`: it may again.
    ShutOut {
        pod: PodId,
        why: Option<String>,
    },
    LeaderChanged {
        pod: PodId,
        leader: Option<PodId>,
    },
    MarkedDead {
        by: PodId,
        pods: Vec<PodId>,
    },
    Recovered {
        by: PodId,
        step_id: StepId,
        from: PodId,
        to: State,
        crash_count: u32,
    },
    Pruned {
        by: PodId,
        steps: u64,
        pods: u64,
    },
    Reconciled {
        pod: PodId,
        released: u32,
        lost: u32,
    },
    DeadlinePassed {
        pod: PodId,
        claim: Claim,
        task: Arc<str>,
        timeout: Millis,
    },
    LoopBlocked {
        pod: PodId,
        lag: Millis,
        blocker: Option<String>,
    },
    Draining {
        pod: PodId,
        running: u32,
    },
}

/// A recorded outcome; `to` is what was asked for. Of one that had waited in the journal the task is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub claim: Claim,
    pub task: Arc<str>,
    pub to: State,
}

impl Event {
    /// The steps that became final by this.
    pub fn finally_ended(&self) -> impl Iterator<Item = StepId> {
        let ends: &[End] = if let Self::Finished { ends, .. } = self { ends } else { &[] };
        ends.iter().filter(|end| end.to.is_final()).map(|end| end.claim.step_id)
    }
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(EVENTS_BUFFERED))
    }
}

impl Events {
    pub fn emit(&self, event: Event) {
        // An error only says that nobody listens.
        let _ = self.0.send(event);
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
