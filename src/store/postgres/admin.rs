//! What people and producers ask: cancel, replay, look, count, pause.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::batch::waves;
use super::connection::Connections;
use super::connection::Failure;
use super::errors::{Effect, internal, row_fault};
use super::rows;
use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::store::error::Result;
use crate::store::types::{CancelVerdict, Control, ReplayVerdict, Search, Stats, Step};

/// How often a replay is tried anew that met a twin born in the meantime.
const ROUNDS: u32 = 5;

pub(super) async fn cancel(db: &Connections, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
    let waves = waves(ids, |id| vec![*id]);
    let mut calls = Vec::new();
    for wave in &waves {
        for statement in [&db.sql.cancel, &db.sql.request_cancel, &db.sql.standing] {
            calls.push(db.call(statement).with("step_ids", ids[wave.clone()].to_vec()));
        }
    }
    let rows = db.write(&calls).await?;
    let mut verdicts = Vec::with_capacity(ids.len());
    for (wave, rows) in waves.into_iter().zip(rows.chunks_exact(3)) {
        let (cancelled, requested, stands) = (named(&rows[0])?, named(&rows[1])?, standing(&rows[2])?);
        verdicts.extend(ids[wave].iter().map(|id| match stands.get(id) {
            _ if cancelled.contains(id) => CancelVerdict::Cancelled,
            _ if requested.contains(id) => CancelVerdict::Requested,
            Some((state, _)) => CancelVerdict::Final(*state),
            None => CancelVerdict::Unknown,
        }));
    }
    Ok(verdicts)
}

pub(super) async fn replay(db: &Connections, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
    let waves = waves(ids, |id| vec![*id]);
    let mut verdicts = Vec::with_capacity(ids.len());
    for wave in waves {
        verdicts.extend(replay_wave(db, &ids[wave]).await.map_err(|e| super::errors::partly(e, !verdicts.is_empty()))?);
    }
    Ok(verdicts)
}

async fn replay_wave(db: &Connections, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
    for _ in 0..ROUNDS {
        let calls = [&db.sql.replay, &db.sql.standing].map(|sql| db.call(sql).with("step_ids", ids.to_vec()));
        let rows = match db.try_write(&calls).await {
            Ok(rows) => rows,
            // Another producer's insert took the key between our look and our write.
            Err(Failure::Said(error)) if row_fault(&error).is_some() => continue,
            Err(failure) => return Err(failure.into_error(Effect::Possible)),
        };
        let (replayed, stands) = (named(&rows[0])?, standing(&rows[1])?);
        let twins = twins(db, &stands, &replayed).await?;
        let verdict = |id: &StepId| match stands.get(id) {
            None => Some(ReplayVerdict::Unknown),
            Some(_) if replayed.contains(id) => Some(ReplayVerdict::Replayed),
            Some((State::Failed, key)) => twins.get(key.as_deref()?).copied().map(ReplayVerdict::Conflict),
            Some((state, _)) => Some(ReplayVerdict::NotFailed(*state)),
        };
        if let Some(verdicts) = ids.iter().map(verdict).collect() {
            return Ok(verdicts);
        }
    }
    Err(internal("a unique key never came to rest"))
}

/// Who holds the keys of the failed steps that did not go.
async fn twins(db: &Connections, stands: &Standing, replayed: &BTreeSet<StepId>) -> Result<BTreeMap<String, StepId>> {
    let stayed = stands.iter().filter(|(id, (state, _))| *state == State::Failed && !replayed.contains(id));
    let keys: Vec<&str> = stayed.filter_map(|(_, (_, key))| key.as_deref()).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = db.read(&[db.call(&db.sql.holders).with("unique_keys", keys)]).await?;
    rows.iter().flatten().map(|row| Ok((row.try_get("unique_key")?, row.try_get("step_id")?))).collect()
}

pub(super) type Standing = BTreeMap<StepId, (State, Option<String>)>;

pub(super) fn standing(found: &[Row]) -> Result<Standing> {
    found.iter().map(|row| Ok((row.try_get("step_id")?, (rows::state(row)?, row.try_get("unique_key")?)))).collect()
}

pub(super) fn named(found: &[Row]) -> Result<BTreeSet<StepId>> {
    found.iter().map(|row| Ok(row.try_get("step_id")?)).collect()
}

pub(super) async fn get(db: &Connections, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
    let found = db.read(&[db.call(&db.sql.get).with("step_ids", ids.to_vec())]).await?;
    let steps = found.iter().flatten().map(|row| rows::step(row).map(|step| (step.step_id, step)));
    let steps = steps.collect::<Result<BTreeMap<StepId, Step>>>()?;
    Ok(ids.iter().map(|id| steps.get(id).cloned()).collect())
}

pub(super) async fn search(db: &Connections, filter: &Search) -> Result<Vec<Step>> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let call = db
        .call(&db.sql.search)
        .with("before", filter.before)
        .with("queue", filter.queue.as_deref())
        .with("task", filter.task.as_deref())
        .with("pending_only", states == [State::Pending.as_str()])
        .with("states", (!states.is_empty()).then_some(states))
        .with("tag", filter.tag.as_deref())
        .number("limit_literal", i64::from(filter.limit));
    let found = db.read(&[call]).await?;
    found.iter().flatten().map(rows::step).collect()
}

pub(super) async fn stats(db: &Connections) -> Result<Stats> {
    let found = db.read(&[db.call(&db.sql.stats), db.call(&db.sql.paused)]).await?;
    let mut counts: BTreeMap<String, BTreeMap<State, u64>> = BTreeMap::new();
    for row in &found[0] {
        let steps = u64::try_from(row.try_get::<_, i64>("steps")?).expect("a count is not negative");
        counts.entry(row.try_get("queue")?).or_default().insert(rows::state(row)?, steps);
    }
    Ok(Stats { counts, paused: queues(&found[1])? })
}

pub(super) fn queues(found: &[Row]) -> Result<Vec<String>> {
    found.iter().map(|row| Ok(row.try_get("queue")?)).collect()
}

pub(super) async fn control(db: &Connections, command: &Control) -> Result<()> {
    let (statement, queue) = match command {
        Control::Pause { queue } => (&db.sql.pause, queue),
        Control::Resume { queue } => (&db.sql.resume, queue),
    };
    db.write(&[db.call(statement).with("queue", queue.as_str())]).await.map(drop)
}
