//! Reads the rows of a claim, many at a time: columns are found once, texts that repeat are shared.
//! Strict: a bad row must not run.

use std::fmt::Display;
use std::sync::Arc;

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Row, Statement};

use crate::rules::step::{Claim, ClaimId, StepId};
use crate::rules::time::{Millis, Timestamp};
use crate::store::types::{Claimed, Content};

/// Why a row is not a step, in words for its error history.
#[derive(Debug)]
pub(super) struct BadRow(pub String);

impl From<rusqlite::Error> for BadRow {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads what one claim took, all under `claim_id`.
pub(super) struct Reader {
    claim_id: ClaimId,
    columns: Columns,
    task: Repeated,
    queue: Repeated,
    content_type: Repeated,
}

struct Columns {
    step_id: Column,
    task: Column,
    queue: Column,
    priority: Column,
    payload: Column,
    content_type: Column,
    retry_count: Column,
    max_retries: Column,
    crash_count: Column,
    timeout: Column,
    created: Column,
    claimed: Column,
}

#[derive(Clone, Copy)]
struct Column {
    at: usize,
    name: &'static str,
}

/// A text that is nearly always the one of the row before.
struct Repeated(Arc<str>);

impl Reader {
    pub fn of(statement: &Statement<'_>, claim_id: ClaimId) -> rusqlite::Result<Self> {
        let column = |name| Ok::<_, rusqlite::Error>(Column { at: statement.column_index(name)?, name });
        let columns = Columns {
            step_id: column("step_id")?,
            task: column("task")?,
            queue: column("queue")?,
            priority: column("priority")?,
            payload: column("payload")?,
            content_type: column("content_type")?,
            retry_count: column("retry_count")?,
            max_retries: column("max_retries")?,
            crash_count: column("crash_count")?,
            timeout: column("timeout_ms")?,
            created: column("created_ts")?,
            claimed: column("claimed_ts")?,
        };
        let [task, queue] = [(); 2].map(|()| Repeated(Arc::from("")));
        Ok(Self { claim_id, columns, task, queue, content_type: Repeated(Arc::from(Content::JSON)) })
    }

    pub fn read(&mut self, row: &Row<'_>) -> Result<Claimed, BadRow> {
        let columns = &self.columns;
        Ok(Claimed {
            claim: Claim { step_id: canonical_id(columns.step_id.text(row)?)?, claim_id: self.claim_id },
            task: self.task.shared(columns.task.text(row)?),
            queue: self.queue.shared(columns.queue.text(row)?),
            priority: columns.priority.number(row)?,
            payload: Content {
                bytes: payload(row, columns.payload)?,
                content_type: self.content_type.shared(columns.content_type.kind(row)?),
            },
            retry_count: columns.retry_count.number(row)?,
            max_retries: columns.max_retries.number(row)?,
            crash_count: columns.crash_count.number(row)?,
            timeout: columns.timeout.optional_number(row)?.map(Millis),
            created: Timestamp(columns.created.get(row)?),
            claimed: Timestamp(columns.claimed.get(row)?),
        })
    }
}

impl Column {
    fn get<T: FromSql>(self, row: &Row<'_>) -> Result<T, BadRow> {
        row.get(self.at).map_err(|e| self.bad(e))
    }

    fn text<'r>(self, row: &'r Row<'_>) -> Result<&'r str, BadRow> {
        row.get_ref(self.at)?.as_str().map_err(|e| self.bad(e))
    }

    /// What content is; JSON where nothing is said.
    fn kind<'r>(self, row: &'r Row<'_>) -> Result<&'r str, BadRow> {
        let said = row.get_ref(self.at)?.as_str_or_null().map_err(|e| self.bad(e))?;
        Ok(said.unwrap_or(Content::JSON))
    }

    fn number<T: TryFrom<i64, Error: Display>>(self, row: &Row<'_>) -> Result<T, BadRow> {
        self.in_range(self.get(row)?)
    }

    fn optional_number<T: TryFrom<i64, Error: Display>>(self, row: &Row<'_>) -> Result<Option<T>, BadRow> {
        self.get::<Option<i64>>(row)?.map(|value| self.in_range(value)).transpose()
    }

    fn in_range<T: TryFrom<i64, Error: Display>>(self, value: i64) -> Result<T, BadRow> {
        T::try_from(value).map_err(|_| BadRow(format!("{} is {value}, which is out of range", self.name)))
    }

    fn bad(self, why: impl Display) -> BadRow {
        BadRow(format!("{}: {why}", self.name))
    }
}

impl Repeated {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if &*self.0 != text {
            self.0 = Arc::from(text);
        }
        self.0.clone()
    }
}

/// Only the spelling fleet-q itself writes: fenced writes look a step up by its text.
fn canonical_id(text: &str) -> Result<StepId, BadRow> {
    match text.parse::<StepId>() {
        // `parse` admits a prefix and capitals beside it.
        Ok(id) if text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase()) => Ok(id),
        Ok(id) => Err(BadRow(format!("step_id {text:?} must be spelled {id}"))),
        Err(bad) => Err(BadRow(format!("step_id {bad}"))),
    }
}

/// Text and blob alike: whoever inserts by plain SQL writes text.
fn payload(row: &Row<'_>, column: Column) -> Result<Arc<[u8]>, BadRow> {
    match row.get_ref(column.at)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Ok(Arc::from(bytes)),
        ValueRef::Null => Err(BadRow("payload is null".into())),
        ValueRef::Integer(_) | ValueRef::Real(_) => Err(BadRow("payload is a number, not text".into())),
    }
}
