//! Spells outcomes as the journal's text and bytes, and reads them back. The text is for this
//! file's own future readers: fields may be added, never renamed.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::super::errors::internal;
use crate::rules::step::{Claim, PodId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::error::{Error, Result};
use crate::store::journal::{DeadLetter, LetterKind, Owed};
use crate::store::types::{Content, ErrorEntry, Finish, Outcome};

/// An [`Outcome`] without the bytes of its result, which stand in a column of their own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Spelled {
    Complete,
    Retry { error: String, delay_ms: u64 },
    Fail { error: String },
    Snooze { delay_ms: u64 },
    Crash { error: String, max_crashes: u32 },
    Cancel { error: Option<String> },
}

pub(super) fn spelled(outcome: &Outcome) -> String {
    let spelled = match outcome {
        Outcome::Complete { .. } => Spelled::Complete,
        Outcome::Retry { error, delay } => Spelled::Retry { error: error.json.to_string(), delay_ms: delay.0 },
        Outcome::Fail { error } => Spelled::Fail { error: error.json.to_string() },
        Outcome::Snooze { delay } => Spelled::Snooze { delay_ms: delay.0 },
        Outcome::Crash { error, max_crashes } => {
            Spelled::Crash { error: error.json.to_string(), max_crashes: *max_crashes }
        }
        Outcome::Cancel { error } => Spelled::Cancel { error: error.as_ref().map(|error| error.json.to_string()) },
    };
    serde_json::to_string(&spelled).expect("text and numbers are JSON")
}

pub(super) fn result_of(outcome: &Outcome) -> Option<&Content> {
    match outcome {
        Outcome::Complete { result } => result.as_ref(),
        Outcome::Retry { .. }
        | Outcome::Fail { .. }
        | Outcome::Snooze { .. }
        | Outcome::Crash { .. }
        | Outcome::Cancel { .. } => None,
    }
}

pub(super) fn owed(row: &Row<'_>) -> Result<Owed> {
    let spelled: String = row.get("outcome")?;
    let spelled =
        serde_json::from_str(&spelled).map_err(|e| Error::internal("the journal holds an unknown outcome", e))?;
    let claim = Claim { step_id: id(row, "step_id")?, claim_id: id(row, "claim_id")? };
    let outcome = match spelled {
        Spelled::Complete => Outcome::Complete { result: result(row)? },
        Spelled::Retry { error, delay_ms } => Outcome::Retry { error: entry(&error), delay: Millis(delay_ms) },
        Spelled::Fail { error } => Outcome::Fail { error: entry(&error) },
        Spelled::Snooze { delay_ms } => Outcome::Snooze { delay: Millis(delay_ms) },
        Spelled::Crash { error, max_crashes } => Outcome::Crash { error: entry(&error), max_crashes },
        Spelled::Cancel { error } => Outcome::Cancel { error: error.as_deref().map(entry) },
    };
    Ok(Owed { pod: PodId::from(row.get::<_, String>("pod")?.as_str()), finish: Finish { claim, outcome } })
}

pub(super) fn letter(row: &Row<'_>) -> Result<DeadLetter> {
    let kind: String = row.get("kind")?;
    Ok(DeadLetter {
        step_id: id(row, "step_id")?,
        task: row.get("task")?,
        kind: LetterKind::parse(&kind)
            .ok_or_else(|| internal(format!("the journal holds a dead letter of the kind {kind:?}")))?,
        mark: row.get("mark")?,
        at: Timestamp(row.get("at_ts")?),
        evidence: row.get("evidence")?,
    })
}

fn entry(json: &str) -> ErrorEntry {
    ErrorEntry { json: json.into() }
}

fn result(row: &Row<'_>) -> Result<Option<Content>> {
    let bytes: Option<Vec<u8>> = row.get("result")?;
    let content_type: Option<String> = row.get("result_content_type")?;
    Ok(bytes.zip(content_type).map(|(bytes, kind)| Content { bytes: bytes.into(), content_type: kind.into() }))
}

fn id<T: std::str::FromStr<Err = crate::rules::step::BadId>>(row: &Row<'_>, column: &str) -> Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e| Error::internal("the journal holds a bad id", e))
}
