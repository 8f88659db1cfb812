//! What this process knows of itself, as a dict with the same keys in every state of its life.

use pyo3::prelude::*;
use pythonize::pythonize;

use crate::runtime::Pod;

/// The pod's health; without a pod, that of a process that only enqueues.
pub fn dict(py: Python<'_>, pod: Option<Pod>) -> PyResult<Bound<'_, PyAny>> {
    match pod {
        Some(pod) => Ok(pythonize(py, &pod.health())?),
        None => Ok(pythonize(py, &of_no_pod())?),
    }
}

fn of_no_pod() -> serde_json::Value {
    serde_json::json!({
        "pod_id": null,
        "status": "not started",
        "leader": null,
        "is_leader": false,
        "last_beat_age_s": null,
        "fenced": false,
        "in_flight": 0,
        "capacity": 0,
        "journal_depth": 0,
        "journal_error": null,
        "loop_lag_s": 0.0,
        "blocked_by": null,
        "overdue": [],
        "store_ok": null,
        "live": true,
        "live_reason": null,
        "ready": false,
        "ready_reason": "no pod was started in this process",
    })
}
