//! What an engine opens on first use: the threads, the bridge and the fleet, in one process.
//! Closes them in order, whoever asks, and never twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::answers::Answer;
use super::awaitable::Places;
use super::bridge::{Bridge, Sender};
use super::handler::PyHandler;
use super::opening;
use super::target::{Target, inside};
use super::{facts, watch};
use crate::rules::config::Config;
use crate::rules::demand::Executor;
use crate::rules::time::Millis;
use crate::runtime::clock::Clock;
use crate::runtime::handler::{Ended, Job, Report, TaskInfo};
use crate::runtime::spawn::Threads;
use crate::runtime::{ClientError, Fleet, lock};

/// How long the last act before exit may wait for claims to go back, and for threads to end.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(6);
const END_LIMIT: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct Core {
    pub fleet: Fleet,
    work: Handle,
    bridge: Bridge,
    clock: Arc<dyn Clock>,
    /// The process whose threads these are.
    pid: u32,
    asked: AtomicBool,
    closing: AtomicBool,
    generations: AtomicU64,
    /// Every pod this engine started: a thread may outlive its pod, and reports to that one.
    targets: Mutex<BTreeMap<u64, Arc<Target>>>,
    watch: Mutex<Option<AbortHandle>>,
}

impl Core {
    /// Starts the threads and opens the store. Blocks for as long as a file takes to open.
    pub fn open(config: Config) -> Result<Self, ClientError> {
        let failed = |error: std::io::Error| ClientError::Internal { message: format!("no thread: {error}") };
        let threads = Threads::start().map_err(failed)?;
        let bridge = Bridge::start(Arc::clone(&threads)).map_err(failed)?;
        let parts = opening::parts(&config, threads.clone()).inspect_err(|_| bridge.quit())?;
        let (work, clock) = (threads.work_handle(), Arc::clone(&parts.clock));
        work.spawn(facts::follow(parts.events.clone()));
        Ok(Self {
            fleet: Fleet::new(config, parts),
            work,
            bridge,
            clock,
            pid: std::process::id(),
            asked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            generations: AtomicU64::new(0),
            targets: Mutex::default(),
            watch: Mutex::default(),
        })
    }

    /// True once.
    pub fn is_first_asked(&self) -> bool {
        !self.asked.swap(true, Ordering::AcqRel)
    }

    pub fn places(&self) -> Places<'_> {
        Places { bridge: &self.bridge, work: &self.work }
    }

    pub fn work(&self) -> &Handle {
        &self.work
    }

    pub fn sender(&self) -> Sender {
        self.bridge.sender()
    }

    /// Makes the Python side of the next pod.
    pub fn new_target(&self, event_loop: Py<PyAny>, runner: Py<PyAny>, thread: u64) -> Arc<Target> {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let target = Arc::new(Target::new(event_loop, runner, thread, generation));
        lock(&self.targets).insert(generation, Arc::clone(&target));
        target
    }

    pub async fn start(
        self: Arc<Self>,
        target: Arc<Target>,
        tasks: Arc<[TaskInfo]>,
        capacity: BTreeMap<Executor, u32>,
    ) -> Result<Answer, ClientError> {
        let handler = PyHandler::new(tasks, capacity, Arc::clone(&target), self.sender());
        let started = self.fleet.start(Arc::new(handler)).await;
        let pod = started.inspect_err(|_| drop(lock(&self.targets).remove(&target.generation)))?;
        let watching = tokio::spawn(watch::run(target, self.sender(), Arc::clone(&self.clock)));
        *lock(&self.watch) = Some(watching.abort_handle());
        Ok(Answer::Text(pod.id().to_string()))
    }

    pub async fn stop(self: Arc<Self>, grace: Option<Millis>) -> Result<Answer, ClientError> {
        if let Some(pod) = self.fleet.pod() {
            pod.stop(grace.unwrap_or(self.fleet.config().shutdown_grace)).await;
        }
        if let Some(watching) = lock(&self.watch).take() {
            watching.abort();
        }
        Ok(Answer::Nothing)
    }

    /// Stops everything; when the bridge has carried the last answers over, its thread ends.
    pub async fn close(self: Arc<Self>) -> Result<Answer, ClientError> {
        if !self.closing.swap(true, Ordering::AcqRel) {
            self.fleet.close().await;
            self.bridge.quit();
        }
        Ok(Answer::Nothing)
    }

    /// The same from a thread that must not return before it is done, within limits. Needs no GIL.
    pub fn close_now(self: &Arc<Self>) {
        // What a forked child holds of this belongs to its parent.
        if self.pid != std::process::id() {
            return;
        }
        let (done, closed) = blocking::channel();
        let close = Arc::clone(self).close();
        self.work.spawn(async move {
            let _ = close.await;
            let _ = done.send(());
        });
        if self.bridge.is_here() {
            return;
        }
        // Whatever hangs, the interpreter may exit: the claims of a dead process are rescued.
        let _ = closed.recv_timeout(GIVE_BACK_LIMIT);
        self.bridge.quit();
        self.bridge.wait_for_end(END_LIMIT);
    }

    pub fn begin(&self, slot: u64) -> bool {
        let (generation, slot) = inside(slot);
        self.target(generation).is_some_and(|target| target.begin(slot))
    }

    /// Passes ends on; gives the steps whose turn has come, with their slots as Python knows them.
    pub fn report(&self, ended: Vec<(u64, Ended)>) -> Vec<Job> {
        let mut by_pod: BTreeMap<u64, Vec<Report>> = BTreeMap::new();
        for (slot, ended) in ended {
            let (generation, slot) = inside(slot);
            by_pod.entry(generation).or_default().push(Report::Ended(slot, ended));
        }
        let mut next = Vec::new();
        for (generation, reports) in by_pod {
            let Some(target) = self.target(generation) else { continue };
            next.extend(target.report(reports).into_iter().map(|job| target.addressed(job)));
        }
        next
    }

    pub fn progress(&self, slot: u64, json: Arc<str>) {
        let (generation, slot) = inside(slot);
        if let Some(target) = self.target(generation) {
            // Only an end makes room for others.
            let _ = target.report(vec![Report::Progress(slot, json)]);
        }
    }

    pub fn pong(&self, token: u64) {
        if let Some((_, newest)) = lock(&self.targets).last_key_value() {
            newest.pongs.send_replace(token);
        }
    }

    fn target(&self, generation: u64) -> Option<Arc<Target>> {
        lock(&self.targets).get(&generation).cloned()
    }
}

impl Drop for Core {
    /// An engine that was let go of unclosed closes behind itself; nobody waits for it.
    fn drop(&mut self) {
        if !self.closing.load(Ordering::Acquire) {
            let (fleet, bridge) = (self.fleet.clone(), self.bridge.sender());
            self.work.spawn(async move {
                fleet.close().await;
                let _ = bridge.send(super::bridge::Item::Quit);
            });
        }
    }
}
