//! Which store a URL names.

use std::path::PathBuf;

use fleet_q::store::url::{Target, parse};

fn sqlite(path: &str, synchronous_normal: bool) -> Target {
    Target::Sqlite { path: Some(PathBuf::from(path)), synchronous_normal }
}

#[test]
fn urls_that_are_understood() {
    for (url, target) in [
        ("sqlite:///fleet_q.db", sqlite("fleet_q.db", false)),
        ("sqlite:////var/lib/q.db", sqlite("/var/lib/q.db", false)),
        ("SQLite:///a b/q.db?synchronous=normal", sqlite("a b/q.db", true)),
        ("sqlite:///q.db?synchronous=full", sqlite("q.db", false)),
        ("sqlite://:memory:", Target::Sqlite { path: None, synchronous_normal: false }),
        ("memory://", Target::Memory),
        ("postgresql://u:secret@host/db", Target::Postgres),
    ] {
        assert_eq!(parse(url).unwrap(), target, "{url}");
    }
}

#[test]
fn urls_that_are_refused_say_why() {
    for (url, why) in [
        ("fleet_q.db", "no scheme"),
        ("mysql://host/db", "unknown scheme"),
        ("sqlite://", "three slashes"),
        ("sqlite://host/q.db", "three slashes"),
        ("sqlite:///", "names no file"),
        ("sqlite:///q.db?synchronous=off", "normal or full"),
        ("sqlite:///q.db?mode=ro", "\"mode\" is unknown"),
        ("memory://x", "no path"),
        ("snowflake://u:secret@account/db", "no store for snowflake://"),
    ] {
        let error = parse(url).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
    }
}
