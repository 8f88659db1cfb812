//! Holds fleet-q to its promises: one binary, a module per theme.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod conformance;
mod docs;
#[cfg(feature = "sqlite")]
mod model;
#[cfg(feature = "postgres")]
mod postgres;
mod rules;
mod simulation;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tidy;
