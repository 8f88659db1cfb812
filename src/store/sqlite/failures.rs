//! Reads failed steps as one line each, and deletes them. Judges no failure.

use rusqlite::{Row, named_params};

use super::admin::state_of;
use super::rows;
use super::worker::Session;
use crate::rules::step::StepId;
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::failures::{Failed, Failures, LastError, MESSAGE_SHOWN, PurgeVerdict, Since};

pub(super) fn find(session: &Session<'_>, call: &Failures) -> Result<Vec<Failed>> {
    let (since, ago) = Since::parts(call.since);
    let mut statement = session.conn.prepare_cached(include_str!("sql/failures.sql"))?;
    let parameters = named_params! {
        ":since_ts": since,
        ":since_ago_ms": ago,
        ":before_ts": call.before.map(|(at, _)| at.0),
        ":before_id": call.before.map(|(_, id)| id.to_string()),
        ":queue": call.queue,
        ":task": call.task,
        ":error": call.error,
        ":message_shown": i64::try_from(MESSAGE_SHOWN).expect("a small number"),
        ":limit": call.limit,
        ":now": session.now.0,
    };
    let found = statement.query_map(parameters, failed)?;
    Ok(found.filter_map(rusqlite::Result::transpose).collect::<rusqlite::Result<_>>()?)
}

/// `None` if its id is none: a hand wrote it, and it can be neither shown nor replayed by id.
fn failed(row: &Row<'_>) -> rusqlite::Result<Option<Failed>> {
    let Some(step_id) = rows::parsed(row, "step_id")? else { return Ok(None) };
    let count = |column: &str| Ok::<_, rusqlite::Error>(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
    Ok(Some(Failed {
        step_id,
        task: row.get("task")?,
        queue: row.get("queue")?,
        created: Timestamp(row.get("created_ts")?),
        failed: Timestamp(row.get("finished_ts")?),
        retry_count: count("retry_count")?,
        max_retries: count("max_retries")?,
        crash_count: count("crash_count")?,
        unique_key: row.get("unique_key")?,
        last: LastError {
            kind: row.get("kind")?,
            error_type: row.get("error_type")?,
            message: row.get("message")?,
            pod: row.get("pod")?,
        },
    }))
}

pub(super) fn purge(session: &Session<'_>, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
    ids.iter().map(|id| purge_one(session, *id)).collect()
}

fn purge_one(session: &Session<'_>, id: StepId) -> Result<PurgeVerdict> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/purge.sql"))?;
    if statement.execute(named_params! {":step_id": id.to_string()})? > 0 {
        return Ok(PurgeVerdict::Purged);
    }
    Ok(state_of(session, id)?.map_or(PurgeVerdict::Unknown, PurgeVerdict::NotFailed))
}
