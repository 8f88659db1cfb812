//! Keeps a step's errors: the first one and the latest. Judges none of them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::rules::step::PodId;
use crate::rules::time::Timestamp;
use crate::store::types::{ERRORS_KEPT, Step};

/// An entry as it will stand in the history, or why the text is no JSON object.
pub(super) fn entry(text: &str, now: Timestamp) -> Result<Value, String> {
    let mut entry: Map<String, Value> = serde_json::from_str(text).map_err(|error| format!("error entry: {error}"))?;
    entry.insert("ts".into(), json!(now.0));
    Ok(Value::Object(entry))
}

/// The record of a crash: whose, under which claim, and who found it.
pub(super) fn crash(step: &Step, leader: &PodId, now: Timestamp) -> Value {
    json!({
        "kind": "crash",
        "pod": step.claimed_by.as_ref().map(PodId::as_str),
        "claim": step.claim_id.map(|claim| claim.to_string()),
        "leader": leader.as_str(),
        "ts": now.0,
    })
}

/// Adds an entry; between the first and the latest ones the oldest go.
pub(super) fn append(errors: &mut Option<Arc<str>>, entry: Value) {
    let mut history: Vec<Value> =
        errors.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    history.push(entry);
    if history.len() > ERRORS_KEPT {
        history.remove(1);
    }
    *errors = Some(Value::Array(history).to_string().into());
}
