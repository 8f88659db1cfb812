//! Decides the value of every setting: keyword before environment before default, then what must
//! hold between them. Collects every problem instead of stopping at the first.

use std::collections::BTreeMap;

use super::problem::{Problem, Problems, unknown_variable};
use super::schema::{Kind, PREFIX, SCHEMA, Setting, TOLERATED};
use super::values::{self, Wrong};
use super::{Config, LogFormat, Role, StoreKind};
use crate::rules::recovery::threshold_min;
use crate::rules::time::Millis;

/// The settings, or everything that is wrong with them. An empty variable counts as unset.
pub fn resolve(
    keywords: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Problems> {
    let mut given = Given { keywords, environment, problems: Vec::new(), store: StoreKind::Sqlite };
    let config = given.config();
    given.check_across(&config);
    given.check_keywords();
    if given.problems.is_empty() { Ok(config) } else { Err(Problems(given.problems)) }
}

struct Given<'a> {
    keywords: &'a BTreeMap<String, String>,
    environment: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
    /// Whose defaults apply.
    store: StoreKind,
}

impl Given<'_> {
    /// The settings; a default stands in for each bad value, so that reading goes on.
    fn config(&mut self) -> Config {
        let url = self.text("URL").unwrap_or_default();
        self.store = values::store_kind(&url).unwrap_or(StoreKind::Sqlite);
        Config {
            url,
            store: self.store,
            role: self.role(),
            pod_name: self.text("POD_ID"),
            max_parallelism: self.count("MAX_PARALLELISM"),
            max_processes: self.count_if_given("MAX_PROCESSES"),
            max_steps: self.count_if_given("MAX_STEPS"),
            max_rss_bytes: self.bytes_if_given("MAX_RSS"),
            capacity_threshold: self.fraction("CAPACITY_THRESHOLD"),
            queue_caps: self.read("QUEUES", |_, text| values::queue_caps(text)).unwrap_or_default(),
            max_retries: self.count("MAX_RETRIES"),
            max_crashes: self.count("MAX_CRASHES"),
            shutdown_grace: self.seconds("SHUTDOWN_GRACE"),
            connect_timeout: self.seconds("CONNECT_TIMEOUT"),
            statement_timeout: self.seconds("STATEMENT_TIMEOUT"),
            local_path: self.text("LOCAL_PATH"),
            log_level: self.choice("LOG_LEVEL").to_owned(),
            log_format: if self.choice("LOG_FORMAT") == "json" { LogFormat::Json } else { LogFormat::Console },
            keep_completed: self.seconds("KEEP_COMPLETED"),
            keep_failed: self.seconds("KEEP_FAILED"),
            payload_limit_bytes: self.bytes("PAYLOAD_LIMIT"),
            idle_interval_max: self.seconds("IDLE_INTERVAL_MAX"),
            lookahead_max_age: self.seconds("LOOKAHEAD_MAX_AGE"),
            suspect_interval: self.seconds("SUSPECT_INTERVAL"),
            api_key: self.read("API_KEY", |_, text| values::secret(text)),
            schema: self.text("SCHEMA"),
            auto_migrate: self.flag("AUTO_MIGRATE"),
            hand_off: self.flag("HAND_OFF"),
            heartbeat_interval: self.seconds("HEARTBEAT_INTERVAL"),
            claim_interval: self.seconds("CLAIM_INTERVAL"),
            recovery_interval: self.seconds("RECOVERY_INTERVAL"),
            dead_pod_threshold: self.seconds("DEAD_POD_THRESHOLD"),
            warnings: self.warnings(),
        }
    }

    /// What must hold between settings, where both are good by themselves.
    fn check_across(&mut self, config: &Config) {
        let (dead, beat) = (config.dead_pod_threshold, config.heartbeat_interval);
        let (dead_s, beat_s) = (dead.as_secs_f64(), beat.as_secs_f64());
        let least = threshold_min(beat);
        self.require(dead >= least, ["DEAD_POD_THRESHOLD", "HEARTBEAT_INTERVAL"], dead, || Wrong {
            wrong: format!("is too short for HEARTBEAT_INTERVAL = {beat_s}: pods that live would be declared dead"),
            mend: format!("give at least {} (5 beats, and 3 beats + 1 s), or beat more often", least.as_secs_f64()),
        });
        let statement = config.statement_timeout;
        self.require(statement < dead, ["STATEMENT_TIMEOUT", "DEAD_POD_THRESHOLD"], statement, || Wrong {
            wrong: "could outlive the pod that waits for it".to_owned(),
            mend: format!("give less than DEAD_POD_THRESHOLD = {dead_s}"),
        });
        let (idle, claim) = (config.idle_interval_max, config.claim_interval);
        self.require(idle >= claim, ["IDLE_INTERVAL_MAX", "CLAIM_INTERVAL"], idle, || Wrong {
            wrong: "is less than where backing off begins".to_owned(),
            mend: format!("give at least CLAIM_INTERVAL = {}", claim.as_secs_f64()),
        });
    }

    fn require(&mut self, holds: bool, names: [&str; 2], value: Millis, wrong: impl FnOnce() -> Wrong) {
        let known = names.map(|name| setting(name).keyword());
        if holds || self.problems.iter().any(|problem| known.contains(&problem.setting)) {
            return;
        }
        let Wrong { wrong, mend } = wrong();
        self.problems.push(Problem::of(setting(names[0]), &value.as_secs_f64().to_string(), wrong, mend));
    }

    fn check_keywords(&mut self) {
        let unknown = self.keywords.keys().filter(|keyword| !SCHEMA.iter().any(|known| known.keyword() == **keyword));
        self.problems.extend(unknown.map(|keyword| Problem::unknown_keyword(keyword)));
    }

    fn warnings(&self) -> Vec<String> {
        let ours = self.environment.keys().filter(|name| name.starts_with(PREFIX));
        let untold = ours.filter(|name| !TOLERATED.iter().any(|prefix| name.starts_with(prefix)));
        let unknown = untold.filter(|name| !SCHEMA.iter().any(|known| known.variable() == **name));
        unknown.map(|name| unknown_variable(name)).collect()
    }

    /// The value that was given, else the default; a bad value is noted and the default stands in.
    fn read<T>(&mut self, name: &str, parse: impl Fn(Kind, &str) -> Result<T, Wrong>) -> Option<T> {
        let setting = setting(name);
        let in_environment = || self.environment.get(&setting.variable()).filter(|text| !text.trim().is_empty());
        if let Some(text) = self.keywords.get(&setting.keyword()).or_else(in_environment) {
            match parse(setting.kind, text) {
                Ok(value) => return Some(value),
                Err(Wrong { wrong, mend }) => self.problems.push(Problem::of(setting, text, wrong, mend)),
            }
        }
        let preset = setting.preset.text(self.store)?;
        Some(parse(setting.kind, preset).unwrap_or_else(|cause| panic!("the default of {name} {}", cause.wrong)))
    }

    fn role(&mut self) -> Role {
        match self.choice("ROLE") {
            "producer" => Role::Producer,
            "worker" => Role::Worker,
            _ => Role::Both,
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, |kind, text| match kind {
            Kind::Text(form) => values::text(text, form),
            other => misread(name, other),
        })
    }

    fn count(&mut self, name: &str) -> u32 {
        self.count_if_given(name).expect("a setting read so has a default, as a test shows")
    }

    fn count_if_given(&mut self, name: &str) -> Option<u32> {
        self.read(name, |kind, text| match kind {
            Kind::Count { min, max } => values::count(text, min, max),
            other => misread(name, other),
        })
    }

    fn seconds(&mut self, name: &str) -> Millis {
        self.must(name, |kind, text| match kind {
            Kind::Seconds { min_ms, max_ms } => values::seconds(text, min_ms, max_ms),
            other => misread(name, other),
        })
    }

    fn bytes(&mut self, name: &str) -> u64 {
        self.bytes_if_given(name).expect("a setting read so has a default, as a test shows")
    }

    fn bytes_if_given(&mut self, name: &str) -> Option<u64> {
        self.read(name, |kind, text| match kind {
            Kind::Bytes { min, max } => values::bytes(text, min, max),
            other => misread(name, other),
        })
    }

    fn choice(&mut self, name: &str) -> &'static str {
        self.must(name, |kind, text| match kind {
            Kind::Choice(choices) => values::choice(text, choices),
            other => misread(name, other),
        })
    }

    fn fraction(&mut self, name: &str) -> f64 {
        self.must(name, |_, text| values::fraction(text))
    }

    fn flag(&mut self, name: &str) -> bool {
        self.must(name, |_, text| values::flag(text))
    }

    fn must<T>(&mut self, name: &str, parse: impl Fn(Kind, &str) -> Result<T, Wrong>) -> T {
        self.read(name, parse).expect("a setting read so has a default, as a test shows")
    }
}

fn setting(name: &str) -> &'static Setting {
    SCHEMA.iter().find(|setting| setting.name == name).expect("every name read here is in the schema, as a test shows")
}

/// The schema and the reader disagree: a bug that the first call of any test shows.
fn misread<T>(name: &str, kind: Kind) -> T {
    panic!("{name} is not read as {kind:?}")
}
