//! Owns the seam by which a database's clock can be handed in: to the store in memory always, to
//! other stores by tests. Refuses to read a clock of its own.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::rules::time::{Millis, Timestamp};

/// What a database says the time is.
pub trait DatabaseClock: Send + Sync + Debug + 'static {
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is moved, forwards or backwards.
#[derive(Debug)]
pub struct PinnedClock(AtomicI64);

impl PinnedClock {
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    pub fn advance(&self, by: Millis) {
        self.set(self.now() + by);
    }
}

impl DatabaseClock for PinnedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
