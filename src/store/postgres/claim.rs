//! Takes due steps for a pod, in P9's order: one statement a lane, after due scheduled steps were promoted.

use tokio_postgres::Row;

use super::connection::Connections;
use super::floors::{Look, due_from, spanned, trusting};
use super::rows;
use super::sql::Call;
use crate::rules::claim::Turn;
use crate::rules::floors::{Belief, Floor};
use crate::rules::step::PodId;
use crate::store::error::Result;
use crate::store::types::{ClaimCall, ClaimKind, Claimed, Lane, Queues};

/// Due scheduled steps made pending per claim, at the least and at the most.
const PROMOTED: (i64, i64) = (100, 1000);
/// Of more scheduled steps due at once than this, the longest due have their turn first (P9 among them).
const LOOKED_AT_MAX: i64 = 3000;
/// Of due scheduled steps so many times the limit are tried, for others may hold some.
const CANDIDATES: i64 = 4;

/// A promotion, then one statement a lane, each with its look of `looks`.
pub(super) fn calls<'a>(
    db: &'a Connections,
    pod: &'a PodId,
    demand: &'a ClaimCall,
    looks: &[Look],
    due: Floor,
) -> Vec<Call<'a>> {
    let (least, most) = PROMOTED;
    let promoted = (2 * i64::from(limit(demand))).clamp(least, most);
    let promote = due_from(db.call(&db.sql.promote), due).with("most", promoted);
    let lanes = demand.lanes.iter().zip(looks).enumerate().map(|(n, (lane, look))| {
        let taken = i64::from(lane.limit.min(limit(demand)));
        due_from(trusting(lane_call(db, lane, demand.kind, &look.belief), look.belief.trust()), due)
            .with("pod", pod.as_str())
            .with("claim_id", demand.claim_id)
            .with("max_crashes", i64::from(demand.max_crashes))
            .with("tasks", lane.tasks.iter().map(|task| &**task).collect::<Vec<_>>())
            .with("first_lane", n == 0)
            .with("call_limit", i64::from(limit(demand)))
            .with("most", taken)
            .with("candidates", CANDIDATES * taken)
            .with("looked_at", LOOKED_AT_MAX)
    });
    std::iter::once(promote).chain(lanes).collect()
}

/// Reads the answers of [`calls`], lane by lane.
pub(super) fn claims(demand: &ClaimCall, next: &mut impl FnMut() -> Result<Vec<Row>>) -> Result<Vec<Vec<Claimed>>> {
    let _promoted = next()?;
    let mut claims = Vec::with_capacity(demand.lanes.len());
    for _ in &demand.lanes {
        let taken = next()?;
        let mut taken = taken.iter().map(|row| rows::claimed(row, demand.claim_id)).collect::<Result<Vec<_>>>()?;
        taken.sort_by(|a, b| turn(a).before(&turn(b)));
        claims.push(taken);
    }
    Ok(claims)
}

fn limit(demand: &ClaimCall) -> u32 {
    match demand.kind {
        ClaimKind::Ordinary => demand.limit,
        ClaimKind::Suspect => demand.limit.min(1),
    }
}

fn lane_call<'a>(db: &'a Connections, lane: &'a Lane, kind: ClaimKind, belief: &Belief) -> Call<'a> {
    let (only, except): (Option<Vec<&str>>, Vec<&str>) = match &lane.queues {
        Queues::All => (None, Vec::new()),
        Queues::Only(queues) => (Some(queues.iter().map(|queue| &**queue).collect()), Vec::new()),
        Queues::Except(queues) => (None, queues.iter().map(|queue| &**queue).collect()),
    };
    match (kind, only) {
        (ClaimKind::Suspect, only) => db.call(&db.sql.claim_suspect).with("only", only).with("except", except),
        (ClaimKind::Ordinary, Some(only)) => {
            let only = distinct(only);
            let spans = belief.in_queues(only.iter().copied());
            spanned(db.call(&db.sql.claim_in_queues).with("only", only), spans)
        }
        (ClaimKind::Ordinary, None) => spanned(db.call(&db.sql.claim).with("except", except), belief.everywhere()),
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
