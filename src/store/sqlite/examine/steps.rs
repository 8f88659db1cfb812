//! Counts what the doctor asks of STEP_TRACKER. Reads only, and never the whole of a backlog.

use rusqlite::named_params;

use super::super::worker::Session;
use crate::rules::diagnosis::facts::{Held, Orphans, Waiting};
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::examine::{DUE_SEEN, TOLD};

pub(super) fn orphans(session: &Session<'_>) -> Result<Orphans> {
    let mut statement = session.conn.prepare(include_str!("../sql/examine_orphans.sql"))?;
    let orphans = statement.query_row([], |row| {
        Ok(Orphans {
            steps: row.get::<_, i64>("steps")?.unsigned_abs(),
            since: row.get::<_, Option<i64>>("since")?.map(Timestamp),
        })
    });
    Ok(orphans?)
}

pub(super) fn waiting(session: &Session<'_>) -> Result<Vec<Waiting>> {
    let mut statement = session.conn.prepare(include_str!("../sql/examine_waiting.sql"))?;
    let rows = statement.query_map(named_params! {":seen": DUE_SEEN, ":told": TOLD}, |row| {
        Ok(Waiting {
            task: row.get("task")?,
            queue: row.get("queue")?,
            steps: row.get::<_, i64>("steps")?.unsigned_abs(),
            since: Timestamp(row.get("since")?),
        })
    });
    Ok(rows?.collect::<Result<_, _>>()?)
}

pub(super) fn held(session: &Session<'_>) -> Result<Vec<Held>> {
    let mut statement = session.conn.prepare(include_str!("../sql/examine_held.sql"))?;
    let rows = statement.query_map(named_params! {":told": TOLD}, |row| {
        Ok(Held {
            step_id: row.get("step_id")?,
            task: row.get("task")?,
            pod: row.get("claimed_by")?,
            since: Timestamp(row.get("claimed_ts")?),
        })
    });
    Ok(rows?.collect::<Result<_, _>>()?)
}
