//! Knows whether this process inherited open SQLite connections by a fork.
//!
//! A child of `fork` shares none of its parent's file locks but remembers all of them, and a mutex
//! held by a thread that was not copied stays locked: any use of SQLite there may corrupt or hang.
//! So it is refused with a way out, before SQLite is touched.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use rusqlite::Connection;

use crate::store::error::{Error, Result};

static OPEN: AtomicUsize = AtomicUsize::new(0);
static OWNER: AtomicU32 = AtomicU32::new(0);

/// A connection of this process, counted from before it opens to after it has closed.
#[derive(Debug)]
pub(super) struct Counted {
    // Dropped in this order.
    conn: Connection,
    _lease: Lease,
}

impl Counted {
    pub(super) fn open(open: impl FnOnce() -> Result<Connection>) -> Result<Self> {
        let lease = Lease::take()?;
        Ok(Self { conn: open()?, _lease: lease })
    }
}

impl Deref for Counted {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

impl DerefMut for Counted {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.conn
    }
}

#[derive(Debug)]
struct Lease(());

impl Lease {
    fn take() -> Result<Self> {
        let me = std::process::id();
        let owner = OWNER.load(Ordering::Acquire);
        if owner != 0 && owner != me && OPEN.load(Ordering::Acquire) > 0 {
            return Err(Error::config(format!(
                "this process was forked from process {owner} while that had fleet-q open on SQLite, which cannot be \
                 used across a fork: fork before fleet-q is first used, close it before the fork, or start the child \
                 with multiprocessing's \"spawn\" method"
            )));
        }
        OWNER.store(me, Ordering::Release);
        OPEN.fetch_add(1, Ordering::AcqRel);
        Ok(Self(()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if OWNER.load(Ordering::Acquire) == std::process::id() {
            OPEN.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
