//! Reads rows into the contract's types, leniently: a bad row should still be shown. Claims are read by `claimed`.

use std::str::FromStr;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::rules::election::{PodStatus, PodView};
use crate::rules::state::State;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::types::{Content, Step};

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
        serves: row.get("serves")?,
    })
}

pub(super) fn state(row: &Row<'_>) -> rusqlite::Result<Option<State>> {
    Ok(State::parse(&row.get::<_, String>("status")?))
}

/// An id in a column, or `None` where it is null or no id.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<String>>(column)?.and_then(|id| id.parse().ok()))
}

fn clamped<T: TryFrom<i64>>(value: i64, low: T, high: T) -> T {
    T::try_from(value).unwrap_or(if value < 0 { low } else { high })
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
