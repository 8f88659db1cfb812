//! Registers pods, beats, and reads who lives. A beat travels on a connection of its own.

use tokio_postgres::Row;

use super::admin::queues;
use super::batch::signed;
use super::connection::Connections;
use super::errors::internal;
use super::rows;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Timestamp;
use crate::store::error::{Error, Result};
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

pub(super) async fn beat(db: &Connections, beat: &Beat) -> Result<Pulse> {
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
        ])
        .await?;
    let [written, pods, paused, asked, suspects, now] = &answers[..] else {
        return Err(internal("a statement was not answered"));
    };
    Ok(Pulse {
        alive: !written.is_empty(),
        now: Timestamp(only(now)?.try_get("now")?),
        pods: pods.iter().map(rows::pod_view).collect::<Result<_>>()?,
        paused: queues(paused)?,
        cancel_requested: claims(asked)?,
        suspects: only(suspects)?.try_get("waits")?,
    })
}

pub(super) async fn retire(db: &Connections, pod: &PodId) -> Result<()> {
    db.write(&[db.call(&db.sql.retire).with("pod", pod.as_str())]).await.map(drop)
}

pub(super) async fn mine(db: &Connections, pod: &PodId) -> Result<Vec<Claim>> {
    let found = db.read(&[db.call(&db.sql.mine).with("pod", pod.as_str())]).await?;
    claims(&found[0])
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
