//! The dead letters in a journal's file: kept once each, bounded, read newest first.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::super::connection;
use super::rows;
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::journal::{DLQ_KEPT, DeadLetter};

pub(super) fn bury(conn: &Connection, letters: &[DeadLetter]) -> Result<()> {
    let mut statement = conn.prepare_cached(include_str!("sql/bury.sql"))?;
    for letter in letters {
        statement.execute(named_params! {
            ":step_id": letter.step_id.to_string(),
            ":task": letter.task,
            ":kind": letter.kind.as_str(),
            ":mark": letter.mark,
            ":at_ts": letter.at.0,
            ":evidence": letter.evidence,
        })?;
    }
    conn.prepare_cached(include_str!("sql/bound_letters.sql"))?.execute(named_params! {":kept": DLQ_KEPT})?;
    Ok(())
}

pub(super) fn buried(conn: &Connection, limit: u32) -> Result<Vec<DeadLetter>> {
    let mut statement = conn.prepare_cached(include_str!("sql/buried.sql"))?;
    let mut found = statement.query(named_params! {":limit": limit})?;
    let mut letters = Vec::new();
    while let Some(row) = found.next()? {
        letters.push(rows::letter(row)?);
    }
    Ok(letters)
}

pub(super) fn failures_seen(conn: &Connection) -> Result<Option<Timestamp>> {
    let mut statement = conn.prepare_cached(include_str!("sql/failures_seen.sql"))?;
    Ok(statement.query_row([], |row| row.get("until_ts").map(Timestamp)).optional()?)
}

pub(super) fn saw_failures(conn: &Connection, until: Timestamp) -> Result<()> {
    let mut statement = conn.prepare_cached(include_str!("sql/saw_failures.sql"))?;
    statement.execute(named_params! {":until_ts": until.0})?;
    Ok(())
}

/// Reads the letters of a file that another process may own.
pub(super) fn peek(database: &Path, limit: u32) -> Result<Vec<DeadLetter>> {
    let conn = connection::open_to_look(database)?;
    buried(&conn, limit)
}

/// What several files hold, newest first; a letter that two of them hold comes once.
pub(super) fn merged(files: Vec<Vec<DeadLetter>>, limit: u32) -> Vec<DeadLetter> {
    let mut letters: Vec<DeadLetter> = files.into_iter().flatten().collect();
    letters.sort_by(|a, b| (b.at, b.step_id, &b.mark).cmp(&(a.at, a.step_id, &a.mark)));
    let mut known = BTreeSet::new();
    letters.retain(|letter| known.insert((letter.step_id, letter.kind, letter.mark.clone())));
    letters.truncate(limit as usize);
    letters
}
