//! Gathers what `rules::diagnosis` judges: one look at the store, its clock, its pods, this machine's journals.
//!
//! Every question has a deadline, and what is not answered costs no other answer. Changes nothing.

use std::sync::Arc;

use super::client::tasks_in;
use super::clock::Clock;
use super::error::with_causes;
use super::retry::with_deadline;
use crate::rules::config::Config;
use crate::rules::diagnosis::facts::{
    Counts, Examination, Fact, Facts, Fault, JournalFile, PodFact, Reached, Unreached,
};
use crate::rules::diagnosis::{Finding, diagnose};
use crate::rules::state::State;
use crate::rules::time::{Millis, Timestamp};
use crate::store::{Error, Pod, Result, Stats, Store};

/// How often the round trip is measured, beside the first one, which connects.
const TRIES: usize = 9;
/// A look is some twenty statements, each within its own limit; most take a millisecond.
const LOOK_STATEMENTS: u64 = 6;

/// What was opened for the diagnosis, or why it could not be.
#[derive(Debug)]
pub struct Patient {
    pub store: Result<Arc<dyn Store>>,
    /// Whether nothing is there to be opened yet.
    pub is_missing: bool,
    pub journals: Result<Vec<JournalFile>>,
}

/// Looks, judges, and closes the store.
pub async fn examine(config: &Config, clock: &dyn Clock, patient: Patient) -> Vec<Finding> {
    let journals = Fact::from(patient.journals);
    let facts = match &patient.store {
        Ok(store) => {
            let facts = facts(config, clock, &**store, journals).await;
            store.close().await;
            facts
        }
        Err(error) => {
            let fault = if patient.is_missing { Fault::Missing } else { fault_of(error) };
            nothing(Unreached { fault, cause: error.to_string() }, journals)
        }
    };
    diagnose(config, &facts)
}

async fn facts(config: &Config, clock: &dyn Clock, store: &dyn Store, journals: Fact<Vec<JournalFile>>) -> Facts {
    let patience = config.connect_timeout + config.statement_timeout;
    let reached = reach(clock, store, patience).await;
    let look = with_deadline(config.statement_timeout.times(LOOK_STATEMENTS) + patience, "the look", store.examine());
    let seen = match &reached {
        Err(error) if error.is_transient() => Examination::default(),
        Ok(_) | Err(_) => look.await.unwrap_or_default(),
    };
    match reached {
        Err(error) => {
            let is_standby = seen.server.known().is_some_and(|server| server.read_only);
            let fault = if is_standby { Fault::ReadOnly } else { fault_of(&error) };
            nothing(Unreached { fault, cause: with_causes(&error) }, journals)
        }
        Ok(reached) => Facts {
            reached: Ok(reached),
            pods: of_tables(&seen, with_deadline(patience, "pods", store.pods()).await.map(pods)),
            stats: of_tables(&seen, with_deadline(patience, "stats", store.stats()).await.map(|stats| counts(&stats))),
            listens: store.capabilities().wake_ups,
            examination: seen,
            journals,
        },
    }
}

/// Connects, then measures; the clocks are compared at the quickest round trip.
async fn reach(clock: &dyn Clock, store: &dyn Store, patience: Millis) -> Result<Reached> {
    with_deadline(patience, "the connection", store.now()).await?;
    let mut reached = Reached { round_trips: Vec::new(), now: Timestamp(0), here: Timestamp(0) };
    let mut quickest = Millis::MAX;
    for _ in 0..TRIES {
        let began = clock.monotonic();
        let now = with_deadline(patience, "the clock", store.now()).await?;
        let took = clock.monotonic().since(began);
        reached.round_trips.push(took);
        if took < quickest {
            quickest = took;
            let here = Timestamp(i64::try_from(clock.unix_ms()).unwrap_or(i64::MAX));
            (reached.now, reached.here) = (now, here - Millis(took.0 / 2));
        }
    }
    Ok(reached)
}

/// Without tables there is nothing to say of what would be in them.
fn of_tables<T>(seen: &Examination, answer: Result<T>) -> Fact<T> {
    let has_tables = seen.schema.known().is_none_or(|schema| schema.tables.len() == 2 && !schema.foreign);
    if has_tables { Fact::from(answer) } else { Fact::Absent }
}

fn nothing(why: Unreached, journals: Fact<Vec<JournalFile>>) -> Facts {
    let (pods, stats) = (Fact::Absent, Fact::Absent);
    Facts { reached: Err(why), examination: Examination::default(), pods, stats, journals, listens: false }
}

fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Unavailable { .. } | Error::Unknown { .. } => Fault::Away,
        Error::Config { .. } | Error::Schema { .. } => Fault::Refused,
        Error::Stopped | Error::Internal { .. } => Fault::Broken,
    }
}

fn pods(pods: Vec<Pod>) -> Vec<PodFact> {
    pods.into_iter()
        .map(|pod| PodFact { tasks: tasks_in(&pod.meta), version: version_in(&pod.meta), view: pod.view })
        .collect()
}

fn version_in(meta: &str) -> Option<String> {
    let meta: serde_json::Value = serde_json::from_str(meta).ok()?;
    meta.get("version")?.as_str().map(str::to_owned)
}

fn counts(stats: &Stats) -> Counts {
    let pending = |queue: &String| stats.counts.get(queue).and_then(|by_state| by_state.get(&State::Pending)).copied();
    Counts {
        pending: stats.counts.keys().filter_map(pending).sum(),
        paused: stats.paused.iter().map(|queue| (queue.clone(), pending(queue).unwrap_or(0))).collect(),
    }
}
