//! `Engine` as Python calls it. Converts, lets go of the GIL, calls, converts back; twins touch.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::answers::{self, Answer};
use super::engine::{Engine, nothing_to_await, running_loop};
use super::job::PyJob;
use super::reply::Reply;
use super::{awaitable, config, convert, doctor, errors, health, opening};
use crate::rules::demand::Executor;
use crate::store::{Control, Script};

#[pymethods]
#[allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]
impl Engine {
    #[new]
    fn made(
        py: Python<'_>,
        settings: BTreeMap<String, String>,
        environment: BTreeMap<String, String>,
    ) -> PyResult<Self> {
        config::read(py, &settings, &environment).map(Self::new)
    }

    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        config::shown(py, self.config())
    }

    #[getter]
    fn pid(&self) -> u32 {
        self.owner()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.is_closed()
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

    #[pyo3(signature = (r#loop, runner, tasks, threads, processes = 1))]
    #[allow(clippy::too_many_arguments, reason = "each is an argument of the Python method")]
    fn start<'py>(
        &self,
        py: Python<'py>,
        r#loop: Bound<'py, PyAny>,
        runner: Py<PyAny>,
        tasks: &Bound<'py, PyAny>,
        threads: u32,
        processes: u32,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tasks = convert::tasks(tasks)?;
        let capacity = BTreeMap::from([(Executor::Thread, threads), (Executor::Process, processes)]);
        let core = self.core(py)?;
        let thread = py.import(intern!(py, "threading"))?.call_method0(intern!(py, "get_ident"))?.extract()?;
        let target = core.new_target(r#loop.clone().unbind(), runner, thread);
        awaitable::for_deed(&r#loop, &core.places(), Arc::clone(&core).start(target, tasks, capacity))
    }

    fn stop<'py>(&self, py: Python<'py>, grace: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        let grace = grace.map(|grace| convert::millis(py, "grace", grace)).transpose()?;
        self.check_process(py)?;
        let Some(core) = self.opened() else { return nothing_to_await(py) };
        awaitable::for_deed(&running_loop(py)?, &core.places(), Arc::clone(core).stop(grace))
    }

    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_process(py)?;
        let closed_before = self.refuse_calls();
        match self.opened() {
            Some(core) if !closed_before => {
                awaitable::for_deed(&running_loop(py)?, &core.places(), Arc::clone(core).close())
            }
            Some(_) | None => nothing_to_await(py),
        }
    }

    fn close_now(&self, py: Python<'_>) {
        if self.is_foreign() {
            return;
        }
        self.refuse_calls();
        if let Some(core) = self.opened() {
            py.detach(|| core.close_now());
        }
    }

    fn begin(&self, slot: u64) -> bool {
        !self.is_foreign() && self.opened().is_some_and(|core| core.begin(slot))
    }

    fn report<'py>(&self, py: Python<'py>, reports: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let ended = convert::reports(reports)?;
        self.check_process(py)?;
        let next = PyList::empty(py);
        if let Some(core) = self.opened() {
            for job in core.report(ended) {
                next.append(Bound::new(py, PyJob(job))?)?;
            }
        }
        Ok(next)
    }

    fn progress(&self, py: Python<'_>, slot: u64, fraction: f64, message: Option<&str>) -> PyResult<()> {
        let json = convert::progress(py, fraction, message)?;
        self.check_process(py)?;
        if let Some(core) = self.opened() {
            core.progress(slot, json);
        }
        Ok(())
    }

    fn pong(&self, token: u64) {
        if let Some(core) = self.opened() {
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

    fn migrate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.act(py, |client| async move { client.migrate().await.map(Answer::Schema) })
    }

    fn migrate_sync<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.block(py, |client| async move { client.migrate().await.map(Answer::Schema) })
    }

    fn schema_sync<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.block(py, |client| async move { client.schema().await.map(Answer::Schema) })
    }

    fn migration_sql_sync<'py>(&self, py: Python<'py>, from_version: u32) -> PyResult<Bound<'py, PyAny>> {
        let script = Script::Migration { from: from_version };
        self.block(py, |client| async move { client.script(script).await.map(Answer::Text) })
    }

    fn grants_sql_sync<'py>(&self, py: Python<'py>, role: String) -> PyResult<Bound<'py, PyAny>> {
        self.block(py, |client| async move { client.script(Script::Grants { role }).await.map(Answer::Text) })
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

    fn replay_sync<'py>(&self, py: Python<'py>, step_ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let ids = convert::step_ids(step_ids)?;
        self.block(py, |client| async move { client.replay(ids).await.map(|said| answers::of_replay(&said)) })
    }

    fn replay_one<'py>(&self, py: Python<'py>, step_id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        self.act(py, |client| async move { client.replay_one(id).await.map(|()| Answer::Nothing) })
    }

    fn replay_one_sync<'py>(&self, py: Python<'py>, step_id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = convert::step_id(step_id)?;
        self.block(py, |client| async move { client.replay_one(id).await.map(|()| Answer::Nothing) })
    }

    fn purge_sync<'py>(&self, py: Python<'py>, step_ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let ids = convert::step_ids(step_ids)?;
        self.block(py, |client| async move { client.purge(ids).await.map(|said| answers::of_purge(&said)) })
    }

    fn failures<'py>(&self, py: Python<'py>, filters: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let call = convert::failures(filters)?;
        self.look(py, |client| async move { client.failures(call).await.map(Answer::Failures) })
    }

    fn failures_sync<'py>(&self, py: Python<'py>, filters: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let call = convert::failures(filters)?;
        self.block(py, |client| async move { client.failures(call).await.map(Answer::Failures) })
    }

    fn local_letters<'py>(&self, py: Python<'py>, limit: u32) -> PyResult<Bound<'py, PyAny>> {
        let found = py.detach(|| opening::letters(self.config(), limit));
        found.map_err(|error| errors::of_client(py, &error))?.into_pyobject(py)
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

    /// Opens a store of its own, so that it works without tables, and beside a pod that is stuck.
    fn diagnose_sync<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.check_process(py)?;
        doctor::findings(py, self.config())
    }

    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_process(py)?;
        health::dict(py, self.opened().and_then(|core| core.fleet.pod()))
    }

    fn may_exit(&self) -> bool {
        let pod = self.opened().and_then(|core| core.fleet.pod());
        self.is_foreign() || pod.is_none_or(|pod| pod.may_exit())
    }
}
