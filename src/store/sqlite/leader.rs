//! What the leader does: deaths, recovery, pruning. Each decided by its statement, in the database (P13).

use std::collections::BTreeSet;

use rusqlite::{Row, named_params};

use super::errors::{internal, partly};
use super::parameters;
use super::rows;
use super::worker::{Begin, Session, Worker};
use crate::rules::step::{Claim, ClaimId, PodId, StepId};
use crate::rules::time::Millis;
use crate::store::error::Result;
use crate::store::types::{MarkDead, Prune, Pruned, Recover, Recovered};

/// Rows moved or deleted in one transaction: deleting a row with its payload is dearer than writing one.
const RECOVERED_PER_TRANSACTION: u32 = 500;
const PRUNED_PER_TRANSACTION: u32 = 500;

pub(super) fn mark_dead(session: &Session<'_>, call: &MarkDead) -> Result<Vec<PodId>> {
    let mut clamp = session.conn.prepare_cached(include_str!("sql/clamp_beats.sql"))?;
    clamp.execute(named_params! {":now": session.now.0})?;
    let suspects: Vec<(&str, i64)> = call.suspects.iter().map(|(pod, beat)| (pod.as_str(), beat.0)).collect();
    let mut statement = session.conn.prepare_cached(include_str!("sql/mark_dead.sql"))?;
    let dead = statement.query_map(
        named_params! {
            ":suspects": parameters::json(&suspects),
            ":leader": call.leader.as_str(),
            ":heartbeat_interval_ms": parameters::signed(call.timing.heartbeat_interval),
            ":dead_pod_threshold_ms": parameters::signed(call.timing.dead_pod_threshold),
            ":now": session.now.0,
        },
        |row| Ok(PodId::from(row.get::<_, String>("pod_id")?.as_str())),
    )?;
    let dead: BTreeSet<PodId> = dead.collect::<Result<_, _>>()?;
    Ok(call.suspects.iter().map(|(pod, _)| pod).filter(|pod| dead.contains(pod)).cloned().collect())
}

/// Recovers up to the call's limit, a bounded number of rows per transaction.
pub(super) async fn recover_in_batches(work: &Worker, call: &Recover) -> Result<Vec<Recovered>> {
    let mut orphans = Vec::new();
    let mut left = call.limit;
    while left > 0 {
        let (call, limit) = (call.clone(), RECOVERED_PER_TRANSACTION.min(left));
        let found = work.call(Begin::Write, move |session| recover(session, &call, limit)).await;
        let found = found.map_err(|e| partly(e, orphans.len()))?;
        left -= limit;
        orphans.extend(found.orphans);
        if found.moved < limit {
            break;
        }
    }
    Ok(orphans)
}

/// Prunes up to the call's limit, a bounded number of rows per transaction.
pub(super) async fn prune_in_batches(work: &Worker, call: &Prune) -> Result<Pruned> {
    let mut left = call.limit;
    let mut pruned = Pruned::default();
    while left > 0 {
        let (call, limit) = (*call, PRUNED_PER_TRANSACTION.min(left));
        let gone = work.call(Begin::Write, move |session| prune(session, &call, limit)).await?;
        left -= gone;
        pruned.steps += u64::from(gone);
        if gone < limit {
            break;
        }
    }
    let keep = call.keep_pods;
    pruned.pods = work.call(Begin::Write, move |session| prune_pods(session, keep)).await?;
    Ok(pruned)
}

/// What one transaction recovered.
struct Batch {
    orphans: Vec<Recovered>,
    /// With those whose id is none: they are moved like the others, but cannot be named.
    moved: u32,
}

fn recover(session: &Session<'_>, call: &Recover, limit: u32) -> Result<Batch> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/recover.sql"))?;
    let answers = statement.query_map(
        named_params! {
            ":leader": call.leader.as_str(),
            ":max_crashes": call.max_crashes,
            ":limit": limit,
            ":errors_kept": parameters::errors_kept(),
            ":now": session.now.0,
        },
        recovered,
    )?;
    let answers: Vec<Option<Recovered>> = answers.collect::<Result<_, _>>()?;
    let moved = u32::try_from(answers.len()).expect("at most the limit, a u32");
    let mut orphans: Vec<Recovered> = answers.into_iter().flatten().collect();
    orphans.sort_by_key(|orphan| orphan.claim.step_id);
    Ok(Batch { orphans, moved })
}

/// Deletes up to `limit` final steps, whatever the call's own limit.
fn prune(session: &Session<'_>, call: &Prune, limit: u32) -> Result<u32> {
    let gone = session.conn.prepare_cached(include_str!("sql/prune.sql"))?.execute(named_params! {
        ":keep_completed_ms": parameters::signed(call.keep_completed),
        ":keep_failed_ms": parameters::signed(call.keep_failed),
        ":limit": limit,
        ":now": session.now.0,
    })?;
    Ok(u32::try_from(gone).expect("at most the limit, a u32"))
}

fn prune_pods(session: &Session<'_>, keep: Millis) -> Result<u64> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/prune_pods.sql"))?;
    let gone = statement.execute(named_params! {":keep_ms": parameters::signed(keep), ":now": session.now.0})?;
    u64::try_from(gone).map_err(|e| internal(e.to_string()))
}

fn recovered(row: &Row<'_>) -> rusqlite::Result<Option<Recovered>> {
    let (Some(step_id), Some(to)) = (rows::parsed::<StepId>(row, "step_id")?, rows::state(row)?) else {
        return Ok(None);
    };
    // A hand that wrote "claimed" may have left out who and under which claim.
    let claim_id = rows::parsed(row, "claim_id")?.unwrap_or(ClaimId([0; 16]));
    let pod = row.get::<_, Option<String>>("pod")?.unwrap_or_default();
    let crash_count = row.get::<_, i64>("crash_count")?;
    Ok(Some(Recovered {
        claim: Claim { step_id, claim_id },
        task: row.get("task")?,
        pod: PodId::from(pod.as_str()),
        to,
        crash_count: u32::try_from(crash_count).unwrap_or(0),
    }))
}
