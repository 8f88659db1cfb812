//! A fleet that lacks nothing: every fact is known, and none is worth a word. Cases change one thing in it.

use fleet_q::rules::diagnosis::facts::{
    Backends, Counts, DatabaseFile, Examination, Fact, Facts, Index, JournalFile, JournalState, Orphans, PodFact,
    Reached, Rights, Room, Schema, Server, Sessions, Setting, Source, Table,
};
use fleet_q::rules::time::{Millis, Timestamp};

use crate::rules::living;

pub const NOW: i64 = 10_000_000_000;

pub fn healthy() -> Facts {
    Facts {
        reached: Ok(Reached { round_trips: vec![Millis(1); 9], now: Timestamp(NOW), here: Timestamp(NOW) }),
        examination: examination(),
        pods: Fact::Known(vec![pod("a", 0), pod("b", 1)]),
        stats: Fact::Known(Counts { pending: 5, paused: vec![("mail".into(), 0)] }),
        journals: Fact::Known(vec![JournalFile { path: "/j.db".into(), state: JournalState::InUse { owed: 0 } }]),
        listens: true,
    }
}

pub fn pod(name: &str, birth: i64) -> PodFact {
    PodFact { view: living(name, birth, NOW - 1000), tasks: vec!["send".into()], version: Some("0.1.0".into()) }
}

pub fn schema() -> Schema {
    Schema {
        name: "q".into(),
        version: 1,
        min_compatible: 1,
        speaks: 1,
        tables: vec!["pod_health".into(), "step_tracker".into()],
        ..Schema::default()
    }
}

pub fn rights() -> Rights {
    Rights {
        role: "app".into(),
        schema: "q".into(),
        may_use_schema: true,
        may_create: true,
        owns_tables: true,
        missing: vec![],
    }
}

pub fn setting(name: &str, value: &str, source: Source) -> Setting {
    Setting { name: name.into(), value: value.into(), source, role: "app".into(), database: "db".into() }
}

pub fn room(used: u64) -> Room {
    let mend = "alter system set max_connections = {}; and restart".into();
    Room { name: "max_connections".into(), used, limit: 100, mend }
}

pub fn table() -> Table {
    Table {
        name: "q.step_tracker".into(),
        live: 50_000,
        dead: 100,
        heap_bytes: 20 << 20,
        index_bytes: 10 << 20,
        total_bytes: 30 << 20,
        needed_bytes: Some(15 << 20),
        autovacuum: true,
        since_vacuum: Some(Millis(60_000)),
    }
}

pub fn file() -> DatabaseFile {
    DatabaseFile {
        path: "/srv/q.db".into(),
        bytes: 1 << 20,
        journal_mode: "wal".into(),
        synchronous: "full".into(),
        damage: Some(vec![]),
        file_system: Some("ext4".into()),
        disk_free_bytes: Some(5 << 30),
        writable: true,
        mode: Some(0o100_600),
        ..DatabaseFile::default()
    }
}

fn examination() -> Examination {
    let version = "PostgreSQL 18.0 on x86_64-pc-linux-gnu, compiled by gcc".into();
    Examination {
        server: Fact::Known(Server { version, number: Some(180_000), unfrozen_age: 9, ..Server::default() }),
        schema: Fact::Known(schema()),
        rights: Fact::Known(rights()),
        settings: Fact::Known(vec![setting("fsync", "on", Source::Server)]),
        rooms: Fact::Known(vec![room(20)]),
        backends: Fact::Known(Backends { first: vec![7, 7, 7], second: vec![8, 8, 8] }),
        tables: Fact::Known(vec![table()]),
        indexes: Fact::Known(vec![Index { name: "q.step_due".into(), bytes: 8 << 20, entries: 50_000 }]),
        sessions: Fact::Known(Sessions::default()),
        prepared: Fact::Known(vec![]),
        slots: Fact::Known(vec![]),
        standbys: Fact::Known(vec![]),
        file: Fact::Known(file()),
        orphans: Fact::Known(Orphans::default()),
        waiting: Fact::Known(vec![]),
        held: Fact::Known(vec![]),
    }
}
