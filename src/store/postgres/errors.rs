//! Turns what Postgres and its driver report into the kinds callers act on. Retries nothing.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::tls;
use crate::store::error::Error;
use crate::store::migrate::MEND_OLDER;

/// Whether the transaction of a failed statement may have been committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only read, or nothing was sent.
    None,
    Possible,
}

/// What a failed transaction means for its caller.
pub(super) fn of_statement(error: tokio_postgres::Error, effect: Effect) -> Error {
    match (database(&error), effect) {
        (Some(db), _) if !ends_connection(db) => of_database(error),
        (Some(_) | None, Effect::Possible) => Error::Unknown { message: text(&error), cause: Some(Box::new(error)) },
        (Some(_) | None, Effect::None) => Error::unavailable(text(&error), error),
    }
}

/// What a failed attempt to connect means: nothing was sent but a greeting.
pub(super) fn of_connecting(error: tokio_postgres::Error) -> Error {
    match database(&error) {
        Some(db) if is_wrong_for_good(db.code()) => Error::config(text(&error)),
        Some(_) => Error::unavailable(text(&error), error),
        None => match tls::mend(&error) {
            // No certificate becomes trusted by waiting.
            Some(mend) => Error::config(format!("{}: {mend}", text(&error))),
            None => Error::unavailable(text(&error), error),
        },
    }
}

pub(super) fn of_pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => of_connecting(error),
        PoolError::Closed => Error::Stopped,
        other => Error::unavailable(other.to_string(), other),
    }
}

/// Whether the whole transaction may be run again: it was rolled back to let another pass.
pub(super) fn is_rivalry(error: &tokio_postgres::Error) -> bool {
    let rivals = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
    database(error).is_some_and(|db| rivals.contains(db.code()))
}

/// Whether who answered at connecting took offence at our settings, and might do without: what poolers do with them.
pub(super) fn refuses_settings(error: &tokio_postgres::Error) -> bool {
    database(error).map_or(error.is_closed(), |db| ["08", "0A", "22", "42", "XX"].contains(&&db.code().code()[..2]))
}

/// Whether a statement that was kept by name is not what we kept; nothing was done then.
pub(super) fn is_not_kept(error: &tokio_postgres::Error) -> bool {
    database(error).is_some_and(|db| {
        let code = db.code();
        let kept = [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT, SqlState::PROTOCOL_VIOLATION];
        // "cached plan must not change result type": the table was changed under it.
        kept.contains(code) || *code == SqlState::FEATURE_NOT_SUPPORTED
    })
}

/// The state that the database answered with.
pub(super) fn code(error: &tokio_postgres::Error) -> Option<&SqlState> {
    database(error).map(tokio_postgres::error::DbError::code)
}

/// Whether somebody else stored a row under the same key first.
pub(super) fn is_taken(error: &tokio_postgres::Error) -> bool {
    database(error).is_some_and(|db| *db.code() == SqlState::UNIQUE_VIOLATION)
}

/// Whether some row's data is at fault, so that its neighbours may go on without it; then what to tell.
/// Beside classes 22 and 23 that is 54, which an index says to a name too long for it.
pub(super) fn row_fault(error: &tokio_postgres::Error) -> Option<String> {
    let db = database(error)?;
    let class = &db.code().code()[..2];
    ["22", "23", "54"].contains(&class).then(|| db.message().to_owned())
}

pub(super) fn internal(message: impl Into<String>) -> Error {
    Error::Internal { message: message.into(), cause: None }
}

/// What an error means once earlier parts of the same call are committed.
pub(super) fn partly(error: Error, done: bool) -> Error {
    if done { Error::unknown(format!("a part of the call is stored, then: {error}")) } else { error }
}

impl From<tokio_postgres::Error> for Error {
    /// A row that does not read as the statement promised.
    fn from(error: tokio_postgres::Error) -> Self {
        Self::internal(text(&error), error)
    }
}

fn database(error: &tokio_postgres::Error) -> Option<&DbError> {
    error.as_db_error()
}

fn ends_connection(db: &DbError) -> bool {
    let fatal = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    fatal || db.code().code().starts_with("08") || *db.code() == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
}

fn of_database(error: tokio_postgres::Error) -> Error {
    let code = database(&error).map_or(SqlState::INTERNAL_ERROR, |db| db.code().clone());
    if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN, SqlState::INVALID_SCHEMA_NAME].contains(&code) {
        let speaks = super::migrate::HISTORY.speaks();
        return Error::Schema { found: 0, min_compatible: 0, speaks, mend: MEND_OLDER };
    }
    if is_wrong_for_good(&code) {
        return Error::config(text(&error));
    }
    match &code.code()[..2] {
        // Busy, out of means, stopped by an operator or by its own time limit, read-only for now, a rival.
        "53" | "55" | "57" | "58" | "40" | "25" => Error::unavailable(text(&error), error),
        _ => Error::internal(text(&error), error),
    }
}

/// Rights, passwords and names do not mend themselves.
fn is_wrong_for_good(code: &SqlState) -> bool {
    code.code().starts_with("28") || [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::INVALID_CATALOG_NAME].contains(code)
}

/// The message with its causes; none of them holds a password.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(db) = database(error) {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
