//! What runs the simulated bodies: they take virtual time, and return, fail, snooze or hang.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use fleet_q::rules::backoff::{Backoff, Jitter};
use fleet_q::rules::demand::Executor;
use fleet_q::rules::step::StepId;
use fleet_q::rules::time::Millis;
use fleet_q::runtime::handler::*;
use fleet_q::store::Content;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::seeded::Seeded;

/// The side effects of all bodies: how often each step began.
pub type Runs = Arc<Mutex<BTreeMap<StepId, u32>>>;

#[derive(Debug)]
pub struct Bodies {
    pub draws: Arc<Seeded>,
    pub runs: Runs,
    /// The only task that they are for, if not for all.
    only: Option<&'static str>,
    itself: Weak<Self>,
    gate: OnceLock<Arc<dyn Gate>>,
    running: Mutex<BTreeMap<Slot, AbortHandle>>,
    /// Set by a `killer`: the process is to die at once.
    pub dying: Arc<Notify>,
}

/// Ends by itself after this long, and not before, whatever it is told.
pub const STUCK_MS: u64 = 60_000;

impl Bodies {
    pub fn new(draws: Arc<Seeded>, runs: Runs, only: Option<&'static str>) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            draws,
            runs,
            only,
            itself: itself.clone(),
            gate: OnceLock::new(),
            running: Mutex::default(),
            dying: Arc::default(),
        })
    }

    /// The process is killed: nothing more is reported.
    pub fn kill(&self) {
        for (_, body) in std::mem::take(&mut *self.running.lock().expect("no body panics")) {
            body.abort();
        }
    }

    /// Tells how a body ended, and begins those whose turn has come by that.
    fn report(&self, gate: &dyn Gate, slot: Slot, ended: Ended) {
        for job in gate.report(vec![Report::Ended(slot, ended)]) {
            self.begin(&job);
        }
    }

    fn begin(&self, job: &Job) {
        let gate = self.gate.get().expect("attached before the first job").clone();
        let (takes, dice) = match &*job.task {
            "hang" | "stuck" => (STUCK_MS, 0),
            "sure" | "killer" => (200, 0),
            "doomed" => (200, 99),
            _ => (self.draws.within(1, 800), self.draws.within(0, 100)),
        };
        let dying = (&*job.task == "killer").then(|| self.dying.clone());
        let runs = self.runs.clone();
        let bodies = self.itself.upgrade().expect("whoever begins a body lives");
        let (slot, step_id) = (job.slot, job.claim.step_id);
        let stubborn = &*job.task == "stuck";
        let body = tokio::spawn(async move {
            if !gate.begin(slot) {
                bodies.report(&*gate, slot, Ended::Stopped);
                return;
            }
            *runs.lock().expect("no body panics").entry(step_id).or_default() += 1;
            if let Some(dying) = dying {
                dying.notify_one();
            }
            tokio::time::sleep(Duration::from_millis(takes)).await;
            bodies.report(&*gate, slot, end(dice));
        });
        if !stubborn {
            self.running.lock().expect("no body panics").insert(slot, body.abort_handle());
        }
    }
}

fn end(dice: u64) -> Ended {
    let failure =
        || Failure { error_type: "Unlucky".into(), message: format!("drew {dice}"), traceback: String::new() };
    match dice {
        0..80 => Ended::Returned(Some(Content::json(b"true".to_vec()))),
        80..90 => Ended::Raised(failure()),
        90..94 => Ended::RetryAfter(failure(), Millis(700)),
        94..98 => Ended::Snoozed(Millis(1500)),
        _ => Ended::Discarded(failure()),
    }
}

impl Handler for Bodies {
    fn tasks(&self) -> Arc<[TaskInfo]> {
        let retry = Backoff { base: Millis(500), factor: 2.0, cap: Millis(5000), jitter: Jitter::Full };
        let task = |name: &str, executor| TaskInfo { name: name.into(), executor, retry, continue_on_fence: false };
        let on_loop = ["quick", "sure", "doomed", "hang", "killer"].map(|name| task(name, Executor::Loop));
        let in_threads = ["heavy", "stuck"].map(|name| task(name, Executor::Thread));
        let all = on_loop.into_iter().chain(in_threads);
        all.filter(|task| self.only.is_none_or(|only| *task.name == *only)).collect()
    }

    fn capacity(&self) -> BTreeMap<Executor, u32> {
        BTreeMap::from([(Executor::Thread, 3)])
    }

    fn attach(&self, gate: Arc<dyn Gate>) {
        self.gate.set(gate).expect("attached once");
    }

    fn start(&self, jobs: Vec<Job>) {
        for job in jobs {
            self.begin(&job);
        }
    }

    fn stop(&self, stops: Vec<(Slot, StopReason)>) {
        let gate = self.gate.get().expect("attached before the first job");
        for (slot, _) in stops {
            // A body that cannot be stopped is not among these; it reports when it returns.
            // Let go of at once: what is reported may make room for a step that begins under the same lock.
            let body = self.running.lock().expect("no body panics").remove(&slot);
            if let Some(body) = body {
                body.abort();
                self.report(&**gate, slot, Ended::Stopped);
            }
        }
    }
}
