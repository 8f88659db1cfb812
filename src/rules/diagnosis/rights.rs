//! Judges what the role may do, against what pods need and what an upgrade needs.

use super::facts::{Fact, Rights, Schema};
use super::{Area, Finding, Kind, known, or_fine};
use crate::rules::config::Config;

pub(super) fn judge(config: &Config, rights: &Fact<Rights>, schema: &Fact<Schema>) -> Vec<Finding> {
    known(Area::Rights, "the role's rights", rights, |rights| {
        let mut findings = Vec::new();
        if !rights.may_use_schema {
            let says = format!("{} may not look into the schema {}", rights.role, rights.schema);
            let mend = format!("grant usage on schema {} to {};", rights.schema, rights.role);
            findings.push(Finding::new(Kind::NoSchemaUsage, says).mended_by(mend));
        }
        findings.extend(lacking(rights));
        findings.extend(upgrade(config, rights, schema));
        or_fine(findings, Area::Rights, format!("{} may all that pods need", rights.role))
    })
}

/// One finding per table.
fn lacking(rights: &Rights) -> Vec<Finding> {
    let mut tables: Vec<&str> = rights.missing.iter().map(|(table, _)| table.as_str()).collect();
    tables.dedup();
    let finding = |table: &str| {
        let of_table = rights.missing.iter().filter(|(own, _)| own == table);
        let privileges = of_table.map(|(_, privilege)| privilege.as_str()).collect::<Vec<_>>().join(", ");
        let says = format!("{} lacks {privileges} on {table}", rights.role);
        let mend = format!("grant {privileges} on {table} to {};", rights.role);
        Finding::new(Kind::MissingGrants, says).mended_by(mend)
    };
    tables.into_iter().map(finding).collect()
}

fn upgrade(config: &Config, rights: &Rights, schema: &Fact<Schema>) -> Option<Finding> {
    if !config.auto_migrate {
        return None;
    }
    let schema = schema.known()?;
    let is_new = schema.tables.is_empty();
    let may = if is_new { rights.may_create } else { rights.owns_tables && rights.may_create };
    if may || schema.foreign {
        return None;
    }
    if is_new || schema.version < schema.speaks {
        let says = format!("{} may not create or change tables in the schema {}", rights.role, rights.schema);
        return Some(Finding::new(Kind::CannotMigrate, says));
    }
    let says = format!("{} does not own the tables, or may not create in their schema", rights.role);
    Some(Finding::new(Kind::NotOwner, says))
}
