//! What the leader does: deaths, recovery, pruning. Each decided by its statement, in the database (P13).

use std::collections::BTreeSet;

use tokio_postgres::Row;

use super::batch::{errors_kept, signed};
use super::connection::Connections;
use super::errors::{internal, partly};
use super::floors::{Ended, Known, trusting};
use super::rows;
use crate::rules::floors::{NEVER, pause_ms};
use crate::rules::state::State;
use crate::rules::step::{Claim, ClaimId, PodId};
use crate::store::error::Result;
use crate::store::types::{MarkDead, Prune, Pruned, Recover, Recovered};

/// Rows written by one transaction, so that none comes near the statement timeout.
const ROWS_PER_TRANSACTION: u32 = 1000;

pub(super) async fn mark_dead(db: &Connections, call: &MarkDead) -> Result<Vec<PodId>> {
    let suspects: Vec<&str> = call.suspects.iter().map(|(pod, _)| pod.as_str()).collect();
    let beats: Vec<i64> = call.suspects.iter().map(|(_, beat)| beat.0).collect();
    let mark = db
        .call(&db.sql.mark_dead)
        .with("pods", suspects)
        .with("beats", beats)
        .with("leader", call.leader.as_str())
        .with("heartbeat_interval_ms", signed(call.timing.heartbeat_interval))
        .with("dead_pod_threshold_ms", signed(call.timing.dead_pod_threshold));
    let answers = db.write(&[db.call(&db.sql.clamp_beats), mark]).await?;
    let dead = answers[1].iter().map(|row| Ok(row.try_get("pod_id")?)).collect::<Result<BTreeSet<&str>>>()?;
    Ok(call.suspects.iter().map(|(pod, _)| pod).filter(|pod| dead.contains(pod.as_str())).cloned().collect())
}

pub(super) async fn recover(db: &Connections, call: &Recover) -> Result<Vec<Recovered>> {
    let mut orphans = Vec::new();
    let mut left = call.limit;
    while left > 0 {
        let limit = ROWS_PER_TRANSACTION.min(left);
        let statement = db
            .call(&db.sql.recover)
            .with("leader", call.leader.as_str())
            .with("max_crashes", i64::from(call.max_crashes))
            .with("errors_kept", errors_kept())
            .number("limit_literal", i64::from(limit));
        let found = db.write(&[statement]).await.map_err(|e| partly(e, !orphans.is_empty()))?;
        let found: Vec<Row> = found.into_iter().flatten().collect();
        let mut moved = found.iter().map(recovered).collect::<Result<Vec<_>>>()?;
        moved.sort_by_key(|orphan| orphan.claim.step_id);
        left -= limit;
        orphans.extend(moved);
        if found.len() < limit as usize {
            break;
        }
    }
    Ok(orphans)
}

/// How long prune leaves rows aside that somebody had locked, or that were committed late.
const PRUNE_LOOK_MS: i64 = 60_000;

/// The pods go with the first of the steps' batches, so that a look that finds nothing is one transaction.
pub(super) async fn prune(db: &Connections, known: &Known, call: &Prune) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    let mut left = call.limit;
    let mut pods = Some(db.call(&db.sql.prune_pods).with("keep_ms", signed(call.keep_pods)));
    loop {
        let limit = ROWS_PER_TRANSACTION.min(left);
        let floors = known.ended();
        let statement = trusting(db.call(&db.sql.prune), floors.completed.trust())
            .with("completed_floor", floors.completed.since())
            .with("failed_floor", floors.failed.since())
            .with("cancelled_floor", floors.cancelled.since())
            .with("keep_completed_ms", signed(call.keep_completed))
            .with("keep_failed_ms", signed(call.keep_failed))
            .number("limit_literal", i64::from(limit));
        let calls: Vec<_> = [statement, db.call(&db.sql.clock)].into_iter().chain(pods.take()).collect();
        let answers = db.write(&calls).await?;
        let [rows, clock, gone @ ..] = &answers[..] else {
            return Err(internal("a statement was not answered"));
        };
        known.set_ended(raised(floors, rows, clock)?);
        pruned.steps += rows.len() as u64;
        pruned.pods += gone.first().map_or(0, |pods| pods.len() as u64);
        left -= limit;
        if left == 0 || rows.len() < limit as usize {
            return Ok(pruned);
        }
    }
}

/// Each state's floor after what was deleted, which was the longest ended.
fn raised(mut floors: Ended, deleted: &[Row], clock: &[Row]) -> Result<Ended> {
    let clock = clock.first().ok_or_else(|| internal("one row was expected"))?;
    let (now, spent): (i64, i64) = (clock.try_get("now")?, clock.try_get("spent_ms")?);
    let mut latest = [NEVER; 3];
    for row in deleted {
        let place = match rows::state(row)? {
            State::Completed => 0,
            State::Failed => 1,
            State::Cancelled => 2,
            other @ (State::Blocked | State::Scheduled | State::Pending | State::Claimed) => {
                return Err(internal(format!("prune deleted a step that is {other:?}")));
            }
        };
        let finished: Option<i64> = row.try_get("finished_ts")?;
        latest[place] = latest[place].max(finished.unwrap_or(NEVER));
    }
    let pause = PRUNE_LOOK_MS.max(pause_ms(spent, 1));
    for (floor, latest) in [&mut floors.completed, &mut floors.failed, &mut floors.cancelled].into_iter().zip(latest) {
        floor.learn(latest, now, pause);
    }
    Ok(floors)
}

fn recovered(row: &Row) -> Result<Recovered> {
    // A hand that wrote "claimed" may have left out who and under which claim.
    let claim_id = row.try_get::<_, Option<ClaimId>>("claim_id")?.unwrap_or(ClaimId([0; 16]));
    Ok(Recovered {
        claim: Claim { step_id: row.try_get("step_id")?, claim_id },
        task: rows::text(row, "task")?,
        pod: PodId::from(row.try_get::<_, Option<&str>>("pod")?.unwrap_or_default()),
        to: rows::state(row)?,
        crash_count: rows::count(row, "crash_count")?,
    })
}
