//! Reads failed steps as one line each, and deletes them. Judges no failure.

use serde_json::Value;

use super::Tables;
use super::rows::Rows;
use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::rules::time::Timestamp;
use crate::store::failures::{Failed, Failures, LastError, MESSAGE_SHOWN, PurgeVerdict, Since};
use crate::store::types::Step;

/// The latest failure first.
pub(super) fn find(rows: &Rows, call: &Failures, now: Timestamp) -> Vec<Failed> {
    let since = match call.since {
        None => Timestamp(i64::MIN),
        Some(Since::At(moment)) => moment,
        Some(Since::Ago(ago)) => now - ago,
    };
    let failed = rows.ended().rev().filter(|step| step.state == State::Failed);
    let lines = failed.filter_map(|step| Some((step, step.finished?)));
    lines
        .skip_while(|(step, at)| call.before.is_some_and(|before| (*at, step.step_id) >= before))
        .take_while(|(_, at)| *at >= since)
        .filter(|(step, _)| call.queue.as_deref().is_none_or(|queue| *queue == *step.queue))
        .filter(|(step, _)| call.task.as_deref().is_none_or(|task| *task == *step.task))
        .map(|(step, at)| line(step, at))
        .filter(|(_, said)| call.error.as_deref().is_none_or(|text| says(said, text)))
        .map(|(failed, _)| failed)
        .take(call.limit as usize)
        .collect()
}

/// The line, and all that its last failure says.
fn line(step: &Step, failed: Timestamp) -> (Failed, String) {
    let history: Value = step.errors.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let entry = history.as_array().and_then(|entries| entries.last()).cloned().unwrap_or_default();
    let field = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let (kind, error_type, message) = (field("kind"), field("error_type"), field("message"));
    let said = format!("{kind} {error_type}: {message}");
    let message = message.chars().take(MESSAGE_SHOWN).collect();
    let line = Failed {
        step_id: step.step_id,
        task: step.task.clone(),
        queue: step.queue.clone(),
        created: step.created,
        failed,
        retry_count: step.retry_count,
        max_retries: step.max_retries,
        crash_count: step.crash_count,
        unique_key: step.unique_key.clone(),
        last: LastError { kind, error_type, message, pod: field("pod") },
    };
    (line, said)
}

fn says(said: &str, text: &str) -> bool {
    said.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
}

impl Tables {
    pub(super) fn purge(&mut self, id: StepId) -> PurgeVerdict {
        match self.rows.get(id).map(|step| step.state) {
            None => PurgeVerdict::Unknown,
            Some(State::Failed) => {
                self.rows.remove(id);
                PurgeVerdict::Purged
            }
            Some(state) => PurgeVerdict::NotFailed(state),
        }
    }
}
