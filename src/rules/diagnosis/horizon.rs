//! Judges who keeps dead rows from being swept: sessions, prepared transactions, slots, standbys.

use super::facts::{Examination, Holder, Prepared, Sessions, Slot, Standby};
use super::{Area, Finding, Kind, count, known, or_fine, size, time};
use crate::rules::config::Config;
use crate::rules::time::Millis;

/// Our own transactions end within `STATEMENT_TIMEOUT`; what lasts this many times longer is no queue's.
const TIMES_OURS: u64 = 6;
/// How many transactions back a slot or a standby may hold rows: minutes of a busy server.
const HELD_BACK: u64 = 1_000_000;
const WAL_BYTES: u64 = 1 << 30;

pub(super) fn judge(config: &Config, seen: &Examination) -> Vec<Finding> {
    let limit = config.statement_timeout.times(TIMES_OURS);
    let mut findings = known(Area::Horizon, "open transactions", &seen.sessions, |seen| sessions(seen, limit));
    findings.extend(known(Area::Horizon, "prepared transactions", &seen.prepared, |seen| {
        seen.iter().filter(|one| one.age >= limit).map(prepared).collect()
    }));
    findings
        .extend(known(Area::Horizon, "replication slots", &seen.slots, |seen| seen.iter().filter_map(slot).collect()));
    findings.extend(known(Area::Horizon, "standbys", &seen.standbys, |seen| seen.iter().filter_map(standby).collect()));
    let looked = seen.sessions.known().is_some();
    if looked && findings.is_empty() {
        findings = or_fine(findings, Area::Horizon, format!("no transaction is older than {}", time(limit)));
    }
    findings
}

fn sessions(seen: &Sessions, limit: Millis) -> Vec<Finding> {
    let old = seen.holders.iter().filter(|holder| holder.age >= limit && !holder.maintenance);
    let mut findings: Vec<Finding> = old.map(holder).collect();
    if seen.hidden > 0 {
        let says = format!("{} of other roles cannot be looked into", count(seen.hidden, "session"));
        findings.push(Finding::new(Kind::HiddenSessions, says));
    }
    findings
}

fn holder(holder: &Holder) -> Finding {
    let Holder { pid, user, application, .. } = holder;
    let program = if application.is_empty() { "without a name".to_owned() } else { format!("of {application}") };
    let who = format!("session {pid} {program} (user {user})");
    let age = time(holder.age);
    let end = format!("select pg_terminate_backend({pid});");
    if holder.idle {
        let mend = format!(
            "{end} and so that it cannot come again: alter role {user} set idle_in_transaction_session_timeout = '5min';"
        );
        Finding::new(Kind::IdleTransaction, format!("{who} is idle in a transaction of {age}")).mended_by(mend)
    } else {
        Finding::new(Kind::LongTransaction, format!("{who} is in a transaction of {age}")).mended_by(end)
    }
}

fn prepared(one: &Prepared) -> Finding {
    let says = format!("the transaction {:?} of {} is prepared since {}", one.gid, one.owner, time(one.age));
    let mend = format!("rollback prepared '{}';", one.gid.replace('\'', "''"));
    Finding::new(Kind::PreparedTransaction, says).mended_by(mend)
}

fn slot(slot: &Slot) -> Option<Finding> {
    let drop = format!("select pg_drop_replication_slot('{}');", slot.name);
    let held = slot.holds.filter(|held| !slot.active || *held > HELD_BACK);
    if let Some(held) = held {
        let says = format!("the replication slot {} holds rows of the last {held} transactions", slot.name);
        return Some(Finding::new(Kind::SlotHolds, says).mended_by(drop));
    }
    if slot.active && slot.wal_bytes < WAL_BYTES {
        return None;
    }
    let kept = size(slot.wal_bytes);
    let says = if slot.active {
        format!("the reader of the replication slot {} is {kept} behind", slot.name)
    } else {
        format!("nobody reads the replication slot {}, which keeps {kept} of the server's log", slot.name)
    };
    Some(Finding::new(Kind::IdleSlot, says).mended_by(drop))
}

fn standby(standby: &Standby) -> Option<Finding> {
    let held = standby.holds.filter(|held| *held > HELD_BACK)?;
    let Standby { application, address, .. } = standby;
    let says = format!("the standby {application} at {address} holds rows of the last {held} transactions");
    Some(Finding::new(Kind::StandbyHolds, says))
}
