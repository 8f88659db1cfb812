//! Diagnosis: every kind of finding is provoked by a fact, healthy facts provoke none, and every mend is exact.

mod cases;
mod healthy;

use std::collections::{BTreeMap, BTreeSet};

use fleet_q::rules::config::{Config, resolve};
use fleet_q::rules::diagnosis::facts::{Fact, Facts};
use fleet_q::rules::diagnosis::{Area, Finding, Kind, Level, diagnose, worst};

use healthy::healthy;

pub fn config(keywords: &[(&str, &str)]) -> Config {
    let given: BTreeMap<String, String> = keywords.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    resolve(&given, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with the healthy fleet after this change.
pub fn after(keywords: &[(&str, &str)], change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = healthy();
    change(&mut facts);
    let url = ("url", "postgresql://app:s3cret@db/app");
    let keywords: Vec<_> = std::iter::once(url).chain(keywords.iter().copied()).collect();
    diagnose(&config(&keywords), &facts).into_iter().filter(|finding| finding.kind.is_some()).collect()
}

pub fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().filter_map(|finding| finding.kind).collect()
}

#[test]
fn healthy_fleet_has_no_finding_and_something_to_say_of_every_area() {
    assert_eq!(after(&[], |_| {}), []);
    let said = diagnose(&config(&[]), &healthy());
    assert_eq!(worst(&said), Level::Ok);
    let areas: BTreeSet<Area> = said.iter().map(|finding| finding.area).collect();
    assert_eq!(areas.len(), 15, "{areas:?}");
    assert!(said.iter().all(|finding| !finding.says.is_empty() && finding.mend.is_none()), "{said:?}");
}

#[test]
fn every_kind_is_found_by_some_case() {
    let found: BTreeSet<Kind> = cases::all().into_iter().flat_map(|(_, findings)| kinds(&findings)).collect();
    let missed: Vec<Kind> = Kind::ALL.iter().filter(|kind| !found.contains(kind)).copied().collect();
    assert_eq!(missed, []);
}

#[test]
fn each_case_finds_its_kind_and_nothing_else() {
    for (expected, findings) in cases::all() {
        assert_eq!(kinds(&findings), [expected], "{findings:?}");
        assert_eq!(findings[0].level(), expected.about().level);
    }
}

#[test]
fn no_two_kinds_share_an_id_and_each_has_a_meaning() {
    let ids: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.about().id).collect();
    assert_eq!(ids.len(), Kind::ALL.len());
    for about in Kind::ALL.iter().map(|kind| kind.about()) {
        assert!(about.means.ends_with('.'), "{}", about.id);
        assert!(!about.mend.is_empty() || about.level == Level::Note, "{} has no mend", about.id);
    }
}

#[test]
fn password_of_the_url_is_never_said() {
    for (_, findings) in cases::all() {
        for finding in findings {
            let text = format!("{}{}", finding.says, finding.mend.unwrap_or_default());
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn fact_that_may_not_be_read_costs_no_other_finding() {
    let findings = after(&[], |facts| {
        facts.examination.settings = Fact::Unread("permission denied".into());
        facts.examination.slots = Fact::Unread("permission denied".into());
        facts.examination.schema = Fact::Known(fleet_q::rules::diagnosis::facts::Schema {
            version: 1,
            min_compatible: 1,
            speaks: 1,
            tables: vec!["step_tracker".into()],
            ..Default::default()
        });
    });
    assert_eq!(kinds(&findings), [Kind::MissingTable, Kind::Unread, Kind::Unread]);
    assert_eq!((findings[1].area, findings[2].area), (Area::Durability, Area::Horizon));
}

#[test]
fn unreachable_database_leaves_settings_and_journals_to_be_judged() {
    let mut facts = healthy();
    facts.reached = cases::unreached();
    let areas: Vec<Area> = diagnose(&config(&[]), &facts).iter().map(|finding| finding.area).collect();
    assert_eq!(areas, [Area::Connection, Area::Settings, Area::Journal]);
}

#[test]
fn mends_name_what_is_at_hand() {
    let mends: Vec<String> = cases::all().into_iter().filter_map(|(_, found)| found[0].mend.clone()).collect();
    for expected in [
        "grant insert, delete on \"q\".step_tracker to app;",
        "grant usage on schema q to app;",
        "alter role app reset synchronous_commit;",
        "alter system set fsync = on; select pg_reload_conf();",
        "create index concurrently step_due on q.step_tracker (priority);",
        "reindex index concurrently q.step_due;",
        "alter table q.step_tracker set logged;",
        "vacuum (analyze) q.step_tracker;",
        "alter table q.step_tracker reset (autovacuum_enabled);",
        "select pg_terminate_backend(4711);",
        "rollback prepared 'it''s';",
        "select pg_drop_replication_slot('old');",
        "alter system set max_connections = 200; and restart",
        "chmod 600 /srv/q.db",
    ] {
        assert!(mends.iter().any(|mend| mend == expected), "{expected} is not among {mends:#?}");
    }
}
