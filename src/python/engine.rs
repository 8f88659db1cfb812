//! One `FleetQ`'s core in one process: opened on first use, lent to each call, refused after a fork.
//!
//! Starts no thread before it is first used. Waits without the GIL, in slices, so that Ctrl-C is heard.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc as blocking};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::answers::{Answer, Outcome};
use super::core::Core;
use super::reply::unanswered;
use super::{awaitable, config, errors, logging};
use crate::rules::config::Config;
use crate::runtime::{Client, ClientError, lock};

/// How often a blocked caller looks for Ctrl-C.
pub const SIGNAL_SLICE: Duration = Duration::from_millis(100);

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

impl Engine {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            owner: AtomicU32::new(0),
            opening: Mutex::new(()),
            core: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The process that opened the core; as long as nobody did, this one.
    pub fn owner(&self) -> u32 {
        match self.owner.load(Ordering::Acquire) {
            0 => std::process::id(),
            owner => owner,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Refuses calls from now on; says whether that was so before.
    pub fn refuse_calls(&self) -> bool {
        self.closed.swap(true, Ordering::AcqRel)
    }

    /// The core, if it was opened.
    pub fn opened(&self) -> Option<&Arc<Core>> {
        self.core.get().map(|core| &**core)
    }

    /// The open core, opened if need be.
    pub fn core(&self, py: Python<'_>) -> PyResult<Arc<Core>> {
        self.check_process(py)?;
        if self.is_closed() {
            return Err(errors::stopped(py, "fleet-q is stopped: start() it again, or make a new FleetQ"));
        }
        if let Some(core) = self.opened() {
            return Ok(Arc::clone(core));
        }
        let config = config::with_host_name(py, &self.config)?;
        // Without the GIL: who waits for the lock must not keep the one who opens from going on.
        let core = py.detach(|| self.open(config)).map_err(|error| errors::of_client(py, &error))?;
        if core.is_first_asked() {
            close_at_exit(py, &core)?;
        }
        Ok(core)
    }

    fn open(&self, config: Config) -> Result<Arc<Core>, ClientError> {
        let _one_at_a_time = lock(&self.opening);
        if let Some(core) = self.opened() {
            return Ok(Arc::clone(core));
        }
        logging::install(&config.log_level);
        self.owner.store(std::process::id(), Ordering::Release);
        let core = Arc::new(Core::open(config).inspect_err(|_| self.owner.store(0, Ordering::Release))?);
        Ok(Arc::clone(self.core.get_or_init(|| ManuallyDrop::new(core))))
    }

    pub fn is_foreign(&self) -> bool {
        self.owner() != std::process::id()
    }

    pub fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_foreign() {
            let owner = self.owner();
            return Err(errors::stopped(
                py,
                &format!("this FleetQ was opened by process {owner} before a fork; make one in the forked process"),
            ));
        }
        Ok(())
    }

    /// An awaitable for a call that only looks.
    pub fn look<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Called> + Send + 'static,
    {
        let core = self.core(py)?;
        awaitable::for_look(&running_loop(py)?, &core.places(), call(core.fleet.client().clone()))
    }

    /// An awaitable for a call that changes something.
    pub fn act<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
    where
        F: Future<Output = Called> + Send + 'static,
    {
        let core = self.core(py)?;
        awaitable::for_deed(&running_loop(py)?, &core.places(), call(core.fleet.client().clone()))
    }

    /// Waits for a call without the GIL, in slices, so that Ctrl-C is heard.
    pub fn block<'py, F>(&self, py: Python<'py>, call: impl FnOnce(Client) -> F) -> PyResult<Bound<'py, PyAny>>
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
                    return Outcome(Err(unanswered(!self.is_closed()))).into_pyobject(py);
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

/// The bridge must be gone when the interpreter begins to end: until Python 3.14 that ends every
/// other thread which then wants the GIL, by an unwinding that Rust answers with an abort.
fn close_at_exit(py: Python<'_>, core: &Arc<Core>) -> PyResult<()> {
    let core = Arc::downgrade(core);
    let close =
        PyCFunction::new_closure(py, None, None, move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            if let Some(core) = core.upgrade() {
                args.py().detach(|| core.close_now());
            }
        })?;
    py.import(intern!(py, "atexit"))?.call_method1(intern!(py, "register"), (close,)).map(drop)
}

/// The loop of the caller, or the sentence that says what to do without one.
pub fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static ASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let found = || Ok::<_, PyErr>(py.import("fleet_q.loops")?.getattr("running_loop")?.unbind());
    ASK.get_or_try_init(py, found)?.bind(py).call0()
}

pub fn nothing_to_await(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let future = running_loop(py)?.call_method0(intern!(py, "create_future"))?;
    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    Ok(future)
}
