//! Brings a database to the schema this build speaks. Refuses one that is too new.

use std::fmt::Write as _;

use rusqlite::Connection;

use super::worker::{Begin, Worker};
use crate::store::error::Result;
use crate::store::migrate::{History, Migration};
use crate::store::types::{Migrate, SchemaVersion};

/// `PRAGMA user_version` holds `version × 1000 + min_compatible`.
const VERSION_FACTOR: u32 = 1000;

pub(super) const HISTORY: History =
    History(&[Migration { version: 1, min_compatible: 1, sql: include_str!("migrations/0001_tables.sql") }]);

pub(super) async fn migrate(
    work: &Worker,
    found: SchemaVersion,
    history: History,
    mode: Migrate,
) -> Result<SchemaVersion> {
    match mode {
        Migrate::CheckOnly => history.require(found).map(|()| found),
        // Nobody waits for the write lock where there is nothing to write.
        Migrate::Apply if found.version >= history.speaks() => history.admit(found).map(|()| found),
        Migrate::Apply => work.call(Begin::Write, move |session| apply(session.conn, history)).await,
    }
}

/// Runs inside an immediate transaction, so that of two processes starting at once one waits and
/// then finds nothing to do.
pub(super) fn apply(conn: &Connection, history: History) -> Result<SchemaVersion> {
    let mut reached = read(conn)?;
    history.admit(reached)?;
    for step in history.pending(reached.version) {
        conn.execute_batch(step.sql)?;
        conn.execute_batch(&noted(step))?;
        reached = SchemaVersion { version: step.version, min_compatible: step.min_compatible };
    }
    Ok(reached)
}

pub(super) fn read(conn: &Connection) -> Result<SchemaVersion> {
    let packed: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(SchemaVersion { version: packed / VERSION_FACTOR, min_compatible: packed % VERSION_FACTOR })
}

/// What `apply` does to tables of version `from`, for the sqlite3 shell.
pub(super) fn script(history: History, from: u32) -> String {
    let speaks = history.speaks();
    let mut pending = history.pending(from).peekable();
    if pending.peek().is_none() {
        return format!("-- fleet-q: nothing to do; version {from} is not below {speaks}.\n");
    }
    let mut text = format!("-- fleet-q: from schema version {from} to {speaks}, whole or not at all.\n.bail on\n");
    text.push_str(include_str!("sql/begin.sql"));
    for step in pending {
        write!(text, "\n{}\n{}", step.sql.trim_end(), noted(step)).expect("a String takes all");
    }
    text.push('\n');
    text.push_str(include_str!("sql/commit.sql"));
    text
}

fn noted(step: &Migration) -> String {
    let packed = step.version * VERSION_FACTOR + step.min_compatible;
    include_str!("sql/user_version.sql").replace("/*packed*/0", &packed.to_string())
}
