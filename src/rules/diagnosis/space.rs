//! Judges what dead rows and swollen files cost, table by table and index by index.

use super::facts::{Examination, Index, Table};
use super::{Area, Finding, Kind, known, or_fine, size, time};

/// Fewer dead rows are nobody's trouble, and smaller files no waste.
const DEAD: u64 = 10_000;
const SMALL_BYTES: u64 = 64 << 20;
/// An entry of our widest index, with its share of the page.
const ENTRY_BYTES: u64 = 160;

pub(super) fn judge(seen: &Examination) -> Vec<Finding> {
    let mut findings = known(Area::Space, "the sizes of the tables", &seen.tables, |tables| {
        if tables.is_empty() {
            return Vec::new();
        }
        let findings = tables.iter().flat_map(judge_table).collect();
        let shown: Vec<String> = tables.iter().map(said).collect();
        or_fine(findings, Area::Space, shown.join("; "))
    });
    findings.extend(known(Area::Space, "the sizes of the indexes", &seen.indexes, |indexes| {
        indexes.iter().filter_map(judge_index).collect()
    }));
    findings
}

fn said(table: &Table) -> String {
    let Table { name, live, dead, .. } = table;
    let vacuum = table.since_vacuum.map_or("never".to_owned(), |since| format!("{} ago", time(since)));
    let (bytes, indexes) = (size(table.total_bytes), size(table.index_bytes));
    format!("{name}: {live} rows, {dead} dead, {bytes} (indexes {indexes}), vacuumed {vacuum}")
}

fn judge_table(table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = &table.name;
    if !table.autovacuum {
        let mend = format!("alter table {name} reset (autovacuum_enabled);");
        findings.push(Finding::new(Kind::AutovacuumOff, format!("autovacuum is off for {name}")).mended_by(mend));
    }
    if table.dead > DEAD && table.dead > table.live / 5 {
        findings.push(Finding::new(Kind::DeadRows, said(table)).mended_by(format!("vacuum (analyze) {name};")));
    } else if table.needed_bytes.is_some_and(|needed| table.heap_bytes > SMALL_BYTES.max(needed.saturating_mul(4))) {
        let (has, needs) = (size(table.heap_bytes), size(table.needed_bytes.unwrap_or(0)));
        let says = format!("{name} takes {has}; its {} rows need about {needs}", table.live);
        let mend = format!("vacuum full {name}; while the fleet is stopped, or pg_repack --table={name}");
        findings.push(Finding::new(Kind::SwollenTable, says).mended_by(mend));
    }
    findings
}

fn judge_index(index: &Index) -> Option<Finding> {
    let needs = index.entries.saturating_mul(ENTRY_BYTES);
    if index.bytes <= SMALL_BYTES.max(needs.saturating_mul(4)) {
        return None;
    }
    let says = format!("{} takes {} for {} entries", index.name, size(index.bytes), index.entries);
    Some(Finding::new(Kind::SwollenIndex, says).mended_by(format!("reindex index concurrently {};", index.name)))
}
