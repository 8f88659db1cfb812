//! Opens what a fleet is built from, as its settings say: the store its URL names, and the pod's own
//! journal in a folder that belongs to that store alone.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::answers::Answer;
use crate::rules::config::{Config, Role};
use crate::rules::time::Timestamp;
use crate::runtime::clock::{Clock, Draws, SystemClock, SystemDraws};
use crate::runtime::events::Events;
use crate::runtime::spawn::Threads;
use crate::runtime::{ClientError, Parts};
use crate::store::clock::DatabaseClock;
use crate::store::journal::Local;
use crate::store::memory::MemoryLocal;
use crate::store::postgres;
use crate::store::sqlite::LocalFiles;
use crate::store::url::{self, OpenOptions, Target};
use crate::store::{Error, Store};

pub fn parts(config: &Config, threads: Arc<Threads>) -> Result<Parts, ClientError> {
    let failed = |error: Error| ClientError::from_store(&error, &[]);
    let store = store(config).map_err(failed)?;
    let local = local(config).map_err(failed)?;
    let (clock, draws) = (Arc::new(SystemClock), Arc::new(SystemDraws));
    Ok(Parts { store, local, clock, draws, events: Events::default(), spawner: threads })
}

/// Opens the store that the settings name; connects to no server yet.
pub fn store(config: &Config) -> Result<Arc<dyn Store>, Error> {
    let options = OpenOptions {
        memory_clock: Arc::new(PodTime),
        schema: config.schema.clone(),
        pod_name: config.pod_name.clone(),
        connect_timeout: config.connect_timeout,
        statement_timeout: config.statement_timeout,
    };
    url::open(&config.url, options)
}

/// The clock of `memory://`, a store that lives inside the pod and has no other.
#[derive(Debug)]
struct PodTime;

impl DatabaseClock for PodTime {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(SystemClock.unix_ms()).unwrap_or(i64::MAX))
    }
}

/// A process that runs no steps, or whose store ends with it, has nothing to keep.
fn local(config: &Config) -> Result<Arc<dyn Local>, Error> {
    let folder = match journal_folder(config)? {
        Some(folder) if config.role != Role::Producer => folder,
        Some(_) | None => return Ok(Arc::new(MemoryLocal::new())),
    };
    let random = u64::from_le_bytes(SystemDraws.bytes()[..8].try_into().expect("eight of sixteen bytes"));
    let name = format!("{}-{random:016x}", std::process::id());
    Ok(Arc::new(LocalFiles::open(&folder, &name)?))
}

/// The dead letters that pods of this store have kept on this machine. Opens no store and takes nothing.
pub fn letters(config: &Config, limit: u32) -> Result<Answer, ClientError> {
    let failed = |error: Error| ClientError::from_store(&error, &[]);
    let Some(folder) = journal_folder(config).map_err(failed)? else { return Ok(Answer::Letters(Vec::new())) };
    LocalFiles::letters_in(&folder, limit).map(Answer::Letters).map_err(failed)
}

/// Where pods of this machine keep their journals for this store; `None` for a store that does not last.
pub fn journal_folder(config: &Config) -> Result<Option<PathBuf>, Error> {
    let store = lasting_name(config)?;
    Ok(store.map(|store| config.local_path.as_ref().map_or_else(state_folder, PathBuf::from).join(store)))
}

/// A name for the store, the same in every process that uses it; `None` for one that does not last.
/// Without it, a pod would deliver the outcomes of another database to its own, where they are lost.
fn lasting_name(config: &Config) -> Result<Option<String>, Error> {
    let place = match url::parse(&config.url)? {
        Target::Memory | Target::Sqlite { path: None, .. } => return Ok(None),
        Target::Sqlite { path: Some(path), .. } => resolved(&path).to_string_lossy().into_owned(),
        Target::Postgres => postgres::place(&config.url)?,
    };
    let schema = config.schema.as_deref().unwrap_or("");
    Ok(Some(format!("{:016x}", fnv1a(format!("{place}\0{schema}").as_bytes()))))
}

/// The path without links and dots, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (absolute.parent().map(Path::canonicalize), absolute.file_name()) {
        (Some(Ok(folder)), Some(file)) => folder.join(file),
        (None | Some(_), _) => absolute,
    }
}

/// `$XDG_STATE_HOME/fleet_q`, or what stands for it.
fn state_folder() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    state.unwrap_or_else(env::temp_dir).join("fleet_q")
}

/// Fowler–Noll–Vo: the same in every version and process, which std's hashers do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
