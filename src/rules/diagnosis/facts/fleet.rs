//! What can be known of the fleet and its steps, and of files on this machine, as plain data.

use crate::rules::election::PodView;
use crate::rules::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFile {
    pub path: String,
    pub bytes: u64,
    pub wal_bytes: u64,
    pub free_bytes: u64,
    pub journal_mode: String,
    pub synchronous: String,
    /// Whether it was asked to be so.
    pub relaxed: bool,
    /// What the check of its pages said; `None` if it is too large to be checked.
    pub damage: Option<Vec<String>>,
    pub file_system: Option<String>,
    pub disk_free_bytes: Option<u64>,
    pub writable: bool,
    /// The file's permission bits.
    pub mode: Option<u32>,
    /// Why a write could not begin.
    pub locked: Option<String>,
    /// Other processes that hold a lock, such as `4711 (sqlite3)`.
    pub lockers: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    pub steps: u64,
    /// When the pod of the oldest one last beat, or the step was claimed.
    pub since: Option<Timestamp>,
}

/// Due steps of one task, among those next in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub task: String,
    pub queue: String,
    pub steps: u64,
    pub since: Timestamp,
}

/// A claimed step of a living pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub step_id: String,
    pub task: String,
    pub pod: String,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFact {
    pub view: PodView,
    pub tasks: Vec<String>,
    pub version: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub pending: u64,
    /// Paused queues with the pending steps of each.
    pub paused: Vec<(String, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFile {
    pub path: String,
    pub state: JournalState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalState {
    /// Its process lives and owes this many outcomes.
    InUse {
        owed: u64,
    },
    /// Its process is gone.
    Abandoned {
        owed: u64,
    },
    /// It was set aside because nobody could read it.
    SetAside,
    Unreadable,
}
