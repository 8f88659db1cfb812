//! Judges whether what the database acknowledged survives its crash (P1).

use super::facts::{Fact, Setting, Source};
use super::{Area, Finding, Kind, known, or_fine};

pub(super) fn judge(settings: &Fact<Vec<Setting>>) -> Vec<Finding> {
    known(Area::Durability, "the server's settings", settings, |settings| {
        let findings = settings.iter().filter_map(judge_one).collect();
        let shown: Vec<String> = settings.iter().map(|one| format!("{}={}", one.name, one.value)).collect();
        or_fine(findings, Area::Durability, shown.join(", "))
    })
}

fn judge_one(setting: &Setting) -> Option<Finding> {
    let kind = match (setting.name.as_str(), setting.value.as_str()) {
        ("fsync", "off") => Kind::FsyncOff,
        ("full_page_writes", "off") => Kind::FullPageWritesOff,
        ("synchronous_commit", "off") => Kind::SynchronousCommitOff,
        ("autovacuum" | "track_counts", "off") => Kind::AutovacuumOff,
        _ => return None,
    };
    let says = format!("{} is {}{}", setting.name, setting.value, origin(setting));
    Some(Finding::new(kind, says).mended_by(switch_on(setting)))
}

fn origin(setting: &Setting) -> String {
    match setting.source {
        Source::Default => " by default".to_owned(),
        Source::Server => " in the server's configuration".to_owned(),
        Source::Database => format!(" for the database {}", setting.database),
        Source::Role => format!(" for the role {}", setting.role),
        Source::RoleInDatabase => format!(" for the role {} in {}", setting.role, setting.database),
        Source::Client => " by the connection's own options".to_owned(),
    }
}

fn switch_on(setting: &Setting) -> String {
    let (name, role, database) = (&setting.name, &setting.role, &setting.database);
    match setting.source {
        Source::Default | Source::Server => format!("alter system set {name} = on; select pg_reload_conf();"),
        Source::Database => format!("alter database {database} reset {name};"),
        Source::Role => format!("alter role {role} reset {name};"),
        Source::RoleInDatabase => format!("alter role {role} in database {database} reset {name};"),
        Source::Client => format!("remove {name} from options= in FLEET_Q_URL, or from PGOPTIONS"),
    }
}
