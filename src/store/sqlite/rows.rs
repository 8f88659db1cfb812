//! Reads rows into the contract's types. Strict for claims, where a bad row must not run;
//! lenient for reading, where a bad row should still be shown.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::rules::election::{PodStatus, PodView};
use crate::rules::state::State;
use crate::rules::step::{Claim, ClaimId, PodId, StepId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::types::{Claimed, Content, Step};

/// Why a row is not a step, in words for its error history.
#[derive(Debug)]
pub(super) struct BadRow(pub String);

impl From<rusqlite::Error> for BadRow {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads a step that was just claimed under `claim_id`.
pub(super) fn claimed(row: &Row<'_>, claim_id: ClaimId) -> Result<Claimed, BadRow> {
    Ok(Claimed {
        claim: Claim { step_id: canonical_id(row)?, claim_id },
        task: text(row, "task")?,
        queue: text(row, "queue")?,
        priority: number(row, "priority")?,
        payload: required_content(row)?,
        retry_count: number(row, "retry_count")?,
        max_retries: number(row, "max_retries")?,
        crash_count: number(row, "crash_count")?,
        timeout: optional_number(row, "timeout_ms")?.map(Millis),
        created: Timestamp(row.get("created_ts")?),
        claimed: Timestamp(row.get("claimed_ts")?),
    })
}

/// Reads a whole step; `None` if even its id or state is none.
pub(super) fn step(row: &Row<'_>) -> rusqlite::Result<Option<Step>> {
    let (Some(step_id), Some(state)) = (parsed(row, "step_id")?, state(row)?) else {
        return Ok(None);
    };
    let tags: String = row.get("tags")?;
    Ok(Some(Step {
        step_id,
        task: row.get("task")?,
        queue: row.get("queue")?,
        state,
        priority: clamped(row.get("priority")?, i32::MIN, i32::MAX),
        payload: content(row, "payload", "content_type")?.unwrap_or_else(|| Content::json(*b"null")),
        retry_count: clamped(row.get("retry_count")?, 0, u32::MAX),
        max_retries: clamped(row.get("max_retries")?, 0, u32::MAX),
        crash_count: clamped(row.get("crash_count")?, 0, u32::MAX),
        claimed_by: row.get::<_, Option<String>>("claimed_by")?.map(|id| PodId::from(id.as_str())),
        claim_id: parsed(row, "claim_id")?,
        created: Timestamp(row.get("created_ts")?),
        available: Timestamp(row.get("available_ts")?),
        claimed: row.get::<_, Option<i64>>("claimed_ts")?.map(Timestamp),
        last_update: Timestamp(row.get("last_update_ts")?),
        finished: row.get::<_, Option<i64>>("finished_ts")?.map(Timestamp),
        timeout: row.get::<_, Option<i64>>("timeout_ms")?.map(|ms| Millis(clamped(ms, 0, u64::MAX))),
        result: content(row, "result", "result_content_type")?,
        errors: row.get("error")?,
        progress: row.get("progress")?,
        unique_key: row.get("unique_key")?,
        tags: serde_json::from_str(&tags).unwrap_or_default(),
        cancel_requested: row.get::<_, i64>("cancel_requested")? != 0,
    }))
}

/// Reads `(step_id, claim_id)`; `None` if a hand wrote one of them.
pub(super) fn claim(row: &Row<'_>) -> rusqlite::Result<Option<Claim>> {
    let ids = (parsed(row, "step_id")?, parsed(row, "claim_id")?);
    Ok(match ids {
        (Some(step_id), Some(claim_id)) => Some(Claim { step_id, claim_id }),
        (Some(_) | None, _) => None,
    })
}

pub(super) fn pod_view(row: &Row<'_>) -> rusqlite::Result<PodView> {
    let status: String = row.get("status")?;
    Ok(PodView {
        pod_id: PodId::from(row.get::<_, String>("pod_id")?.as_str()),
        birth: Timestamp(row.get("birth_ts")?),
        last_heartbeat: Timestamp(row.get("last_heartbeat_ts")?),
        beating_since: Timestamp(row.get("beating_since")?),
        // The table's check admits no other words.
        status: PodStatus::parse(&status).unwrap_or(PodStatus::Down),
        can_lead: row.get("can_lead")?,
        has_room: row.get("has_room")?,
    })
}

pub(super) fn state(row: &Row<'_>) -> rusqlite::Result<Option<State>> {
    Ok(State::parse(&row.get::<_, String>("status")?))
}

/// An id in a column, or `None` where it is null or no id.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<String>>(column)?.and_then(|id| id.parse().ok()))
}

/// Only the spelling fleet-q itself writes: fenced writes look a step up by its text.
fn canonical_id(row: &Row<'_>) -> Result<StepId, BadRow> {
    let text: String = row.get("step_id")?;
    match text.parse::<StepId>() {
        Ok(id) if id.to_string() == text => Ok(id),
        Ok(id) => Err(BadRow(format!("step_id {text:?} must be spelled {id}"))),
        Err(bad) => Err(BadRow(format!("step_id {bad}"))),
    }
}

fn text(row: &Row<'_>, column: &str) -> Result<Arc<str>, BadRow> {
    row.get::<_, Arc<str>>(column).map_err(|e| BadRow(format!("{column}: {e}")))
}

fn number<T: TryFrom<i64, Error: Display>>(row: &Row<'_>, column: &str) -> Result<T, BadRow> {
    in_range(row.get(column)?, column)
}

fn optional_number<T: TryFrom<i64, Error: Display>>(row: &Row<'_>, column: &str) -> Result<Option<T>, BadRow> {
    row.get::<_, Option<i64>>(column)?.map(|value| in_range(value, column)).transpose()
}

fn in_range<T: TryFrom<i64, Error: Display>>(value: i64, column: &str) -> Result<T, BadRow> {
    T::try_from(value).map_err(|_| BadRow(format!("{column} is {value}, which is out of range")))
}

fn clamped<T: TryFrom<i64>>(value: i64, low: T, high: T) -> T {
    T::try_from(value).unwrap_or(if value < 0 { low } else { high })
}

fn required_content(row: &Row<'_>) -> Result<Content, BadRow> {
    match row.get_ref("payload")? {
        ValueRef::Blob(_) | ValueRef::Text(_) => {}
        ValueRef::Null => return Err(BadRow("payload is null".into())),
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err(BadRow("payload is a number, not text".into())),
    }
    content(row, "payload", "content_type")?.ok_or_else(|| BadRow("payload is null".into()))
}

/// Text and blob alike: whoever inserts by plain SQL writes text.
fn content(row: &Row<'_>, bytes: &str, content_type: &str) -> rusqlite::Result<Option<Content>> {
    let bytes: Arc<[u8]> = match row.get_ref(bytes)? {
        ValueRef::Null => return Ok(None),
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Arc::from(bytes),
        ValueRef::Integer(number) => Arc::from(number.to_string().into_bytes()),
        ValueRef::Real(number) => Arc::from(number.to_string().into_bytes()),
    };
    let content_type = row.get::<_, Option<Arc<str>>>(content_type)?.unwrap_or_else(|| Arc::from(Content::JSON));
    Ok(Some(Content { bytes, content_type }))
}
