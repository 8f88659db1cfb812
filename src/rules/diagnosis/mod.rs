//! Decides what is wrong with a queue and how to mend it: facts in, findings out.
//! Asks nobody, mends nothing. A fact that could not be read is itself a finding.

mod clocks;
mod durability;
pub mod facts;
mod files;
mod fleet;
mod horizon;
mod kinds;
mod reach;
mod rights;
mod room;
mod schema;
mod server;
mod space;
mod work;

use std::fmt;

pub use kinds::{About, Kind};

use self::facts::{Fact, Facts};
use super::config::Config;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and will not always.
    Warning,
    /// The queue does not work, or breaks a promise.
    Problem,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    Connection,
    Clock,
    Server,
    Schema,
    Rights,
    Durability,
    Room,
    Pooler,
    Space,
    Horizon,
    File,
    Settings,
    Pods,
    Work,
    Journal,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub area: Area,
    /// `None`: all is well.
    pub kind: Option<Kind>,
    pub says: String,
    /// An exact command or setting.
    pub mend: Option<String>,
}

/// What is to be said of these facts, area by area.
pub fn diagnose(config: &Config, facts: &Facts) -> Vec<Finding> {
    let mut findings = reach::judge(config, facts);
    if let Ok(reached) = &facts.reached {
        let seen = &facts.examination;
        findings.extend(clocks::judge(reached, &facts.pods));
        findings.extend(server::judge(&seen.server));
        findings.extend(schema::judge(config, &seen.schema));
        findings.extend(rights::judge(config, &seen.rights, &seen.schema));
        findings.extend(durability::judge(&seen.settings));
        findings.extend(room::judge_rooms(&seen.rooms));
        findings.extend(room::judge_pooler(facts.listens, &seen.backends));
        findings.extend(space::judge(seen));
        findings.extend(horizon::judge(config, seen));
        findings.extend(files::judge_database(&seen.file));
    }
    findings.extend(fleet::judge_settings(config));
    if facts.reached.is_ok() {
        findings.extend(fleet::judge_pods(config, facts));
        findings.extend(work::judge(config, facts));
    }
    findings.extend(files::judge_journals(&facts.journals));
    findings
}

/// The worst level among these.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(Finding::level).max().unwrap_or(Level::Ok)
}

impl Finding {
    pub(super) fn fine(area: Area, says: impl Into<String>) -> Self {
        Self { area, kind: None, says: says.into(), mend: None }
    }

    /// A finding with the mend that the catalogue gives its kind.
    pub(super) fn new(kind: Kind, says: impl Into<String>) -> Self {
        let mend = Some(kind.about().mend.to_owned()).filter(|mend| !mend.is_empty());
        Self { area: kind.about().area, kind: Some(kind), says: says.into(), mend }
    }

    /// The same with a mend that names what is at hand.
    #[must_use]
    pub(super) fn mended_by(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    pub fn level(&self) -> Level {
        self.kind.map_or(Level::Ok, |kind| kind.about().level)
    }
}

/// The findings on a fact that is known; a note if it could not be read; nothing where it has no meaning.
fn known<T>(area: Area, what: &str, fact: &Fact<T>, judge: impl FnOnce(&T) -> Vec<Finding>) -> Vec<Finding> {
    match fact {
        Fact::Known(value) => judge(value),
        Fact::Unread(why) => {
            let says = format!("{what} could not be read: {why}");
            vec![Finding { area, ..Finding::new(Kind::Unread, says) }]
        }
        Fact::Absent => Vec::new(),
    }
}

/// What was found, or that all is well.
fn or_fine(findings: Vec<Finding>, area: Area, says: impl Into<String>) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::fine(area, says)] } else { findings }
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes / 1024, bytes % 1024, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1024, whole % 1024, unit + 1);
    }
    let tenth = rest * 10 / 1024;
    if whole >= 10 || tenth == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenth} {}", UNITS[unit])
    }
}

/// A duration as people say it.
fn time(duration: super::time::Millis) -> String {
    let seconds = duration.0 / 1000;
    match seconds {
        0 => format!("{} ms", duration.0),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 step`, `2 steps`.
fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

impl Level {
    pub const ALL: [Self; 4] = [Self::Ok, Self::Note, Self::Warning, Self::Problem];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Area {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Clock => "clock",
            Self::Server => "server",
            Self::Schema => "schema",
            Self::Rights => "rights",
            Self::Durability => "durability",
            Self::Room => "room",
            Self::Pooler => "pooler",
            Self::Space => "space",
            Self::Horizon => "horizon",
            Self::File => "file",
            Self::Settings => "settings",
            Self::Pods => "pods",
            Self::Work => "work",
            Self::Journal => "journal",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
