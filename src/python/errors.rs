//! Turns what went wrong in Rust into the exceptions of `fleet_q.exceptions`, one exhaustive match
//! per kind of error. The classes are defined in Python, so that `help()`, pickling and double parents work.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use super::reply::unanswered;
use super::trouble::{Trouble, What};
use crate::rules::config::Problems;
use crate::rules::step::StepId;
use crate::runtime::ClientError;

/// The exception for a failed call of the client.
pub fn of_client(py: Python<'_>, error: &ClientError) -> PyErr {
    let message = error.to_string();
    match error {
        ClientError::StoreUnavailable { message: _, step_ids, unknown } => Raise::new(py, "StoreUnavailable", &message)
            .with("step_ids", spelled(step_ids))
            .with("outcome", if *unknown { "unknown" } else { "not_stored" }),
        ClientError::UniqueConflict { key, holder } => {
            Raise::new(py, "UniqueConflict", &message).with("key", key.as_str()).with("holder", holder.to_string())
        }
        ClientError::BadData { message: _ } | ClientError::Invalid { message: _ } => {
            Raise::new(py, "InvalidArguments", &message)
        }
        ClientError::PayloadTooLarge { bytes, limit } => {
            Raise::new(py, "PayloadTooLarge", &message).with("size", *bytes).with("limit", *limit)
        }
        ClientError::Config { message: _ } => {
            Raise::new(py, "ConfigError", &message).with("problems", vec![message.clone()])
        }
        ClientError::SchemaMismatch { message: _ } => Raise::new(py, "SchemaMismatch", &message),
        ClientError::StepNotFound { step_id } => {
            Raise::new(py, "StepNotFound", &message).with("step_id", step_id.to_string())
        }
        ClientError::StepNotFailed { step_id, state } => Raise::new(py, "StepNotFailed", &message)
            .with("step_id", step_id.to_string())
            .with("status", state.as_str()),
        ClientError::ResultTimeout { step_id, waited_s: _ } => {
            Raise::new(py, "ResultTimeout", &message).with("step_id", step_id.to_string())
        }
        ClientError::Stopped { what: _ } => Raise::new(py, "Stopped", &message),
        ClientError::Internal { message: _ } => Raise::new(py, "FleetQError", &message),
    }
    .finish()
}

/// The exception for a call that a defect of ours ended. Plain, if the defect lies in making exceptions.
pub fn of_panic(py: Python<'_>) -> PyErr {
    let told = unanswered(true);
    catch_unwind(AssertUnwindSafe(|| of_client(py, &told)))
        .unwrap_or_else(|_| PyRuntimeError::new_err(told.to_string()))
}

/// The exception for a refused batch of which some steps were stored.
pub fn of_refused_batch(py: Python<'_>, error: &ClientError, stored: &[StepId]) -> PyErr {
    let raised = of_client(py, error);
    let noted = PyTuple::new(py, spelled(stored)).and_then(|ids| raised.value(py).setattr("step_ids", ids));
    noted.map_or_else(|unexpected| unexpected, |()| raised)
}

/// The exception for settings that do not hold.
pub fn of_problems(py: Python<'_>, problems: &Problems) -> PyErr {
    let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    Raise::new(py, "ConfigError", &problems.to_string()).with("problems", lines).finish()
}

/// The exception for a value that cannot be JSON.
pub fn of_trouble(py: Python<'_>, trouble: Trouble) -> PyErr {
    if let What::DefaultRaised(error) = trouble.what()
        && !error.is_instance_of::<PyException>(py)
    {
        // Ctrl-C inside `default` is no verdict on the value.
        return error.clone_ref(py);
    }
    let (message, path) = (trouble.to_string(), trouble.path());
    let raise = match trouble.what() {
        What::TooLarge { limit } => {
            // Writing stopped at the limit, so the whole size is not known.
            Raise::new(py, "PayloadTooLarge", &message).with("limit", *limit)
        }
        What::NotFinite(_)
        | What::BigInteger
        | What::Nul
        | What::Surrogate
        | What::KeyType(_)
        | What::ForeignType(_)
        | What::Cycle
        | What::TooDeep
        | What::Changed
        | What::DefaultRaised(_) => Raise::new(py, "InvalidArguments", &message).with("path", path),
    };
    let raised = raise.finish();
    raised.set_cause(py, trouble.into_cause());
    raised
}

/// An argument that makes no sense, found while converting it.
pub fn invalid(py: Python<'_>, message: &str) -> PyErr {
    Raise::new(py, "InvalidArguments", message).finish()
}

pub fn stopped(py: Python<'_>, message: &str) -> PyErr {
    Raise::new(py, "Stopped", message).finish()
}

/// An exception in the making: its class, its message, and its facts as keywords.
struct Raise<'a, 'py> {
    py: Python<'py>,
    class: &'static str,
    message: &'a str,
    facts: PyResult<Bound<'py, PyDict>>,
}

impl<'a, 'py> Raise<'a, 'py> {
    fn new(py: Python<'py>, class: &'static str, message: &'a str) -> Self {
        Self { py, class, message, facts: Ok(PyDict::new(py)) }
    }

    fn with(mut self, name: &str, value: impl IntoPyObject<'py>) -> Self {
        self.facts = self.facts.and_then(|facts| {
            facts.set_item(name, value)?;
            Ok(facts)
        });
        self
    }

    fn finish(self) -> PyErr {
        // A class that is missing or cannot be made is itself what went wrong.
        self.make().map_or_else(|error| error, PyErr::from_value)
    }

    fn make(self) -> PyResult<Bound<'py, PyAny>> {
        let facts = self.facts?;
        exceptions(self.py)?.getattr(self.class)?.call((self.message,), Some(&facts))
    }
}

fn exceptions(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    // Imported late: `fleet_q` imports this module first.
    MODULE.get_or_try_init(py, || Ok(py.import("fleet_q.exceptions")?.unbind())).map(|module| module.bind(py))
}

fn spelled(ids: &[StepId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
