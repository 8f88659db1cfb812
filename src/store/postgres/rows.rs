//! Reads rows into the contract's types. The table's own checks admit no value that has no meaning.

use std::sync::Arc;

use tokio_postgres::Row;

use super::errors::internal;
use crate::rules::election::{PodStatus, PodView};
use crate::rules::state::State;
use crate::rules::step::{Claim, ClaimId, PodId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::error::Result;
use crate::store::types::{Claimed, Content, Pod, Step};

/// Reads a step that was just claimed under `claim_id`.
pub(super) fn claimed(row: &Row, claim_id: ClaimId) -> Result<Claimed> {
    Ok(Claimed {
        claim: Claim { step_id: row.try_get("step_id")?, claim_id },
        task: text(row, "task")?,
        queue: text(row, "queue")?,
        priority: row.try_get("priority")?,
        payload: Content { bytes: bytes(row, "payload")?, content_type: content_type(row, "content_type")? },
        retry_count: count(row, "retry_count")?,
        max_retries: count(row, "max_retries")?,
        crash_count: count(row, "crash_count")?,
        timeout: duration(row, "timeout_ms")?,
        created: Timestamp(row.try_get("created_ts")?),
        claimed: Timestamp(row.try_get("claimed_ts")?),
    })
}

pub(super) fn step(row: &Row) -> Result<Step> {
    let tags: &str = row.try_get("tags")?;
    Ok(Step {
        step_id: row.try_get("step_id")?,
        task: text(row, "task")?,
        queue: text(row, "queue")?,
        state: state(row)?,
        priority: row.try_get("priority")?,
        payload: Content { bytes: bytes(row, "payload")?, content_type: content_type(row, "content_type")? },
        retry_count: count(row, "retry_count")?,
        max_retries: count(row, "max_retries")?,
        crash_count: count(row, "crash_count")?,
        claimed_by: row.try_get::<_, Option<&str>>("claimed_by")?.map(PodId::from),
        claim_id: row.try_get("claim_id")?,
        created: Timestamp(row.try_get("created_ts")?),
        available: Timestamp(row.try_get("available_ts")?),
        claimed: row.try_get::<_, Option<i64>>("claimed_ts")?.map(Timestamp),
        last_update: Timestamp(row.try_get("last_update_ts")?),
        finished: row.try_get::<_, Option<i64>>("finished_ts")?.map(Timestamp),
        timeout: duration(row, "timeout_ms")?,
        result: result(row)?,
        errors: optional_text(row, "error")?,
        progress: optional_text(row, "progress")?,
        unique_key: optional_text(row, "unique_key")?,
        // A hand may have written tags that are no texts; the step is shown without them.
        tags: serde_json::from_str(tags).unwrap_or_default(),
        cancel_requested: row.try_get("cancel_requested")?,
    })
}

/// Reads `(step_id, claim_id)`; `None` if a hand that wrote "claimed" left out under which claim.
pub(super) fn claim(row: &Row) -> Result<Option<Claim>> {
    let (step_id, claim_id) = (row.try_get("step_id")?, row.try_get::<_, Option<ClaimId>>("claim_id")?);
    Ok(claim_id.map(|claim_id| Claim { step_id, claim_id }))
}

pub(super) fn pod_view(row: &Row) -> Result<PodView> {
    let status: &str = row.try_get("status")?;
    Ok(PodView {
        pod_id: PodId::from(row.try_get::<_, &str>("pod_id")?),
        birth: Timestamp(row.try_get("birth_ts")?),
        last_heartbeat: Timestamp(row.try_get("last_heartbeat_ts")?),
        beating_since: Timestamp(row.try_get("beating_since")?),
        status: PodStatus::parse(status).ok_or_else(|| internal(format!("a pod has the status {status:?}")))?,
        can_lead: row.try_get("can_lead")?,
        has_room: row.try_get("has_room")?,
        serves: row.try_get::<_, &str>("serves")?.into(),
    })
}

/// The meta is spelt as fleet-q spells JSON, not as `jsonb` does.
pub(super) fn pod(row: &Row) -> Result<Pod> {
    let meta: serde_json::Value =
        serde_json::from_str(row.try_get("meta")?).map_err(|e| internal(format!("meta: {e}")))?;
    Ok(Pod { view: pod_view(row)?, meta: meta.to_string().into() })
}

pub(super) fn state(row: &Row) -> Result<State> {
    let status: &str = row.try_get("status")?;
    State::parse(status).ok_or_else(|| internal(format!("a step has the status {status:?}")))
}

pub(super) fn count(row: &Row, column: &str) -> Result<u32> {
    let number: i64 = row.try_get(column)?;
    // The checks of the table keep it positive; a larger one is as good as endless.
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

fn duration(row: &Row, column: &str) -> Result<Option<Millis>> {
    let ms: Option<i64> = row.try_get(column)?;
    Ok(ms.map(|ms| Millis(ms.unsigned_abs())))
}

pub(super) fn text(row: &Row, column: &str) -> Result<Arc<str>> {
    Ok(Arc::from(row.try_get::<_, &str>(column)?))
}

pub(super) fn optional_text(row: &Row, column: &str) -> Result<Option<Arc<str>>> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(Arc::from))
}

fn bytes(row: &Row, column: &str) -> Result<Arc<[u8]>> {
    Ok(Arc::from(row.try_get::<_, &[u8]>(column)?))
}

fn result(row: &Row) -> Result<Option<Content>> {
    let Some(bytes) = row.try_get::<_, Option<&[u8]>>("result")? else { return Ok(None) };
    Ok(Some(Content { bytes: Arc::from(bytes), content_type: content_type(row, "result_content_type")? }))
}

/// JSON is not spelled: nearly everything is JSON.
fn content_type(row: &Row, column: &str) -> Result<Arc<str>> {
    Ok(optional_text(row, column)?.unwrap_or_else(|| Arc::from(Content::JSON)))
}

/// As [`content_type`] reads it.
pub(super) fn spelled(content: &Content) -> Option<&str> {
    Some(&*content.content_type).filter(|spelled| *spelled != Content::JSON)
}
