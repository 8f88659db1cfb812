//! Carries settings between Python and `rules::config`. Judges none of them.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors;
use crate::rules::config::{Config, HIDDEN, LogFormat, Role, resolve};

/// The settings in force, or a `ConfigError` that names every problem.
pub fn read(
    py: Python<'_>,
    keywords: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
) -> PyResult<Config> {
    resolve(keywords, environment).map_err(|problems| errors::of_problems(py, &problems))
}

/// A pod without a name of its own takes the host's.
pub fn with_host_name(py: Python<'_>, config: &Config) -> PyResult<Config> {
    let mut config = config.clone();
    if config.pod_name.is_none() {
        let host: String = py.import("socket")?.call_method0("gethostname")?.extract()?;
        config.pod_name = Some(host).filter(|host| !host.is_empty());
    }
    Ok(config)
}

/// Every setting by its keyword, durations in seconds, secrets hidden.
pub fn shown<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("url", config.redacted_url())?;
    dict.set_item("role", role(config.role))?;
    dict.set_item("pod_id", config.pod_name.as_deref())?;
    dict.set_item("local_path", config.local_path.as_deref())?;
    dict.set_item("schema", config.schema.as_deref())?;
    dict.set_item("api_key", config.api_key.as_ref().map(|_| HIDDEN))?;
    dict.set_item("auto_migrate", config.auto_migrate)?;
    dict.set_item("hand_off", config.hand_off)?;
    dict.set_item("log_level", &config.log_level)?;
    dict.set_item("log_format", log_format(config.log_format))?;
    dict.set_item("queues", &config.queue_caps)?;
    dict.set_item("warnings", &config.warnings)?;
    show_limits(&dict, config)?;
    show_durations(&dict, config)?;
    Ok(dict)
}

fn show_limits(dict: &Bound<'_, PyDict>, config: &Config) -> PyResult<()> {
    dict.set_item("max_parallelism", config.max_parallelism)?;
    dict.set_item("max_processes", config.max_processes)?;
    dict.set_item("max_steps", config.max_steps)?;
    dict.set_item("max_rss", config.max_rss_bytes)?;
    dict.set_item("capacity_threshold", config.capacity_threshold)?;
    dict.set_item("max_retries", config.max_retries)?;
    dict.set_item("max_crashes", config.max_crashes)?;
    dict.set_item("payload_limit", config.payload_limit_bytes)
}

fn show_durations(dict: &Bound<'_, PyDict>, config: &Config) -> PyResult<()> {
    let durations = [
        ("shutdown_grace", config.shutdown_grace),
        ("connect_timeout", config.connect_timeout),
        ("statement_timeout", config.statement_timeout),
        ("keep_completed", config.keep_completed),
        ("keep_failed", config.keep_failed),
        ("idle_interval_max", config.idle_interval_max),
        ("lookahead_max_age", config.lookahead_max_age),
        ("suspect_interval", config.suspect_interval),
        ("heartbeat_interval", config.heartbeat_interval),
        ("claim_interval", config.claim_interval),
        ("recovery_interval", config.recovery_interval),
        ("dead_pod_threshold", config.dead_pod_threshold),
    ];
    durations.into_iter().try_for_each(|(name, duration)| dict.set_item(name, duration.as_secs_f64()))
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Both => "both",
        Role::Producer => "producer",
        Role::Worker => "worker",
    }
}

const fn log_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Json => "json",
        LogFormat::Console => "console",
    }
}
