//! Cuts a batch into waves, so that a statement meets each row at most once: what comes twice in a
//! batch is told twice, in order. Knows no statement.

use std::collections::BTreeSet;
use std::hash::Hash;

use crate::rules::time::Millis;

/// Places in the batch, cut where one of a row's names was used since the last cut.
pub(super) fn waves<T, K: Ord + Hash>(rows: &[T], names: impl Fn(&T) -> Vec<K>) -> Vec<std::ops::Range<usize>> {
    let mut waves = Vec::new();
    let (mut from, mut used) = (0, BTreeSet::new());
    for (at, row) in rows.iter().enumerate() {
        let own = names(row);
        if own.iter().any(|name| used.contains(name)) {
            waves.push(from..at);
            from = at;
            used.clear();
        }
        used.extend(own);
    }
    if from < rows.len() {
        waves.push(from..rows.len());
    }
    waves
}

pub(super) fn signed(duration: Millis) -> i64 {
    i64::try_from(duration.0).unwrap_or(i64::MAX)
}

pub(super) fn errors_kept() -> i64 {
    i64::try_from(crate::store::types::ERRORS_KEPT).expect("a small number")
}
