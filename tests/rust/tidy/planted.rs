//! A checker counts only after it has failed: each gets planted defects, and good code beside them.

use super::tree::File;
use super::{arrows, form, newer, sql, words};

type Rule = fn(&File) -> Vec<String>;

/// The lines that a rule finds fault with.
fn lines(rule: impl Fn(&File) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
    let number = |finding: String| {
        let (place, what) = finding.strip_prefix(path)?.strip_prefix(':')?.split_once(": ")?;
        place.parse().ok().filter(|_| !what.is_empty())
    };
    rule(&File::planted(path, text)).into_iter().map(|finding| number(finding).expect("path:line: what")).collect()
}

fn assert_lines(rule: Rule, cases: &[(&str, &str, &[usize])]) {
    for (path, text, expected) in cases {
        assert_eq!(lines(rule, path, text), *expected, "{path}: {text:?}");
    }
}

#[test]
fn an_arrow_that_points_up_is_found() {
    assert_lines(
        arrows::layers,
        &[
            ("src/rules/state.rs", "//! x\nuse crate::store::Step;", &[2]),
            ("src/store/mod.rs", "let x = crate::runtime::fleet::new();", &[1]),
            ("src/store/types.rs", "use super::super::runtime::X;", &[1]),
            ("src/runtime/mod.rs", "use crate::python::X;", &[1]),
            ("src/runtime.rs", "use crate::{python, store};", &[1]),
            ("src/runtime/client.rs", "use pyo3::Python;", &[1]),
            ("src/runtime/client.rs", "use rusqlite::Connection;", &[1]),
            ("src/store/sqlite/mod.rs", "use rusqlite::Connection;\nuse crate::rules::x;\n", &[]),
            ("src/python/mod.rs", "use crate::runtime::X;\nuse pyo3::Python;", &[]),
            ("src/store/mod.rs", "// use crate::runtime::X;\npub(crate) fn x() {}", &[]),
        ],
    );
}

#[test]
fn an_impure_rule_is_found() {
    assert_lines(
        arrows::pure_rules,
        &[
            ("src/rules/x.rs", "use tokio::time;", &[1]),
            ("src/rules/x.rs", "use serde;", &[1]),
            ("src/rules/x.rs", "let now = std::fs::read(path);", &[1]),
            ("src/rules/x.rs", "use std::env;", &[1]),
            ("src/rules/x.rs", "mod inner;\npub use inner::X;\nuse super::y::Z;\nuse std::fmt;", &[]),
            ("src/runtime/x.rs", "use tokio::time;", &[]),
        ],
    );
}

#[test]
fn a_dialect_that_knows_another_is_found() {
    assert_lines(
        arrows::dialects,
        &[
            ("src/store/sqlite/mod.rs", "use crate::store::postgres::X;", &[1]),
            ("src/store/memory.rs", "use super::sqlite::X;", &[1]),
            ("src/runtime/fleet.rs", "use crate::store::sqlite::Sqlite;", &[1]),
            ("src/store/sqlite/rows.rs", "use crate::store::sqlite::X;\nuse super::types::Y;", &[]),
            ("src/store/url.rs", "use super::sqlite::X;", &[]),
        ],
    );
}

#[test]
fn sql_in_code_is_found() {
    let rule: Rule = |file| sql::in_code(file, &[]);
    assert_lines(
        rule,
        &[
            ("src/store/sqlite/mod.rs", "x.run(\"select 1\")", &[1]),
            ("src/store/sqlite/mod.rs", "\nx.run(r#\"INSERT INTO t values (1)\"#)", &[2]),
            ("src/store/sqlite/mod.rs", "x(\"update t set a = 1\"); y(\"begin immediate\")", &[1, 1]),
            (
                "src/store/sqlite/mod.rs",
                "x(\"delete from t\"); y(\"create table t(a)\"); z(\"pragma user_version\")",
                &[1; 3],
            ),
            ("python/fleet_q/app.py", "cursor.execute(\"select 1\")", &[1]),
            ("src/x.rs", "warn(\"update the package\"); warn(\"beginning\"); // \"selects\"", &[]),
            ("tests/rust/x.rs", "\"select 1\"", &[]),
        ],
    );
}

#[test]
fn sql_in_code_is_excused_by_path_and_beginning_only() {
    let allowed = [("src/store/sqlite/mod.rs", "pragma user_version", "read before the loader runs")];
    let rule = |file: &File| sql::in_code(file, &allowed);
    assert_eq!(lines(rule, "src/store/sqlite/mod.rs", "\"pragma user_version\"\n\"pragma wal\""), [2]);
    assert_eq!(lines(rule, "src/store/postgres/mod.rs", "\"pragma user_version\""), [1]);
}

#[test]
fn a_statement_without_a_promise_is_found() {
    assert_lines(
        sql::headers,
        &[
            ("src/store/sqlite/sql/x.sql", "select 1\n-- late", &[1]),
            ("src/store/sqlite/sql/x.sql", "", &[1]),
            ("src/store/sqlite/sql/x.sql", "-- Give the time.\nselect 1", &[]),
            ("src/store/sqlite/migrations/0001_x.sql", "create table t(a)", &[]),
        ],
    );
}

#[test]
fn a_second_statement_in_a_file_is_found() {
    let rule: Rule = sql::several;
    let path = "src/store/sqlite/sql/x.sql";
    assert_lines(
        rule,
        &[
            (path, "-- x\nselect 1;\nselect 2", &[3]),
            (path, "-- a; b\nselect ';' -- c; d\n;\n-- e", &[]),
            ("src/store/sqlite/migrations/1.sql", "select 1; select 2", &[]),
        ],
    );
}

#[test]
fn a_statement_that_nobody_uses_is_found() {
    let files = [
        File::planted("src/store/sqlite/sql/claim.sql", "-- x"),
        File::planted("src/store/sqlite/sql/finish.sql", "-- x"),
        File::planted("src/store/postgres/sql/claim.sql", "-- x"),
        File::planted("src/store/sqlite/mod.rs", "include_str!(\"sql/claim.sql\"); finishes(); // finish"),
        File::planted("src/store/sqlite/rows.rs", "// finish\nfn finish_all() {}"),
    ];
    assert_eq!(sql::unused(&files[..3]).len(), 3);
    let mended = [&files[..], &[File::planted("src/store/sqlite/x.rs", "run(FINISH)")]];
    let unused = |files: &[&[File]]| {
        let all: Vec<File> = files.iter().flat_map(|f| f.iter()).map(|f| File::planted(&f.path, &f.text)).collect();
        sql::unused(&all)
    };
    assert_eq!(unused(&mended), ["src/store/postgres/sql/claim.sql:1: nothing in postgres uses claim"]);
}

#[test]
fn sql_newer_than_postgres_13_is_found() {
    let rule: Rule = newer::than_postgres_13;
    let path = "src/store/postgres/sql/x.sql";
    assert_lines(
        rule,
        &[
            (path, "-- x\nMERGE INTO t using s on true", &[2]),
            (path, "select a,\n  any_value(b)\nfrom t", &[2]),
            (path, "create unique index i on t (a)\nnulls not distinct", &[2]),
            (path, "update t\nset a = 1\nreturning a,\n  old.a", &[3]),
            (path, "select uuidv7(), 1_000, 0xff, random(1, 2)", &[1; 4]),
            (path, "create table t (a int, b int generated always as (a) virtual)", &[1]),
            (path, "select meta['a'] from t where a is json", &[1, 1]),
            (path, "select 1 from (select 2) where true", &[1]),
            (path, "select 1\nfrom (select 2)", &[2]),
            (path, "select set_config('transaction_timeout', '1s', true)", &[1]),
            ("src/store/postgres/migrations/2.sql", "alter table t add constraint c not null a not valid", &[1]),
            (path, "-- merge into\nselect 'any_value(', json /* virtual */ from (select 1) as t", &[]),
            (path, "select random(), 1.5e3, a[1], array['b'] from t where a is distinct from (select 1)", &[]),
            ("src/store/sqlite/sql/x.sql", "select json(a)", &[]),
        ],
    );
}

#[test]
fn a_long_file_is_found_unless_named() {
    let rule: Rule = |file| form::long_file(file, 3, &[("src/named.rs", "a table")]);
    assert_lines(
        rule,
        &[
            ("src/x.rs", "1\n2\n3\n4\n", &[4]),
            ("python/fleet_q/x.py", "1\n2\n3\n4\n5", &[4]),
            ("src/x.rs", "1\n2\n3\n", &[]),
            ("src/named.rs", "1\n2\n3\n4\n", &[]),
            ("tests/rust/x.rs", "1\n2\n3\n4\n", &[]),
        ],
    );
}

#[test]
fn a_long_function_is_found_unless_named() {
    let rule: Rule = |file| form::long_functions(file, 2, &[("src/x.rs::named", "a table")]);
    let long = "1\n}\nfn a() {\n    1;\n    if x {\n    }\n}\n";
    assert_lines(
        rule,
        &[
            ("src/x.rs", long, &[3]),
            (
                "src/x.rs",
                "    pub(crate) async fn a<T>(\n        x: T,\n    ) -> X {\n        1;\n        2;\n        3;\n    }\n",
                &[1],
            ),
            ("src/x.rs", "fn a() {\n    1;\n\n    // why\n    2;\n}\nfn b() {\n    1;\n}\n", &[]),
            ("src/x.rs", "fn named() {\n    1;\n    2;\n    3;\n}\n", &[]),
            ("src/x.rs", "fn a();\nfn b() {}\n1\n2\n3\n4\n", &[]),
            ("tests/rust/x.rs", long, &[]),
        ],
    );
}

#[test]
fn a_file_that_does_not_say_what_it_owns_is_found() {
    assert_lines(
        form::header,
        &[
            ("src/x.rs", "use x;\n//! late", &[1]),
            ("tests/rust/x.rs", "", &[1]),
            ("python/fleet_q/x.py", "import os\n\"\"\"late\"\"\"", &[1]),
            ("src/x.rs", "//! Decides.", &[]),
            ("examples/x.py", "#!/usr/bin/env python\n\"\"\"Show.\"\"\"", &[]),
            ("docs/x.md", "# x", &[]),
        ],
    );
}

#[test]
fn an_unwrap_in_src_is_found() {
    assert_lines(
        form::unwraps,
        &[
            ("src/x.rs", "//! x\nx.unwrap();", &[2]),
            ("src/x.rs", "// x.unwrap()\nx.unwrap_or(1);", &[]),
            ("tests/rust/x.rs", "x.unwrap();", &[]),
        ],
    );
}

#[test]
fn a_sleep_in_a_test_is_found_unless_it_gives_its_reason() {
    assert_lines(
        form::sleeps,
        &[
            ("tests/rust/x.rs", "\nstd::thread::sleep(d);", &[2]),
            ("tests/python/x.py", "time.sleep(1)\ntime.sleep(1)  # real time: a body that blocks", &[1]),
            ("tests/python/x.py", "time.sleep(1)  # real time:", &[1]),
            ("python/fleet_q/x.py", "time.sleep(1)", &[]),
        ],
    );
}

#[test]
fn an_ignored_test_is_found() {
    assert_lines(
        form::ignored,
        &[
            ("tests/rust/x.rs", "#[ignore]\nfn x() {}", &[1]),
            ("tests/rust/x.rs", "\n#[ignore = \"slow\"]", &[2]),
            ("tests/rust/x.rs", "#[test]", &[]),
        ],
    );
}

#[test]
fn a_forbidden_word_is_found_as_a_word() {
    let found = [
        "todo!()",
        "unimplemented!()",
        "raise NotImplementedError",
        "# FIXME",
        "XXX",
        "a HACK",
        "Simply do",
        "obviously",
        "Blazing fast",
        "see /root/x",
        "'/work/main'",
        "by Claude",
    ];
    for text in found {
        assert_eq!(lines(words::banned, "docs/x.md", text), [1], "{text:?}");
    }
    let fine =
        ["todo", "XXXL", "hack", "a simplyfied", "network/work/x", "https://x.org/work/x", "$HOME/work/x", "/workers/"];
    for text in fine {
        assert_eq!(lines(words::banned, "src/x.rs", text), [0; 0], "{text:?}");
    }
    assert_eq!(lines(words::banned, "tests/rust/tidy/words.rs", "XXX"), [0; 0]);
}
