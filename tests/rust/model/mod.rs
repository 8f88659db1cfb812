//! Random command sequences, run against the store in memory and a database in parallel: memory is
//! the oracle. Answers and whole contents must be equal after every command.
//!
//! `FLEET_Q_MODEL_CASES=5000` runs so many sequences on fresh seeds; without it the seed is fixed.

mod command;
mod run;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::conformance::bed::{self, Bed};
use command::commands;

const CASES: u32 = 64;
const COMMANDS: usize = 40;

#[test]
fn sqlite_answers_and_stores_what_the_model_does() {
    compare(async || Some(bed::sqlite().await));
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_answers_and_stores_what_the_model_does() {
    compare(bed::postgres);
}

fn compare(subject: impl AsyncFn() -> Option<Bed>) {
    let long = std::env::var("FLEET_Q_MODEL_CASES").ok().map(|cases| cases.parse().unwrap());
    let config = Config { cases: long.unwrap_or(CASES), failure_persistence: None, ..Config::default() };
    let mut runner = match long {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runner.run(&commands(COMMANDS), |commands| {
        runtime.block_on(async {
            match subject().await {
                Some(subject) => run::compare(&subject, &commands).await,
                None => Ok(()),
            }
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
