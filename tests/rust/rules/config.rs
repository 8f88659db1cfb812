//! Settings: precedence, every problem at once, secrets never shown.

use std::collections::BTreeMap;

use fleet_q::rules::config::schema::{Kind, SCHEMA, SCHEMES};
use fleet_q::rules::config::{Config, LogFormat, Problems, Role, StoreKind, redact, resolve};
use fleet_q::rules::time::Millis;
use proptest::prelude::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with(keywords: &[(&str, &str)]) -> Result<Config, Problems> {
    resolve(&map(keywords), &BTreeMap::new())
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Config, Problems> {
    resolve(&BTreeMap::new(), &map(variables))
}

fn good(keywords: &[(&str, &str)]) -> Config {
    with(keywords).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The settings that were refused, in order.
fn refused(resolved: Result<Config, Problems>) -> Vec<String> {
    resolved.expect_err("it should have been refused").0.into_iter().map(|problem| problem.setting).collect()
}

#[test]
fn nothing_given_means_the_defaults_of_the_design() {
    let expected = Config {
        url: "sqlite:///fleet_q.db".into(),
        store: StoreKind::Sqlite,
        role: Role::Both,
        pod_name: None,
        max_parallelism: 10,
        max_processes: None,
        max_steps: None,
        max_rss_bytes: None,
        capacity_threshold: 0.8,
        queue_caps: BTreeMap::new(),
        max_retries: 3,
        max_crashes: 3,
        shutdown_grace: Millis(25_000),
        connect_timeout: Millis(10_000),
        statement_timeout: Millis(10_000),
        local_path: None,
        log_level: "INFO".into(),
        log_format: LogFormat::Json,
        keep_completed: Millis(24 * 3_600_000),
        keep_failed: Millis(7 * 24 * 3_600_000),
        payload_limit_bytes: 1 << 20,
        idle_interval_max: Millis(5000),
        lookahead_max_age: Millis(1000),
        suspect_interval: Millis(60_000),
        api_key: None,
        schema: None,
        auto_migrate: true,
        hand_off: true,
        heartbeat_interval: Millis(3000),
        claim_interval: Millis(1000),
        recovery_interval: Millis(3000),
        dead_pod_threshold: Millis(15_000),
        warnings: vec![],
    };
    assert_eq!(good(&[]), expected);
}

#[test]
fn timings_default_per_store() {
    for (scheme, kind, example) in SCHEMES {
        let config = good(&[("url", example)]);
        let timings = [
            config.heartbeat_interval,
            config.claim_interval,
            config.recovery_interval,
            config.dead_pod_threshold,
            config.idle_interval_max,
        ];
        let seconds = if *kind == StoreKind::Snowflake { [10, 5, 30, 60, 60] } else { [3, 1, 3, 15, 5] };
        assert_eq!((config.store, timings), (*kind, seconds.map(Millis::from_secs)), "{scheme}");
    }
}

#[test]
fn a_keyword_wins_over_a_variable_and_a_variable_over_the_default() {
    let variables = map(&[("FLEET_Q_MAX_PARALLELISM", "7"), ("FLEET_Q_MAX_RETRIES", "8")]);
    let config = resolve(&map(&[("max_parallelism", "5")]), &variables).expect("good settings");
    assert_eq!((config.max_parallelism, config.max_retries, config.max_crashes), (5, 8, 3));
}

#[test]
fn a_bad_variable_that_a_keyword_overrides_is_no_problem() {
    let resolved = resolve(&map(&[("max_retries", "5")]), &map(&[("FLEET_Q_MAX_RETRIES", "many")]));
    assert_eq!(resolved.map(|config| config.max_retries), Ok(5));
}

#[test]
fn an_empty_variable_is_unset_but_an_empty_keyword_is_a_mistake() {
    let config = from_environment(&[("FLEET_Q_API_KEY", ""), ("FLEET_Q_MAX_RETRIES", " ")]).expect("unset");
    assert_eq!((config.api_key, config.max_retries), (None, 3));
    assert_eq!(refused(with(&[("api_key", ""), ("max_retries", "")])), ["max_retries", "api_key"]);
}

#[test]
fn every_setting_can_be_given_by_keyword_and_by_variable() {
    let values = map(&[
        ("URL", "memory://"),
        ("ROLE", "worker"),
        ("POD_ID", "web-1"),
        ("QUEUES", "a=1"),
        ("LOCAL_PATH", "/var/lib/x"),
    ]);
    let others = map(&[
        ("LOG_LEVEL", "debug"),
        ("LOG_FORMAT", "console"),
        ("API_KEY", "k"),
        ("SCHEMA", "jobs"),
        ("AUTO_MIGRATE", "no"),
        ("HAND_OFF", "off"),
    ]);
    for setting in SCHEMA {
        let text = match setting.kind {
            Kind::Text(_) | Kind::Secret | Kind::Flag | Kind::Choice(_) | Kind::QueueCaps => {
                values.get(setting.name).or(others.get(setting.name)).expect(setting.name).clone()
            }
            Kind::Count { .. } => "4".to_owned(),
            Kind::Fraction => "0.5".to_owned(),
            Kind::Bytes { .. } => "2KiB".to_owned(),
            Kind::Seconds { .. } => match setting.name {
                "DEAD_POD_THRESHOLD" | "IDLE_INTERVAL_MAX" => "20s".to_owned(),
                "KEEP_COMPLETED" | "KEEP_FAILED" => "2h".to_owned(),
                _ => "1500ms".to_owned(),
            },
        };
        let by_keyword = with(&[(&setting.keyword(), &text)]);
        assert_eq!(by_keyword, from_environment(&[(&setting.variable(), &text)]), "{}", setting.name);
        assert_ne!(by_keyword, with(&[]), "{} = {text} changed nothing", setting.name);
    }
}

#[test]
fn every_setting_is_documented_once_and_every_default_is_good() {
    for (n, setting) in SCHEMA.iter().enumerate() {
        assert!(setting.doc.ends_with('.') && setting.doc.len() > 20, "{}", setting.name);
        assert!(!SCHEMA[n + 1..].iter().any(|other| other.name == setting.name), "{} twice", setting.name);
        for kind in [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres, StoreKind::Snowflake] {
            let Some(preset) = setting.preset.text(kind) else { continue };
            let url = SCHEMES.iter().find(|(_, store, _)| *store == kind).expect("a scheme").2;
            let spelled =
                if setting.name == "URL" { with(&[]) } else { with(&[("url", url), (&setting.keyword(), preset)]) };
            let default = if setting.name == "URL" { with(&[]) } else { with(&[("url", url)]) };
            assert_eq!(spelled, default, "{} for {kind:?}", setting.name);
        }
    }
}

#[test]
fn the_schema_says_in_words_what_it_takes() {
    let row = |name: &str| {
        let setting = SCHEMA.iter().find(|setting| setting.name == name).expect(name);
        format!("{} | {} | {}", setting.variable(), setting.kind, setting.preset)
    };
    let expected = [
        ("MAX_RETRIES", "FLEET_Q_MAX_RETRIES | a whole number from 0 to 10000 | 3"),
        (
            "CLAIM_INTERVAL",
            "FLEET_Q_CLAIM_INTERVAL | seconds from 0.01 to 3600, or a number with ms, s, m, h or d | 1; on Snowflake 5",
        ),
        ("ROLE", "FLEET_Q_ROLE | one of both, producer, worker | both"),
        (
            "POD_ID",
            "FLEET_Q_POD_ID | at most 200 ASCII letters, digits or marks, without spaces or quotes | the host's name",
        ),
    ];
    for (name, expected) in expected {
        assert_eq!(row(name), expected);
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let variables = map(&[("FLEET_Q_MAX_RETRIES", "-1"), ("FLEET_Q_LOG_LEVEL", "loud")]);
    let keywords =
        map(&[("url", "mysql://h/d"), ("capacity_threshold", "1.5"), ("statement_timeout", "20"), ("colour", "red")]);
    let problems = resolve(&keywords, &variables).expect_err("six problems");
    let text = problems.to_string();
    let settings: Vec<&str> = problems.0.iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["url", "capacity_threshold", "max_retries", "log_level", "statement_timeout", "colour"]);
    assert!(
        text.starts_with(
            "6 problems with the settings:\n  - url (FLEET_Q_URL) = \"mysql://h/d\" has an unknown scheme"
        ),
        "{text}"
    );
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn a_problem_names_setting_variable_value_and_remedy() {
    let problems = with(&[("max_parallelism", "0")]).expect_err("zero slots");
    assert_eq!(
        problems.to_string(),
        "1 problem with the settings:\n  - max_parallelism (FLEET_Q_MAX_PARALLELISM) = \"0\" is out of bounds: \
         give a whole number from 1 to 10000"
    );
}

#[test]
fn an_unknown_scheme_lists_those_that_exist() {
    let text = with(&[("url", "redis://h")]).expect_err("no such store").to_string();
    for (scheme, _, _) in SCHEMES {
        assert!(text.contains(&format!("{scheme}://")), "{scheme} is missing in {text}");
    }
}

#[test]
fn urls_say_which_store_and_where() {
    for bad in ["", "fleet_q.db", "sqlite://fleet_q.db", "sqlite://", "sqlite:///", "snowflake://?a=b", "memory"] {
        assert_eq!(refused(with(&[("url", bad)])), ["url"], "{bad:?}");
    }
    for fine in [
        "sqlite://:memory:",
        "sqlite:////var/q.db?synchronous=normal",
        "SQLite:///q.db",
        "postgres://h,h2:5433/d",
        "postgresql://",
        "postgresql:///d?host=/run/pg",
    ] {
        assert!(with(&[("url", fine)]).is_ok(), "{fine}");
    }
}

#[test]
fn a_mistyped_keyword_gets_a_suggestion() {
    let hint = |keyword: &str| with(&[(keyword, "1")]).expect_err("unknown").0[0].mend.clone();
    assert_eq!(hint("max_paralelism"), "did you mean max_parallelism?");
    assert_eq!(hint("FLEET_Q_MAX_RETRIES"), "did you mean max_retries?");
    assert_eq!(hint("queue"), "did you mean queues?");
    assert!(hint("colour").starts_with("the settings are url, role, pod_id"));
}

#[test]
fn an_unknown_variable_of_ours_warns_and_stops_nobody() {
    let config = from_environment(&[
        ("FLEET_Q_MAX_PARALELISM", "4"),
        ("FLEET_Q_WHATEVER_THIS_IS", "4"),
        ("FLEET_Q_TEST_POSTGRES_URL", "x"),
        ("FLEET_Q_BENCH_STEPS", "x"),
        ("PATH", "x"),
    ]);
    assert_eq!(
        config.expect("only warnings").warnings,
        [
            "FLEET_Q_MAX_PARALELISM sets nothing: did you mean FLEET_Q_MAX_PARALLELISM?",
            "FLEET_Q_WHATEVER_THIS_IS sets nothing: fleet-q has no such setting",
        ]
    );
}

#[test]
fn durations_take_fractions_and_units() {
    let cases = [
        ("2", 2000),
        ("0.25", 250),
        ("1500ms", 1500),
        ("2 s", 2000),
        ("1.5m", 90_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
    ];
    for (text, ms) in cases {
        assert_eq!(good(&[("shutdown_grace", text)]).shutdown_grace, Millis(ms), "{text}");
    }
    for bad in ["-1", "nan", "inf", "1e400", "", "s", "1 week", "1,5", "2d", "0x10"] {
        assert_eq!(refused(with(&[("shutdown_grace", bad)])), ["shutdown_grace"], "{bad:?}");
    }
}

#[test]
fn sizes_take_binary_units() {
    for (text, bytes) in [("1024", 1024), ("1.5KiB", 1536), ("64MiB", 64 << 20)] {
        assert_eq!(good(&[("payload_limit", text)]).payload_limit_bytes, bytes, "{text}");
    }
    for bad in ["1", "1000", "65MiB", "1MB", "1024.5", "-1"] {
        assert_eq!(refused(with(&[("payload_limit", bad)])), ["payload_limit"], "{bad:?}");
    }
}

#[test]
fn bounds_are_checked_at_both_ends() {
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("max_parallelism", &["1", "10000"], &["0", "10001", "-1", "1.5", "99999999999999999999"]),
        ("capacity_threshold", &["0.001", "1"], &["0", "1.001", "-1", "nan", "inf", "80%"]),
        ("max_crashes", &["1"], &["0"]),
        ("keep_failed", &["60", "1m"], &["59.9", "0"]),
        ("keep_completed", &["60"], &["59"]),
        ("schema", &["jobs", "_J1"], &["1j", "a-b", "a.b", "a;drop table x", "ä"]),
        ("pod_id", &["web-1.eu:2"], &["a b", "a\"b", "ä", "a\nb"]),
    ];
    for (keyword, fine, bad) in cases {
        for text in fine {
            assert!(with(&[(keyword, text)]).is_ok(), "{keyword} = {text:?}");
        }
        for text in bad {
            assert_eq!(refused(with(&[(keyword, text)])), [keyword], "{text:?}");
        }
    }
}

#[test]
fn flags_and_choices_know_no_case() {
    let config = good(&[("hand_off", "FALSE"), ("auto_migrate", "0"), ("role", "Producer"), ("log_level", "warning")]);
    assert_eq!((config.hand_off, config.auto_migrate, config.role), (false, false, Role::Producer));
    assert_eq!(config.log_level, "WARNING");
    assert_eq!(refused(with(&[("hand_off", "maybe"), ("role", "boss")])), ["role", "hand_off"]);
}

#[test]
fn queue_caps_are_pairs() {
    let caps = good(&[("queues", "default=10, llm=4,*=2,a=b=1,")]).queue_caps;
    let expected = [("*", 2), ("a=b", 1), ("default", 10), ("llm", 4)];
    assert_eq!(caps.iter().map(|(queue, cap)| (queue.as_str(), *cap)).collect::<Vec<_>>(), expected);
    for bad in ["default", "default=", "default=ten", "=3", "a=1,a=2", "a=-1", "a=10001"] {
        assert_eq!(refused(with(&[("queues", bad)])), ["queues"], "{bad:?}");
    }
}

#[test]
fn a_threshold_leaves_room_for_five_beats_and_the_fence() {
    let timing =
        |beat, dead| with(&[("heartbeat_interval", beat), ("dead_pod_threshold", dead), ("statement_timeout", "1")]);
    assert!(timing("3", "15").is_ok() && timing("0.2", "1.6").is_ok());
    assert_eq!(refused(timing("3", "14.999")), ["dead_pod_threshold"]);
    assert_eq!(refused(timing("0.2", "1.5")), ["dead_pod_threshold"]);
    let text = timing("4", "15").expect_err("too short").to_string();
    assert!(text.contains("HEARTBEAT_INTERVAL = 4") && text.contains("at least 20 "), "{text}");
}

#[test]
fn a_statement_ends_before_its_pod_is_dead() {
    assert!(with(&[("statement_timeout", "14.999")]).is_ok());
    assert_eq!(refused(with(&[("statement_timeout", "15")])), ["statement_timeout"]);
}

#[test]
fn idling_backs_off_upwards() {
    assert_eq!(refused(with(&[("claim_interval", "6")])), ["idle_interval_max"]);
}

#[test]
fn a_bad_setting_is_not_blamed_a_second_time_across() {
    assert_eq!(refused(with(&[("dead_pod_threshold", "soon"), ("heartbeat_interval", "10")])), ["dead_pod_threshold"]);
}

#[test]
fn no_secret_shows_in_debug_or_problems() {
    let config = good(&[("api_key", "s3cr3t"), ("url", "postgresql://me:s3cr3t@h/d?sslpassword=s3cr3t&x=1")]);
    let shown = format!("{config:?} {}", config.redacted_url());
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert_eq!(config.redacted_url(), "postgresql://me:***@h/d?sslpassword=***&x=1");
    assert_eq!((config.api_key.as_deref(), config.url.contains("s3cr3t")), (Some("s3cr3t"), true));
    let bad = [("api_key", "s3cr3t\n"), ("apikey", "s3cr3t"), ("url", "mysql://me:s3cr3t@h/d"), ("max_retries", "x")];
    let problems = with(&bad).expect_err("four problems");
    let shown = format!("{problems} {problems:?}");
    assert!(problems.0.len() == 4 && !shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn passwords_are_hidden_even_in_damaged_urls() {
    let damaged = [
        "postgresql://me:s3/cr?3t@p@h/d",
        "me:s3cr3t@h/d",
        "postgresql:/me:s3cr3t@h/d",
        "host=h password=s3cr3t user=me",
        "snowflake://h/d?token=s3cr3t;private_key=s3cr3t",
    ];
    for url in damaged {
        let shown = redact(url);
        assert!(!shown.contains("cr3t") && !shown.contains("cr?3t"), "{shown}");
    }
    for plain in ["sqlite:///a.db", "snowflake://me@acc/d/s?warehouse=w", "postgresql://h:5432/d", "memory://"] {
        assert_eq!(redact(plain), plain);
    }
}

proptest! {
    #[test]
    fn no_password_survives_redaction(password in "[a-zA-Z0-9/?#&=;:@ ]{0,10}XYZZY[a-zA-Z0-9/?#&=;:@ ]{0,10}") {
        let shown = redact(&format!("postgresql://me:{password}@host/db"));
        prop_assert!(!shown.contains("XYZZY"), "{}", shown);
    }

    #[test]
    fn no_input_makes_resolve_panic(n in 0..SCHEMA.len(), text in any::<String>(), keyword in "[a-z_]{0,20}") {
        let _ = with(&[(&SCHEMA[n].keyword(), &text), (&keyword, "1")]).map_err(|problems| problems.to_string());
    }

    #[test]
    fn whatever_passes_keeps_the_promises_between_settings(
        beat in 1..20_000_u64, dead in 1..100_000_u64, statement in 1..100_000_u64, claim in 1..100_000_u64,
    ) {
        let ms = |n: u64| format!("{n}ms");
        let given = [("heartbeat_interval", ms(beat)), ("dead_pod_threshold", ms(dead)), ("statement_timeout", ms(statement)), ("claim_interval", ms(claim))];
        if let Ok(config) = with(&given.each_ref().map(|(name, text)| (*name, text.as_str()))) {
            prop_assert!(config.dead_pod_threshold >= config.heartbeat_interval.times(5));
            prop_assert!(config.statement_timeout < config.dead_pod_threshold);
            prop_assert!(config.claim_interval <= config.idle_interval_max);
        }
    }
}
