//! Judges files: the database's own, where it is one, and the journals of this machine.

use super::facts::{DatabaseFile, Fact, JournalFile, JournalState};
use super::{Area, Finding, Kind, count, known, or_fine, size};

const DISK_FULL: u64 = 64 << 20;
const DISK_LOW: u64 = 1 << 30;
const BIG_WAL: u64 = 256 << 20;
const SMALL_FILE: u64 = 100 << 20;

/// File systems over a network, by the names that Linux gives them.
const NETWORK: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "fuse.ceph",
    "glusterfs",
    "fuse.glusterfs",
    "lustre",
    "ncpfs",
    "fuse.sshfs",
    "virtiofs",
    "ocfs2",
    "gpfs",
    "beegfs",
    "fuse.s3fs",
    "fuse.gcsfuse",
];

pub(super) fn judge_database(file: &Fact<DatabaseFile>) -> Vec<Finding> {
    known(Area::File, "the database's file", file, |file| {
        let mut findings = stands(file);
        findings.extend(content(file));
        findings.extend(locks(file));
        let says = format!("{}: {}, log {}", file.path, size(file.bytes), size(file.wal_bytes));
        or_fine(findings, Area::File, says)
    })
}

/// Where it is, and who may.
fn stands(file: &DatabaseFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = &file.path;
    if let Some(system) = file.file_system.as_deref().filter(|system| NETWORK.contains(system)) {
        findings.push(Finding::new(Kind::NetworkFile, format!("{path} is on {system}")));
    }
    match file.disk_free_bytes {
        Some(free) if free < DISK_FULL => {
            findings.push(Finding::new(Kind::DiskFull, format!("{} are free on the disk of {path}", size(free))));
        }
        Some(free) if free < DISK_LOW => {
            findings.push(Finding::new(Kind::DiskLow, format!("{} are free on the disk of {path}", size(free))));
        }
        Some(_) | None => {}
    }
    if !file.writable {
        findings.push(Finding::new(Kind::NotWritable, format!("this user may not write {path} or its folder")));
    }
    if let Some(mode) = file.mode.filter(|mode| mode & 0o044 != 0) {
        let says = format!("{path} has the mode {:03o}", mode & 0o777);
        findings.push(Finding::new(Kind::OpenToOthers, says).mended_by(format!("chmod 600 {path}")));
    }
    findings
}

/// How it is written, and whether it is whole.
fn content(file: &DatabaseFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = &file.path;
    if file.journal_mode != "wal" {
        findings.push(Finding::new(Kind::NotWal, format!("{path} is in journal mode {}", file.journal_mode)));
    }
    if file.relaxed {
        let says = format!("commits on {path} do not wait for the disk (synchronous={})", file.synchronous);
        findings.push(Finding::new(Kind::SynchronousNormal, says));
    }
    if let Some(first) = file.damage.as_ref().and_then(|damage| damage.first()) {
        let mend = format!("stop the fleet; then: sqlite3 {path} .recover | sqlite3 {path}.new");
        findings.push(Finding::new(Kind::Damaged, format!("{path} is damaged: {first}")).mended_by(mend));
    }
    if file.bytes > SMALL_FILE && file.free_bytes * 2 > file.bytes {
        let says = format!("{} of {path}'s {} are free pages", size(file.free_bytes), size(file.bytes));
        findings.push(
            Finding::new(Kind::SwollenFile, says).mended_by(format!("with the fleet stopped: sqlite3 {path} vacuum")),
        );
    }
    findings
}

fn locks(file: &DatabaseFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let holders = file.lockers.join(", ");
    let by = if holders.is_empty() { String::new() } else { format!("; locks are held by {holders}") };
    if let Some(why) = &file.locked {
        findings.push(Finding::new(Kind::Locked, format!("no write could begin on {}: {why}{by}", file.path)));
    }
    if file.wal_bytes > BIG_WAL {
        findings.push(Finding::new(Kind::BigWal, format!("the log of {} has {}{by}", file.path, size(file.wal_bytes))));
    }
    findings
}

pub(super) fn judge_journals(journals: &Fact<Vec<JournalFile>>) -> Vec<Finding> {
    known(Area::Journal, "the journals in LOCAL_PATH", journals, |journals| {
        let findings = journals.iter().filter_map(judge_journal).collect();
        or_fine(findings, Area::Journal, format!("{}, and nothing is owed", count(journals.len() as u64, "journal")))
    })
}

fn judge_journal(journal: &JournalFile) -> Option<Finding> {
    let path = &journal.path;
    match journal.state {
        JournalState::InUse { owed: 0 } | JournalState::Abandoned { owed: 0 } => None,
        JournalState::InUse { owed } => {
            let says = format!("a living process owes {}, in {path}", count(owed, "outcome"));
            Some(Finding::new(Kind::OwedOutcomes, says))
        }
        JournalState::Abandoned { owed } => {
            let says = format!("a process that is gone owes {}, in {path}", count(owed, "outcome"));
            Some(Finding::new(Kind::AbandonedJournal, says))
        }
        JournalState::SetAside => {
            Some(Finding::new(Kind::LostJournal, format!("{path} was set aside: it could not be read")))
        }
        JournalState::Unreadable => Some(Finding::new(Kind::LostJournal, format!("{path} cannot be read"))),
    }
}
