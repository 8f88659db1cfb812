//! One pod's finishes, releases and demand in one transaction. Splits what is too long for one.

use rusqlite::named_params;

use super::worker::{ROWS_PER_TRANSACTION, Session};
use super::{claim, finish};
use crate::rules::step::PodId;
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::types::{Cycle, CycleReply};

pub(super) fn cycle(session: &Session<'_>, call: &Cycle) -> Result<CycleReply> {
    let verdicts = finish::finish(session, &call.finishes)?;
    let released = call.releases.iter().map(|claim| finish::release(session, *claim)).collect::<Result<_>>()?;
    let pod_alive = pod_alive(session, &call.pod)?;
    let claims = match &call.demand {
        Some(demand) if pod_alive => claim::claim(session, &call.pod, demand)?,
        Some(_) | None => Vec::new(),
    };
    Ok(CycleReply { verdicts, released, claims, pod_alive, next_due: next_due(session)?, now: session.now })
}

/// The call in parts that each fit one transaction; the demand comes last, when slots are free.
pub(super) fn parts(call: &Cycle) -> Vec<Cycle> {
    let part = |finishes: &[_], releases: &[_]| Cycle {
        pod: call.pod.clone(),
        finishes: finishes.to_vec(),
        releases: releases.to_vec(),
        demand: None,
    };
    let finishes = call.finishes.chunks(ROWS_PER_TRANSACTION).map(|chunk| part(chunk, &[]));
    let mut parts: Vec<Cycle> = finishes.collect();
    for chunk in call.releases.chunks(ROWS_PER_TRANSACTION) {
        match parts.last_mut() {
            Some(last) if weight(last) + chunk.len() <= ROWS_PER_TRANSACTION => last.releases = chunk.to_vec(),
            Some(_) | None => parts.push(part(&[], chunk)),
        }
    }
    match parts.last_mut() {
        Some(last) => last.demand.clone_from(&call.demand),
        None => parts.push(call.clone()),
    }
    parts
}

/// Rows the call may write.
pub(super) fn weight(call: &Cycle) -> usize {
    let wanted = call.demand.as_ref().map_or(0, |demand| demand.limit);
    call.finishes.len() + call.releases.len() + usize::try_from(wanted).unwrap_or(ROWS_PER_TRANSACTION)
}

fn pod_alive(session: &Session<'_>, pod: &PodId) -> Result<bool> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/pod_alive.sql"))?;
    Ok(statement.query_row(named_params! {":pod": pod.as_str()}, |row| row.get(0))?)
}

fn next_due(session: &Session<'_>) -> Result<Option<Timestamp>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/next_due.sql"))?;
    let due: Option<i64> = statement.query_row(named_params! {":now": session.now.0}, |row| row.get(0))?;
    Ok(due.map(Timestamp))
}
