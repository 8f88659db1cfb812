//! Reads what Python hands over: step specs, task specs, reports. Checks only what a type says;
//! whether a name or a delay is acceptable is decided in Rust's `rules`, by the client.

use std::str::FromStr;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::errors;
use crate::rules::backoff::{Backoff, Jitter};
use crate::rules::demand::Executor;
use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::rules::time::{Millis, Timestamp};
use crate::runtime::client::Request;
use crate::runtime::handler::{Ended, Failure, TaskInfo};
use crate::store::{Content, Due, Failures, Search, Since};

/// A list of `JobSpec`.
pub fn requests(jobs: &Bound<'_, PyAny>) -> PyResult<Vec<Request>> {
    let mut requests = Vec::with_capacity(jobs.len().unwrap_or(1));
    for job in jobs.try_iter()? {
        requests.push(request(job?.cast::<PyDict>()?)?);
    }
    Ok(requests)
}

fn request(job: &Bound<'_, PyDict>) -> PyResult<Request> {
    let py = job.py();
    let payload = need(job, intern!(py, "payload"))?;
    Ok(Request {
        step_id: may(job, intern!(py, "step_id"))?.map(|id| step_id(&id)).transpose()?,
        task: text(&need(job, intern!(py, "task"))?)?,
        queue: text(&need(job, intern!(py, "queue"))?)?,
        priority: priority(&need(job, intern!(py, "priority"))?)?,
        payload: Content::json(payload.cast::<PyBytes>()?.as_bytes()),
        max_retries: may(job, intern!(py, "max_retries"))?.map(|retries| max_retries(&retries)).transpose()?,
        due: due(job)?,
        timeout: seconds(job, intern!(py, "timeout"))?,
        unique_key: may(job, intern!(py, "unique"))?.map(|key| text(&key)).transpose()?,
        tags: match may(job, intern!(py, "tags"))? {
            // A text is a sequence too, but never meant as one here.
            Some(tags) if tags.is_instance_of::<PyString>() => {
                return Err(errors::invalid(py, "tags must be a list of strings, not a string"));
            }
            Some(tags) => tags.try_iter()?.map(|tag| Ok(text(&tag?)?.to_string())).collect::<PyResult<_>>()?,
            None => Vec::new(),
        },
    })
}

fn due(job: &Bound<'_, PyDict>) -> PyResult<Due> {
    let py = job.py();
    let delay = seconds(job, intern!(py, "delay"))?;
    let at = may(job, intern!(py, "at"))?.map(|at| at.extract::<f64>()).transpose()?;
    match (delay, at) {
        (None, None) => Ok(Due::Now),
        (Some(delay), None) => Ok(Due::In(delay)),
        (None, Some(at)) => Ok(Due::At(timestamp(py, "at", at)?)),
        (Some(_), Some(_)) => Err(errors::invalid(py, "give delay or at, not both")),
    }
}

fn priority(given: &Bound<'_, PyAny>) -> PyResult<i32> {
    given.extract().map_err(|error| out_of_range(given, &error, "priority", "a whole number of 32 bits"))
}

fn max_retries(given: &Bound<'_, PyAny>) -> PyResult<u32> {
    given.extract().map_err(|error| out_of_range(given, &error, "max_retries", "a whole number, 0 or more"))
}

/// A wrong type stays a `TypeError`; a number out of range is a bad argument.
fn out_of_range(given: &Bound<'_, PyAny>, error: &PyErr, name: &str, wanted: &str) -> PyErr {
    let py = given.py();
    if error.is_instance_of::<PyTypeError>(py) {
        return error.clone_ref(py);
    }
    errors::invalid(py, &format!("{name} is {given}; it must be {wanted}"))
}

/// Accepts a bare UUID, or one with the seeds' `step-` prefix.
pub fn step_id(given: &Bound<'_, PyAny>) -> PyResult<StepId> {
    let text = given.cast::<PyString>()?;
    let parsed = StepId::from_str(&text.to_string_lossy());
    parsed.map_err(|bad| errors::invalid(given.py(), &bad.to_string()))
}

pub fn step_ids(given: &Bound<'_, PyAny>) -> PyResult<Vec<StepId>> {
    given.try_iter()?.map(|id| step_id(&id?)).collect()
}

/// A list of `TaskSpec`.
pub fn tasks(specs: &Bound<'_, PyAny>) -> PyResult<Arc<[TaskInfo]>> {
    specs.try_iter()?.map(|spec| task(spec?.cast::<PyDict>()?)).collect()
}

fn task(spec: &Bound<'_, PyDict>) -> PyResult<TaskInfo> {
    let py = spec.py();
    Ok(TaskInfo {
        name: text(&need(spec, intern!(py, "name"))?)?,
        executor: executor(&need(spec, intern!(py, "executor"))?)?,
        retry: Backoff {
            base: needed_seconds(spec, intern!(py, "base"))?,
            factor: need(spec, intern!(py, "factor"))?.extract()?,
            cap: needed_seconds(spec, intern!(py, "cap"))?,
            jitter: jitter(&need(spec, intern!(py, "jitter"))?)?,
        },
        continue_on_fence: continues_on_fence(&need(spec, intern!(py, "on_fence"))?)?,
    })
}

fn executor(given: &Bound<'_, PyAny>) -> PyResult<Executor> {
    match given.extract::<&str>()? {
        "loop" => Ok(Executor::Loop),
        "thread" => Ok(Executor::Thread),
        "process" => Ok(Executor::Process),
        other => {
            let expected = "expected \"loop\", \"thread\" or \"process\"";
            Err(PyValueError::new_err(format!("executor is {other:?}; {expected}")))
        }
    }
}

fn jitter(given: &Bound<'_, PyAny>) -> PyResult<Jitter> {
    match given.extract::<&str>()? {
        "none" => Ok(Jitter::None),
        "equal" => Ok(Jitter::Equal),
        "full" => Ok(Jitter::Full),
        other => Err(PyValueError::new_err(format!("jitter is {other:?}; expected \"none\", \"equal\" or \"full\""))),
    }
}

fn continues_on_fence(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    match given.extract::<&str>()? {
        "stop" => Ok(false),
        "continue" => Ok(true),
        other => Err(PyValueError::new_err(format!("on_fence is {other:?}; expected \"stop\" or \"continue\""))),
    }
}

/// A list of `Report`: how bodies ended, with the slots as Python knows them.
pub fn reports(given: &Bound<'_, PyAny>) -> PyResult<Vec<(u64, Ended)>> {
    given.try_iter()?.map(|report| self::report(&report?)).collect()
}

fn report(given: &Bound<'_, PyAny>) -> PyResult<(u64, Ended)> {
    type Raw<'py> = (u64, Bound<'py, PyString>, Option<Bound<'py, PyBytes>>, Option<f64>);
    let (slot, kind, json, delay): Raw<'_> = given.extract()?;
    let py = given.py();
    let json = json.as_ref().map(PyBytesMethods::as_bytes);
    let delay = delay.map(|delay| millis(py, "delay", delay)).transpose()?;
    let ended = match (kind.to_str()?, delay) {
        ("returned", _) => Ended::Returned(json.map(Content::json)),
        // `Retry()` without a time of its own waits as the task's policy says.
        ("raised", _) | ("retry", None) => Ended::Raised(failure(json)),
        ("retry", Some(delay)) => Ended::RetryAfter(failure(json), delay),
        ("snoozed", delay) => Ended::Snoozed(delay.unwrap_or(Millis::ZERO)),
        ("discarded", _) => Ended::Discarded(failure(json)),
        ("crashed", _) => Ended::Crashed(failure(json)),
        ("stopped", _) => Ended::Stopped,
        (other, _) => return Err(PyValueError::new_err(format!("a body cannot end as {other:?}"))),
    };
    Ok((slot, ended))
}

/// What does not parse is kept as the message: evidence is never thrown away.
fn failure(json: Option<&[u8]>) -> Failure {
    let Some(json) = json else { return Failure::default() };
    match serde_json::from_slice::<serde_json::Value>(json) {
        Ok(fields) => {
            let field = |name: &str| fields.get(name).and_then(|value| value.as_str()).unwrap_or("").to_owned();
            Failure { error_type: field("error_type"), message: field("message"), traceback: field("traceback") }
        }
        Err(_) => Failure { message: String::from_utf8_lossy(json).into_owned(), ..Failure::default() },
    }
}

/// JSON `{"fraction", "message"}`.
pub fn progress(py: Python<'_>, fraction: f64, message: Option<&str>) -> PyResult<Arc<str>> {
    if !fraction.is_finite() {
        return Err(errors::invalid(py, "progress takes a finite fraction, from 0 to 1"));
    }
    Ok(Arc::from(serde_json::json!({ "fraction": fraction, "message": message }).to_string()))
}

/// A duration in seconds; refuses what is negative, not a number, or beyond every calendar.
pub fn millis(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Millis> {
    let ms = seconds * 1000.0;
    if !(0.0..=MS_MAX).contains(&ms) {
        let message = format!("{name} is {seconds}; it must be a finite number of seconds, 0 or more");
        return Err(errors::invalid(py, &message));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range above")]
    Ok(Millis(ms.round() as u64))
}

/// The year 9999: beyond it neither `datetime` nor the databases follow.
const MS_MAX: f64 = 253_402_300_799_000.0;

fn timestamp(py: Python<'_>, name: &str, at: f64) -> PyResult<Timestamp> {
    let ms = at * 1000.0;
    if !(0.0..=MS_MAX).contains(&ms) {
        return Err(errors::invalid(py, &format!("{name} is {at}; it must be Unix seconds between 1970 and 9999")));
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked to be in range above")]
    Ok(Timestamp(ms.round() as i64))
}

fn needed_seconds(spec: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<Millis> {
    millis(spec.py(), name.to_str()?, need(spec, name)?.extract()?)
}

fn seconds(job: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<Option<Millis>> {
    let given = may(job, name)?;
    given.map(|given| millis(job.py(), name.to_str()?, given.extract()?)).transpose()
}

fn text(given: &Bound<'_, PyAny>) -> PyResult<Arc<str>> {
    let text = given.cast::<PyString>()?;
    text.to_str().map(Arc::from).map_err(|_| {
        let shown = text.to_string_lossy();
        errors::invalid(given.py(), &format!("{shown:?} holds a lone surrogate, so it is no valid Unicode"))
    })
}

fn need<'py>(dict: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(name)?.ok_or_else(|| PyTypeError::new_err(format!("{name} is missing")))
}

fn may<'py>(dict: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(dict.get_item(name)?.filter(|value| !value.is_none()))
}

/// The keywords of `Engine.search`.
pub fn search(
    py: Python<'_>,
    (queue, task, tag): (Option<String>, Option<String>, Option<String>),
    states: &[String],
    before: Option<&Bound<'_, PyAny>>,
    limit: u32,
) -> PyResult<Search> {
    let state = |name: &String| {
        State::parse(name).ok_or_else(|| {
            let known = State::ALL.map(State::as_str).join(", ");
            errors::invalid(py, &format!("{name:?} is no state of a step; there are {known}"))
        })
    };
    let states = states.iter().map(state).collect::<PyResult<_>>()?;
    Ok(Search { queue, task, states, tag, before: before.map(step_id).transpose()?, limit })
}

/// A `FailureFilter`: a key that is missing or None lets everything through.
pub fn failures(given: &Bound<'_, PyDict>) -> PyResult<Failures> {
    let py = given.py();
    let words = |name: &Bound<'_, PyString>| {
        let Some(words) = may(given, name)?.map(|value| text(&value)).transpose()? else { return Ok(None) };
        if words.contains('\0') {
            return Err(errors::invalid(py, &format!("{name} contains a NUL character, so nothing stored can match")));
        }
        Ok(Some(words.to_string()))
    };
    let at = may(given, intern!(py, "since"))?.map(|at| timestamp(py, "since", at.extract()?)).transpose()?;
    let ago = seconds(given, intern!(py, "ago"))?;
    let before = may(given, intern!(py, "before"))?.map(|before| {
        let (at, id): (f64, Bound<'_, PyAny>) = before.extract()?;
        Ok::<_, PyErr>((timestamp(py, "before", at)?, step_id(&id)?))
    });
    Ok(Failures {
        queue: words(intern!(py, "queue"))?,
        task: words(intern!(py, "task"))?,
        error: words(intern!(py, "error"))?,
        since: at.map(Since::At).or(ago.map(Since::Ago)),
        before: before.transpose()?,
        limit: need(given, intern!(py, "limit"))?.extract()?,
    })
}
