//! Judges the tables: whether they are there, whole, and of a version that this build can use.

use super::facts::{Fact, Schema};
use super::{Area, Finding, Kind, known, or_fine};
use crate::rules::config::Config;

const TABLES: [&str; 2] = ["pod_health", "step_tracker"];

pub(super) fn judge(config: &Config, schema: &Fact<Schema>) -> Vec<Finding> {
    known(Area::Schema, "the schema", schema, |schema| {
        if schema.tables.is_empty() {
            return vec![absent(config, schema)];
        }
        let fine = format!("schema version {}, all tables and indexes are there", schema.version);
        or_fine(whole(config, schema), Area::Schema, fine)
    })
}

fn absent(config: &Config, schema: &Schema) -> Finding {
    let kind = if config.auto_migrate { Kind::NoQueue } else { Kind::Unmigrated };
    Finding::new(kind, format!("there are no tables of fleet-q{}", inside(schema)))
}

fn inside(schema: &Schema) -> String {
    if schema.name.is_empty() { String::new() } else { format!(" in the schema {}", schema.name) }
}

fn whole(config: &Config, schema: &Schema) -> Vec<Finding> {
    if schema.foreign {
        let says = format!("a table{} bears our name and says no version", inside(schema));
        return vec![Finding::new(Kind::ForeignTable, says)];
    }
    let mut findings: Vec<Finding> = version(config, schema).into_iter().collect();
    for table in TABLES.iter().filter(|table| !schema.tables.iter().any(|found| found == *table)) {
        findings.push(Finding::new(Kind::MissingTable, format!("the table {table} is gone")));
    }
    for table in &schema.unlogged {
        let says = format!("the table {table} is unlogged");
        findings.push(Finding::new(Kind::UnloggedTable, says).mended_by(format!("alter table {table} set logged;")));
    }
    for index in &schema.missing_indexes {
        let says = format!("the index {} is gone", index.name);
        findings.push(Finding::new(Kind::MissingIndex, says).mended_by(&index.create));
    }
    for index in &schema.invalid_indexes {
        let says = format!("the index {index} is invalid");
        findings.push(Finding::new(Kind::InvalidIndex, says).mended_by(format!("reindex index concurrently {index};")));
    }
    findings
}

fn version(config: &Config, schema: &Schema) -> Option<Finding> {
    let Schema { version, min_compatible, speaks, .. } = *schema;
    if min_compatible > speaks {
        let says =
            format!("schema version {version} needs fleet-q for version {min_compatible}, this one speaks {speaks}");
        return Some(Finding::new(Kind::TooNew, says));
    }
    if version > speaks {
        return Some(Finding::new(Kind::Newer, format!("schema version {version}, this fleet-q speaks {speaks}")));
    }
    if version < speaks {
        let kind = if config.auto_migrate { Kind::Outdated } else { Kind::Unmigrated };
        return Some(Finding::new(kind, format!("schema version {version}, this fleet-q speaks {speaks}")));
    }
    None
}
