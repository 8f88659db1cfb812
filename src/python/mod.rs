//! Python speaks here: the extension module `fleet_q._core`. Converts, detaches the GIL, calls,
//! converts back. No logic: what is decided is decided in `rules`, what is done is done in `runtime`.
//!
//! Only the bridge's thread ever attaches to the interpreter, never a worker.

mod answers;
mod awaitable;
mod bridge;
mod client;
mod config;
mod convert;
mod core;
mod crossing;
mod decode;
mod doctor;
mod encode;
mod engine;
mod errors;
mod facts;
mod handler;
mod health;
mod job;
mod logging;
mod opening;
mod reply;
mod target;
mod trouble;
mod watch;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;
    use pyo3::types::{PyBytes, PyTuple};

    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::job::PyJob;
    use super::{decode, encode as json, errors};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // A report is a plain tuple: it is made once per step.
        module.add("Report", module.py().get_type::<PyTuple>())?;
        module.add("debug_build", cfg!(debug_assertions))
    }

    /// JSON bytes of a value, checked for all that no store can hold.
    #[pyfunction]
    fn encode<'py>(
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        limit: usize,
        default: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let written = json::value(value, limit, default);
        written.map(|bytes| PyBytes::new(py, &bytes)).map_err(|trouble| errors::of_trouble(py, trouble))
    }

    /// JSON bytes `{"args","kwargs","metadata"}`, checked as by `encode`.
    #[pyfunction]
    fn encode_payload<'py>(
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyAny>,
        metadata: Option<&Bound<'py, PyAny>>,
        limit: usize,
        default: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let written = json::payload(args, kwargs, metadata, limit, default);
        written.map(|bytes| PyBytes::new(py, &bytes)).map_err(|trouble| errors::of_trouble(py, trouble))
    }

    /// `args`, `kwargs` and `metadata` of a payload, or `None` where Python's own reader has to judge it.
    #[pyfunction]
    fn decode_payload<'py>(py: Python<'py>, payload: &[u8]) -> Option<decode::Parts<'py>> {
        decode::payload(py, payload)
    }
}
