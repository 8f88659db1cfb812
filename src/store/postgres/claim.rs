//! Takes due steps for a pod: a promotion, then one statement a lane, in P9's order.

use tokio_postgres::Row;

use super::connection::Connections;
use super::rows;
use super::sql::Call;
use crate::rules::claim::Turn;
use crate::rules::step::PodId;
use crate::store::error::Result;
use crate::store::types::{ClaimCall, ClaimKind, Claimed, Lane, Queues};

/// Due scheduled steps made pending per claim; what is beyond is claimed as it stands.
const PROMOTED_MAX: i64 = 1000;

pub(super) fn calls<'a>(db: &'a Connections, pod: &'a PodId, demand: &'a ClaimCall) -> Vec<Call<'a>> {
    let promote = db.call(&db.sql.promote).number("limit_literal", PROMOTED_MAX);
    let lanes = demand.lanes.iter().enumerate().map(|(n, lane)| {
        lane_call(db, lane, demand.kind)
            .with("pod", pod.as_str())
            .with("claim_id", demand.claim_id)
            .with("max_crashes", i64::from(demand.max_crashes))
            .with("tasks", lane.tasks.iter().map(|task| &**task).collect::<Vec<_>>())
            .with("first_lane", n == 0)
            .with("call_limit", i64::from(limit(demand)))
            .number("limit_literal", i64::from(lane.limit.min(limit(demand))))
    });
    std::iter::once(promote).chain(lanes).collect()
}

/// Reads the answers of [`calls`].
pub(super) fn claims(demand: &ClaimCall, next: &mut impl FnMut() -> Result<Vec<Row>>) -> Result<Vec<Claimed>> {
    let _promoted = next()?;
    let mut claims = Vec::new();
    for _ in &demand.lanes {
        let taken = next()?;
        let mut taken = taken.iter().map(|row| rows::claimed(row, demand.claim_id)).collect::<Result<Vec<_>>>()?;
        taken.sort_by(|a, b| turn(a).before(&turn(b)));
        claims.extend(taken);
    }
    Ok(claims)
}

fn limit(demand: &ClaimCall) -> u32 {
    match demand.kind {
        ClaimKind::Ordinary => demand.limit,
        ClaimKind::Suspect => demand.limit.min(1),
    }
}

fn lane_call<'a>(db: &'a Connections, lane: &'a Lane, kind: ClaimKind) -> Call<'a> {
    let (only, except): (Option<Vec<&str>>, Vec<&str>) = match &lane.queues {
        Queues::All => (None, Vec::new()),
        Queues::Only(queues) => (Some(queues.iter().map(|queue| &**queue).collect()), Vec::new()),
        Queues::Except(queues) => (None, queues.iter().map(|queue| &**queue).collect()),
    };
    match (kind, only) {
        (ClaimKind::Suspect, only) => db.call(&db.sql.claim_suspect).with("only", only).with("except", except),
        (ClaimKind::Ordinary, Some(only)) => db.call(&db.sql.claim_in_queues).with("only", distinct(only)),
        (ClaimKind::Ordinary, None) => db.call(&db.sql.claim).with("except", except),
    }
}

/// A queue named twice would be looked through twice.
fn distinct(mut queues: Vec<&str>) -> Vec<&str> {
    queues.sort_unstable();
    queues.dedup();
    queues
}

fn turn(claimed: &Claimed) -> Turn {
    Turn { priority: claimed.priority, created: claimed.created, step_id: claimed.claim.step_id }
}
