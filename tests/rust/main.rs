//! Holds fleet-q to its promises: one binary, a module per theme.

mod rules;
mod simulation;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tidy;
