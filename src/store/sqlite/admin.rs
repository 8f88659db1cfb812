//! What people and producers ask: cancel, replay, look, count, pause.

use std::collections::BTreeMap;

use rusqlite::{Row, named_params};

use super::claim::paused;
use super::enqueue::holder;
use super::errors::{internal, is_unique_violation};
use super::parameters;
use super::rows;
use super::worker::Session;
use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::store::error::Result;
use crate::store::types::{CancelVerdict, Control, ReplayVerdict, Search, Stats, Step};

pub(super) fn cancel(session: &Session<'_>, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
    ids.iter().map(|id| cancel_one(session, *id)).collect()
}

fn cancel_one(session: &Session<'_>, id: StepId) -> Result<CancelVerdict> {
    if move_one(session, id, include_str!("sql/cancel.sql"))? > 0 {
        return Ok(CancelVerdict::Cancelled);
    }
    if move_one(session, id, include_str!("sql/request_cancel.sql"))? > 0 {
        return Ok(CancelVerdict::Requested);
    }
    Ok(standing(session, id)?.map_or(CancelVerdict::Unknown, |found| CancelVerdict::Final(found.state)))
}

pub(super) fn replay(session: &Session<'_>, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
    ids.iter().map(|id| replay_one(session, *id)).collect()
}

fn replay_one(session: &Session<'_>, id: StepId) -> Result<ReplayVerdict> {
    let moved = move_one(session, id, include_str!("sql/replay.sql"));
    let conflict = match moved {
        Ok(0) => false,
        Ok(_) => return Ok(ReplayVerdict::Replayed),
        Err(e) if is_unique_violation(&e) => true,
        Err(e) => return Err(e.into()),
    };
    let Some(found) = standing(session, id)? else {
        return Ok(ReplayVerdict::Unknown);
    };
    if !conflict {
        return Ok(ReplayVerdict::NotFailed(found.state));
    }
    let key = found.unique_key.unwrap_or_default();
    let twin = holder(session, &key)?.ok_or_else(|| internal(format!("no step holds the unique key {key:?}")))?;
    Ok(ReplayVerdict::Conflict(twin))
}

fn move_one(session: &Session<'_>, id: StepId, sql: &str) -> rusqlite::Result<usize> {
    let parameters = named_params! {":step_id": id.to_string(), ":now": session.now.0};
    session.conn.prepare_cached(sql)?.execute(parameters)
}

/// Where a step stands; `None` without one.
pub(super) fn state_of(session: &Session<'_>, id: StepId) -> Result<Option<State>> {
    Ok(standing(session, id)?.map(|found| found.state))
}

struct Standing {
    state: State,
    unique_key: Option<String>,
}

fn standing(session: &Session<'_>, id: StepId) -> Result<Option<Standing>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/status.sql"))?;
    let mut found = statement.query(named_params! {":step_id": id.to_string()})?;
    let Some(row) = found.next()? else {
        return Ok(None);
    };
    let unique_key = row.get("unique_key")?;
    Ok(rows::state(row)?.map(|state| Standing { state, unique_key }))
}

pub(super) fn get(session: &Session<'_>, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/get.sql"))?;
    let mut steps = Vec::with_capacity(ids.len());
    for id in ids {
        let mut found = statement.query(named_params! {":step_id": id.to_string()})?;
        steps.push(match found.next()? {
            Some(row) => rows::step(row)?,
            None => None,
        });
    }
    Ok(steps)
}

pub(super) fn search(session: &Session<'_>, filter: &Search) -> Result<Vec<Step>> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let states = (!states.is_empty()).then(|| parameters::json(&states));
    let mut statement = session.conn.prepare_cached(include_str!("sql/search.sql"))?;
    let parameters = named_params! {
        ":before": filter.before.map(|id| id.to_string()),
        ":queue": filter.queue,
        ":task": filter.task,
        ":states": states,
        ":tag": filter.tag,
        ":limit": filter.limit,
    };
    let steps = statement.query_map(parameters, rows::step)?;
    Ok(steps.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

pub(super) fn stats(session: &Session<'_>) -> Result<Stats> {
    let mut counts: BTreeMap<String, BTreeMap<State, u64>> = BTreeMap::new();
    let mut statement = session.conn.prepare_cached(include_str!("sql/stats.sql"))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        if let Some(state) = rows::state(row)? {
            counts.entry(row.get("queue")?).or_default().insert(state, steps(row)?);
        }
    }
    Ok(Stats { counts, paused: paused(session)? })
}

fn steps(row: &Row<'_>) -> Result<u64> {
    u64::try_from(row.get::<_, i64>("steps")?).map_err(|e| internal(e.to_string()))
}

pub(super) fn control(session: &Session<'_>, command: &Control) -> Result<()> {
    let (sql, queue) = match command {
        Control::Pause { queue } => (include_str!("sql/pause.sql"), queue),
        Control::Resume { queue } => (include_str!("sql/resume.sql"), queue),
    };
    session.conn.prepare_cached(sql)?.execute(named_params! {":queue": queue, ":now": session.now.0})?;
    Ok(())
}
