//! Opens connections with the pragmas the promises rest on. Runs no work on them.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::errors;
use super::fork::Counted;
use super::tally;
use crate::rules::time::Millis;
use crate::store::error::{Error, Result};

/// What a connection is for; decides how hard its commits hit the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Acknowledged work survives a power failure (P1).
    Work,
    /// As `Work`, but `?synchronous=normal` was asked for.
    RelaxedWork,
    /// Neither waits for the disk nor checkpoints: a beat lost with the power harms nobody.
    Beats,
    Reads,
}

/// SQLite waits this long for a lock before we ask again. Its own waits grow to 100 ms, which
/// starves a beat beside a busy writer; short rounds keep asking often.
const LOCK_ROUND: Millis = Millis(40);
const LOOK_TIMEOUT: Millis = Millis(2000);
const OPEN_ROUNDS: u32 = 250;
const STATEMENTS_KEPT: usize = 64;
const WAL_SIZE_LIMIT: i64 = 64 << 20;

pub(super) fn open_file(path: &Path, role: Role) -> Result<Counted> {
    Counted::open(|| open_uncounted(path, role))
}

fn open_uncounted(path: &Path, role: Role) -> Result<Connection> {
    check_path(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| unusable(path, e))?;
    set_up(&conn, role).map_err(|e| unusable(path, e))?;
    if conn.is_readonly("main").map_err(|e| unusable(path, e))? {
        return Err(Error::config(format!(
            "the database {} is read-only: make the file and its folder writable",
            path.display()
        )));
    }
    Ok(conn)
}

/// Opens a file of another process to read it; one that is gone stays gone.
pub(super) fn open_to_look(path: &Path) -> Result<Counted> {
    Counted::open(|| {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(|e| unusable(path, e))?;
        conn.busy_timeout(LOOK_TIMEOUT.as_duration())?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    })
}

pub(super) fn open_memory() -> Result<Counted> {
    Counted::open(|| {
        let conn = Connection::open_in_memory()?;
        set_up(&conn, Role::Work)?;
        Ok(conn)
    })
}

/// How many rounds of waiting for a lock make up `busy_timeout`.
pub(super) fn lock_rounds(busy_timeout: Millis) -> u64 {
    busy_timeout.0.div_ceil(LOCK_ROUND.0).max(1)
}

fn set_up(conn: &Connection, role: Role) -> rusqlite::Result<()> {
    conn.busy_timeout(LOCK_ROUND.as_duration())?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    tally::count(conn);
    enter_wal(conn)?;
    let synchronous = match role {
        Role::Work => "full",
        Role::RelaxedWork | Role::Beats | Role::Reads => "normal",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "journal_size_limit", WAL_SIZE_LIMIT)?;
    let checkpoint_pages = match role {
        Role::Work | Role::RelaxedWork => 2000,
        Role::Beats | Role::Reads => 0,
    };
    conn.pragma_update(None, "wal_autocheckpoint", checkpoint_pages)
}

/// Several processes that start at once all switch to WAL; SQLite answers some of them "locked"
/// without waiting.
fn enter_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mut rounds_left = OPEN_ROUNDS;
    loop {
        let answer = conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match answer {
            Err(e) if errors::is_busy(&e) && rounds_left > 0 => {
                rounds_left -= 1;
                std::thread::park_timeout(Millis(10).as_duration());
            }
            Err(e) => return Err(e),
            Ok(_) => return Ok(()),
        }
    }
}

fn check_path(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Error::config(format!(
            "{} is a folder: name a file in it, such as {}",
            path.display(),
            path.join("fleet_q.db").display()
        )));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Error::config(format!(
            "cannot open the database {}: there is no folder {}; create it or change the URL",
            path.display(),
            folder.display()
        ))),
        Some(_) | None => Ok(()),
    }
}

fn unusable(path: &Path, error: rusqlite::Error) -> Error {
    let why = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "the file is not an SQLite database; move it away or change the URL",
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "it cannot be created or written there; check the rights of the file and its folder, or change the URL"
        }
        Some(_) | None => return error.into(),
    };
    Error::Config {
        message: format!("cannot open the database {}: {why}", path.display()),
        cause: Some(Box::new(error)),
    }
}
