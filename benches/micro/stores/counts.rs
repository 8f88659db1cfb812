//! Gathers how much each kind of call asked of its store, and prints it. Times nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use fleet_q::store::Tally;

/// What so many calls asked of a store together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    calls: u32,
    tally: Tally,
    /// What the store had counted before the call that is under way.
    before: Option<Tally>,
}

/// By what was called, then where.
static ALL: Mutex<BTreeMap<String, Counted>> = Mutex::new(BTreeMap::new());

impl Counted {
    pub fn begin(&mut self, now: Tally) {
        self.before = Some(now);
    }

    /// Adds the call under way, if there is one, with all that the store has counted since it began.
    pub fn end(&mut self, now: Tally) {
        if let Some(before) = self.before.take() {
            self.calls += 1;
            self.tally.statements += now.statements - before.statements;
            self.tally.commits += now.commits - before.commits;
        }
    }
}

pub fn keep(what: String, counted: Counted) {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).insert(what, counted);
}

/// Prints what was kept, unless that is nothing: a store that does not count has no row.
pub fn print() {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let counted = all.iter().filter(|(_, counted)| counted.tally != Tally::default());
    let rows: Vec<String> = counted.map(|(what, counted)| row(what, *counted)).collect();
    if !rows.is_empty() {
        println!("\n{:<36}{:>12}{:>12}\n{}", "asked of the store, per call", "statements", "commits", rows.join("\n"));
    }
}

#[allow(clippy::cast_precision_loss, reason = "some hundreds of calls, some statements each")]
fn row(what: &str, counted: Counted) -> String {
    let per_call = |count: u64| count as f64 / f64::from(counted.calls);
    format!("{what:<36}{:>12.2}{:>12.2}", per_call(counted.tally.statements), per_call(counted.tally.commits))
}
