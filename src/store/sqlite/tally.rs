//! Counts what this process asks of SQLite, its journal included, so that "statements per step" is
//! measured and not believed. Counts only: looks at no statement but to tell which one commits.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::store::types::Tally;

static STATEMENTS: AtomicU64 = AtomicU64::new(0);
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// From here on, what runs on this connection is counted.
pub(super) fn count(conn: &Connection) {
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note));
}

pub(super) fn read() -> Tally {
    Tally { statements: STATEMENTS.load(Ordering::Relaxed), commits: COMMITS.load(Ordering::Relaxed) }
}

#[allow(clippy::needless_pass_by_value, reason = "the signature of the hook")]
fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, sql) = event {
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        if sql.trim() == "COMMIT" {
            COMMITS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection;
    use super::read;
    use crate::store::error::Result;

    #[test]
    fn every_statement_and_every_commit_is_counted() -> Result<()> {
        let conn = connection::open_memory()?;
        let before = read();
        let transaction = conn.unchecked_transaction()?;
        transaction.pragma_update(None, "user_version", 7)?;
        transaction.commit()?;
        let after = read();
        // Other tests of this process count too.
        assert!(after.statements >= before.statements + 3, "{before:?} {after:?}");
        assert!(after.commits > before.commits, "{before:?} {after:?}");
        Ok(())
    }
}
