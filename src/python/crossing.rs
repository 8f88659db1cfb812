//! One batch on its way into Python: grouped by event loop, one wake-up per loop and kind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyList, PyTuple};

use super::bridge::Item;
use super::job::PyJob;
use super::reply::Settled;
use super::target::Target;
use super::watch;
use crate::runtime::handler::{Job, Slot, StopReason};

/// What a log says of a panic that was survived.
pub const PANICKED: &str = "a batch to Python panicked; the panic is on stderr";

/// What goes to one pod's runner.
struct Delivery {
    target: Arc<Target>,
    jobs: Vec<Job>,
    stops: Vec<(Slot, StopReason)>,
    ping: Option<u64>,
}

pub struct Crossing<'py> {
    py: Python<'py>,
    /// Futures to settle, by loop: there is nearly always one loop.
    settled: Vec<(Py<PyAny>, Bound<'py, PyList>)>,
    deliveries: Vec<Delivery>,
}

impl<'py> Crossing<'py> {
    pub fn new(py: Python<'py>) -> Self {
        Self { py, settled: Vec::new(), deliveries: Vec::new() }
    }

    pub fn carry(mut self, items: Vec<Item>) {
        for item in items {
            // One by one, so that a panic takes nobody along who waits for another item.
            guarded(|| self.sort(item));
        }
        self.call_loops();
    }

    fn sort(&mut self, item: Item) {
        match item {
            Item::Settle(settled) => self.settle(settled),
            Item::Deliver(target, jobs) => self.delivery(target).jobs.extend(jobs),
            Item::Stop(target, stops) => self.delivery(target).stops.extend(stops),
            Item::Ping(target, token) => self.delivery(target).ping = Some(token),
            Item::Inspect(target) => target.note_stands_at(watch::where_it_stands(self.py, &target)),
            Item::Quit => {}
        }
    }

    fn settle(&mut self, settled: Settled) {
        let Settled { event_loop, future, outcome } = settled;
        let (succeeded, value) = match outcome.into_pyobject(self.py) {
            Ok(value) => (true, value),
            Err(error) => (false, error.into_value(self.py).into_bound(self.py).into_any()),
        };
        let list = self.settled_on(event_loop);
        let noted = (future, succeeded, value).into_pyobject(self.py).and_then(|entry| list.append(entry));
        if let Err(error) = noted {
            error.write_unraisable(self.py, None);
        }
    }

    fn settled_on(&mut self, event_loop: Py<PyAny>) -> Bound<'py, PyList> {
        if let Some((_, list)) = self.settled.iter().find(|(known, _)| known.is(&event_loop)) {
            return list.clone();
        }
        let list = PyList::empty(self.py);
        self.settled.push((event_loop, list.clone()));
        list
    }

    fn delivery(&mut self, target: Arc<Target>) -> &mut Delivery {
        let known = self.deliveries.iter().position(|delivery| Arc::ptr_eq(&delivery.target, &target));
        let at = known.unwrap_or_else(|| {
            self.deliveries.push(Delivery { target, jobs: Vec::new(), stops: Vec::new(), ping: None });
            self.deliveries.len() - 1
        });
        &mut self.deliveries[at]
    }

    fn call_loops(self) {
        for (event_loop, list) in self.settled {
            let settle = || {
                // A closed loop has nobody left who waits.
                let _ = resolver(self.py).and_then(|resolve| {
                    let call_soon = intern!(self.py, "call_soon_threadsafe");
                    event_loop.bind(self.py).call_method1(call_soon, (resolve, &list))
                });
            };
            // After a panic once more, for somebody waits. Settling twice does no harm: what is done is let be.
            let _ = guarded(settle).or_else(|| guarded(settle));
        }
        for delivery in self.deliveries {
            let slots: Vec<Slot> = delivery.jobs.iter().map(|job| job.slot).collect();
            let target = Arc::clone(&delivery.target);
            match guarded(|| delivery.call(self.py)) {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(target: "fleet_q.bridge", %error, "the event loop takes no more work");
                    target.give_back(slots);
                }
                // Bodies that were handed over all the same are refused their start.
                None => target.give_back(slots),
            }
        }
    }
}

/// Runs what may panic; nothing then, and the panic is said.
fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let ended = catch_unwind(AssertUnwindSafe(call));
    ended.inspect_err(|_| tracing::error!(target: "fleet_q.bridge", "{PANICKED}")).ok()
}

impl Delivery {
    fn call(self, py: Python<'_>) -> PyResult<()> {
        let event_loop = self.target.event_loop.bind(py);
        let runner = self.target.runner.bind(py);
        let call_soon = intern!(py, "call_soon_threadsafe");
        if !self.jobs.is_empty() || !self.stops.is_empty() {
            let stops = self.stops.iter().map(|(slot, why)| (self.target.outside(*slot), why.as_str()));
            let stops = PyList::new(py, stops.collect::<Vec<_>>())?;
            if !stops.is_empty() {
                // Past the loop: one that is blocked must not keep a process from being killed.
                runner.call_method1(intern!(py, "stop_processes"), (&stops,))?;
            }
            let jobs = PyList::empty(py);
            for job in self.jobs {
                jobs.append(Bound::new(py, PyJob(self.target.addressed(job)))?)?;
            }
            event_loop.call_method1(call_soon, (runner.getattr(intern!(py, "deliver"))?, jobs, stops))?;
        }
        if let Some(token) = self.ping {
            event_loop.call_method1(call_soon, (runner.getattr(intern!(py, "pong"))?, token))?;
        }
        Ok(())
    }
}

/// Settles futures on their own loop; those that are done or cancelled are let be.
#[pyfunction]
fn _resolve(settled: &Bound<'_, PyList>) -> PyResult<()> {
    let py = settled.py();
    for entry in settled {
        let entry = entry.cast_into::<PyTuple>()?;
        let (future, value) = (entry.get_item(0)?, entry.get_item(2)?);
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            continue;
        }
        let set =
            if entry.get_item(1)?.is_truthy()? { intern!(py, "set_result") } else { intern!(py, "set_exception") };
        future.call_method1(set, (value,))?;
    }
    Ok(())
}

fn resolver(py: Python<'_>) -> PyResult<&Bound<'_, PyCFunction>> {
    static RESOLVE: PyOnceLock<Py<PyCFunction>> = PyOnceLock::new();
    RESOLVE.get_or_try_init(py, || Ok(wrap_pyfunction!(_resolve, py)?.unbind())).map(|resolve| resolve.bind(py))
}
