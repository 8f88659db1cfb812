//! Decides. States, retries, election, rescue, demand and configuration as pure functions.
//!
//! Refuses async, clocks, randomness, IO and logging: time and chance come in as values.
//! Nothing here knows a store, a runtime or Python, and nothing here can: this module is all
//! that `--no-default-features` builds.

pub mod backoff;
pub mod claim;
pub mod config;
pub mod content;
pub mod crowd;
pub mod demand;
pub mod diagnosis;
pub mod election;
pub mod floors;
pub mod outcome;
pub mod recovery;
pub mod state;
pub mod step;
pub mod time;
