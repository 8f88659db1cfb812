//! What can be known of a queue and its database, as plain data. Judges nothing.
//!
//! Names of tables, indexes and roles come quoted as their database wants them: they end up in mends.

mod fleet;

pub use fleet::{Counts, DatabaseFile, Held, JournalFile, JournalState, Orphans, PodFact, Waiting};

use crate::rules::time::{Millis, Timestamp};

/// Something that may be known, may be kept from us, or may not exist in this kind of store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    Known(T),
    /// Why it could not be read.
    Unread(String),
    #[default]
    Absent,
}

/// Everything that a diagnosis is made from, beside the settings.
#[derive(Clone, Debug)]
pub struct Facts {
    pub reached: Result<Reached, Unreached>,
    pub examination: Examination,
    pub pods: Fact<Vec<PodFact>>,
    pub stats: Fact<Counts>,
    pub journals: Fact<Vec<JournalFile>>,
    /// Whether pods wait for notifications.
    pub listens: bool,
}

/// The database answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub round_trips: Vec<Millis>,
    /// The database's clock, and this machine's at the same moment.
    pub now: Timestamp,
    pub here: Timestamp,
}

/// It did not, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    pub fault: Fault,
    pub cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is there yet: the first pod makes it.
    Missing,
    /// It cannot be reached, or not now.
    Away,
    /// It was reached and said no, or the settings are wrong.
    Refused,
    /// It takes no writes.
    ReadOnly,
    /// It is not what it should be.
    Broken,
}

/// What one look at a store finds. What has no meaning there is `Absent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    pub server: Fact<Server>,
    pub schema: Fact<Schema>,
    pub rights: Fact<Rights>,
    pub settings: Fact<Vec<Setting>>,
    pub rooms: Fact<Vec<Room>>,
    pub backends: Fact<Backends>,
    pub tables: Fact<Vec<Table>>,
    pub indexes: Fact<Vec<Index>>,
    pub sessions: Fact<Sessions>,
    pub prepared: Fact<Vec<Prepared>>,
    pub slots: Fact<Vec<Slot>>,
    pub standbys: Fact<Vec<Standby>>,
    pub file: Fact<DatabaseFile>,
    pub orphans: Fact<Orphans>,
    pub waiting: Fact<Vec<Waiting>>,
    pub held: Fact<Vec<Held>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// As it names itself.
    pub version: String,
    /// Postgres' `server_version_num`.
    pub number: Option<u32>,
    pub extensions: Vec<String>,
    /// Things only some products have, such as the function `aurora_version`.
    pub marks: Vec<String>,
    pub read_only: bool,
    /// How many transactions old the oldest unfrozen row is.
    pub unfrozen_age: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Where the tables are, or would be.
    pub name: String,
    pub version: u32,
    pub min_compatible: u32,
    /// What this build speaks.
    pub speaks: u32,
    pub tables: Vec<String>,
    /// There is a table of our name that says no version.
    pub foreign: bool,
    /// Tables that a crash of the server empties.
    pub unlogged: Vec<String>,
    pub missing_indexes: Vec<MissingIndex>,
    pub invalid_indexes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingIndex {
    pub name: String,
    /// The statement that makes it.
    pub create: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    pub role: String,
    pub schema: String,
    pub may_use_schema: bool,
    pub may_create: bool,
    pub owns_tables: bool,
    /// Table and privilege.
    pub missing: Vec<(String, String)>,
}

/// One setting of the server, and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub source: Source,
    /// The role and the database it holds for, quoted.
    pub role: String,
    pub database: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// The server's files or its command line.
    Server,
    Database,
    Role,
    RoleInDatabase,
    /// The URL.
    Client,
}

/// A bound on connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What says so, such as `max_connections`.
    pub name: String,
    pub used: u64,
    pub limit: u64,
    /// How to raise it to a number that replaces `{}`.
    pub mend: String,
}

/// Which server process answered, asked in turn over two connections that were open at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends {
    pub first: Vec<i32>,
    pub second: Vec<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub live: u64,
    pub dead: u64,
    /// Without TOAST and indexes.
    pub heap_bytes: u64,
    pub index_bytes: u64,
    pub total_bytes: u64,
    /// What the live rows need by the statistics; `None` without any.
    pub needed_bytes: Option<u64>,
    pub autovacuum: bool,
    pub since_vacuum: Option<Millis>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub bytes: u64,
    pub entries: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Oldest transaction first.
    pub holders: Vec<Holder>,
    /// Sessions of other roles of which we may see nothing.
    pub hidden: u64,
}

/// A session inside a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    pub pid: i64,
    pub user: String,
    pub application: String,
    pub idle: bool,
    /// It is a walk of autovacuum, which ends by itself.
    pub maintenance: bool,
    pub age: Millis,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    pub gid: String,
    pub owner: String,
    pub age: Millis,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub name: String,
    pub active: bool,
    /// How many transactions back it holds dead rows.
    pub holds: Option<u64>,
    pub wal_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standby {
    pub application: String,
    pub address: String,
    /// How many transactions back its queries hold dead rows here.
    pub holds: Option<u64>,
}

impl<T> Fact<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unread(_) | Self::Absent => None,
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Fact<T> {
    fn from(read: Result<T, E>) -> Self {
        match read {
            Ok(value) => Self::Known(value),
            Err(why) => Self::Unread(why.to_string()),
        }
    }
}
