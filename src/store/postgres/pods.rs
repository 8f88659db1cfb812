//! Registers pods, beats, and reads who lives. A beat travels on a connection of its own.

use tokio_postgres::Row;

use super::admin::queues;
use super::batch::signed;
use super::connection::Connections;
use super::errors::internal;
use super::floors::{Known, trusting};
use super::migrate::{read_version, version_call};
use super::rows;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Timestamp;
use crate::store::error::{Error, Result};
use crate::store::migrate::History;
use crate::store::types::{Beat, Pod, Pulse, Registration};

pub(super) async fn register(db: &Connections, pod: &Registration) -> Result<()> {
    let call = db
        .call(&db.sql.register)
        .with("pod", pod.pod_id.as_str())
        .with("meta", &*pod.meta)
        .with("can_lead", pod.can_lead);
    let written = db.write(&[call]).await?;
    if written.iter().flatten().next().is_none() {
        return Err(Error::config(format!("pod {} is registered already", pod.pod_id)));
    }
    Ok(())
}

pub(super) async fn beat(db: &Connections, schema: Option<&str>, history: History, beat: &Beat) -> Result<Pulse> {
    let pod = beat.pod_id.as_str();
    let write = db
        .call(&db.sql.beat)
        .with("pod", pod)
        .with("status", beat.status.as_str())
        .with("meta", beat.meta.as_deref())
        .with("can_lead", beat.can_lead)
        .with("heartbeat_interval_ms", signed(beat.timing.heartbeat_interval));
    let answers = db
        .beat(&[
            write,
            db.call(&db.sql.living_pods),
            db.call(&db.sql.paused),
            db.call(&db.sql.cancel_requested).with("pod", pod),
            db.call(&db.sql.suspect_waits).with("max_crashes", i64::from(beat.max_crashes)),
            db.call(&db.sql.now),
            version_call(db, schema),
        ])
        .await?;
    let [written, pods, paused, asked, suspects, now, version] = &answers[..] else {
        return Err(internal("a statement was not answered"));
    };
    Ok(Pulse {
        alive: !written.is_empty(),
        now: Timestamp(only(now)?.try_get("now")?),
        pods: pods.iter().map(rows::pod_view).collect::<Result<_>>()?,
        paused: queues(paused)?,
        cancel_requested: claims(asked)?,
        suspects: only(suspects)?.try_get("waits")?,
        // A comment that was lost says nothing against pods that run.
        shut_out: read_version(version).ok().and_then(|found| history.shuts_out(found)),
    })
}

pub(super) async fn retire(db: &Connections, pod: &PodId) -> Result<()> {
    db.write(&[db.call(&db.sql.retire).with("pod", pod.as_str())]).await.map(drop)
}

/// A call of ours that began longer ago claims nothing any more: its transaction is one round trip.
const CLAIM_MARGIN_MS: i64 = 60_000;

/// Claims so old that none can be added are remembered by name, so that what the pod finished since is not walked over.
pub(super) async fn mine(db: &Connections, known: &Known, pod: &PodId) -> Result<Vec<Claim>> {
    let mut held = known.held(pod);
    let mine = trusting(db.call(&db.sql.mine), held.floor.trust())
        .with("floor", held.floor.since())
        .with("older", std::mem::take(&mut held.older))
        .with("pod", pod.as_str());
    let answers = db.read(&[mine, db.call(&db.sql.now)]).await?;
    let [found, now] = &answers[..] else { return Err(internal("a statement was not answered")) };
    let now: i64 = only(now)?.try_get("now")?;
    held.floor.learn(now - CLAIM_MARGIN_MS, now, i64::MAX);
    for row in found {
        if row.try_get::<_, Option<i64>>("claimed_ts")?.is_some_and(|claimed| claimed < held.floor.since()) {
            held.older.push(row.try_get("step_id")?);
        }
    }
    held.pod = Some(pod.clone());
    known.set_held(held);
    claims(found)
}

pub(super) async fn pods(db: &Connections) -> Result<Vec<Pod>> {
    let found = db.read(&[db.call(&db.sql.pods)]).await?;
    found.iter().flatten().map(rows::pod).collect()
}

pub(super) async fn now(db: &Connections) -> Result<Timestamp> {
    let found = db.read(&[db.call(&db.sql.now)]).await?;
    Ok(Timestamp(only(&found[0])?.try_get("now")?))
}

fn claims(found: &[Row]) -> Result<Vec<Claim>> {
    found.iter().filter_map(|row| rows::claim(row).transpose()).collect()
}

fn only(found: &[Row]) -> Result<&Row> {
    found.first().ok_or_else(|| internal("one row was expected"))
}
