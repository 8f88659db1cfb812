//! Lets two pods of a crowd claim at a time: claims that walk the same front side by side spend more on what the others
//! hold than on what they take. A courtesy, never a condition: who waits for long, or may not lock, claims without.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio_postgres::error::SqlState;

use super::connection::Connections;
use super::errors::code;
use super::sql::Call;
use crate::rules::crowd::FEW;

const LANES: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Gate {
    turns: AtomicU32,
    /// The database knows no such locks.
    is_absent: AtomicBool,
}

impl Gate {
    /// What a claim beside so many others begins with.
    pub fn call<'a>(&self, db: &'a Connections, sharers: usize) -> Option<Call<'a>> {
        if sharers <= FEW || self.is_absent.load(Ordering::Relaxed) {
            return None;
        }
        let lane = self.turns.fetch_add(1, Ordering::Relaxed) % LANES;
        Some(db.call(&db.sql.gate).with("lane", i64::from(lane)))
    }

    /// Whether a call that began at the gate and failed so may do without it. Nothing of it was done.
    pub fn may_do_without(&self, error: &tokio_postgres::Error) -> bool {
        let absent = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FUNCTION, SqlState::INSUFFICIENT_PRIVILEGE];
        match code(error) {
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => true,
            Some(code) if absent.contains(code) => {
                self.is_absent.store(true, Ordering::Relaxed);
                true
            }
            Some(_) | None => false,
        }
    }
}
