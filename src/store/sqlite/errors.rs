//! Turns what SQLite reports into the kinds callers act on. Retries nothing.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::store::error::Error;
use crate::store::migrate::MEND_OLDER;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        if message.contains("no such table") || message.contains("no such column") {
            let speaks = super::migrate::HISTORY.speaks();
            return Self::Schema { found: 0, min_compatible: 0, speaks, mend: MEND_OLDER };
        }
        let Some(code) = error.sqlite_error_code() else {
            return Self::internal(message, error);
        };
        of_code(code, message, error)
    }
}

/// The list is SQLite's, not ours; what is not named here is a defect or damage.
fn of_code(code: ErrorCode, message: String, error: rusqlite::Error) -> Error {
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OutOfMemory
        | ErrorCode::SchemaChanged => Error::unavailable(message, error),
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::NotADatabase => {
            Error::Config { message, cause: Some(Box::new(error)) }
        }
        _ => Error::internal(message, error),
    }
}

/// What a failed commit says. When the last sync to disk failed, nobody knows what a crash would keep.
pub(super) fn of_commit(error: rusqlite::Error) -> Error {
    let sync_failed = error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_FSYNC);
    if sync_failed { Error::unknown(format!("the disk did not confirm the commit: {error}")) } else { error.into() }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether one row's data is at fault and its neighbours may go on; then what to tell the caller.
pub(super) fn row_fault(error: &rusqlite::Error) -> Option<String> {
    let text = error.to_string();
    match error.sqlite_error_code()? {
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig => Some(text),
        ErrorCode::Unknown if text.contains("JSON") => Some(text),
        _ => None,
    }
}

pub(super) fn is_unique_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE)
}

pub(super) fn is_key_violation(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

/// The same error for one more caller of a group that failed together; causes cannot be shared.
pub(super) fn echo(error: &Error) -> Error {
    match error {
        Error::Unavailable { message, .. } => Error::Unavailable { message: message.clone(), cause: None },
        Error::Unknown { message, .. } => Error::Unknown { message: message.clone(), cause: None },
        Error::Config { message, .. } => Error::Config { message: message.clone(), cause: None },
        Error::Schema { found, min_compatible, speaks, mend } => {
            Error::Schema { found: *found, min_compatible: *min_compatible, speaks: *speaks, mend }
        }
        Error::Stopped => Error::Stopped,
        Error::Internal { message, .. } => Error::Internal { message: message.clone(), cause: None },
    }
}

pub(super) fn internal(message: impl Into<String>) -> Error {
    Error::Internal { message: message.into(), cause: None }
}

/// What an error means once earlier parts of the same call are committed.
pub(super) fn partly(error: Error, done: usize) -> Error {
    if done == 0 { error } else { Error::unknown(format!("the first {done} rows are stored, then: {error}")) }
}
