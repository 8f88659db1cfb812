//! One change to the healthy fleet for each kind of finding, with the kind that it must bring about.

use fleet_q::rules::diagnosis::facts::{
    Backends, Counts, Fact, Facts, Fault, Held, Holder, Index, JournalFile, JournalState, MissingIndex, Orphans,
    Prepared, Reached, Server, Sessions, Slot, Source, Standby, Unreached, Waiting,
};
use fleet_q::rules::diagnosis::{Finding, Kind};
use fleet_q::rules::election::PodStatus;
use fleet_q::rules::time::{Millis, Timestamp};

use super::after;
use super::healthy::{NOW, file, pod, rights, room, schema, setting, table};

type Case = (Kind, Vec<Finding>);

pub fn all() -> Vec<Case> {
    [
        reaching(),
        servers(),
        tables(),
        allowed(),
        durable(),
        crowded(),
        spacious(),
        held_back(),
        on_disk(),
        fleet(),
        steps(),
    ]
    .concat()
}

pub fn unreached() -> Result<Reached, Unreached> {
    Err(Unreached { fault: Fault::Away, cause: "connection refused".into() })
}

fn case(kind: Kind, change: impl FnOnce(&mut Facts)) -> Case {
    (kind, after(&[], change))
}

fn reached(facts: &mut Facts) -> &mut Reached {
    facts.reached.as_mut().unwrap()
}

/// The healthy value of a fact, changed.
fn but<T>(mut value: T, change: impl FnOnce(&mut T)) -> Fact<T> {
    change(&mut value);
    Fact::Known(value)
}

fn reaching() -> Vec<Case> {
    let fails = |kind, fault| case(kind, |facts| facts.reached = Err(Unreached { fault, cause: "it says no".into() }));
    vec![
        case(Kind::Unread, |facts| facts.examination.slots = Fact::Unread("permission denied".into())),
        fails(Kind::Unreachable, Fault::Away),
        fails(Kind::Refused, Fault::Refused),
        fails(Kind::Broken, Fault::Broken),
        fails(Kind::NoDatabase, Fault::Missing),
        fails(Kind::ReadOnly, Fault::ReadOnly),
        case(Kind::Far, |facts| reached(facts).round_trips = vec![Millis(30); 9]),
        case(Kind::TooFar, |facts| reached(facts).round_trips = vec![Millis(1), Millis(130), Millis(140)]),
        case(Kind::ClockOffset, |facts| reached(facts).here = Timestamp(NOW - 9000)),
        case(Kind::BeatsInFuture, |facts| {
            let mut ahead = pod("a", 0);
            ahead.view.last_heartbeat = Timestamp(NOW + 5_000);
            facts.pods = Fact::Known(vec![ahead]);
        }),
    ]
}

fn server(version: &str) -> Server {
    Server { version: version.into(), number: Some(150_000), ..Server::default() }
}

fn servers() -> Vec<Case> {
    let is = |kind, server: Server| case(kind, |facts| facts.examination.server = Fact::Known(server));
    let old = Server { number: Some(120_011), ..server("PostgreSQL 12.11 on x86_64") };
    let aurora = Server { marks: vec!["aurora_version".into()], ..server("PostgreSQL 15.4 on x86_64") };
    let alloy = Server { marks: vec!["alloydb.enable_x".into()], ..server("PostgreSQL 15.5 on x86_64") };
    vec![
        is(Kind::TooOld, old),
        is(Kind::UntestedEngine, server("CockroachDB CCL v24.2.1 (x86_64-pc-linux-gnu, built 2024)")),
        is(Kind::UntestedEngine, server("PostgreSQL 15.2-YB-2.25.1.0-b0 on x86_64-pc-linux-gnu")),
        is(Kind::UntestedEngine, server("PostgreSQL 8.0.2 on i686, Redshift 1.0.38698")),
        is(Kind::UntestedEngine, aurora),
        is(Kind::UntestedEngine, alloy),
        is(Kind::UntestedEngine, Server { extensions: vec!["citus".into()], ..server("PostgreSQL 16.1 on x86_64") }),
        is(Kind::ReadOnly, Server { read_only: true, ..server("PostgreSQL 18.0") }),
        is(Kind::Wraparound, Server { unfrozen_age: 1_600_000_000, ..server("PostgreSQL 18.0") }),
    ]
}

fn tables() -> Vec<Case> {
    let by_hand = [("auto_migrate", "false")];
    let bare = |facts: &mut Facts| facts.examination.schema = but(schema(), |schema| schema.tables.clear());
    let old = |facts: &mut Facts| facts.examination.schema = but(schema(), |schema| schema.speaks = 2);
    let create = "create index concurrently step_due on q.step_tracker (priority);".to_owned();
    let gone = MissingIndex { name: "step_due".into(), create };
    let is = |kind, change: fn(&mut fleet_q::rules::diagnosis::facts::Schema)| {
        case(kind, move |facts| facts.examination.schema = but(schema(), change))
    };
    vec![
        case(Kind::NoQueue, bare),
        (Kind::Unmigrated, after(&by_hand, bare)),
        case(Kind::Outdated, old),
        (Kind::Unmigrated, after(&by_hand, old)),
        is(Kind::Newer, |schema| schema.version = 3),
        is(Kind::TooNew, |schema| (schema.version, schema.min_compatible) = (3, 2)),
        is(Kind::ForeignTable, |schema| (schema.foreign, schema.version) = (true, 0)),
        is(Kind::MissingTable, |schema| drop(schema.tables.pop())),
        is(Kind::UnloggedTable, |schema| schema.unlogged.push("q.step_tracker".into())),
        is(Kind::InvalidIndex, |schema| schema.invalid_indexes.push("q.step_due".into())),
        case(Kind::MissingIndex, |facts| {
            facts.examination.schema = but(schema(), |schema| schema.missing_indexes.push(gone));
        }),
    ]
}

fn allowed() -> Vec<Case> {
    let lacks = ["insert", "delete"].map(|privilege| ("\"q\".step_tracker".to_owned(), privilege.to_owned()));
    vec![
        case(Kind::NoSchemaUsage, |facts| {
            facts.examination.rights = but(rights(), |rights| rights.may_use_schema = false);
        }),
        case(Kind::MissingGrants, |facts| {
            facts.examination.rights = but(rights(), |rights| rights.missing = lacks.to_vec());
        }),
        case(Kind::NotOwner, |facts| {
            facts.examination.rights = but(rights(), |rights| rights.owns_tables = false);
        }),
        cannot_migrate(),
        case(Kind::HiddenSessions, |facts| {
            facts.examination.sessions = Fact::Known(Sessions { holders: vec![], hidden: 3 });
        }),
    ]
}

/// It stands beside the finding that there is something to migrate.
fn cannot_migrate() -> Case {
    let mut findings = after(&[], |facts| {
        facts.examination.schema = but(schema(), |schema| schema.tables.clear());
        facts.examination.rights = but(rights(), |rights| rights.may_create = false);
    });
    findings.retain(|finding| finding.kind != Some(Kind::NoQueue));
    (Kind::CannotMigrate, findings)
}

fn durable() -> Vec<Case> {
    let is_off = |kind, name: &'static str, source| {
        case(kind, move |facts| facts.examination.settings = Fact::Known(vec![setting(name, "off", source)]))
    };
    vec![
        is_off(Kind::FsyncOff, "fsync", Source::Server),
        is_off(Kind::SynchronousCommitOff, "synchronous_commit", Source::Role),
        is_off(Kind::SynchronousCommitOff, "synchronous_commit", Source::RoleInDatabase),
        is_off(Kind::SynchronousCommitOff, "synchronous_commit", Source::Database),
        is_off(Kind::SynchronousCommitOff, "synchronous_commit", Source::Client),
        is_off(Kind::FullPageWritesOff, "full_page_writes", Source::Server),
        is_off(Kind::AutovacuumOff, "autovacuum", Source::Default),
    ]
}

fn crowded() -> Vec<Case> {
    let pooled = Backends { first: vec![7, 7, 7], second: vec![7, 7, 7] };
    let turning = Backends { first: vec![7, 9, 7], second: vec![8, 10, 8] };
    vec![
        case(Kind::RoomShort, |facts| facts.examination.rooms = Fact::Known(vec![room(85)])),
        case(Kind::RoomOut, |facts| facts.examination.rooms = Fact::Known(vec![room(97)])),
        case(Kind::PoolerListens, |facts| facts.examination.backends = Fact::Known(pooled)),
        case(Kind::PoolerListens, |facts| facts.examination.backends = Fact::Known(turning)),
    ]
}

fn spacious() -> Vec<Case> {
    let is = |kind, change: fn(&mut fleet_q::rules::diagnosis::facts::Table)| {
        case(kind, move |facts| {
            let Fact::Known(table) = but(table(), change) else { unreachable!("it is known") };
            facts.examination.tables = Fact::Known(vec![table]);
        })
    };
    vec![
        is(Kind::DeadRows, |table| table.dead = 20_000),
        is(Kind::AutovacuumOff, |table| table.autovacuum = false),
        is(Kind::SwollenTable, |table| table.heap_bytes = 1 << 30),
        case(Kind::SwollenIndex, |facts| {
            let index = Index { name: "q.step_due".into(), bytes: 1 << 30, entries: 10 };
            facts.examination.indexes = Fact::Known(vec![index]);
        }),
    ]
}

fn holder(idle: bool, seconds: u64) -> Holder {
    let (user, application) = ("bob".to_owned(), "psql".to_owned());
    Holder { pid: 4711, user, application, idle, maintenance: false, age: Millis::from_secs(seconds) }
}

fn held_back() -> Vec<Case> {
    let sits = |kind, holder| {
        case(kind, |facts| {
            facts.examination.sessions = Fact::Known(Sessions { holders: vec![holder], hidden: 0 });
        })
    };
    let slot = |active, holds, wal_bytes| Slot { name: "old".into(), active, holds, wal_bytes };
    let keeps = |kind, slot| case(kind, |facts| facts.examination.slots = Fact::Known(vec![slot]));
    vec![
        sits(Kind::IdleTransaction, holder(true, 60)),
        sits(Kind::LongTransaction, holder(false, 3600)),
        case(Kind::PreparedTransaction, |facts| {
            let prepared = Prepared { gid: "it's".into(), owner: "bob".into(), age: Millis::from_secs(61) };
            facts.examination.prepared = Fact::Known(vec![prepared]);
        }),
        keeps(Kind::SlotHolds, slot(false, Some(5), 0)),
        keeps(Kind::SlotHolds, slot(true, Some(2_000_000), 0)),
        keeps(Kind::IdleSlot, slot(false, None, 0)),
        keeps(Kind::IdleSlot, slot(true, None, 2 << 30)),
        case(Kind::StandbyHolds, |facts| {
            let standby = Standby { holds: Some(2_000_000), ..Standby::default() };
            facts.examination.standbys = Fact::Known(vec![standby]);
        }),
    ]
}

fn on_disk() -> Vec<Case> {
    let is = |kind, change: fn(&mut fleet_q::rules::diagnosis::facts::DatabaseFile)| {
        case(kind, move |facts| facts.examination.file = but(file(), change))
    };
    let owes = |kind, state| {
        case(kind, move |facts| facts.journals = Fact::Known(vec![JournalFile { path: "/j.db".into(), state }]))
    };
    vec![
        is(Kind::NetworkFile, |file| file.file_system = Some("nfs4".into())),
        is(Kind::DiskFull, |file| file.disk_free_bytes = Some(1 << 20)),
        is(Kind::DiskLow, |file| file.disk_free_bytes = Some(500 << 20)),
        is(Kind::Damaged, |file| file.damage = Some(vec!["row 5 missing from index step_due".into()])),
        is(Kind::Locked, |file| (file.locked, file.lockers) = (Some("busy".into()), vec!["4711 (sqlite3)".into()])),
        is(Kind::BigWal, |file| file.wal_bytes = 1 << 30),
        is(Kind::NotWritable, |file| file.writable = false),
        is(Kind::OpenToOthers, |file| file.mode = Some(0o100_644)),
        is(Kind::NotWal, |file| file.journal_mode = "delete".into()),
        is(Kind::SynchronousNormal, |file| (file.relaxed, file.synchronous) = (true, "normal".into())),
        is(Kind::SwollenFile, |file| (file.bytes, file.free_bytes) = (1 << 30, 900 << 20)),
        owes(Kind::AbandonedJournal, JournalState::Abandoned { owed: 2 }),
        owes(Kind::OwedOutcomes, JournalState::InUse { owed: 1 }),
        owes(Kind::LostJournal, JournalState::SetAside),
        owes(Kind::LostJournal, JournalState::Unreadable),
    ]
}

fn fleet() -> Vec<Case> {
    let nobody = |facts: &mut Facts| facts.pods = Fact::Known(vec![]);
    let timing = [("statement_timeout", "12")];
    vec![
        (Kind::BeatOutlastsFence, after(&timing, |_| {})),
        case(Kind::NoPodsForWork, nobody),
        case(Kind::NoPods, |facts| {
            nobody(facts);
            facts.stats = Fact::Known(Counts::default());
        }),
        case(Kind::NoLeader, |facts| {
            let mut hung = pod("a", 0);
            hung.view.can_lead = false;
            facts.pods = Fact::Known(vec![hung]);
        }),
        case(Kind::SilentPods, |facts| {
            let mut silent = pod("b", 1);
            silent.view.last_heartbeat = Timestamp(NOW - 3_600_000);
            let mut down = pod("c", 2);
            (down.view.last_heartbeat, down.view.status) = (Timestamp(0), PodStatus::Down);
            facts.pods = Fact::Known(vec![pod("a", 0), silent, down]);
        }),
        case(Kind::MixedVersions, |facts| {
            let mut newer = pod("b", 1);
            newer.version = Some("0.2.0".into());
            facts.pods = Fact::Known(vec![pod("a", 0), newer]);
        }),
    ]
}

fn steps() -> Vec<Case> {
    let orphans = |kind, seconds: i64| {
        case(kind, move |facts| {
            let since = Some(Timestamp(NOW - seconds * 1000));
            facts.examination.orphans = Fact::Known(Orphans { steps: 2, since });
        })
    };
    vec![
        orphans(Kind::Orphans, 20),
        orphans(Kind::LateOrphans, 40),
        case(Kind::UnknownTask, |facts| {
            let waits =
                |task: &str| Waiting { task: task.into(), queue: "mail".into(), steps: 3, since: Timestamp(NOW) };
            facts.examination.waiting = Fact::Known(vec![waits("send"), waits("lost")]);
        }),
        case(Kind::LongRunning, |facts| {
            let held = Held { since: Timestamp(NOW - 7_200_000), ..Held::default() };
            facts.examination.held = Fact::Known(vec![held, Held { since: Timestamp(NOW), ..Held::default() }]);
        }),
        case(Kind::PausedBacklog, |facts| {
            facts.stats = Fact::Known(Counts { pending: 4, paused: vec![("mail".into(), 4)] });
        }),
    ]
}
