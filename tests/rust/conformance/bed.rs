//! Owns the stores that cases run on: each empty, migrated, and on a clock that only the case moves.

use std::any::Any;
use std::sync::Arc;

use fleet_q::rules::state::State;
use fleet_q::rules::step::StepId;
use fleet_q::store::clock::PinnedClock;
use fleet_q::store::memory::MemoryStore;
use fleet_q::store::{Migrate, Store};

use super::fixtures::{FORCED, NOBODY, T0};

type Force = Box<dyn Fn(StepId, State) + Send + Sync>;

pub struct Bed {
    pub name: &'static str,
    pub store: Arc<dyn Store>,
    /// A second handle on the same data, as another process would have it.
    pub second: Arc<dyn Store>,
    pub clock: Arc<PinnedClock>,
    force: Force,
    /// What lives as long as the bed: a folder, for stores in files.
    _keeps: Box<dyn Any + Send + Sync>,
}

impl Bed {
    /// Puts a stored step into a state, past every rule. A claimed one is held under [`FORCED`] by
    /// [`NOBODY`], who has no row; a final one carries [`FORCED`] as its receipt.
    pub fn force(&self, step_id: StepId, state: State) {
        (self.force)(step_id, state);
    }
}

pub async fn memory() -> Bed {
    let clock = Arc::new(PinnedClock::at(T0));
    let store = MemoryStore::new(Arc::<PinnedClock>::clone(&clock));
    let (second, raw) = (Arc::new(store.connect()), store.connect());
    let force = Box::new(move |step_id, state: State| {
        let edited = raw.edit_raw(step_id, |step| {
            step.state = state;
            step.claimed_by = (state == State::Claimed).then(|| NOBODY.into());
            step.claim_id = (state == State::Claimed || state.is_final()).then_some(FORCED);
            step.claimed = (state == State::Claimed).then_some(T0);
            step.finished = state.is_final().then_some(T0);
        });
        assert!(edited, "force needs a stored step");
    });
    store.migrate(Migrate::Apply).await.unwrap();
    Bed { name: "memory", store: Arc::new(store), second, clock, force, _keeps: Box::new(()) }
}

#[cfg(feature = "sqlite")]
pub async fn sqlite() -> Bed {
    use fleet_q::rules::time::Millis;
    use fleet_q::store::sqlite::{SqliteOptions, SqliteStore};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.db");
    let clock = Arc::new(PinnedClock::at(T0));
    let open = || {
        SqliteStore::open(SqliteOptions {
            path: Some(path.clone()),
            // What a power cut would lose does not matter here; waiting for the disk does.
            synchronous_normal: true,
            busy_timeout: Millis(5000),
            clock: Some(Arc::<PinnedClock>::clone(&clock) as _),
        })
        .unwrap()
    };
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    let second = Arc::new(open());
    let raw = path.clone();
    let force = Box::new(move |step_id, state| force_sqlite(&raw, step_id, state));
    Bed { name: "sqlite", store: Arc::new(store), second, clock, force, _keeps: Box::new(folder) }
}

#[cfg(feature = "sqlite")]
fn force_sqlite(path: &std::path::Path, step_id: StepId, state: State) {
    let claimed = state == State::Claimed;
    let edited = rusqlite::Connection::open(path)
        .unwrap()
        .execute(
            "update step_tracker
             set status = ?2, claimed_by = ?3, claim_id = ?4, claimed_ts = ?5, finished_ts = ?6
             where step_id = ?1",
            rusqlite::params![
                step_id.to_string(),
                state.as_str(),
                claimed.then_some(NOBODY),
                (claimed || state.is_final()).then(|| FORCED.to_string()),
                claimed.then_some(T0.0),
                state.is_final().then_some(T0.0),
            ],
        )
        .unwrap();
    assert_eq!(edited, 1, "force needs a stored step");
}

#[cfg(feature = "postgres")]
pub use self::postgres::postgres;

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::atomic::{AtomicU32, Ordering};

    use fleet_q::rules::time::Millis;
    use fleet_q::store::clock::DatabaseClock;
    use fleet_q::store::postgres::{PostgresOptions, PostgresStore};

    use super::{Arc, Bed, FORCED, Migrate, NOBODY, PinnedClock, State, StepId, Store, T0};
    use crate::postgres::server::{self, Server};

    static BEDS: AtomicU32 = AtomicU32::new(0);

    /// A schema of its own on the test server; `None`, said loudly, where there is no server.
    pub async fn postgres() -> Option<Bed> {
        let server = server::get()?;
        let schema = format!("t_{}_{}", std::process::id(), BEDS.fetch_add(1, Ordering::Relaxed));
        let clock = Arc::new(PinnedClock::at(T0));
        let open =
            || PostgresStore::open(&server.store_url, options(&schema, Some(Arc::<PinnedClock>::clone(&clock) as _)));
        let store = open().unwrap();
        store.migrate(Migrate::Apply).await.unwrap();
        let second = Arc::new(open().unwrap());
        let own = schema.clone();
        let force = Box::new(move |step_id, state| force(server, &own, step_id, state));
        let keeps = Box::new(Dropped { server, schema });
        Some(Bed { name: "postgres", store: Arc::new(store), second, clock, force, _keeps: keeps })
    }

    fn options(schema: &str, clock: Option<Arc<dyn DatabaseClock>>) -> PostgresOptions {
        PostgresOptions {
            schema: Some(schema.to_owned()),
            pod_name: None,
            work_connections: 2,
            connect_timeout: Millis(10_000),
            statement_timeout: Millis(10_000),
            clock,
        }
    }

    fn force(server: &'static Server, schema: &str, step_id: StepId, state: State) {
        let claimed = state == State::Claimed;
        let ended = claimed || state.is_final();
        let or_null = |given: bool, value: String| if given { value } else { "null".to_owned() };
        let edited = server.execute(format!(
            "update \"{schema}\".step_tracker
             set status = '{}', claimed_by = {}, claim_id = {}, claimed_ts = {}, finished_ts = {}
             where step_id = '{step_id}'",
            state.as_str(),
            or_null(claimed, format!("'{NOBODY}'")),
            or_null(ended, format!("'{FORCED}'")),
            or_null(claimed, T0.0.to_string()),
            or_null(state.is_final(), T0.0.to_string()),
        ));
        assert_eq!(edited, 1, "force needs a stored step");
    }

    /// Leaves nothing behind on a server that outlives the test.
    struct Dropped {
        server: &'static Server,
        schema: String,
    }

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.server.execute(format!("drop schema \"{}\" cascade", self.schema));
        }
    }
}
