//! Validates settings: one typed schema, every problem reported at once, by the variable's name.
//! Reads no environment and no file; the values come in.

mod describe;
mod kind;
mod problem;
mod redact;
mod resolve;
pub mod schema;
mod values;

use std::collections::BTreeMap;
use std::fmt;

pub use problem::{Problem, Problems};
pub use redact::{HIDDEN, redact};
pub use resolve::resolve;
pub use schema::SCHEMA;

use super::demand::Limits;
use super::recovery::DeathTiming;
use super::time::Millis;

/// Which dialect's defaults apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    Memory,
    Sqlite,
    Postgres,
    Snowflake,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Console,
}

/// What a process does: enqueue, run, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Both,
    Producer,
    Worker,
}

/// Every setting, valid.
#[derive(Clone, PartialEq)]
pub struct Config {
    pub url: String,
    pub store: StoreKind,
    pub role: Role,
    /// The pod's name; its `pod_id` adds eight hex digits. `None` means the host's name.
    pub pod_name: Option<String>,
    pub max_parallelism: u32,
    /// Child processes for `run="process"`. `None` means as many as the machine has CPUs.
    pub max_processes: Option<u32>,
    /// Steps and memory after which a child is replaced.
    pub max_steps: Option<u32>,
    pub max_rss_bytes: Option<u64>,
    pub capacity_threshold: f64,
    pub queue_caps: BTreeMap<String, u32>,
    pub max_retries: u32,
    pub max_crashes: u32,
    pub shutdown_grace: Millis,
    pub connect_timeout: Millis,
    pub statement_timeout: Millis,
    /// Folder of the journal and the DLQ. `None` means the user's state folder.
    pub local_path: Option<String>,
    pub log_level: String,
    pub log_format: LogFormat,
    pub keep_completed: Millis,
    pub keep_failed: Millis,
    pub payload_limit_bytes: u64,
    pub idle_interval_max: Millis,
    pub lookahead_max_age: Millis,
    pub suspect_interval: Millis,
    pub api_key: Option<String>,
    pub schema: Option<String>,
    pub auto_migrate: bool,
    pub hand_off: bool,
    pub heartbeat_interval: Millis,
    pub claim_interval: Millis,
    pub recovery_interval: Millis,
    pub dead_pod_threshold: Millis,
    /// What is odd but stops nobody, such as a variable of ours that sets nothing.
    pub warnings: Vec<String>,
}

impl Config {
    /// The URL as it may be shown: without its password.
    pub fn redacted_url(&self) -> String {
        redact(&self.url)
    }

    pub fn death_timing(&self) -> DeathTiming {
        DeathTiming { heartbeat_interval: self.heartbeat_interval, dead_pod_threshold: self.dead_pod_threshold }
    }

    /// What bounds a pod, with every executor bounded by the pod alone.
    pub fn limits(&self) -> Limits {
        Limits {
            max_parallelism: self.max_parallelism,
            capacity_threshold: self.capacity_threshold,
            queue_caps: self.queue_caps.clone(),
            executor_caps: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for Config {
    /// By hand, so that neither the password nor the key can leak into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.redacted_url())
            .field("role", &self.role)
            .field("pod_name", &self.pod_name)
            .field("max_parallelism", &self.max_parallelism)
            .field("capacity_threshold", &self.capacity_threshold)
            .field("queue_caps", &self.queue_caps)
            .field("api_key", &self.api_key.as_ref().map(|_| HIDDEN))
            .field("schema", &self.schema)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("dead_pod_threshold", &self.dead_pod_threshold)
            .finish_non_exhaustive()
    }
}
