//! Holds the schema of the settings as data: names, kinds, bounds, defaults, and a sentence each.
//! What reads a value, what checks it and what documents it all look here. Reads no value itself.

use super::StoreKind;
pub use super::kind::{Form, Kind};

/// One setting. Its keyword is the name in lower case, its variable `FLEET_Q_` and the name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    pub preset: Preset,
    pub doc: &'static str,
}

/// The value of a setting that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// None; the text says what happens then.
    Unset(&'static str),
    Fixed(&'static str),
    PerStore {
        snowflake: &'static str,
        others: &'static str,
    },
}

impl Preset {
    /// The default as it would be written, for a store of this kind.
    pub const fn text(self, store: StoreKind) -> Option<&'static str> {
        match (self, store) {
            (Self::Unset(_), _) => None,
            (Self::Fixed(text), _)
            | (Self::PerStore { snowflake: text, .. }, StoreKind::Snowflake)
            | (Self::PerStore { others: text, .. }, StoreKind::Memory | StoreKind::Sqlite | StoreKind::Postgres) => {
                Some(text)
            }
        }
    }
}

impl Setting {
    pub fn keyword(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret)
    }
}

/// What every variable of ours begins with.
pub const PREFIX: &str = "FLEET_Q_";

/// Variables of ours that configure tests and benchmarks, not pods.
pub const TOLERATED: &[&str] = &["FLEET_Q_TEST_", "FLEET_Q_BENCH_", "FLEET_Q_DEMO_"];

/// The schemes of `URL`, each with the store it opens and an example.
pub const SCHEMES: &[(&str, StoreKind, &str)] = &[
    ("sqlite", StoreKind::Sqlite, "sqlite:///fleet_q.db"),
    ("memory", StoreKind::Memory, "memory://"),
    ("postgresql", StoreKind::Postgres, "postgresql://user@host/database"),
    ("postgres", StoreKind::Postgres, "postgres://user@host/database"),
    ("snowflake", StoreKind::Snowflake, "snowflake://user@account/database/schema?warehouse=name"),
];

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const TEN_YEARS_MS: u64 = 3650 * DAY_MS;

/// Every setting there is.
pub const SCHEMA: &[Setting] = &[
    Setting {
        name: "URL",
        kind: Kind::Text(Form::Url),
        preset: Preset::Fixed("sqlite:///fleet_q.db"),
        doc: "The database, which is all that pods share.",
    },
    Setting {
        name: "ROLE",
        kind: Kind::Choice(&["both", "producer", "worker"]),
        preset: Preset::Fixed("both"),
        doc: "What this process does: enqueue, run steps, or both. A producer is no pod and never leads.",
    },
    Setting {
        name: "POD_ID",
        kind: Kind::Text(Form::Name),
        preset: Preset::Unset("the host's name"),
        doc: "The pod's name. Every registration adds eight hex digits to it.",
    },
    Setting {
        name: "MAX_PARALLELISM",
        kind: Kind::Count { min: 1, max: 10_000 },
        preset: Preset::Fixed("10"),
        doc: "How many steps a pod could run at once.",
    },
    Setting {
        name: "MAX_PROCESSES",
        kind: Kind::Count { min: 1, max: 1000 },
        preset: Preset::Unset("the number of CPUs"),
        doc: "How many child processes run the steps of `run=\"process\"` tasks. One more is kept as a spare.",
    },
    Setting {
        name: "MAX_STEPS",
        kind: Kind::Count { min: 1, max: 1_000_000_000 },
        preset: Preset::Unset("no limit"),
        doc: "After how many steps a child process is replaced.",
    },
    Setting {
        name: "MAX_RSS",
        kind: Kind::Bytes { min: 1 << 20, max: 1 << 50 },
        preset: Preset::Unset("no limit"),
        doc: "A child process that holds more memory than this after a step is replaced.",
    },
    Setting {
        name: "CAPACITY_THRESHOLD",
        kind: Kind::Fraction,
        preset: Preset::Fixed("0.8"),
        doc: "The share of MAX_PARALLELISM that a pod fills; at least one step.",
    },
    Setting {
        name: "QUEUES",
        kind: Kind::QueueCaps,
        preset: Preset::Unset("no caps"),
        doc: "Caps per queue inside MAX_PARALLELISM; `*` caps all queues not named, together.",
    },
    Setting {
        name: "MAX_RETRIES",
        kind: Kind::Count { min: 0, max: 10_000 },
        preset: Preset::Fixed("3"),
        doc: "How often a failed step is tried again, unless its task says otherwise.",
    },
    Setting {
        name: "MAX_CRASHES",
        kind: Kind::Count { min: 1, max: 1000 },
        preset: Preset::Fixed("3"),
        doc: "After how many deaths of its pod or its process a step gets its last chance, alone.",
    },
    Setting {
        name: "SHUTDOWN_GRACE",
        kind: Kind::Seconds { min_ms: 0, max_ms: DAY_MS },
        preset: Preset::Fixed("25"),
        doc: "How long running steps may go on after SIGTERM. The rest goes back to the queue.",
    },
    Setting {
        name: "CONNECT_TIMEOUT",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::Fixed("10"),
        doc: "How long a caller waits for a store that cannot be reached.",
    },
    Setting {
        name: "STATEMENT_TIMEOUT",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::Fixed("10"),
        doc: "How long one statement may take. Less than DEAD_POD_THRESHOLD.",
    },
    Setting {
        name: "LOCAL_PATH",
        kind: Kind::Text(Form::Path),
        preset: Preset::Unset("the user's state folder"),
        doc: "The folder of the pod's own files: the journal and the local dead letters.",
    },
    Setting {
        name: "LOG_LEVEL",
        kind: Kind::Choice(&["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        preset: Preset::Fixed("INFO"),
        doc: "The least level that is logged.",
    },
    Setting {
        name: "LOG_FORMAT",
        kind: Kind::Choice(&["json", "console"]),
        preset: Preset::Fixed("json"),
        doc: "How log lines look: one JSON object each, or for people to read.",
    },
    Setting {
        name: "KEEP_COMPLETED",
        kind: Kind::Seconds { min_ms: MINUTE_MS, max_ms: TEN_YEARS_MS },
        preset: Preset::Fixed("24h"),
        doc: "How long completed steps are kept. At least 60 s, so that a finish sent twice finds its receipt.",
    },
    Setting {
        name: "KEEP_FAILED",
        kind: Kind::Seconds { min_ms: MINUTE_MS, max_ms: TEN_YEARS_MS },
        preset: Preset::Fixed("7d"),
        doc: "How long failed and cancelled steps are kept. At least 60 s, like KEEP_COMPLETED.",
    },
    Setting {
        name: "PAYLOAD_LIMIT",
        kind: Kind::Bytes { min: 1024, max: 64 << 20 },
        preset: Preset::Fixed("1MiB"),
        doc: "The largest payload or result that is accepted, encoded.",
    },
    Setting {
        name: "IDLE_INTERVAL_MAX",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::PerStore { snowflake: "60", others: "5" },
        doc: "How far a pod with nothing to do backs off from CLAIM_INTERVAL. Not less than CLAIM_INTERVAL.",
    },
    Setting {
        name: "LOOKAHEAD_MAX_AGE",
        kind: Kind::Seconds { min_ms: 0, max_ms: HOUR_MS },
        preset: Preset::Fixed("1"),
        doc: "How long a claimed step may wait for a slot before it goes back.",
    },
    Setting {
        name: "SUSPECT_INTERVAL",
        kind: Kind::Seconds { min_ms: 10, max_ms: DAY_MS },
        preset: Preset::Fixed("60"),
        doc: "How often a busy pod drains to give a step that kills pods its last chance.",
    },
    Setting {
        name: "API_KEY",
        kind: Kind::Secret,
        preset: Preset::Unset("no key; the standalone server then binds loopback only"),
        doc: "The key that guards the REST API, all but health.",
    },
    Setting {
        name: "SCHEMA",
        kind: Kind::Text(Form::Identifier),
        preset: Preset::Unset("the connection's own schema"),
        doc: "The database schema that holds the tables.",
    },
    Setting {
        name: "AUTO_MIGRATE",
        kind: Kind::Flag,
        preset: Preset::Fixed("true"),
        doc: "Whether a starting process creates or upgrades the tables.",
    },
    Setting {
        name: "HAND_OFF",
        kind: Kind::Flag,
        preset: Preset::Fixed("true"),
        doc: "Whether a pod with a free slot runs what it enqueues itself, at once.",
    },
    Setting {
        name: "HEARTBEAT_INTERVAL",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::PerStore { snowflake: "10", others: "3" },
        doc: "How often a pod beats.",
    },
    Setting {
        name: "CLAIM_INTERVAL",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::PerStore { snowflake: "5", others: "1" },
        doc: "How often a pod looks for work, beside being woken.",
    },
    Setting {
        name: "RECOVERY_INTERVAL",
        kind: Kind::Seconds { min_ms: 10, max_ms: HOUR_MS },
        preset: Preset::PerStore { snowflake: "30", others: "3" },
        doc: "How often the leader looks for orphans.",
    },
    Setting {
        name: "DEAD_POD_THRESHOLD",
        kind: Kind::Seconds { min_ms: 50, max_ms: DAY_MS },
        preset: Preset::PerStore { snowflake: "60", others: "15" },
        doc: "How old a pod's last beat is when it counts as dead. At least 5 × HEARTBEAT_INTERVAL, \
              and 3 × HEARTBEAT_INTERVAL + 1 s.",
    },
];
