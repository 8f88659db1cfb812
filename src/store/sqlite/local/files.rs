//! Names, locks and finds the files of a journal folder. A journal belongs to whoever holds the lock
//! beside it; the system lets go of the lock when that process ends, however it ends.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::rules::time::Millis;
use crate::store::error::{Error, Result};

/// How often, and how long apart, a new journal asks for its own lock.
const OWN_ROUNDS: u32 = 100;
const OWN_ROUND: Millis = Millis(10);
const PREFIX: &str = "journal-";
const LOCK: &str = "lock";
pub(super) const DATABASE: &str = "db";

/// One journal's two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub database: PathBuf,
    pub lock: PathBuf,
}

/// What was found when a lock was tried.
#[derive(Debug)]
pub(super) enum Tried {
    Taken(File),
    HeldByAnother,
}

impl Place {
    pub fn new(folder: &Path, name: &str) -> Self {
        let file = |ending: &str| folder.join(format!("{PREFIX}{name}.{ending}"));
        Self { database: file(DATABASE), lock: file(LOCK) }
    }

    fn of_lock(lock: PathBuf) -> Self {
        Self { database: lock.with_extension(DATABASE), lock }
    }

    /// Takes the lock of a new journal. Somebody who looks for abandoned ones may hold it for a moment
    /// and remove it, so one refusal proves nothing.
    pub fn lock_own(&self) -> Result<Tried> {
        for _ in 1..OWN_ROUNDS {
            if let Tried::Taken(file) = self.lock()? {
                return Ok(Tried::Taken(file));
            }
            std::thread::park_timeout(OWN_ROUND.as_duration());
        }
        self.lock()
    }

    /// Takes the lock, creating its file; an error names the folder's trouble.
    pub fn lock(&self) -> Result<Tried> {
        let file = private(OpenOptions::new().read(true).write(true).create(true)).open(&self.lock);
        let file = file.map_err(|e| unusable(&self.lock, e))?;
        match file.try_lock() {
            Ok(()) if is_still(&file, &self.lock) => Ok(Tried::Taken(file)),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(Tried::HeldByAnother),
            Err(TryLockError::Error(e)) => Err(unusable(&self.lock, e)),
        }
    }

    /// Puts a journal that cannot be read out of the way, for people to look at.
    pub fn set_aside(&self) -> Result<()> {
        let aside = self.database.with_extension("db.unreadable");
        std::fs::rename(&self.database, aside).map_err(|e| unusable(&self.database, e))?;
        self.remove()
    }

    /// Deletes the journal, the lock last: until then nobody else takes what is half gone.
    pub fn remove(&self) -> Result<()> {
        let beside = |ending: &str| {
            let mut path = self.database.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        for path in [self.database.clone(), beside("-wal"), beside("-shm"), self.lock.clone()] {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(unusable(&path, e)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Creates the folder, for this user alone.
pub(super) fn create_folder(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| unusable(folder, e))
}

/// Every other journal of the folder, by name.
pub(super) fn others(folder: &Path, own: &Place) -> Result<Vec<Place>> {
    let mut places = all(folder)?;
    places.retain(|place| place.lock != own.lock);
    Ok(places)
}

/// Every journal of the folder, by name.
pub(super) fn all(folder: &Path) -> Result<Vec<Place>> {
    let entries = std::fs::read_dir(folder).map_err(|e| unusable(folder, e))?;
    let mut places = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unusable(folder, e))?.path();
        if is_lock(&path) {
            places.push(Place::of_lock(path));
        }
    }
    places.sort_by(|a, b| a.lock.cmp(&b.lock));
    Ok(places)
}

pub(super) fn is_lock(path: &Path) -> bool {
    let named = path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(PREFIX));
    named && path.extension() == Some(OsStr::new(LOCK))
}

/// Whether the file we locked is the one that bears the name now: its owner may have removed it
/// between our open and our lock.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |found: std::io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    let ours = inode(file.metadata());
    ours.is_some() && ours == inode(std::fs::metadata(path))
}

#[cfg(not(unix))]
fn is_still(_file: &File, path: &Path) -> bool {
    path.exists()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// What is wrong with a file of ours, for people: where it is, and the way out.
pub(super) fn unkept(folder: &Path, error: Error) -> Error {
    let why = match error {
        Error::Unavailable { message, .. }
        | Error::Unknown { message, .. }
        | Error::Config { message, .. }
        | Error::Internal { message, .. } => message,
        Error::Schema { .. } => error.to_string(),
        Error::Stopped => return error,
    };
    Error::config(format!(
        "cannot keep the pod's own files at {}: {why}; free space there, or set LOCAL_PATH to a folder this process may write",
        folder.display()
    ))
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::Config {
        message: format!(
            "cannot keep the pod's own files at {}: {error}; set LOCAL_PATH to a folder this process may write",
            path.display()
        ),
        cause: Some(Box::new(error)),
    }
}
