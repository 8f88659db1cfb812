//! The runtime's `Handler`, kept by the runner in Python. Passes on; decides nothing, waits for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bridge::{Item, Sender};
use super::target::Target;
use crate::rules::demand::Executor;
use crate::runtime::handler::{Gate, Handler, Job, Slot, StopReason, TaskInfo};

#[derive(Debug)]
pub struct PyHandler {
    tasks: Arc<[TaskInfo]>,
    loop_tasks: BTreeSet<Arc<str>>,
    /// How many threads run `def` tasks, and how many processes those of `run="process"`.
    capacity: BTreeMap<Executor, u32>,
    target: Arc<Target>,
    bridge: Sender,
}

impl PyHandler {
    pub fn new(tasks: Arc<[TaskInfo]>, capacity: BTreeMap<Executor, u32>, target: Arc<Target>, bridge: Sender) -> Self {
        let on_loop = tasks.iter().filter(|task| task.executor == Executor::Loop);
        let loop_tasks = on_loop.map(|task| Arc::clone(&task.name)).collect();
        Self { tasks, loop_tasks, capacity, target, bridge }
    }
}

impl Handler for PyHandler {
    fn tasks(&self) -> Arc<[TaskInfo]> {
        Arc::clone(&self.tasks)
    }

    fn capacity(&self) -> BTreeMap<Executor, u32> {
        self.capacity.clone()
    }

    fn attach(&self, gate: Arc<dyn Gate>) {
        self.target.attach(gate);
    }

    fn start(&self, jobs: Vec<Job>) {
        self.target.note_on_loop(jobs.iter().filter(|job| self.loop_tasks.contains(&job.task)));
        let slots: Vec<Slot> = jobs.iter().map(|job| job.slot).collect();
        if self.bridge.send(Item::Deliver(Arc::clone(&self.target), jobs)).is_err() {
            self.target.give_back(slots);
        }
    }

    fn stop(&self, stops: Vec<(Slot, StopReason)>) {
        // Without a bridge there is no interpreter, and no body to stop.
        let _ = self.bridge.send(Item::Stop(Arc::clone(&self.target), stops));
    }
}
