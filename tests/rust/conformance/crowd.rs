//! P2 under a crowd: claimers at once, on two connections and many threads, share no step.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleet_q::rules::step::{PodId, StepId};
use fleet_q::store::{Cycle, Finish, Store, Verdict};

use super::bed::{self, Bed};
use super::fixtures::{asks, claim_id, complete, id, ordinary, step};

const STEPS: u64 = 2000;
const CLAIMERS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claimers_on_memory_share_no_step() {
    claimers_share_no_step(&bed::memory().await).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claimers_on_sqlite_share_no_step() {
    claimers_share_no_step(&bed::sqlite().await).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claimers_on_postgres_share_no_step() {
    if let Some(bed) = bed::postgres().await {
        claimers_share_no_step(&bed).await;
    }
}

async fn claimers_share_no_step(bed: &Bed) {
    bed.enqueue((1..=STEPS).map(step).collect()).await;
    let mut claimers = tokio::task::JoinSet::new();
    for n in 0..CLAIMERS {
        let store = if n % 2 == 0 { &bed.store } else { &bed.second };
        let pod = bed.pod(&format!("p-{n:08}")).await;
        claimers.spawn(drain(Arc::clone(store), pod, n * STEPS));
    }
    let taken = claimers.join_all().await;
    let all: Vec<StepId> = taken.iter().flatten().copied().collect();
    let distinct: BTreeSet<StepId> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len(), "{}: a step was claimed twice", bed.name);
    assert_eq!(distinct, (1..=STEPS).map(id).collect());
}

/// Claims and completes until nothing is left; answers what it got.
async fn drain(store: Arc<dyn Store>, pod: PodId, first_claim: u64) -> Vec<StepId> {
    let mut taken = Vec::new();
    let mut finishes: Vec<Finish> = Vec::new();
    for n in first_claim.. {
        let sent = finishes.len();
        let call = Cycle { finishes: std::mem::take(&mut finishes), ..asks(&pod, ordinary(n, 7)) };
        let reply = store.cycle(&call).await.unwrap();
        assert_eq!(reply.verdicts, vec![Verdict::Recorded; sent]);
        if reply.claims.is_empty() {
            break;
        }
        for claimed in reply.claims {
            assert_eq!(claimed.claim.claim_id, claim_id(n));
            taken.push(claimed.claim.step_id);
            finishes.push(Finish { claim: claimed.claim, outcome: complete() });
        }
        tokio::task::yield_now().await;
    }
    taken
}
