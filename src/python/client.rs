//! `Engine`: one `FleetQ`'s core as Python calls it. Converts, lets go of the GIL, calls, converts back.
//!
//! Starts no thread before it is first used, and refuses work in a process that was forked from the
//! one that opened it.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc as blocking};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::answers::{self, Answer, Outcome};
use super::core::Core;
use super::reply::{Reply, unanswered};
use super::{awaitable, config, convert, errors, health, logging};
use crate::rules::config::Config;
use crate::runtime::{Client, ClientError, lock};
use crate::store::Control;

/// How often a blocked caller looks for Ctrl-C.
const SIGNAL_SLICE: Duration = Duration::from_millis(100);

type Called = Result<Answer, ClientError>;

/// The core of one `FleetQ` in one process. Starts no thread before it is first used.
#[pyclass(frozen, module = "fleet_q._core")]
#[derive(Debug)]
pub struct Engine {
    config: Config,
    /// The process that opened the core; 0 as long as nobody did.
    owner: AtomicU32,
    opening: Mutex<()>,
    core: OnceLock<ManuallyDrop<Arc<Core>>>,
    closed: AtomicBool,
}

#[pymethods]
#[allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]
impl Engine {
    #[new]
    fn new(
        py: Python<'_>,
        settings: BTreeMap<String, String>,
        environment: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        Ok(Self {
            config: config::read(py, &settings, &environment)?,
            owner: AtomicU32::new(0),
            opening: Mutex::new(()),
            core: OnceLock::new(),
            closed: AtomicBool::new(false),
        })
    }

    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        config::shown(py, &self.config)
    }

    #[getter]
    fn pid(&self) -> u32 {
        match self.owner.load(Ordering::Acquire) {
            0 => std::process::id(),
            owner => owner,
        }
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn enqueue(&self, py: Python<'_>, jobs: &Bound<'_, PyAny>, r#loop: Py<PyAny>, future: Py<PyAny>) -> PyResult<()> {
        let requests = convert::requests(jobs)?;
        let core = self.core(py)?;
        let (client, reply) = (core.fleet.client().clone(), Reply::new(core.sender(), r#loop, future));
        core.work().spawn(async move {
            let stored = client.enqueue(requests).await;
            reply.settle(stored.map(Answer::Stored));
        });
        Ok(())
    }

    fn enqueue_sync<'py>(&self, py: Python<'py>, jobs: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let requests = convert::requests(jobs)?;
        self.block(py, |client| async move { client.enqueue(requests).await.map(Answer::Stored) })
    }

    fn start<'py>(
        &self,
        py: Python<'py>,
        r#loop: Bound<'py, PyAny>,
        runner: Py<PyAny>,
        tasks: &Bound<'py, PyAny>,
        threads: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tasks = convert::tasks(tasks)?;
        let core = self.core(py)?;
        let thread = py.import(intern!(py, "threading"))?.call_method0(intern!(py, "get_ident"))?.extract()?;
        let target = core.new_target(r#loop.clone().unbind(), runner, thread);
        awaitable::for_deed(&r#loop, &core.places(), Arc::clone(&core).start(target, tasks, threads))
    }

    fn stop<'py>(&self, py: Python<'py>, grace: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        let grace = grace.map(|grace| convert::millis(py, "grace", grace)).transpose()?;
        self.check_process(py)?;
        let Some(core) = self.core.get() else { return nothing_to_await(py) };
        awaitable::for_deed(&running_loop(py)?, &core.places(), Arc::clone(core).stop(grace))
    }

    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_process(py)?;
        let closed_before = self.closed.swap(true, Ordering::AcqRel);
        match self.core.get() {
            Some(core) if !closed_before => {
                awaitable::for_deed(&running_loop(py)?, &core.places(), Arc::clone(core).close())
            }
            Some(_) | None => nothing_to_await(py),
        }
    }

    fn close_now(&self, py: Python<'_>) {
        // What a forked child holds belongs to its parent.
        if self.is_foreign() {
            return;
        }
        self.closed.store(true, Ordering::Release);
        if let Some(core) = self.core.get() {
            py.detach(|| core.close_now());
        }
    }

    fn begin(&self, slot: u64) -> bool {
        !self.is_foreign() && self.core.get().is_some_and(|core| core.begin(slot))
    }

    fn report(&self, py: Python<'_>, reports: &Bound<'_, PyAny>) -> PyResult<()> {
        let ended = convert::reports(reports)?;
        self.check_process(py)?;
        if let Some(core) = self.core.get() {
            core.report(ended);
        }
        Ok(())
    }

    fn progress(&self, py: Python<'_>, slot: u64, fraction: f64, message: Option<&str>) -> PyResult<()> {
        let json = convert::progress(py, fraction, message)?;
        self.check_process(py)?;
        if let Some(core) = self.core.get() {
            core.progress(slot, json);
        }
        Ok(())
    }

    fn pong(&self, token: u64) {
        if let Some(core) = self.core.get() {
            core.pong(token);
        }
    }

    fn connect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let core = self.core(py)?;
        let fleet = core.fleet.clone();
        awaitable::for_deed(&running_loop(py)?, &core.places(), async move {
            fleet.connect().await.map(|()| Answer::Nothing)
        })
    }

    fn get<'py>(&self, py: Python<'py>, step_id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        self.look(py, |client| async move { client.get(id).await.map(Answer::step) })
    }

    fn get_sync<'py>(&self, py: Python<'py>, step_id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        self.block(py, |client| async move { client.get(id).await.map(Answer::step) })
    }

    fn wait<'py>(
        &self,
        py: Python<'py>,
        step_id: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        let timeout = timeout.map(|timeout| convert::millis(py, "timeout", timeout)).transpose()?;
        self.look(py, move |client| async move { client.wait(id, timeout).await.map(Answer::step) })
    }

    fn wait_sync<'py>(
        &self,
        py: Python<'py>,
        step_id: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        let timeout = timeout.map(|timeout| convert::millis(py, "timeout", timeout)).transpose()?;
        self.block(py, move |client| async move { client.wait(id, timeout).await.map(Answer::step) })
    }

    fn cancel<'py>(&self, py: Python<'py>, step_ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let ids = convert::step_ids(step_ids)?;
        self.act(py, |client| async move { client.cancel(ids).await.map(|said| answers::of_cancel(&said)) })
    }

    fn cancel_sync<'py>(&self, py: Python<'py>, step_ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let ids = convert::step_ids(step_ids)?;
        self.block(py, |client| async move { client.cancel(ids).await.map(|said| answers::of_cancel(&said)) })
    }

    fn replay<'py>(&self, py: Python<'py>, step_ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let ids = convert::step_ids(step_ids)?;
        self.act(py, |client| async move { client.replay(ids).await.map(|said| answers::of_replay(&said)) })
    }

    #[allow(clippy::too_many_arguments, reason = "one keyword per filter, as Python calls it")]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queue: Option<String>,
        task: Option<String>,
        states: Vec<String>,
        tag: Option<String>,
        before: Option<Bound<'py, PyAny>>,
        limit: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter = convert::search(py, (queue, task, tag), &states, before.as_ref(), limit)?;
        self.look(py, |client| async move { client.search(filter).await.map(Answer::Steps) })
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.look(py, |client| async move { client.stats().await.map(Answer::Stats) })
    }

    fn pods<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.look(py, |client| async move { client.pods().await.map(Answer::Pods) })
    }

    fn pause<'py>(&self, py: Python<'py>, queue: String) -> PyResult<Bound<'py, PyAny>> {
        self.act(py, |client| async move { client.control(Control::Pause { queue }).await.map(|()| Answer::Nothing) })
    }

    fn resume<'py>(&self, py: Python<'py>, queue: String) -> PyResult<Bound<'py, PyAny>> {
        self.act(py, |client| async move { client.control(Control::Resume { queue }).await.map(|()| Answer::Nothing) })
    }

    fn known_tasks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.look(py, |client| async move { client.known_tasks().await.map(Answer::Names) })
    }

    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_process(py)?;
        health::dict(py, self.core.get().and_then(|core| core.fleet.pod()))
    }

    fn may_exit(&self) -> bool {
        let pod = self.core.get().and_then(|core| core.fleet.pod());
        self.is_foreign() || pod.is_none_or(|pod| pod.may_exit())
    }
}

impl Engine {
    /// The open core, opened if need be.
    fn core(&self, py: Python<'_>) -> PyResult<Arc<Core>> {
        self.check_process(py)?;
        if self.closed.load(Ordering::Acquire) {
            return Err(errors::stopped(py, "fleet-q is stopped: start() it again, or make a new FleetQ"));
        }
        if let Some(core) = self.core.get() {
            return Ok(Arc::clone(core));
        }
        let config = config::with_host_name(py, &self.config)?;
        // Without the GIL: who waits for the lock must not keep the one who opens from going on.
        py.detach(|| self.open(config)).map_err(|error| errors::of_client(py, &error))
    }

    fn open(&self, config: Config) -> Result<Arc<Core>, ClientError> {
        let _one_at_a_time = lock(&self.opening);
        if let Some(core) = self.core.get() {
            return Ok(Arc::clone(core));
        }
        logging::install(&config.log_level);
        self.owner.store(std::process::id(), Ordering::Release);
        let core = Arc::new(Core::open(config).inspect_err(|_| self.owner.store(0, Ordering::Release))?);
        Ok(Arc::clone(self.core.get_or_init(|| ManuallyDrop::new(core))))
    }

    fn is_foreign(&self) -> bool {
        let owner = self.owner.load(Ordering::Acquire);
        owner != 0 && owner != std::process::id()
    }

    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_foreign() {
            let owner = self.owner.load(Ordering::Acquire);
            return Err(errors::stopped(
                py,
                &format!("this FleetQ was opened by process {owner} before a fork; make one in the forked process"),
            ));
        }
        Ok(())
    }

    /// An awaitable for a call that only looks.
    fn look<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Called> + Send + 'static,
    {
        let core = self.core(py)?;
        awaitable::for_look(&running_loop(py)?, &core.places(), call(core.fleet.client().clone()))
    }

    /// An awaitable for a call that changes something.
    fn act<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Called> + Send + 'static,
    {
        let core = self.core(py)?;
        awaitable::for_deed(&running_loop(py)?, &core.places(), call(core.fleet.client().clone()))
    }

    /// Waits for a call without the GIL, in slices, so that Ctrl-C is heard.
    fn block<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Called> + Send + 'static,
    {
        let core = self.core(py)?;
        let (answer, mut answered) = blocking::sync_channel(1);
        let call = call(core.fleet.client().clone());
        core.work().spawn(async move {
            let said = call.await;
            // The caller may have been interrupted.
            let _ = answer.send(said);
        });
        loop {
            let waited = py.detach(move || {
                let said = answered.recv_timeout(SIGNAL_SLICE);
                (answered, said)
            });
            answered = waited.0;
            match waited.1 {
                Ok(said) => return Outcome(said).into_pyobject(py),
                Err(blocking::RecvTimeoutError::Timeout) => py.check_signals()?,
                Err(blocking::RecvTimeoutError::Disconnected) => {
                    return Outcome(Err(unanswered(!self.closed()))).into_pyobject(py);
                }
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(core) = self.core.take() {
            // In a forked child the threads behind it do not exist; waiting for them would be for ever.
            if !self.is_foreign() {
                drop(ManuallyDrop::into_inner(core));
            }
        }
    }
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    pyo3_async_runtimes::get_running_loop(py)
}

fn nothing_to_await(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let future = running_loop(py)?.call_method0(intern!(py, "create_future"))?;
    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    Ok(future)
}
