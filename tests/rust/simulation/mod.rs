//! Many pods on one store in virtual time, faults at every store call, everything from one seed:
//! the same seed gives the same event log, byte for byte, and P1–P4 hold.
//!
//! The checker counts only because it has failed: see `defects`.

mod body;
mod checker;
mod crowd;
mod dead_letters;
mod defects;
mod faults;
mod idle;
mod promises;
mod scenarios;
mod seeded;
mod world;
