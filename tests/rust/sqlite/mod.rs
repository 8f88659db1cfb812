//! What only the embedded store promises: files, pragmas, plans, plain SQL, threads, the pod's own files.
//! The cases that every store must pass live in `conformance`.

mod bad_rows;
mod examine;
mod files;
mod group_commit;
mod kit;
mod local;
mod migrations;
mod plain_sql;
mod plans;
mod speed;
mod threads;
mod upgrades;
mod url;
