//! A claimed step as Python sees it. Holds Rust's own values; Python objects are made when asked for.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::runtime::handler::Job;

/// One claimed step, handed to the runner.
#[pyclass(frozen, name = "Job", module = "fleet_q._core")]
#[derive(Debug)]
pub struct PyJob(pub Job);

#[pymethods]
impl PyJob {
    #[getter]
    fn slot(&self) -> u64 {
        self.0.slot.0
    }

    #[getter]
    fn step_id(&self) -> String {
        self.0.claim.step_id.to_string()
    }

    #[getter]
    fn claim_id(&self) -> String {
        self.0.claim.claim_id.to_string()
    }

    #[getter]
    fn task(&self) -> &str {
        &self.0.task
    }

    #[getter]
    fn queue(&self) -> &str {
        &self.0.queue
    }

    #[getter]
    fn priority(&self) -> i32 {
        self.0.priority
    }

    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.payload.bytes)
    }

    #[getter]
    fn retry_count(&self) -> u32 {
        self.0.retry_count
    }

    #[getter]
    fn max_retries(&self) -> u32 {
        self.0.max_retries
    }

    #[getter]
    fn crash_count(&self) -> u32 {
        self.0.crash_count
    }

    /// Seconds, or None without a limit.
    #[getter]
    fn timeout(&self) -> Option<f64> {
        self.0.timeout.map(crate::rules::time::Millis::as_secs_f64)
    }

    fn __repr__(&self) -> String {
        format!("<Job {} {} in slot {}>", self.0.task, self.0.claim.step_id, self.0.slot.0)
    }
}
