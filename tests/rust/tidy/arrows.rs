//! Who may know whom: `python → runtime → store → rules`, and no dialect another.

use super::tree::File;

/// From below: each may use itself and those before it.
const LAYERS: [&str; 4] = ["rules", "store", "runtime", "python"];
const DIALECTS: [&str; 4] = ["memory", "sqlite", "postgres", "snowflake"];

/// What only dialects, and what only the Python layer may name.
const DRIVERS: [&str; 4] = ["rusqlite::", "tokio_postgres::", "deadpool_postgres::", "snowflake_connector_rs::"];
const PYTHON: [&str; 3] = ["pyo3::", "pyo3_async_runtimes::", "pythonize::"];

/// Paths that look up in the layers.
pub(super) fn layers(file: &File) -> Vec<String> {
    let Some(own) = layer(file) else { return vec![] };
    let mut findings = Vec::new();
    for (n, line) in file.code() {
        for root in ["crate::", "super::super::"] {
            for known in followers(line, root) {
                match LAYERS.iter().position(|layer| *layer == known) {
                    Some(above) if above > own => {
                        findings.push(file.finding(n, format!("{} must not know {known}", LAYERS[own])));
                    }
                    None if root == "crate::" && known.is_empty() => {
                        findings.push(file.finding(n, "spell the path out, so that the arrow can be seen"));
                    }
                    Some(_) | None => {}
                }
            }
        }
        let foreign = PYTHON.iter().chain(&DRIVERS).find(|name| line.contains(*name));
        if let Some(name) = foreign.filter(|name| own < 3 && (PYTHON.contains(name) || own == 2)) {
            findings.push(file.finding(n, format!("{} must not know {name}", LAYERS[own])));
        }
    }
    findings
}

/// What brings a clock, a file, the network or another crate into the rules.
pub(super) fn pure_rules(file: &File) -> Vec<String> {
    if layer(file) != Some(0) {
        return vec![];
    }
    let impure = ["fs", "net", "thread", "env", "io", "process", "sync::mpsc"];
    let mut findings = Vec::new();
    for (n, line) in file.code() {
        if let Some(name) = impure.iter().find(|name| line.contains(&format!("std::{name}"))) {
            findings.push(file.finding(n, format!("rules are pure and use no std::{name}")));
        }
        let used = line.trim_start().trim_start_matches("pub ").strip_prefix("use ");
        let root = used.map(|path| path.split([':', ' ', ';']).next().unwrap_or(path));
        // One level of a path without a root is a module of this very file.
        let local = |root: &str| file.text.contains(&format!("mod {root};"));
        if let Some(root) = root.filter(|root| !["std", "crate", "super", "self"].contains(root) && !local(root)) {
            findings.push(file.finding(n, format!("rules know only std, not {root}")));
        }
    }
    findings
}

/// A dialect that knows another, or a runtime that knows one.
pub(super) fn dialects(file: &File) -> Vec<String> {
    let below_store = file.path.strip_prefix("src/store/").unwrap_or_default();
    let own = DIALECTS
        .into_iter()
        .find(|dialect| below_store.strip_prefix(dialect).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"));
    if own.is_none() && layer(file) != Some(2) {
        return vec![];
    }
    let mut findings = Vec::new();
    for (n, line) in file.code() {
        let known = followers(line, "store::").chain(followers(line, "super::"));
        for other in known.filter(|name| DIALECTS.contains(name) && Some(*name) != own) {
            findings.push(file.finding(n, format!("{} must not know {other}", own.unwrap_or("the runtime"))));
        }
    }
    findings
}

fn layer(file: &File) -> Option<usize> {
    let below = file.path.strip_prefix("src/").filter(|_| file.is_rust())?;
    LAYERS.iter().position(|layer| below.split(['/', '.']).next() == Some(*layer))
}

/// The name after each `root` in a line; empty for `crate::{`.
fn followers<'a>(line: &'a str, root: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(root).map(move |(at, _)| {
        let rest = &line[at + root.len()..];
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    })
}
