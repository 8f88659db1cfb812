//! Owns the hint that there may be new work: our own writes, and a thread that looks whether
//! another connection committed. Promises nothing; polling is the safety net.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::watch;

use super::connection::{Role, open_file};
use super::fork::Counted;
use crate::rules::crowd::Rings;
use crate::rules::time::Millis;

/// How soon another process's commit is seen. One look reads a counter in shared memory.
const LOOK_EVERY: Millis = Millis(5);

#[derive(Debug)]
pub(super) struct Wakes {
    hint: Arc<watch::Sender<Rings>>,
    /// `None` in memory: there is nobody else.
    path: Option<PathBuf>,
    watcher: Mutex<Watcher>,
}

#[derive(Debug, Default)]
enum Watcher {
    #[default]
    NotYet,
    Runs {
        stop: Arc<Stop>,
        thread: JoinHandle<()>,
    },
    Ended,
}

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    rings: Condvar,
}

impl Wakes {
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { hint: Arc::new(watch::Sender::default()), path, watcher: Mutex::default() }
    }

    pub fn bump(&self) {
        ring(&self.hint);
    }

    /// Starts the watcher the first time. Where it cannot start there are only our own writes.
    pub fn subscribe(&self) -> watch::Receiver<Rings> {
        let receiver = self.hint.subscribe();
        let mut watcher = lock(&self.watcher);
        if let (Watcher::NotYet, Some(path)) = (&*watcher, &self.path) {
            *watcher = open_file(path, Role::Reads)
                .ok()
                .and_then(|conn| start(conn, Arc::clone(&self.hint)))
                .unwrap_or(Watcher::Ended);
        }
        receiver
    }

    pub fn stop(&self) {
        let watcher = std::mem::replace(&mut *lock(&self.watcher), Watcher::Ended);
        match watcher {
            Watcher::NotYet | Watcher::Ended => {}
            Watcher::Runs { stop, thread } => {
                *lock(&stop.asked) = true;
                stop.rings.notify_all();
                // An error is a panic of the watcher; it took nothing with it.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start(conn: Counted, hint: Arc<watch::Sender<Rings>>) -> Option<Watcher> {
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name("fleet-q-watch".into())
        .spawn(move || look_until_stopped(&conn, &hint, &asked))
        .ok()?;
    Some(Watcher::Runs { stop, thread })
}

fn look_until_stopped(conn: &Connection, hint: &watch::Sender<Rings>, stop: &Stop) {
    let mut seen = data_version(conn);
    let mut asked = lock(&stop.asked);
    while !*asked {
        let waited = stop.rings.wait_timeout(asked, LOOK_EVERY.as_duration());
        asked = waited.unwrap_or_else(PoisonError::into_inner).0;
        let version = data_version(conn);
        if version != seen {
            seen = version;
            ring(hint);
        }
    }
}

/// Changes whenever another connection has committed. `None` while the database cannot be read.
fn data_version(conn: &Connection) -> Option<i64> {
    conn.pragma_query_value(None, "data_version", |row| row.get(0)).ok()
}

fn ring(hint: &watch::Sender<Rings>) {
    // The processes of one machine: each look is cheap, and no word says how much there is.
    hint.send_modify(Rings::urge);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
