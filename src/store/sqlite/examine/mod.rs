//! Looks at a database file with a doctor's eyes: its schema, its pages, its place on this machine.
//! Each fact is read by itself. Begins one empty write, to learn whether writes are possible.

mod place;
mod steps;

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use super::migrate;
use super::worker::{Begin, Session, Worker};
use crate::rules::diagnosis::facts::{DatabaseFile, Examination, Fact, Schema, Server};
use crate::store::error::{Error, Result};
use crate::store::examine::indexes;
use crate::store::migrate::History;

/// A larger file is not checked: that would take minutes and hold up its log.
const CHECKED_BYTES: u64 = 1 << 30;
/// Damage that is told.
const DAMAGE_TOLD: u32 = 5;

pub(super) async fn examine(work: &Worker, reads: &Worker, history: History) -> Result<Examination> {
    let schema: Fact<Schema> = reads.call(Begin::Read, move |session| schema(session, history)).await.into();
    let mut seen = Examination {
        server: Fact::Known(Server { version: format!("SQLite {}", rusqlite::version()), ..Server::default() }),
        file: file(work, reads).await?,
        ..Examination::default()
    };
    if schema.known().is_some_and(|schema| schema.tables.len() == 2 && !schema.foreign) {
        seen.orphans = reads.call(Begin::Read, steps::orphans).await.into();
        seen.waiting = reads.call(Begin::Read, steps::waiting).await.into();
        seen.held = reads.call(Begin::Read, steps::held).await.into();
    }
    Ok(Examination { schema, ..seen })
}

fn schema(session: &Session<'_>, history: History) -> Result<Schema> {
    let found = migrate::read(session.conn)?;
    let mut statement = session.conn.prepare(include_str!("../sql/examine_names.sql"))?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>("type")?, row.get::<_, String>("name")?)))?;
    let (mut tables, mut there) = (Vec::new(), BTreeSet::new());
    for row in rows {
        let (kind, name) = row?;
        if kind == "index" {
            there.insert(name);
        } else if ["pod_health", "step_tracker"].contains(&name.as_str()) {
            tables.push(name);
        }
    }
    let mut missing = indexes(history.0.iter().map(|step| step.sql));
    // What an older or newer schema has is its own affair.
    missing.retain(|index| found.version == history.speaks() && !there.contains(&index.name));
    Ok(Schema {
        version: found.version,
        min_compatible: found.min_compatible,
        speaks: history.speaks(),
        foreign: found.version == 0 && !tables.is_empty(),
        tables,
        missing_indexes: missing,
        ..Schema::default()
    })
}

/// `Absent` for a database in memory, which has no place.
async fn file(work: &Worker, reads: &Worker) -> Result<Fact<DatabaseFile>> {
    let pages = match reads.call(Begin::Read, |session| pages(session.conn)).await {
        Ok(Some(pages)) => pages,
        Ok(None) => return Ok(Fact::Absent),
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(error) => return Ok(Fact::Unread(error.to_string())),
    };
    // The connection for work: the others never wait for the disk.
    let synchronous = work.call(Begin::Read, |session| synchronous(session.conn)).await?;
    let locked = match work.call(Begin::Write, |_| Ok(())).await {
        Ok(()) => None,
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(error) => Some(error.to_string()),
    };
    let path = Path::new(&pages.path).to_path_buf();
    Ok(Fact::Known(DatabaseFile {
        wal_bytes: place::log_bytes(&path),
        relaxed: synchronous != "full" && synchronous != "extra",
        synchronous,
        file_system: place::file_system(&path),
        disk_free_bytes: place::disk_free_bytes(&path),
        writable: place::is_writable(&path),
        mode: place::mode(&path),
        lockers: if locked.is_some() || place::log_bytes(&path) > 0 { place::lockers(&path) } else { Vec::new() },
        locked,
        ..pages
    }))
}

/// What SQLite itself says of the file.
fn pages(conn: &Connection) -> Result<Option<DatabaseFile>> {
    let Some(path) = conn.path().filter(|path| !path.is_empty()).map(str::to_owned) else { return Ok(None) };
    let number =
        |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let page = number("page_size")?;
    let bytes = number("page_count")? * page;
    Ok(Some(DatabaseFile {
        path,
        bytes,
        free_bytes: number("freelist_count")? * page,
        journal_mode: conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        damage: if bytes <= CHECKED_BYTES { Some(damage(conn)?) } else { None },
        ..DatabaseFile::default()
    }))
}

fn damage(conn: &Connection) -> Result<Vec<String>> {
    let mut said = Vec::new();
    conn.pragma(None, "quick_check", DAMAGE_TOLD, |row| {
        said.push(row.get::<_, String>(0)?);
        Ok(())
    })?;
    said.retain(|line| line != "ok");
    Ok(said)
}

fn synchronous(conn: &Connection) -> Result<String> {
    let level: u8 = conn.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok(["off", "normal", "full", "extra"].get(usize::from(level)).copied().unwrap_or("unknown").to_owned())
}
