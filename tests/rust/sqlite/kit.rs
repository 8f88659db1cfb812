//! Stores in a temporary folder, and the few calls that most cases need.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet_q::rules::step::{ClaimId, PodId, StepId};
use fleet_q::rules::time::Millis;
use fleet_q::store::sqlite::{SqliteOptions, SqliteStore};
use fleet_q::store::types::*;
use fleet_q::store::{Refusal, Result, Store};
use rusqlite::Connection;
use tempfile::TempDir;

pub struct Bench {
    pub folder: TempDir,
    pub store: SqliteStore,
}

impl Bench {
    /// A migrated database in a folder of its own, with one pod registered.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("q.db")).unwrap();
        store.migrate(Migrate::Apply).await.unwrap();
        store.register(&Registration { pod_id: pod(), can_lead: true, meta: "{}".into() }).await.unwrap();
        Self { folder, store }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("q.db")
    }

    /// A plain connection, as any other program would have one.
    pub fn sql(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub async fn enqueue(&self, steps: Vec<NewStep>) -> Vec<Result<Accepted, Refusal>> {
        self.store.enqueue(&Enqueue { steps, hand_off: None }).await.unwrap()
    }

    pub async fn claim(&self, limit: u32) -> Vec<Claimed> {
        self.store.cycle(&demand(limit)).await.unwrap().claims
    }

    pub async fn step(&self, id: StepId) -> Step {
        self.store.get(&[id]).await.unwrap().remove(0).unwrap()
    }
}

pub fn options(path: Option<PathBuf>) -> SqliteOptions {
    SqliteOptions { path, synchronous_normal: false, busy_timeout: Millis(2000), clock: None }
}

pub fn open(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(options(Some(path.to_path_buf())))
}

pub fn pod() -> PodId {
    PodId::from("host-00000001")
}

pub fn id(n: u64) -> StepId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    StepId::v7(1_700_000_000_000, random)
}

pub fn claim_id(n: u8) -> ClaimId {
    ClaimId::v4([n; 16])
}

pub fn new_step(n: u64) -> NewStep {
    NewStep {
        step_id: id(n),
        task: "greet".into(),
        queue: "default".into(),
        priority: 0,
        payload: Content::json(*b"{\"args\":[1]}"),
        max_retries: 3,
        due: Due::Now,
        timeout: None,
        unique_key: None,
        tags: vec![],
    }
}

pub fn unique(n: u64, key: &str) -> NewStep {
    NewStep { unique_key: Some(key.into()), ..new_step(n) }
}

pub fn demand(limit: u32) -> Cycle {
    let lane = Lane { tasks: Arc::from([Arc::from("greet")]), queues: Queues::All, limit };
    let call = ClaimCall { claim_id: claim_id(1), limit, lanes: vec![lane], max_crashes: 3, kind: ClaimKind::Ordinary };
    Cycle { pod: pod(), finishes: vec![], releases: vec![], demand: Some(call) }
}

pub fn complete(claim: fleet_q::rules::step::Claim) -> Finish {
    Finish { claim, outcome: Outcome::Complete { result: Some(Content::json(*b"42")) } }
}
