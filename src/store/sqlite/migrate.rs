//! Brings a database to the schema this build speaks. Refuses one that is too new.

use rusqlite::Connection;

use super::errors::MEND_MISSING;
use crate::store::error::{Error, Result};
use crate::store::types::{Migrate, SchemaVersion};

/// The schema version this build writes.
pub(super) const SPEAKS: u32 = 1;

/// `PRAGMA user_version` holds `version × 1000 + min_compatible`.
const VERSION_FACTOR: u32 = 1000;

struct Migration {
    version: u32,
    min_compatible: u32,
    sql: &'static str,
}

/// Append-only; each is safe while pods of `min_compatible` run.
const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, min_compatible: 1, sql: include_str!("migrations/0001_tables.sql") }];

/// The text of every migration, in order.
pub(super) fn scripts() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().map(|migration| migration.sql)
}

/// Runs inside an immediate transaction, so that of two processes starting at once one waits and
/// then finds nothing to do.
pub(super) fn migrate(conn: &Connection, mode: Migrate) -> Result<SchemaVersion> {
    let found = read(conn)?;
    refuse_newer(found)?;
    match mode {
        Migrate::CheckOnly if found.version < SPEAKS => Err(mismatch(found, MEND_MISSING)),
        Migrate::CheckOnly => Ok(found),
        Migrate::Apply => apply(conn, found),
    }
}

fn apply(conn: &Connection, found: SchemaVersion) -> Result<SchemaVersion> {
    let mut reached = found;
    for step in MIGRATIONS.iter().filter(|step| step.version > found.version) {
        conn.execute_batch(step.sql)?;
        reached = SchemaVersion { version: step.version, min_compatible: step.min_compatible };
    }
    if reached != found {
        let packed = reached.version * VERSION_FACTOR + reached.min_compatible;
        conn.pragma_update(None, "user_version", packed)?;
    }
    Ok(reached)
}

pub(super) fn read(conn: &Connection) -> Result<SchemaVersion> {
    let packed: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(SchemaVersion { version: packed / VERSION_FACTOR, min_compatible: packed % VERSION_FACTOR })
}

fn refuse_newer(found: SchemaVersion) -> Result<()> {
    if found.min_compatible > SPEAKS {
        return Err(mismatch(found, "upgrade fleet-q in this process, or use another database"));
    }
    Ok(())
}

fn mismatch(found: SchemaVersion, mend: &'static str) -> Error {
    Error::Schema { found: found.version, min_compatible: found.min_compatible, speaks: SPEAKS, mend }
}
