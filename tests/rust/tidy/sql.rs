//! SQL stands in `src/store/<dialect>/sql`, one statement a file, named as what uses it.

use super::tree::File;

/// How a statement begins; `update` counts only with its `set`, for it is an English word as well.
const BEGINNINGS: &[&str] = &[
    "select ",
    "insert into ",
    "insert or ",
    "update ",
    "delete from ",
    "create table",
    "create index",
    "create unique",
    "alter table",
    "drop table",
    "begin",
    "pragma ",
];

/// String literals in code that are SQL.
pub(super) fn in_code(file: &File, allowed: &[(&str, &str, &str)]) -> Vec<String> {
    let watched =
        file.is_rust() && file.path.starts_with("src/") || file.is_python() && file.path.starts_with("python/fleet_q/");
    if !watched {
        return vec![];
    }
    let mut findings = Vec::new();
    for (n, line) in file.code() {
        let literals = line.match_indices('"').map(|(at, _)| &line[at + 1..]);
        for literal in literals.filter(|literal| is_sql(literal)) {
            let text = literal.split('"').next().unwrap_or(literal);
            let excused = allowed.iter().any(|(path, begins, _)| *path == file.path && text.starts_with(begins));
            if !excused {
                findings.push(file.finding(n, format!("SQL belongs into src/store/<dialect>/sql: {text:?}")));
            }
        }
    }
    findings
}

/// Statements whose first line does not say what they promise.
pub(super) fn headers(file: &File) -> Vec<String> {
    let says = file.text.lines().next().is_some_and(|line| line.strip_prefix("-- ").is_some_and(|text| text.len() > 5));
    if dialect_and_stem(file).is_none() || says {
        return vec![];
    }
    vec![file.finding(1, "the first line says what the statement promises: -- Give up to :limit …")]
}

/// Files with more than one statement. A semicolon inside a text or a comment counts for none, and settings that are
/// local to the transaction belong to its `begin`.
pub(super) fn several(file: &File) -> Vec<String> {
    if dialect_and_stem(file).is_none() {
        return vec![];
    }
    let mut ended = false;
    for (n, line) in file.lines() {
        // Every second part is inside quotes; what they hold is replaced by nothing.
        if line.starts_with("set local ") {
            continue;
        }
        let bare: String = line.split('\'').step_by(2).collect::<Vec<_>>().join("''");
        for c in bare.split("--").next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()) {
            if ended {
                return vec![file.finding(n, "one statement a file: give the next one its own")];
            }
            ended = c == ';';
        }
    }
    vec![]
}

/// Statements that the code of their dialect never names.
pub(super) fn unused(files: &[File]) -> Vec<String> {
    let statements = files.iter().filter_map(|file| dialect_and_stem(file).map(|names| (file, names)));
    let is_unused = |(dialect, stem): (&str, &str)| {
        let folder = format!("src/store/{dialect}/");
        let single = format!("src/store/{dialect}.rs");
        let own = |file: &&File| file.is_rust() && (file.path.starts_with(&folder) || file.path == single);
        !files.iter().filter(own).any(|file| file.code().any(|(_, line)| names(line, stem)))
    };
    statements
        .filter(|(_, names)| is_unused(*names))
        .map(|(file, (dialect, stem))| file.finding(1, format!("nothing in {dialect} uses {stem}")))
        .collect()
}

/// Whether a line has the stem as a whole word, in either case.
fn names(line: &str, stem: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c: char| !is_word(c)).any(|word| word.eq_ignore_ascii_case(stem))
}

fn is_sql(literal: &str) -> bool {
    let lower = literal.trim_start().to_ascii_lowercase();
    let Some(begins) = BEGINNINGS.iter().find(|begins| lower.starts_with(**begins)) else { return false };
    match *begins {
        "update " => lower.contains(" set "),
        "begin" => {
            ["begin\"", "begin;", "begin immediate", "begin transaction"].iter().any(|all| lower.starts_with(all))
        }
        _ => true,
    }
}

/// `src/store/sqlite/sql/claim.sql` → `("sqlite", "claim")`.
fn dialect_and_stem(file: &File) -> Option<(&str, &str)> {
    let (dialect, name) = file.path.strip_prefix("src/store/")?.split_once("/sql/")?;
    Some((dialect, name.strip_suffix(".sql")?))
}
