//! Looks into a journal folder without taking part: what each journal owes, and whether its process lives.
//! Creates nothing, adopts nothing, and takes a lock only for the moment of the question.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::files;
use crate::rules::diagnosis::facts::{JournalFile, JournalState};
use crate::store::error::{Error, Result};

/// Every journal of the folder; none where there is no folder yet.
pub fn journals(folder: &Path) -> Result<Vec<JournalFile>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::config(format!("{}: {error}", folder.display()))),
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let state = if files::is_lock(&path) {
            state(&path)
        } else if path.extension() == Some(OsStr::new("unreadable")) {
            JournalState::SetAside
        } else {
            continue;
        };
        found.push(JournalFile { path: path.with_extension(ending(state)).display().to_string(), state });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn ending(state: JournalState) -> &'static str {
    match state {
        JournalState::SetAside => "unreadable",
        JournalState::InUse { .. } | JournalState::Abandoned { .. } | JournalState::Unreadable => files::DATABASE,
    }
}

fn state(lock: &Path) -> JournalState {
    let lives = File::open(lock).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    let database = lock.with_extension(files::DATABASE);
    if !database.exists() {
        return if lives { JournalState::InUse { owed: 0 } } else { JournalState::Abandoned { owed: 0 } };
    }
    match owed(&database) {
        Ok(owed) if lives => JournalState::InUse { owed },
        Ok(owed) => JournalState::Abandoned { owed },
        Err(_) => JournalState::Unreadable,
    }
}

fn owed(database: &Path) -> rusqlite::Result<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(database, flags)?;
    let owed: i64 = conn.query_row(include_str!("sql/depth.sql"), [], |row| row.get(0))?;
    Ok(owed.unsigned_abs())
}
