//! The catalogue: every kind of finding, how bad it is, what it means and what mends it.
//! The guide's table is made from it. Decides of no fact whether it is one.

use super::{Area, Level};

/// What the guide says of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name in `--json`; never changed, never used again.
    pub id: &'static str,
    pub area: Area,
    pub level: Level,
    pub means: &'static str,
    pub mend: &'static str,
}

macro_rules! kinds {
    ($($kind:ident $id:literal $area:ident $level:ident $means:literal $mend:literal;)+) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($kind,)+ }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            pub const fn about(self) -> About {
                match self {
                    $(Self::$kind => About {
                        id: $id, area: Area::$area, level: Level::$level, means: $means, mend: $mend,
                    },)+
                }
            }
        }
    };
}

kinds! {
    Unread "unread" Connection Note
        "A fact could not be read; the rest of the diagnosis holds."
        "grant what the sentence names (pg_monitor for what the server does), or ask as a role that has it";
    Unreachable "unreachable" Connection Problem
        "The database does not answer. Producers get `StoreUnavailable`; pods keep what they finish in their journals."
        "start the database, or correct host and port in FLEET_Q_URL";
    Refused "refused" Connection Problem
        "The database, its driver or the file system says no: a password, a name, a right, a certificate, a path."
        "correct what the sentence names, in FLEET_Q_URL or at the database";
    Broken "broken" Connection Problem
        "The database answers what it should not."
        "read the database's own log; restore a backup if the data is damaged";
    NoDatabase "no-database" Connection Warning
        "Nothing is there yet. The first pod or producer makes it."
        "start a pod, or correct the path in FLEET_Q_URL";
    Far "far" Connection Note
        "A round trip takes more than 10 ms, and every step costs about two."
        "run pods in the database's zone, or give each more to do at once";
    TooFar "too-far" Connection Warning
        "A round trip takes more than 100 ms: throughput suffers, and beats have little time to spare."
        "run pods in the database's region";
    ClockOffset "clock-offset" Clock Note
        "This machine's clock and the database's differ. The queue goes by the database's; ids and logs by this one."
        "run an NTP client such as chrony on both";
    BeatsInFuture "beats-in-future" Clock Warning
        "Pods have beaten at a time that is still to come: the database's clock went back. The leader waits one threshold before it declares anybody dead."
        "keep the database's clock by slewing, not stepping (chrony without makestep)";
    TooOld "too-old" Server Problem
        "fleet-q needs Postgres 13 or newer."
        "upgrade the server";
    UntestedEngine "untested-engine" Server Warning
        "The server speaks Postgres' protocol and is another product. fleet-q was not tested on it."
        "read the page on distributed engines; run your own load and kill tests first";
    ReadOnly "read-only" Server Problem
        "The server takes no writes: it is a standby, or transactions are read-only by default."
        "point FLEET_Q_URL at the primary, or add target_session_attrs=read-write";
    Wraparound "wraparound" Server Warning
        "Rows of this database were not frozen for 1.5 billion transactions; at 2 billion the server takes no writes."
        "end what holds the horizon, then: vacuum (freeze)";
    NoQueue "no-queue" Schema Warning
        "There are no tables yet. The first process that connects makes them."
        "fleet-q migrate";
    Unmigrated "unmigrated" Schema Problem
        "The tables are missing or old, and AUTO_MIGRATE is off: every pod ends with `SchemaMismatch`."
        "fleet-q migrate";
    Outdated "outdated" Schema Warning
        "The tables are older than this fleet-q. The next process that connects upgrades them."
        "fleet-q migrate";
    Newer "newer" Schema Note
        "The tables were made by a newer fleet-q, which lets this one work on them."
        "upgrade fleet-q here when you can";
    TooNew "too-new" Schema Problem
        "The tables were made by a newer fleet-q, which does not let this one work on them."
        "upgrade fleet-q here";
    ForeignTable "foreign-table" Schema Problem
        "There is a table of our name that fleet-q did not make."
        "name another schema in FLEET_Q_SCHEMA";
    MissingTable "missing-table" Schema Problem
        "One of the two tables is gone."
        "restore it from a backup, or drop the other one and run: fleet-q migrate";
    UnloggedTable "unlogged-table" Schema Problem
        "The table is unlogged: a crash of the server empties it, whatever was acknowledged (P1)."
        "alter table … set logged";
    MissingIndex "missing-index" Schema Problem
        "An index is gone. Claims read the whole table, or unique keys are not kept."
        "create it again";
    InvalidIndex "invalid-index" Schema Problem
        "An index was not built to its end and is not used."
        "reindex index concurrently …";
    NoSchemaUsage "no-schema-usage" Rights Problem
        "The role may not look into the schema."
        "grant usage on schema … to …";
    MissingGrants "missing-grants" Rights Problem
        "The role lacks a right on a table that every pod needs."
        "grant select, insert, update, delete on … to …";
    CannotMigrate "cannot-migrate" Rights Problem
        "The tables are to be made or upgraded, AUTO_MIGRATE is on, and the role may not."
        "run `fleet-q migrate` as the owner, and set FLEET_Q_AUTO_MIGRATE=false here";
    NotOwner "not-owner" Rights Note
        "All is well until the next upgrade: AUTO_MIGRATE is on, and the role does not own the tables."
        "set FLEET_Q_AUTO_MIGRATE=false, and run `fleet-q migrate` as the owner before an upgrade";
    HiddenSessions "hidden-sessions" Rights Note
        "What other roles' sessions do cannot be seen, so a transaction that holds the horizon may be missed."
        "grant pg_monitor to …";
    FsyncOff "fsync-off" Durability Problem
        "The server does not wait for its disk: a power cut can lose or damage everything (P1)."
        "alter system set fsync = on; select pg_reload_conf();";
    SynchronousCommitOff "synchronous-commit-off" Durability Warning
        "A commit is acknowledged before it is on disk: a crash of the server loses the latest steps and outcomes (P1)."
        "set synchronous_commit = on";
    FullPageWritesOff "full-page-writes-off" Durability Warning
        "A power cut in the middle of a page damages it, unless the file system writes pages whole."
        "alter system set full_page_writes = on; select pg_reload_conf();";
    SynchronousNormal "synchronous-normal" Durability Note
        "The URL says synchronous=normal: a power cut loses the latest steps and outcomes, a crash of a process none."
        "remove synchronous=normal from FLEET_Q_URL";
    NotWal "not-wal" Durability Problem
        "SQLite could not enter WAL mode, which file systems without shared memory do not have."
        "move the database to a local disk";
    RoomShort "room-short" Room Warning
        "More than four fifths of the connections are taken."
        "raise the limit, or put pgbouncer in between";
    RoomOut "room-out" Room Problem
        "A new pod needs four connections and does not find them."
        "raise the limit, or put pgbouncer in between";
    PoolerListens "pooler-listens" Pooler Warning
        "A pooler in transaction mode stands between, and pods listen: notifications get lost, and a connection is held for nothing. Work is still found by polling."
        "add listen=off to FLEET_Q_URL";
    DeadRows "dead-rows" Space Warning
        "Dead rows outnumber what vacuum should leave: claims walk past them."
        "vacuum (analyze) …";
    AutovacuumOff "autovacuum-off" Space Warning
        "Nobody sweeps dead rows: claims become slower every hour."
        "alter system set autovacuum = on; select pg_reload_conf();";
    SwollenTable "swollen-table" Space Warning
        "The table is much larger than its rows."
        "vacuum full … while the fleet is stopped, or pg_repack";
    SwollenIndex "swollen-index" Space Warning
        "The index is much larger than its entries."
        "reindex index concurrently …";
    SwollenFile "swollen-file" Space Note
        "Most of the file is free pages. They are used again; only the disk does not get them back."
        "with the fleet stopped: sqlite3 FILE vacuum";
    IdleTransaction "idle-transaction" Horizon Warning
        "A session sits idle inside a transaction. No row that died since can be swept, and it may hold locks on steps."
        "select pg_terminate_backend(PID); and set idle_in_transaction_session_timeout";
    LongTransaction "long-transaction" Horizon Warning
        "A transaction runs for long. No row that died since can be swept."
        "wait for it, or: select pg_terminate_backend(PID);";
    PreparedTransaction "prepared-transaction" Horizon Warning
        "A prepared transaction waits for its second phase. It outlives restarts, and no row that died since can be swept."
        "rollback prepared 'GID';";
    SlotHolds "slot-holds" Horizon Warning
        "A replication slot keeps dead rows from being swept."
        "select pg_drop_replication_slot('NAME'); if nobody needs it";
    IdleSlot "idle-slot" Horizon Warning
        "Nobody reads a replication slot: the server keeps its log until the disk is full."
        "select pg_drop_replication_slot('NAME'); if nobody needs it";
    StandbyHolds "standby-holds" Horizon Warning
        "Queries on a standby with hot_standby_feedback keep dead rows here from being swept."
        "end the long queries there, or set hot_standby_feedback = off on it";
    NetworkFile "network-file" File Problem
        "The file is on a network file system, where SQLite's locks and shared memory do not hold."
        "move it to a local disk; many machines share a queue by Postgres";
    DiskFull "disk-full" File Problem
        "The disk is all but full: writes are about to fail."
        "make room, or move the file";
    DiskLow "disk-low" File Warning
        "Less than 1 GiB is free on the disk."
        "make room, or move the file";
    Damaged "damaged" File Problem
        "SQLite found damaged pages."
        "stop the fleet; then: sqlite3 FILE .recover | sqlite3 NEW";
    Locked "locked" File Warning
        "Another process holds the write lock for longer than a write may take."
        "end its transaction: a shell left open, a backup, a long write";
    BigWal "big-wal" File Warning
        "The write-ahead log cannot be emptied, most often because some process reads in one transaction for long."
        "end that reader; the next checkpoint empties the log";
    NotWritable "not-writable" File Problem
        "This user may not write the file or its folder."
        "chown or chmod the file, its -wal and -shm, and the folder";
    OpenToOthers "open-to-others" File Note
        "Every user of this machine may read the file, payloads and results included."
        "chmod 600 FILE";
    BeatOutlastsFence "beat-outlasts-fence" Settings Warning
        "One statement may take longer than a pod may go without a beat: one slow answer fences the pod (P8)."
        "lower FLEET_Q_STATEMENT_TIMEOUT, or raise FLEET_Q_DEAD_POD_THRESHOLD";
    NoPods "no-pods" Pods Note
        "No pod is up."
        "fleet-q worker module:fq";
    NoPodsForWork "no-pods-for-work" Pods Warning
        "Steps are due and no pod is up."
        "fleet-q worker module:fq";
    NoLeader "no-leader" Pods Warning
        "Pods are up and none can lead: nobody rescues the steps of dead pods."
        "look into the pods' logs for failed leader passes; restart one";
    SilentPods "silent-pods" Pods Warning
        "Pods stopped beating and nobody has declared them dead; their steps wait."
        "start a pod: it declares them dead after one threshold";
    MixedVersions "mixed-versions" Pods Note
        "Pods of several versions are up, as during an upgrade."
        "finish the upgrade";
    Orphans "orphans" Work Note
        "Steps of dead pods wait for their rescue, within the time that P6 allows."
        "";
    LateOrphans "late-orphans" Work Problem
        "Steps of dead pods were not rescued in the time that P6 allows."
        "start a pod; if one leads, end the transaction that holds their rows (see horizon)";
    UnknownTask "unknown-task" Work Warning
        "Steps are due whose task no living pod knows."
        "start a worker that imports the task, or cancel the steps";
    LongRunning "long-running" Work Note
        "A living pod holds a step for more than an hour. That may be as it should."
        "give the task a timeout, or cancel the step";
    PausedBacklog "paused-backlog" Work Note
        "A paused queue has steps that are due."
        "await fq.resume(QUEUE)";
    AbandonedJournal "abandoned-journal" Journal Warning
        "A process died owing outcomes. The next pod that starts with this LOCAL_PATH delivers them, if its fence still holds."
        "start a pod on this machine, with the same LOCAL_PATH and URL";
    OwedOutcomes "owed-outcomes" Journal Note
        "A living process has outcomes that the store has not acknowledged yet."
        "";
    LostJournal "lost-journal" Journal Warning
        "A journal could not be read; its steps run again."
        "look into it with sqlite3, then delete it";
}
