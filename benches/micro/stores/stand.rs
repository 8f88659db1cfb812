//! Owns the store that one bench runs on: opened as the product opens it, empty, with one pod, and gone afterwards.
//! Decides nothing about what is timed.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fleet_q::rules::step::{Claim, PodId, StepId};
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::runtime::clock::{Clock, Draws, SystemClock, SystemDraws, new_claim_id};
use fleet_q::store::clock::DatabaseClock;
use fleet_q::store::url::OpenOptions;
use fleet_q::store::{Cycle, CycleReply, Enqueue, Finish, HandOff, Migrate, NewStep, Result, Store, Tally};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::counts::{self, Counted};
use super::steps;

/// No store is given more in one call than a client gives it.
const ROWS_PER_CALL: usize = 1000;
/// A store that has asked for nothing for so long has sent its wake-ups.
const QUIET: Duration = Duration::from_millis(4);
const POD: &str = "bench-00000000";
const POSTGRES_URL: &str = "FLEET_Q_TEST_POSTGRES_URL";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Memory,
    Sqlite,
    Postgres,
}

/// Where a bench runs, and with how many steps.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub place: Place,
    pub steps: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Memory => "memory",
            Place::Sqlite => "sqlite",
            Place::Postgres => "postgres",
        };
        if self.steps == 0 { f.write_str(place) } else { write!(f, "{place} {}", self.steps) }
    }
}

/// Every store that is here, with each of these numbers of steps.
pub fn cases(steps: &[usize]) -> Vec<Case> {
    let places = [Place::Memory, Place::Sqlite, Place::Postgres];
    let here = places.into_iter().filter(|place| *place != Place::Postgres || postgres_url().is_some());
    here.flat_map(|place| steps.iter().map(move |&steps| Case { place, steps })).collect()
}

pub fn say_what_is_missing() {
    if postgres_url().is_none() {
        eprintln!("NOT MEASURED: Postgres. Give {POSTGRES_URL}, or use `make bench-micro`.");
    }
}

fn postgres_url() -> Option<String> {
    std::env::var(POSTGRES_URL).ok().filter(|url| !url.is_empty())
}

/// What `memory://` asks for the time.
#[derive(Debug)]
struct OwnClock;

impl DatabaseClock for OwnClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.unix_ms().cast_signed())
    }
}

pub struct Stand {
    pub store: Arc<dyn Store>,
    pub pod: PodId,
    case: Case,
    runtime: Runtime,
    last_id: Cell<StepId>,
    counted: RefCell<Counted>,
    schema: Option<String>,
    /// The folder of a store in a file.
    _folder: Option<TempDir>,
}

impl Stand {
    pub fn open(case: &Case) -> Self {
        static STANDS: AtomicU32 = AtomicU32::new(0);
        let own = format!("bench_{}_{}", std::process::id(), STANDS.fetch_add(1, Ordering::Relaxed));
        let (mut folder, mut schema) = (None, None);
        let url = match case.place {
            Place::Memory => "memory://".to_owned(),
            Place::Sqlite => {
                let made = folder.insert(TempDir::new_in(scratch()).expect("the folder can be written"));
                format!("sqlite:///{}", made.path().join("fleet_q.db").display())
            }
            Place::Postgres => {
                schema = Some(own);
                postgres_url().expect("a case on Postgres has a server")
            }
        };
        // As many threads as a pod has for its work.
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can start");
        let options = OpenOptions {
            memory_clock: Arc::new(OwnClock),
            schema: schema.clone(),
            pod_name: None,
            connect_timeout: Millis(10_000),
            statement_timeout: Millis(30_000),
        };
        let inside = runtime.enter();
        let store = fleet_q::store::open(&url, options).expect("the URL is one of ours");
        drop(inside);
        let (last_id, counted) = (Cell::new(StepId([0; 16])), RefCell::default());
        let stand = Self { store, pod: POD.into(), case: *case, runtime, last_id, counted, schema, _folder: folder };
        stand.wait(stand.store.migrate(Migrate::Apply));
        stand.register(POD);
        stand
    }

    /// Waits for an answer, which must be one.
    pub fn wait<T>(&self, call: impl Future<Output = Result<T>>) -> T {
        self.runtime.block_on(call).expect("the store answers")
    }

    /// The same for a call that is timed: what it asks of the store is counted, until [`Stand::settle`].
    pub fn timed<T>(&self, call: impl Future<Output = Result<T>>) -> T {
        self.counted.borrow_mut().begin(self.store.tally());
        self.wait(call)
    }

    /// Waits until the store asks for nothing more by itself: a wake-up is sent after the answer, and must be counted
    /// with the call that caused it, not with the next one.
    pub fn settle(&self) {
        let mut seen = self.store.tally();
        while seen != Tally::default() {
            self.runtime.block_on(async { tokio::time::sleep(QUIET).await });
            let now = self.store.tally();
            if std::mem::replace(&mut seen, now) == now {
                break;
            }
        }
        self.counted.borrow_mut().end(seen);
    }

    /// New steps, each with an id after the last.
    pub fn steps(&self, count: usize) -> Vec<NewStep> {
        let now = SystemClock.unix_ms();
        let minted = (0..count).map(|_| {
            let bytes = SystemDraws.bytes();
            let random = std::array::from_fn(|at| bytes[at]);
            self.last_id.set(StepId::v7_after(self.last_id.get(), now, random));
            steps::step(self.last_id.get())
        });
        minted.collect()
    }

    pub fn enqueue(&self, count: usize) {
        for first in (0..count).step_by(ROWS_PER_CALL) {
            let steps = self.steps(ROWS_PER_CALL.min(count - first));
            let stored = self.wait(self.store.enqueue(&Enqueue { steps, hand_off: None }));
            assert!(stored.iter().all(Result::is_ok), "plain steps are taken");
        }
    }

    /// Claims as many as were stored for it.
    pub fn claim(&self, count: usize) -> Vec<Claim> {
        claims_of(self.wait(self.store.cycle(&self.asks(count))))
    }

    /// A call that finishes nothing and asks for so many steps.
    pub fn asks(&self, count: usize) -> Cycle {
        let limit = u32::try_from(count).expect("a few thousand");
        let demand = Some(steps::demand(new_claim_id(&SystemDraws), limit));
        Cycle { pod: self.pod.clone(), finishes: Vec::new(), releases: Vec::new(), demand }
    }

    /// An offer to run one new step at once.
    pub fn offer(&self) -> HandOff {
        HandOff { pod: self.pod.clone(), claim_id: new_claim_id(&SystemDraws), limit: 1, tasks: steps::tasks() }
    }

    pub fn register(&self, pod: &str) {
        self.wait(self.store.register(&steps::registration(pod)));
    }

    /// Ends the store, and keeps what was asked of it under this name.
    pub fn close(self, what: &str) {
        self.settle();
        counts::keep(format!("{what}, {}", self.case), *self.counted.borrow());
        self.runtime.block_on(self.store.close());
        if let (Some(schema), Some(url)) = (&self.schema, postgres_url()) {
            self.runtime.block_on(drop_schema(&url, schema));
        }
    }
}

pub fn claims_of(reply: CycleReply) -> Vec<Claim> {
    assert!(!reply.claims.is_empty(), "what was stored is claimed");
    reply.claims.into_iter().map(|claimed| claimed.claim).collect()
}

/// How the step of this hand-off will end.
pub fn born_claimed(call: &Enqueue) -> Option<Finish> {
    let (step, terms) = (call.steps.first()?, call.hand_off.as_ref()?);
    Some(steps::completed(Claim { step_id: step.step_id, claim_id: terms.claim_id }))
}

/// On a disk, which a folder for temporary files often is not.
fn scratch() -> PathBuf {
    std::env::var_os("BENCH_FOLDER_ROOT").map_or_else(|| "/var/tmp".into(), PathBuf::from)
}

/// Leaves nothing behind on a server that outlives the bench.
async fn drop_schema(url: &str, schema: &str) {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("the server is there");
    let driver = tokio::spawn(driver);
    client.batch_execute(&format!("drop schema \"{schema}\" cascade")).await.expect("the schema is ours");
    drop(client);
    driver.await.expect("the connection ends").expect("in good order");
}
