//! Validates settings: one typed schema, every problem reported at once, by the variable's name.
//! Reads no environment and no file; the values come in.

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
    pub capacity_threshold: f64,
    pub queue_caps: std::collections::BTreeMap<String, u32>,
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
}
