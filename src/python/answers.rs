//! Turns what Rust answers into Python values: step dicts by column name, counts, pods, health.
//! Times leave as Unix seconds, JSON leaves parsed.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PySet, PyString};

use super::errors;
use crate::rules::step::{PodId, StepId};
use crate::rules::time::{Millis, Timestamp};
use crate::runtime::ClientError;
use crate::store::journal::DeadLetter;
use crate::store::{CancelVerdict, Content, Failed, Pod, PurgeVerdict, ReplayVerdict, Schema, Stats, Step};

/// What a call of the client gives Python. Made into an object only where Python is attached anyway.
#[derive(Debug)]
pub enum Answer {
    Nothing,
    Text(String),
    Texts(Vec<String>),
    Names(BTreeSet<String>),
    Step(Box<Step>),
    Steps(Vec<Step>),
    Failures(Vec<Failed>),
    Letters(Vec<DeadLetter>),
    Stats(Stats),
    Pods(Vec<Pod>),
    Schema(Schema),
    /// Each step of a batch by itself; the first refusal becomes the exception.
    Stored(Vec<Result<StepId, ClientError>>),
}

/// How a call ended.
#[derive(Debug)]
pub struct Outcome(pub Result<Answer, ClientError>);

impl<'py> IntoPyObject<'py> for Outcome {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let converted = || self.0.map_err(|error| errors::of_client(py, &error))?.into_pyobject(py);
        // Whoever converts has promised an answer: a panic that passed here would leave its caller waiting for ever.
        catch_unwind(AssertUnwindSafe(converted)).unwrap_or_else(|_| Err(errors::of_panic(py)))
    }
}

impl<'py> IntoPyObject<'py> for Answer {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Nothing => Ok(py.None().into_bound(py)),
            Self::Text(text) => Ok(PyString::new(py, &text).into_any()),
            Self::Texts(texts) => Ok(PyList::new(py, texts)?.into_any()),
            Self::Names(names) => Ok(PySet::new(py, names)?.into_any()),
            Self::Step(step) => Ok(step_dict(py, &step)?.into_any()),
            Self::Steps(steps) => list(py, &steps, step_dict),
            Self::Failures(failures) => list(py, &failures, failed_dict),
            Self::Letters(letters) => list(py, &letters, letter_dict),
            Self::Stats(stats) => Ok(stats_dict(py, &stats)?.into_any()),
            Self::Pods(pods) => list(py, &pods, pod_dict),
            Self::Schema(schema) => Ok(schema_dict(py, &schema)?.into_any()),
            Self::Stored(rows) => stored(py, rows),
        }
    }
}

impl Answer {
    pub fn step(step: Step) -> Self {
        Self::Step(Box::new(step))
    }
}

fn stored(py: Python<'_>, rows: Vec<Result<StepId, ClientError>>) -> PyResult<Bound<'_, PyAny>> {
    let mut ids = Vec::with_capacity(rows.len());
    let mut refused = None;
    for row in rows {
        match row {
            Ok(id) => ids.push(id),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        None => Ok(PyList::new(py, ids.iter().map(ToString::to_string))?.into_any()),
        Some(error) => Err(errors::of_refused_batch(py, &error, &ids)),
    }
}

pub fn of_cancel(verdicts: &[CancelVerdict]) -> Answer {
    let said = |verdict: &CancelVerdict| match verdict {
        CancelVerdict::Cancelled => "cancelled",
        CancelVerdict::Requested => "requested",
        CancelVerdict::Final(state) => state.as_str(),
        CancelVerdict::Unknown => "unknown",
    };
    Answer::Texts(verdicts.iter().map(|verdict| said(verdict).to_owned()).collect())
}

pub fn of_replay(verdicts: &[ReplayVerdict]) -> Answer {
    let said = |verdict: &ReplayVerdict| match verdict {
        ReplayVerdict::Replayed => "replayed".to_owned(),
        ReplayVerdict::NotFailed(state) => state.to_string(),
        ReplayVerdict::Conflict(holder) => format!("conflict:{holder}"),
        ReplayVerdict::Unknown => "unknown".to_owned(),
    };
    Answer::Texts(verdicts.iter().map(said).collect())
}

pub fn of_purge(verdicts: &[PurgeVerdict]) -> Answer {
    let said = |verdict: &PurgeVerdict| match verdict {
        PurgeVerdict::Purged => "purged",
        PurgeVerdict::NotFailed(state) => state.as_str(),
        PurgeVerdict::Unknown => "unknown",
    };
    Answer::Texts(verdicts.iter().map(|verdict| said(verdict).to_owned()).collect())
}

fn failed_dict<'py>(py: Python<'py>, failed: &Failed) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "step_id"), failed.step_id.to_string())?;
    dict.set_item(intern!(py, "task"), &*failed.task)?;
    dict.set_item(intern!(py, "queue"), &*failed.queue)?;
    dict.set_item(intern!(py, "created_ts"), seconds(failed.created))?;
    dict.set_item(intern!(py, "failed_ts"), seconds(failed.failed))?;
    dict.set_item(intern!(py, "retry_count"), failed.retry_count)?;
    dict.set_item(intern!(py, "max_retries"), failed.max_retries)?;
    dict.set_item(intern!(py, "crash_count"), failed.crash_count)?;
    dict.set_item(intern!(py, "unique_key"), failed.unique_key.as_deref())?;
    dict.set_item(intern!(py, "kind"), &failed.last.kind)?;
    dict.set_item(intern!(py, "error_type"), &failed.last.error_type)?;
    dict.set_item(intern!(py, "message"), &failed.last.message)?;
    dict.set_item(intern!(py, "pod"), &failed.last.pod)?;
    Ok(dict)
}

fn letter_dict<'py>(py: Python<'py>, letter: &DeadLetter) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "step_id"), letter.step_id.to_string())?;
    dict.set_item(intern!(py, "task"), &letter.task)?;
    dict.set_item(intern!(py, "kind"), letter.kind.as_str())?;
    dict.set_item(intern!(py, "at_ts"), seconds(letter.at))?;
    dict.set_item(intern!(py, "evidence"), parsed(py, &letter.evidence)?)?;
    Ok(dict)
}

fn step_dict<'py>(py: Python<'py>, step: &Step) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "step_id"), step.step_id.to_string())?;
    dict.set_item(intern!(py, "task"), &*step.task)?;
    dict.set_item(intern!(py, "queue"), &*step.queue)?;
    dict.set_item(intern!(py, "status"), step.state.as_str())?;
    dict.set_item(intern!(py, "priority"), step.priority)?;
    dict.set_item(intern!(py, "payload"), content(py, &step.payload)?)?;
    dict.set_item(intern!(py, "retry_count"), step.retry_count)?;
    dict.set_item(intern!(py, "max_retries"), step.max_retries)?;
    dict.set_item(intern!(py, "crash_count"), step.crash_count)?;
    dict.set_item(intern!(py, "claimed_by"), step.claimed_by.as_ref().map(PodId::as_str))?;
    dict.set_item(intern!(py, "claim_id"), step.claim_id.map(|id| id.to_string()))?;
    dict.set_item(intern!(py, "created_ts"), seconds(step.created))?;
    dict.set_item(intern!(py, "available_ts"), seconds(step.available))?;
    dict.set_item(intern!(py, "claimed_ts"), step.claimed.map(seconds))?;
    dict.set_item(intern!(py, "last_update_ts"), seconds(step.last_update))?;
    dict.set_item(intern!(py, "finished_ts"), step.finished.map(seconds))?;
    dict.set_item(intern!(py, "timeout"), step.timeout.map(Millis::as_secs_f64))?;
    dict.set_item(intern!(py, "result"), step.result.as_ref().map(|result| content(py, result)).transpose()?)?;
    dict.set_item(intern!(py, "error"), errors_list(py, step.errors.as_deref())?)?;
    dict.set_item(intern!(py, "progress"), step.progress.as_deref().map(|json| parsed(py, json)).transpose()?)?;
    dict.set_item(intern!(py, "unique_key"), step.unique_key.as_deref())?;
    dict.set_item(intern!(py, "tags"), &step.tags)?;
    dict.set_item(intern!(py, "cancel_requested"), step.cancel_requested)?;
    Ok(dict)
}

fn stats_dict<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let counts = PyDict::new(py);
    for (queue, by_state) in &stats.counts {
        let in_queue = PyDict::new(py);
        for (state, count) in by_state {
            in_queue.set_item(state.as_str(), count)?;
        }
        counts.set_item(queue, in_queue)?;
    }
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "counts"), counts)?;
    dict.set_item(intern!(py, "paused"), &stats.paused)?;
    Ok(dict)
}

fn pod_dict<'py>(py: Python<'py>, pod: &Pod) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "pod_id"), pod.view.pod_id.as_str())?;
    dict.set_item(intern!(py, "status"), pod.view.status.as_str())?;
    dict.set_item(intern!(py, "birth_ts"), seconds(pod.view.birth))?;
    dict.set_item(intern!(py, "last_heartbeat_ts"), seconds(pod.view.last_heartbeat))?;
    dict.set_item(intern!(py, "beating_since"), seconds(pod.view.beating_since))?;
    dict.set_item(intern!(py, "can_lead"), pod.view.can_lead)?;
    dict.set_item(intern!(py, "meta"), parsed(py, &pod.meta)?)?;
    Ok(dict)
}

fn schema_dict<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "version"), schema.found.version)?;
    dict.set_item(intern!(py, "min_compatible"), schema.found.min_compatible)?;
    dict.set_item(intern!(py, "speaks"), schema.speaks)?;
    dict.set_item(intern!(py, "pending"), &schema.pending)?;
    Ok(dict)
}

fn list<'py, T>(
    py: Python<'py>,
    rows: &[T],
    dict: fn(Python<'py>, &T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let list = PyList::empty(py);
    for row in rows {
        list.append(dict(py, row)?)?;
    }
    Ok(list.into_any())
}

/// A row written by hand may hold anything; what is not JSON comes out as the bytes it is.
fn content<'py>(py: Python<'py>, content: &Content) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &content.bytes).into_any();
    if &*content.content_type != Content::JSON {
        return Ok(bytes);
    }
    match loads(py)?.call1((&bytes,)) {
        Ok(value) => Ok(value),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => Ok(bytes),
        Err(error) => Err(error),
    }
}

fn errors_list<'py>(py: Python<'py>, json: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    let Some(json) = json else { return Ok(PyList::empty(py).into_any()) };
    let list = parsed(py, json)?;
    for entry in list.try_iter()?.flatten() {
        if let Ok(entry) = entry.cast::<PyDict>()
            && let Some(ts) = entry.get_item(intern!(py, "ts"))?
            && let Ok(ms) = ts.extract::<i64>()
        {
            // Stored in milliseconds; everything here leaves in seconds.
            entry.set_item(intern!(py, "ts"), seconds(Timestamp(ms)))?;
        }
    }
    Ok(list)
}

/// Text that fleet-q wrote itself; should it not parse, it is shown as it is.
fn parsed<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    match loads(py)?.call1((json,)) {
        Ok(value) => Ok(value),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => {
            Ok(PyString::new(py, json).into_any())
        }
        Err(error) => Err(error),
    }
}

fn loads(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ms is the year 287,000")]
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1000.0
}
