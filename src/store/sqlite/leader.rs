//! What the leader does: deaths, recovery, pruning. Each decided by its statement, in the database (P13).

use std::collections::BTreeSet;

use rusqlite::{Row, named_params};

use super::errors::internal;
use super::parameters;
use super::rows;
use super::worker::Session;
use crate::rules::step::{Claim, ClaimId, PodId, StepId};
use crate::rules::time::Millis;
use crate::store::error::Result;
use crate::store::types::{MarkDead, Prune, Recover, Recovered};

/// Rows moved or deleted in one transaction: deleting a row with its payload is dearer than writing one.
pub(super) const RECOVERED_PER_TRANSACTION: u32 = 500;
pub(super) const PRUNED_PER_TRANSACTION: u32 = 500;

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

/// What one transaction recovered.
pub(super) struct Batch {
    pub orphans: Vec<Recovered>,
    /// With those whose id is none: they are moved like the others, but cannot be named.
    pub moved: u32,
}

pub(super) fn recover(session: &Session<'_>, call: &Recover, limit: u32) -> Result<Batch> {
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
pub(super) fn prune(session: &Session<'_>, call: &Prune, limit: u32) -> Result<u32> {
    let gone = session.conn.prepare_cached(include_str!("sql/prune.sql"))?.execute(named_params! {
        ":keep_completed_ms": parameters::signed(call.keep_completed),
        ":keep_failed_ms": parameters::signed(call.keep_failed),
        ":limit": limit,
        ":now": session.now.0,
    })?;
    Ok(u32::try_from(gone).expect("at most the limit, a u32"))
}

pub(super) fn prune_pods(session: &Session<'_>, keep: Millis) -> Result<u64> {
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
