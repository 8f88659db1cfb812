//! Decides which store a URL names, and opens it. Refuses what it does not understand, by name.

use std::path::PathBuf;
use std::sync::Arc;

use super::Store;
use super::clock::DatabaseClock;
use super::error::{Error, Result};
use super::memory::MemoryStore;
use crate::rules::time::Millis;

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `memory://`: gone with the process, for trials and tests.
    Memory,
    /// `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://:memory:`.
    Sqlite { path: Option<PathBuf>, synchronous_normal: bool },
    /// `postgresql://user@host/database`; what stands behind the scheme is read by the store itself.
    Postgres,
}

/// What a store is opened with, beside its URL; each takes what concerns it.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The clock of `memory://`, which has no database to ask; other stores use their database's own.
    pub memory_clock: Arc<dyn DatabaseClock>,
    pub schema: Option<String>,
    /// Told to a server that shows who is connected.
    pub pod_name: Option<String>,
    pub connect_timeout: Millis,
    pub statement_timeout: Millis,
}

/// Opens the store that `url` names. Connects to no server yet.
pub fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>> {
    match parse(url)? {
        Target::Memory => Ok(Arc::new(MemoryStore::new(options.memory_clock))),
        Target::Sqlite { path, synchronous_normal } => open_sqlite(path, synchronous_normal, options.statement_timeout),
        Target::Postgres => open_postgres(url, options),
    }
}

/// Refuses a database file that is not there, which `open` would create.
pub fn require_existing(url: &str) -> Result<()> {
    match parse(url)? {
        Target::Sqlite { path: Some(path), .. } if !path.exists() => {
            Err(Error::config(format!("there is no file {}", path.display())))
        }
        Target::Memory | Target::Sqlite { .. } | Target::Postgres => Ok(()),
    }
}

/// Reads a URL. Its text is not repeated in errors: it may hold a password.
pub fn parse(url: &str) -> Result<Target> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config("the URL has no scheme: give one such as sqlite:///fleet_q.db"));
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "memory" => memory(place, query),
        "sqlite" => sqlite(place, query),
        "postgres" | "postgresql" => Ok(Target::Postgres),
        "snowflake" => Err(Error::config(
            "this build of fleet-q has no store for snowflake:// URLs; use postgresql://… or sqlite:///path",
        )),
        _ => Err(Error::config("the URL has an unknown scheme: give sqlite:///path, postgresql://… or memory://")),
    }
}

fn memory(place: &str, query: &str) -> Result<Target> {
    if place.is_empty() && query.is_empty() {
        return Ok(Target::Memory);
    }
    Err(Error::config("memory:// takes no path and no parameters"))
}

fn sqlite(place: &str, query: &str) -> Result<Target> {
    let path = match place {
        ":memory:" | "/:memory:" => None,
        _ => Some(file(place)?),
    };
    Ok(Target::Sqlite { path, synchronous_normal: synchronous_normal(query)? })
}

/// As SQLAlchemy has it: three slashes and a relative path, four and an absolute one.
fn file(place: &str) -> Result<PathBuf> {
    match place.strip_prefix('/') {
        Some(path) if path.contains('\0') => Err(Error::config("the path in the URL contains a NUL character")),
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        Some(_) => Err(Error::config("the URL names no file: give sqlite:///fleet_q.db")),
        None => Err(Error::config(
            "a sqlite URL names no host: give three slashes for a relative path, sqlite:///fleet_q.db, or four for an absolute one",
        )),
    }
}

fn synchronous_normal(query: &str) -> Result<bool> {
    let mut normal = false;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        normal = match parameter.split_once('=') {
            Some(("synchronous", "normal")) => true,
            Some(("synchronous", "full")) => false,
            Some(("synchronous", _)) => {
                return Err(Error::config("the URL parameter synchronous is normal or full"));
            }
            Some((name, _)) => return Err(unknown(name)),
            None => return Err(unknown(parameter)),
        };
    }
    Ok(normal)
}

fn unknown(parameter: &str) -> Error {
    Error::config(format!("the URL parameter {parameter:?} is unknown: a sqlite URL takes synchronous=normal"))
}

#[cfg(feature = "sqlite")]
fn open_sqlite(path: Option<PathBuf>, synchronous_normal: bool, busy_timeout: Millis) -> Result<Arc<dyn Store>> {
    use super::sqlite::{SqliteOptions, SqliteStore};
    let options = SqliteOptions { path, synchronous_normal, busy_timeout, clock: None };
    Ok(Arc::new(SqliteStore::open(options)?))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(_path: Option<PathBuf>, _synchronous_normal: bool, _busy_timeout: Millis) -> Result<Arc<dyn Store>> {
    Err(Error::config("fleet-q was built without the sqlite feature"))
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str, options: OpenOptions) -> Result<Arc<dyn Store>> {
    use super::postgres::{PostgresOptions, PostgresStore, WORK_CONNECTIONS};
    let options = PostgresOptions {
        schema: options.schema,
        pod_name: options.pod_name,
        work_connections: WORK_CONNECTIONS,
        connect_timeout: options.connect_timeout,
        statement_timeout: options.statement_timeout,
        clock: None,
    };
    Ok(Arc::new(PostgresStore::open(url, options)?))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_url: &str, _options: OpenOptions) -> Result<Arc<dyn Store>> {
    Err(Error::config("fleet-q was built without the postgres feature"))
}
