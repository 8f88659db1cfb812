//! Runs a diagnosis for `fleet-q doctor` on a thread of its own and hands the findings over as dicts.

use std::sync::mpsc as blocking;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::errors;
use super::opening;
use crate::rules::config::Config;
use crate::rules::diagnosis::Finding;
use crate::runtime::ClientError;
use crate::runtime::clock::SystemClock;
use crate::runtime::doctor::{self, Patient};
use crate::store::sqlite::journals;
use crate::store::url;

/// Waits for the findings without the GIL, in slices, so that Ctrl-C is heard.
pub fn findings<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyList>> {
    let (answer, mut answered) = blocking::sync_channel(1);
    let config = config.clone();
    std::thread::Builder::new().name("fleet-q-doctor".into()).spawn(move || {
        // Who was interrupted no longer listens.
        let _ = answer.send(examined(&config));
    })?;
    loop {
        let waited = py.detach(move || {
            let said = answered.recv_timeout(super::engine::SIGNAL_SLICE);
            (answered, said)
        });
        answered = waited.0;
        match waited.1 {
            Ok(Ok(findings)) => return shown(py, &findings),
            Ok(Err(error)) => {
                let message = format!("no runtime for the diagnosis: {error}");
                return Err(errors::of_client(py, &ClientError::Internal { message }));
            }
            Err(blocking::RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(blocking::RecvTimeoutError::Disconnected) => {
                return Err(errors::of_client(py, &super::reply::unanswered(true)));
            }
        }
    }
}

fn examined(config: &Config) -> std::io::Result<Vec<Finding>> {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let existing = url::require_existing(&config.url);
    let is_missing = existing.is_err();
    let folder = opening::journal_folder(config);
    Ok(threads.block_on(async {
        let patient = Patient {
            store: existing.and_then(|()| opening::store(config)),
            is_missing,
            journals: folder.and_then(|folder| folder.map_or_else(|| Ok(Vec::new()), |folder| journals(&folder))),
        };
        doctor::examine(config, &SystemClock, patient).await
    }))
}

fn shown<'py>(py: Python<'py>, findings: &[Finding]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for finding in findings {
        let dict = PyDict::new(py);
        dict.set_item(intern!(py, "area"), finding.area.as_str())?;
        dict.set_item(intern!(py, "level"), finding.level().as_str())?;
        dict.set_item(intern!(py, "finding"), finding.kind.map(|kind| kind.about().id))?;
        dict.set_item(intern!(py, "says"), &finding.says)?;
        dict.set_item(intern!(py, "mend"), finding.mend.as_deref())?;
        list.append(dict)?;
    }
    Ok(list)
}
