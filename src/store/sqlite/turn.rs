//! Decides which thread of this process asks SQLite for its write lock next: beats before work (P5).
//! Waits a bounded time only; SQLite's own lock is what excludes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::rules::time::Millis;

/// Work lets a beat pass for at most this long: another process may hold the lock all the while.
const YIELD_MAX: Millis = Millis(200);

#[derive(Debug, Default)]
struct Waiting {
    beats: Mutex<u32>,
    none: Condvar,
}

/// One thread's place in the order.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    First(Arc<Gate>),
    Yields(Arc<Gate>),
    Alone,
}

#[derive(Debug, Default)]
pub(super) struct Gate(Waiting);

/// Held while the lock is sought and used.
pub(super) struct Taken(Option<Arc<Gate>>);

impl Turn {
    pub fn take(&self) -> Taken {
        match self {
            Self::First(gate) => {
                *gate.beats() += 1;
                Taken(Some(Arc::clone(gate)))
            }
            Self::Yields(gate) => {
                let beats = gate.beats();
                let waited = gate.0.none.wait_timeout_while(beats, YIELD_MAX.as_duration(), |beats| *beats > 0);
                drop(waited);
                Taken(None)
            }
            Self::Alone => Taken(None),
        }
    }
}

impl Gate {
    fn beats(&self) -> MutexGuard<'_, u32> {
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(gate) = &self.0 {
            *gate.beats() -= 1;
            gate.0.none.notify_all();
        }
    }
}
