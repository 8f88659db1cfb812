//! POD_HEALTH from a pod's own side: registration, beats, the end.

use rusqlite::named_params;

use super::claim::paused;
use super::errors::is_key_violation;
use super::migrate;
use super::parameters;
use super::rows;
use super::worker::Session;
use crate::rules::election::PodView;
use crate::rules::step::{Claim, PodId};
use crate::store::error::{Error, Result};
use crate::store::migrate::History;
use crate::store::types::{Beat, Pod, Pulse, Registration};

pub(super) fn register(session: &Session<'_>, pod: &Registration) -> Result<()> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/register.sql"))?;
    let written = statement.execute(named_params! {
        ":pod": pod.pod_id.as_str(),
        ":meta": pod.meta,
        ":can_lead": json_bool(pod.can_lead),
        ":now": session.now.0,
    });
    match written {
        Err(e) if is_key_violation(&e) => Err(Error::config(format!("pod {} is registered already", pod.pod_id))),
        Err(e) => Err(e.into()),
        Ok(_) => Ok(()),
    }
}

pub(super) fn beat(session: &Session<'_>, history: History, beat: &Beat) -> Result<Pulse> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/beat.sql"))?;
    let written = statement.execute(named_params! {
        ":pod": beat.pod_id.as_str(),
        ":status": beat.status.as_str(),
        ":meta": beat.meta,
        ":can_lead": json_bool(beat.can_lead),
        ":heartbeat_interval_ms": parameters::signed(beat.timing.heartbeat_interval),
        ":now": session.now.0,
    })?;
    Ok(Pulse {
        alive: written == 1,
        now: session.now,
        pods: living(session)?,
        paused: paused(session)?,
        cancel_requested: claims_of(session, &beat.pod_id, include_str!("sql/cancel_requested.sql"))?,
        suspects: suspects(session, beat.max_crashes)?,
        shut_out: history.shuts_out(migrate::read(session.conn)?),
    })
}

pub(super) fn retire(session: &Session<'_>, pod: &PodId) -> Result<()> {
    session.conn.prepare_cached(include_str!("sql/retire.sql"))?.execute(named_params! {":pod": pod.as_str()})?;
    Ok(())
}

pub(super) fn mine(session: &Session<'_>, pod: &PodId) -> Result<Vec<Claim>> {
    claims_of(session, pod, include_str!("sql/mine.sql"))
}

pub(super) fn pods(session: &Session<'_>) -> Result<Vec<Pod>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/pods.sql"))?;
    let pods = statement.query_map([], |row| Ok(Pod { view: rows::pod_view(row)?, meta: row.get("meta")? }))?;
    Ok(pods.collect::<Result<_, _>>()?)
}

fn living(session: &Session<'_>) -> Result<Vec<PodView>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/living_pods.sql"))?;
    let pods = statement.query_map([], rows::pod_view)?.collect::<Result<_, _>>()?;
    Ok(pods)
}

fn suspects(session: &Session<'_>, max_crashes: u32) -> Result<bool> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/suspect_waits.sql"))?;
    Ok(statement.query_row(named_params! {":max_crashes": max_crashes}, |row| row.get(0))?)
}

fn claims_of(session: &Session<'_>, pod: &PodId, sql: &str) -> Result<Vec<Claim>> {
    let mut statement = session.conn.prepare_cached(sql)?;
    let claims = statement.query_map(named_params! {":pod": pod.as_str()}, rows::claim)?;
    Ok(claims.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

const fn json_bool(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
