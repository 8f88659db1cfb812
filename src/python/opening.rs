//! Opens what a fleet is built from, as its settings say.

use std::sync::Arc;

use crate::rules::config::Config;
use crate::runtime::clock::{SystemClock, SystemDraws};
use crate::runtime::events::Events;
use crate::runtime::spawn::Threads;
use crate::runtime::{ClientError, Parts};
use crate::store::memory::MemoryLocal;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

pub fn parts(config: &Config, threads: Arc<Threads>) -> Result<Parts, ClientError> {
    let path = config.url.strip_prefix("sqlite:///").map(std::path::PathBuf::from);
    let options =
        SqliteOptions { path, synchronous_normal: false, busy_timeout: config.statement_timeout, clock: None };
    let store = SqliteStore::open(options).map_err(|error| ClientError::from_store(&error, &[]))?;
    Ok(Parts {
        store: Arc::new(store),
        local: Arc::new(MemoryLocal::new()),
        clock: Arc::new(SystemClock),
        draws: Arc::new(SystemDraws),
        events: Events::default(),
        spawner: threads,
    })
}
