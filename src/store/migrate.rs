//! Decides which migrations a database still needs, and whether this build may work with it. Runs none.

use super::error::{Error, Result};
use super::types::{Schema, SchemaVersion};

/// What to do where tables are missing or old.
pub const MEND_OLDER: &str = "run `fleet-q migrate`, or leave AUTO_MIGRATE on";
/// What to do where the tables are too new.
pub const MEND_NEWER: &str = "upgrade fleet-q in this process, or use another database";

/// One step of a schema's history. Safe while pods run that speak `min_compatible` or more.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub version: u32,
    pub min_compatible: u32,
    pub sql: &'static str,
}

/// Every migration of a dialect, oldest first; append-only. A value, so that tests can try one that is not yet there.
#[derive(Clone, Copy, Debug)]
pub struct History(pub &'static [Migration]);

impl History {
    /// The schema version this build writes.
    pub const fn speaks(self) -> u32 {
        match self.0 {
            [.., last] => last.version,
            [] => 0,
        }
    }

    /// What a database of version `found` lacks, in order.
    pub fn pending(self, found: u32) -> impl Iterator<Item = &'static Migration> {
        self.0.iter().filter(move |step| step.version > found)
    }

    pub fn look(self, found: SchemaVersion) -> Schema {
        let pending = self.pending(found.version).map(|step| step.version).collect();
        Schema { found, speaks: self.speaks(), pending }
    }

    /// Refuses a schema that demands newer code. One that is newer and admits this build is left as it is.
    pub fn admit(self, found: SchemaVersion) -> Result<()> {
        if found.min_compatible > self.speaks() {
            return Err(self.mismatch(found, MEND_NEWER));
        }
        Ok(())
    }

    /// Why a pod that works with these tables may not go on, in words.
    pub fn shuts_out(self, found: SchemaVersion) -> Option<String> {
        self.admit(found).err().map(|error| error.to_string())
    }

    /// Refuses also a schema that lacks something, for whoever may not add it.
    pub fn require(self, found: SchemaVersion) -> Result<()> {
        self.admit(found)?;
        if found.version < self.speaks() {
            return Err(self.mismatch(found, MEND_OLDER));
        }
        Ok(())
    }

    fn mismatch(self, found: SchemaVersion, mend: &'static str) -> Error {
        Error::Schema { found: found.version, min_compatible: found.min_compatible, speaks: self.speaks(), mend }
    }
}
