//! Reads failed steps as one line each, and deletes them. Judges no failure.

use tokio_postgres::Row;

use super::admin::{named, standing};
use super::batch::waves;
use super::connection::Connections;
use super::rows;
use crate::rules::step::StepId;
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::failures::{Failed, Failures, LastError, MESSAGE_SHOWN, PurgeVerdict, Since};

pub(super) async fn find(db: &Connections, call: &Failures) -> Result<Vec<Failed>> {
    let (since, ago) = Since::parts(call.since);
    let statement = db
        .call(&db.sql.failures)
        .with("since_ts", since)
        .with("since_ago_ms", ago)
        .with("before_ts", call.before.map(|(at, _)| at.0))
        .with("before_id", call.before.map(|(_, id)| id))
        .with("queue", call.queue.as_deref())
        .with("task", call.task.as_deref())
        .with("error", call.error.as_deref())
        .number("shown_literal", i64::try_from(MESSAGE_SHOWN).expect("a small number"))
        .number("limit_literal", i64::from(call.limit));
    let found = db.read(&[statement]).await?;
    found.iter().flatten().map(failed).collect()
}

fn failed(row: &Row) -> Result<Failed> {
    Ok(Failed {
        step_id: row.try_get("step_id")?,
        task: rows::text(row, "task")?,
        queue: rows::text(row, "queue")?,
        created: Timestamp(row.try_get("created_ts")?),
        failed: Timestamp(row.try_get("finished_ts")?),
        retry_count: rows::count(row, "retry_count")?,
        max_retries: rows::count(row, "max_retries")?,
        crash_count: rows::count(row, "crash_count")?,
        unique_key: rows::optional_text(row, "unique_key")?,
        last: LastError {
            kind: row.try_get("kind")?,
            error_type: row.try_get("error_type")?,
            message: row.try_get("message")?,
            pod: row.try_get("pod")?,
        },
    })
}

pub(super) async fn purge(db: &Connections, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
    let waves = waves(ids, |id| vec![*id]);
    let statements = [&db.sql.purge, &db.sql.standing];
    let calls: Vec<_> = waves
        .iter()
        .flat_map(|wave| statements.map(|sql| db.call(sql).with("step_ids", ids[wave.clone()].to_vec())))
        .collect();
    let rows = db.write(&calls).await?;
    let mut verdicts = Vec::with_capacity(ids.len());
    for (wave, rows) in waves.into_iter().zip(rows.chunks_exact(2)) {
        let (purged, stands) = (named(&rows[0])?, standing(&rows[1])?);
        verdicts.extend(ids[wave].iter().map(|id| match stands.get(id) {
            _ if purged.contains(id) => PurgeVerdict::Purged,
            Some((state, _)) => PurgeVerdict::NotFailed(*state),
            None => PurgeVerdict::Unknown,
        }));
    }
    Ok(verdicts)
}
