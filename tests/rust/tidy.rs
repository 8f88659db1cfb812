//! Holds the house in order: arrows, sizes, SQL in its place, no forbidden words. Prints `file:line`.
//! Decides nothing about behaviour. What a rule must let pass is named here, with its reason.

mod arrows;
mod form;
mod newer;
mod planted;
mod sql;
mod tree;
mod words;

use tree::File;

/// The most lines of a file and of a function's body, blank lines and comments of the latter aside.
const FILE_LINES_MAX: usize = 300;
const FUNCTION_LINES_MAX: usize = 40;

/// Files that may be longer: path and reason.
const LONG_FILES: &[(&str, &str)] =
    &[("src/store/types.rs", "plain data; what crosses the trait reads best in one place")];

/// Functions that may be longer: `path::function` and reason.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];

/// SQL that may stand in code: path, how the literal begins, and reason.
const SQL_IN_CODE: &[(&str, &str, &str)] = &[
    ("src/rules/diagnosis/horizon.rs", "select pg_terminate_backend", "a mend: people type it, no store runs it"),
    ("src/rules/diagnosis/horizon.rs", "select pg_drop_replication_slot", "a mend: people type it, no store runs it"),
    ("src/rules/diagnosis/kinds.rs", "select pg_", "a mend: people type it, no store runs it"),
    ("src/rules/diagnosis/kinds.rs", "alter table …", "a mend: people type it, no store runs it"),
    ("src/rules/diagnosis/schema.rs", "alter table {table}", "a mend: people type it, no store runs it"),
    ("src/rules/diagnosis/space.rs", "alter table {name}", "a mend: people type it, no store runs it"),
];

/// Nothing may be found by `rule` in the whole tree.
fn tidy(rule: impl Fn(&File) -> Vec<String>) {
    let findings: Vec<String> = tree::files().iter().flat_map(rule).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn arrows_point_from_python_to_runtime_to_store_to_rules() {
    tidy(arrows::layers);
}

#[test]
fn rules_touch_no_clock_file_or_network() {
    tidy(arrows::pure_rules);
}

#[test]
fn no_dialect_knows_another_and_the_runtime_knows_none() {
    tidy(arrows::dialects);
}

#[test]
fn sql_stands_in_sql_files_only() {
    tidy(|file| sql::in_code(file, SQL_IN_CODE));
}

#[test]
fn every_sql_file_says_what_it_promises() {
    tidy(sql::headers);
}

#[test]
fn every_sql_file_holds_one_statement() {
    tidy(sql::several);
}

#[test]
fn every_sql_file_is_used_by_its_name() {
    let findings = sql::unused(&tree::files());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn sql_for_postgres_is_that_of_13() {
    tidy(newer::than_postgres_13);
}

#[test]
fn files_fit_on_a_few_screens() {
    tidy(|file| form::long_file(file, FILE_LINES_MAX, LONG_FILES));
}

#[test]
fn functions_fit_on_one_screen() {
    tidy(|file| form::long_functions(file, FUNCTION_LINES_MAX, LONG_FUNCTIONS));
}

#[test]
fn every_file_says_what_it_owns() {
    tidy(form::header);
}

#[test]
fn nothing_in_src_unwraps() {
    tidy(form::unwraps);
}

#[test]
fn no_test_sleeps() {
    tidy(form::sleeps);
}

#[test]
fn no_test_is_ignored() {
    tidy(form::ignored);
}

#[test]
fn no_forbidden_word_is_used() {
    tidy(words::banned);
}

#[test]
fn every_exception_is_still_needed() {
    let files = tree::files();
    let found = |rule: &dyn Fn(&File) -> Vec<String>| -> String {
        files.iter().flat_map(rule).map(|finding| finding + "\n").collect()
    };
    let long_files = found(&|file| form::long_file(file, FILE_LINES_MAX, &[]));
    let long_functions = found(&|file| form::long_functions(file, FUNCTION_LINES_MAX, &[]));
    let sql = found(&|file| sql::in_code(file, &[]));
    for (path, reason) in LONG_FILES {
        assert!(long_files.contains(&format!("{path}:")) && !reason.is_empty(), "{path} fits by now");
    }
    for (function, reason) in LONG_FUNCTIONS {
        assert!(long_functions.contains(&format!("{function} ")) && !reason.is_empty(), "{function} fits by now");
    }
    for (path, literal, reason) in SQL_IN_CODE {
        let named = sql.lines().any(|line| line.starts_with(&format!("{path}:")) && line.contains(literal));
        assert!(named && !reason.is_empty(), "{path} has no {literal:?} by now");
    }
}

#[test]
fn the_tree_is_really_read() {
    let files = tree::files();
    for path in ["src/lib.rs", "src/rules/state.rs", "tests/rust/tidy.rs", "Cargo.toml"] {
        assert!(files.iter().any(|file| file.path == path), "{path} was not read");
    }
}
