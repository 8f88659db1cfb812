//! Coarse awaitables: `pyo3-async-runtimes` over the bridge's own runtime, so that what it attaches,
//! it attaches on the bridge's thread. The calls themselves run on a worker.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic::{self, ContextExt};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

use super::answers::{Answer, Outcome};
use super::bridge::Bridge;
use super::errors;
use super::reply::unanswered;
use crate::runtime::ClientError;

type Called = Result<Answer, ClientError>;

/// Where an awaitable is settled, and where its call runs.
#[derive(Debug)]
pub struct Places<'a> {
    pub bridge: &'a Bridge,
    pub work: &'a Handle,
}

/// An awaitable for a call that must come to its end even if nobody awaits it any more.
pub fn for_deed<'py>(
    event_loop: &Bound<'py, PyAny>,
    places: &Places<'_>,
    call: impl Future<Output = Called> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    let (begun, task) = oneshot::channel();
    let awaited = awaitable(event_loop, places, async move {
        // Its other end is let go of only where nobody got the awaitable.
        let Ok(task) = task.await else { return Outcome(Err(unanswered(false))) };
        answer(task.await)
    })?;
    // Not before somebody waits for it: a close may end the bridge while the future is made, which takes the GIL.
    let _ = begun.send(places.work.spawn(call));
    Ok(awaited)
}

/// An awaitable for a call that only looks: cancelling the awaitable ends it.
pub fn for_look<'py>(
    event_loop: &Bound<'py, PyAny>,
    places: &Places<'_>,
    call: impl Future<Output = Called> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    let mut task = AbortedOnDrop(places.work.spawn(call));
    awaitable(event_loop, places, async move { answer((&mut task.0).await) })
}

fn awaitable<'py>(
    event_loop: &Bound<'py, PyAny>,
    places: &Places<'_>,
    answer: impl Future<Output = Outcome> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    // The first spawn finds its runtime by this guard, the later ones run inside that runtime.
    let _inside = places.bridge.handle().enter();
    let (py, locals) = (event_loop.py(), TaskLocals::new(event_loop.clone()));
    let awaited = generic::future_into_py_with_locals::<OnBridge, _, _>(py, locals, async move { Ok(answer.await) })?;
    // Only now: what was spawned before the end is settled by the last words, what came later by nobody.
    if places.bridge.is_ending() {
        return Err(errors::of_client(py, &unanswered(false)));
    }
    Ok(awaited)
}

fn answer(ended: Result<Called, JoinError>) -> Outcome {
    Outcome(ended.unwrap_or_else(|error| Err(unanswered(error.is_panic()))))
}

struct AbortedOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortedOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The bridge's thread, as `pyo3-async-runtimes` wants to know it.
struct OnBridge;

struct Ended(JoinError);

struct Handed(JoinHandle<()>);

impl generic::JoinError for Ended {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }

    fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.0.into_panic()
    }
}

impl Future for Handed {
    type Output = Result<(), Ended>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(Ended)
    }
}

impl generic::Runtime for OnBridge {
    type JoinError = Ended;
    type JoinHandle = Handed;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Handed {
        Handed(Handle::current().spawn(future))
    }

    /// What blocks is an attach, and the bridge's thread is the one that may.
    fn spawn_blocking<F: FnOnce() + Send + 'static>(attach: F) -> Handed {
        Self::spawn(async move { attach() })
    }
}

impl ContextExt for OnBridge {
    fn scope<F, R>(_locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        // No future of ours calls back into Python, so none asks for its locals.
        Box::pin(future)
    }

    fn get_task_locals() -> Option<TaskLocals> {
        None
    }
}
