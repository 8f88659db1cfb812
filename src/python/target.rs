//! One pod's side in Python: its event loop, its runner, and what is known of how that loop turns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use pyo3::prelude::*;
use tokio::sync::watch;

use crate::runtime::handler::{Ended, Gate, Job, Report, Slot};
use crate::runtime::lock;

#[derive(Debug)]
pub struct Target {
    pub event_loop: Py<PyAny>,
    pub runner: Py<PyAny>,
    /// `threading.get_ident()` of the loop's thread.
    pub thread: u64,
    /// Which pod of its engine this is. Its slots reach Python with this number in their upper bits,
    /// so that a thread that outlived one pod can never end a step of the next.
    pub generation: u64,
    pub pongs: watch::Sender<u64>,
    gate: OnceLock<Arc<dyn Gate>>,
    /// The tasks whose bodies run on the loop.
    loop_tasks: OnceLock<BTreeSet<Arc<str>>>,
    /// Where the loop stood when it was last looked at.
    stands_at: Mutex<Option<String>>,
    /// The tasks whose bodies are on the loop, by slot.
    on_loop: Mutex<BTreeMap<Slot, Arc<str>>>,
}

/// Room for the slots of one pod: a step every microsecond for nine years.
const SLOT_BITS: u32 = 48;

/// Which generation a slot of Python's belongs to, and the slot inside it.
pub fn inside(slot: u64) -> (u64, Slot) {
    (slot >> SLOT_BITS, Slot(slot & ((1 << SLOT_BITS) - 1)))
}

impl Target {
    pub fn new(event_loop: Py<PyAny>, runner: Py<PyAny>, thread: u64, generation: u64) -> Self {
        Self {
            event_loop,
            runner,
            thread,
            generation,
            pongs: watch::Sender::new(0),
            gate: OnceLock::new(),
            loop_tasks: OnceLock::new(),
            stands_at: Mutex::default(),
            on_loop: Mutex::default(),
        }
    }

    pub fn attach(&self, gate: Arc<dyn Gate>, loop_tasks: BTreeSet<Arc<str>>) {
        // The runtime attaches once; a second gate would only be the same pod's.
        let _ = self.loop_tasks.set(loop_tasks);
        let _ = self.gate.set(gate);
    }

    pub fn gate(&self) -> Option<&Arc<dyn Gate>> {
        self.gate.get()
    }

    /// The slot as Python knows it.
    pub fn outside(&self, slot: Slot) -> u64 {
        (self.generation << SLOT_BITS) | slot.0
    }

    /// The job with its slot as Python knows it.
    pub fn addressed(&self, job: Job) -> Job {
        Job { slot: Slot(self.outside(job.slot)), ..job }
    }

    pub fn begin(&self, slot: Slot) -> bool {
        self.gate().is_some_and(|gate| gate.begin(slot))
    }

    /// Passes ends on; gives the steps whose turn has come, for the runner to begin.
    pub fn report(&self, reports: Vec<Report>) -> Vec<Job> {
        let mut on_loop = lock(&self.on_loop);
        for report in &reports {
            if let Report::Ended(slot, _) = report {
                on_loop.remove(slot);
            }
        }
        drop(on_loop);
        if let Some(gate) = self.gate()
            && !reports.is_empty()
        {
            let next = gate.report(reports);
            self.note_on_loop(&next);
            return next;
        }
        Vec::new()
    }

    /// Gives steps back that never reached Python: their loop is closed. So are those whose turn would come by that.
    pub fn give_back(&self, slots: impl IntoIterator<Item = Slot>) {
        let mut slots: Vec<Slot> = slots.into_iter().collect();
        while !slots.is_empty() {
            let next = self.report(slots.into_iter().map(|slot| Report::Ended(slot, Ended::Stopped)).collect());
            slots = next.iter().map(|job| job.slot).collect();
        }
    }

    /// Remembers which of these steps go to the event loop.
    pub fn note_on_loop(&self, jobs: &[Job]) {
        let Some(loop_tasks) = self.loop_tasks.get() else { return };
        let theirs = jobs.iter().filter(|job| loop_tasks.contains(&job.task));
        lock(&self.on_loop).extend(theirs.map(|job| (job.slot, Arc::clone(&job.task))));
    }

    /// The tasks whose bodies are on the loop, or wait there for their turn; each once.
    pub fn tasks_on_loop(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = lock(&self.on_loop).values().cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    pub fn stands_at(&self) -> Option<String> {
        lock(&self.stands_at).clone()
    }

    pub fn note_stands_at(&self, place: Option<String>) {
        *lock(&self.stands_at) = place;
    }
}
