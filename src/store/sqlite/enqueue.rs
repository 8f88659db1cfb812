//! Stores new steps, row by row, a bounded number of them per transaction.

use std::borrow::Cow;

use rusqlite::{ToSql, named_params};

use super::errors::{partly, row_fault};
use super::for_rows::ForRows;
use super::parameters;
use super::worker::{Begin, ROWS_PER_TRANSACTION, Session, Worker};
use crate::rules::step::StepId;
use crate::rules::time::Timestamp;
use crate::store::error::{Refusal, Result};
use crate::store::types::{Accepted, Due, Enqueue, HandOff, NewStep};

type Answer = Result<Accepted, Refusal>;

pub(super) async fn in_batches(work: &Worker, call: &Enqueue) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(call.steps.len());
    let mut offer = call.hand_off.clone();
    for chunk in call.steps.chunks(ROWS_PER_TRANSACTION) {
        let (steps, offered) = (chunk.to_vec(), offer.clone());
        let begin = Begin::Grouped { rows: steps.len() };
        let stored = work.call(begin, move |session| enqueue(session, &steps, offered.as_ref())).await;
        let stored = stored.map_err(|e| partly(e, answers.len()))?;
        if let Some(offer) = &mut offer {
            let taken = stored.iter().filter(|answer| **answer == Ok(Accepted::HandedOff)).count();
            offer.limit = offer.limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
        }
        answers.extend(stored);
    }
    Ok(answers)
}

pub(super) fn enqueue(session: &Session<'_>, steps: &[NewStep], offer: Option<&HandOff>) -> Result<Vec<Answer>> {
    let mut storing = Storing::prepare(session)?;
    let mut slots_left = offer.map_or(0, |offer| offer.limit);
    let mut answers = Vec::with_capacity(steps.len());
    for step in steps {
        if let Err(refusal) = check_names(step) {
            answers.push(Err(refusal));
            continue;
        }
        let offer = offer.filter(|offer| slots_left > 0 && offer.tasks.contains(&step.task));
        let answer = insert(session, &mut storing, step, offer)?;
        slots_left -= u32::from(answer == Ok(Accepted::HandedOff));
        answers.push(answer);
    }
    Ok(answers)
}

/// SQLite would keep a NUL and then cut the text there in half of its functions.
fn check_names(new: &NewStep) -> Result<(), Refusal> {
    let names = [("task", &*new.task), ("queue", &*new.queue), ("content type", &*new.payload.content_type)];
    let key = new.unique_key.iter().map(|key| ("unique key", &**key));
    let tags = new.tags.iter().map(|tag| ("tag", tag.as_str()));
    match names.into_iter().chain(key).chain(tags).find(|(_, text)| text.contains('\0')) {
        Some((what, _)) => Err(Refusal::BadData { message: format!("the {what} contains a NUL character") }),
        None => Ok(()),
    }
}

fn insert(session: &Session<'_>, storing: &mut Storing<'_>, step: &NewStep, offer: Option<&HandOff>) -> Result<Answer> {
    if let Some(offer) = offer {
        match hand_off(session, step, offer) {
            Ok(0) => {}
            Ok(_) => return Ok(Ok(Accepted::HandedOff)),
            Err(e) => return refused(e),
        }
    }
    match storing.store(step) {
        Ok(0) => why_not(session, step),
        Ok(_) => Ok(Ok(Accepted::Stored)),
        Err(e) => refused(e),
    }
}

fn refused(error: rusqlite::Error) -> Result<Answer> {
    match row_fault(&error) {
        Some(message) => Ok(Err(Refusal::BadData { message })),
        None => Err(error.into()),
    }
}

/// The insert that nearly every step takes.
struct Storing<'s> {
    statement: ForRows<'s, 12>,
    now: Timestamp,
}

impl<'s> Storing<'s> {
    fn prepare(session: &'s Session<'_>) -> rusqlite::Result<Self> {
        let names = [
            ":now",
            ":step_id",
            ":task",
            ":queue",
            ":priority",
            ":payload",
            ":content_type",
            ":max_retries",
            ":available_ts",
            ":timeout_ms",
            ":unique_key",
            ":tags",
        ];
        let statement = ForRows::prepare(session.conn, include_str!("sql/enqueue.sql"), names)?;
        Ok(Self { statement, now: session.now })
    }

    fn store(&mut self, step: &NewStep) -> rusqlite::Result<usize> {
        let (step_id, payload, tags) = (step.step_id.to_string(), &step.payload.bytes[..], tags(step));
        self.statement.run([
            &self.now.0,
            &step_id,
            &step.task,
            &step.queue,
            &step.priority,
            &payload,
            &parameters::content_type(&step.payload),
            &step.max_retries,
            &available(self.now, step).0,
            &timeout_ms(step),
            &step.unique_key,
            &tags,
        ])
    }
}

fn hand_off(session: &Session<'_>, step: &NewStep, offer: &HandOff) -> rusqlite::Result<usize> {
    let (step_id, payload, tags) = (step.step_id.to_string(), &step.payload.bytes[..], tags(step));
    let (available_ts, timeout_ms) = (available(session.now, step).0, timeout_ms(step));
    let content_type = parameters::content_type(&step.payload);
    let parameters: [(&str, &dyn ToSql); 14] = [
        (":pod", &offer.pod.as_str()),
        (":claim_id", &offer.claim_id.to_string()),
        (":now", &session.now.0),
        (":step_id", &step_id),
        (":task", &step.task),
        (":queue", &step.queue),
        (":priority", &step.priority),
        (":payload", &payload),
        (":content_type", &content_type),
        (":max_retries", &step.max_retries),
        (":available_ts", &available_ts),
        (":timeout_ms", &timeout_ms),
        (":unique_key", &step.unique_key),
        (":tags", &tags),
    ];
    session.conn.prepare_cached(include_str!("sql/hand_off.sql"))?.execute(parameters.as_slice())
}

/// Nothing was inserted: the id is there, or a live step holds the unique key.
fn why_not(session: &Session<'_>, step: &NewStep) -> Result<Answer> {
    let mut exists = session.conn.prepare_cached(include_str!("sql/exists.sql"))?;
    let stored: bool = exists.query_row(named_params! {":step_id": step.step_id.to_string()}, |row| row.get(0))?;
    if stored {
        return Ok(Ok(Accepted::Existing));
    }
    let key = step.unique_key.as_deref().unwrap_or_default();
    Ok(Err(match holder(session, key)? {
        Some(holder) => Refusal::UniqueConflict { key: key.to_owned(), holder },
        None => Refusal::BadData { message: format!("another row holds the unique key {key:?}") },
    }))
}

/// The live step with this unique key, if its id is one.
pub(super) fn holder(session: &Session<'_>, key: &str) -> Result<Option<StepId>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/holder.sql"))?;
    let mut rows = statement.query(named_params! {":unique_key": key})?;
    match rows.next()? {
        Some(row) => Ok(super::rows::parsed(row, "step_id")?),
        None => Ok(None),
    }
}

fn available(now: Timestamp, step: &NewStep) -> Timestamp {
    match step.due {
        Due::Now => now,
        Due::In(delay) => now + delay,
        Due::At(moment) => moment.max(now),
    }
}

fn timeout_ms(step: &NewStep) -> Option<i64> {
    step.timeout.map(|timeout| i64::try_from(timeout.0).unwrap_or(i64::MAX))
}

fn tags(step: &NewStep) -> Cow<'static, str> {
    if step.tags.is_empty() { Cow::Borrowed("[]") } else { Cow::Owned(parameters::json(&step.tags)) }
}
