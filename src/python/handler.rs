//! The runtime's `Handler`, kept by the runner in Python. Passes on; decides nothing, waits for nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bridge::{Item, Sender};
use super::target::Target;
use crate::rules::demand::Executor;
use crate::runtime::handler::{Gate, Handler, Job, Slot, StopReason, TaskInfo};

#[derive(Debug)]
pub struct PyHandler {
    tasks: Arc<[TaskInfo]>,
    /// How many threads run `def` tasks, and how many processes those of `run="process"`.
    capacity: BTreeMap<Executor, u32>,
    target: Arc<Target>,
    bridge: Sender,
}

impl PyHandler {
    pub fn new(tasks: Arc<[TaskInfo]>, capacity: BTreeMap<Executor, u32>, target: Arc<Target>, bridge: Sender) -> Self {
        Self { tasks, capacity, target, bridge }
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
        let on_loop = self.tasks.iter().filter(|task| task.executor == Executor::Loop);
        self.target.attach(gate, on_loop.map(|task| Arc::clone(&task.name)).collect());
    }

    fn start(&self, jobs: Vec<Job>) {
        self.target.note_on_loop(&jobs);
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
