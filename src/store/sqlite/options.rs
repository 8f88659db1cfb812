//! Says how a store is opened. Opens nothing.

use std::path::PathBuf;
use std::sync::Arc;

use crate::rules::time::Millis;
use crate::store::clock::DatabaseClock;

#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// `None`: in memory, private to this handle.
    pub path: Option<PathBuf>,
    /// Commits do not wait for the disk: a power failure may lose the latest.
    pub synchronous_normal: bool,
    /// How long a call waits for other processes' writes before it is `Unavailable`.
    pub busy_timeout: Millis,
    /// Stands in for the database's clock in tests.
    pub clock: Option<Arc<dyn DatabaseClock>>,
}
