//! Holds fleet-q to its promises: one binary, a module per theme.

mod rules;
mod simulation;
mod tidy;
