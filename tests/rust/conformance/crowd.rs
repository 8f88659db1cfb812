//! P2, P9 and P13 under a crowd, on two connections and many threads: claimers share no step and take the first of
//! all in sum; leaders that all believe they lead rescue each orphan once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleet_q::rules::step::{Claim, PodId, StepId};
use fleet_q::rules::time::Timestamp;
use fleet_q::store::{ClaimCall, Cycle, Finish, MarkDead, NewStep, Recover, Store, Verdict};
use tokio::sync::Barrier;

use super::bed::{self, Bed};
use super::fixtures::{TIMING, asks, claim, claim_id, complete, id, numbers, ordinary, step};

const STEPS: u64 = 2000;
const CLAIMERS: u64 = 8;
/// Rounds of leaders, and the orphans of each.
const ROUNDS: u64 = 10;
const ORPHANS: u64 = 60;

macro_rules! for_each_crowd {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                super::$case(&super::bed::memory().await).await;
            })+
        }
        #[cfg(feature = "sqlite")]
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                super::$case(&super::bed::sqlite().await).await;
            })+
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                if let Some(bed) = super::bed::postgres().await {
                    super::$case(&bed).await;
                }
            })+
        }
    };
}

for_each_crowd!(
    claimers_share_no_step,
    claimers_at_once_take_the_first_of_all,
    leaders_at_once_rescue_each_orphan_once
);

async fn claimers_share_no_step(bed: &Bed) {
    bed.enqueue((1..=STEPS).map(step).collect()).await;
    let mut claimers = tokio::task::JoinSet::new();
    for n in 0..CLAIMERS {
        let store = handle(bed, n);
        let pod = bed.pod(&format!("p-{n:08}")).await;
        claimers.spawn(drain(store, pod, n * STEPS));
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

/// P9: none of them waits for another, and yet together they take what one alone would have taken, each in order.
async fn claimers_at_once_take_the_first_of_all(bed: &Bed) {
    let priority = |n: u64| i32::try_from(n * 7 % 5).unwrap();
    bed.enqueue((1..=STEPS).map(|n| NewStep { priority: priority(n), ..step(n) }).collect()).await;
    let mut first: Vec<u64> = (1..=STEPS).collect();
    first.sort_by_key(|n| (-priority(*n), *n));
    let (together, mut claimers) = (Arc::new(Barrier::new(8)), tokio::task::JoinSet::new());
    for n in 0..CLAIMERS {
        let (store, pod) = (handle(bed, n), bed.pod(&format!("p-{n:08}")).await);
        let together = Arc::clone(&together);
        claimers.spawn(async move {
            together.wait().await;
            let mut taken = Vec::new();
            for round in 0..ROUNDS {
                let reply = store.cycle(&asks(&pod, ordinary(1 + n * ROUNDS + round, 7))).await.unwrap();
                taken.extend(numbers(reply.claims.iter().map(|claimed| claimed.claim.step_id)));
            }
            taken
        });
    }
    let taken = claimers.join_all().await;
    let place: BTreeMap<u64, usize> = first.iter().copied().zip(0..).collect();
    for own in &taken {
        assert!(own.is_sorted_by_key(|n| place[n]), "{}: one claimer went back in the queue: {own:?}", bed.name);
    }
    let all: BTreeSet<u64> = taken.into_iter().flatten().collect();
    let due = usize::try_from(CLAIMERS * ROUNDS * 7).unwrap();
    assert_eq!(all, first[..due].iter().copied().collect(), "{}: others than the first {due} were taken", bed.name);
}

/// P13: who leads is each one's belief; what is done decides the database.
async fn leaders_at_once_rescue_each_orphan_once(bed: &Bed) {
    let leaders = [bed.pod("a-00000001").await, bed.pod("b-00000002").await, bed.pod("c-00000003").await];
    bed.enqueue((1..=ORPHANS).map(step).collect()).await;
    for round in 0..ROUNDS {
        let dead = bed.pod(&format!("d-{round:08}")).await;
        let born = bed.now();
        assert_eq!(bed.claim(&dead, patient(round)).await.len(), 60);
        bed.beat_for(&leaders.each_ref(), TIMING.dead_pod_threshold + TIMING.heartbeat_interval).await;
        let mut acting = tokio::task::JoinSet::new();
        for n in 0..6 {
            let (store, leader) = (handle(bed, n), leaders[usize::try_from(n % 3).unwrap()].clone());
            acting.spawn(act(store, leader, (dead.clone(), born)));
        }
        let acts = acting.join_all().await;
        let buried: Vec<&PodId> = acts.iter().flat_map(|(buried, _)| buried).collect();
        assert_eq!(buried, [&dead], "{}: a death was declared more than once", bed.name);
        let mut rescued: Vec<Claim> = acts.into_iter().flat_map(|(_, rescued)| rescued).collect();
        rescued.sort_unstable();
        assert_eq!(rescued, (1..=ORPHANS).map(|n| claim(n, round)).collect::<Vec<_>>(), "{}", bed.name);
    }
    for n in 1..=ORPHANS {
        assert_eq!(u64::from(bed.get(n).await.crash_count), ROUNDS);
    }
}

/// Takes all orphans of the round, however often they crashed.
fn patient(n: u64) -> ClaimCall {
    ClaimCall { max_crashes: u32::MAX, ..ordinary(n, 60) }
}

/// One leader's pass: declares dead, then recovers until nothing is left, a few at a time.
async fn act(store: Arc<dyn Store>, leader: PodId, dead: (PodId, Timestamp)) -> (Vec<PodId>, Vec<Claim>) {
    let call = MarkDead { leader: leader.clone(), suspects: vec![dead], timing: TIMING };
    let buried = store.mark_dead(&call).await.unwrap();
    let (call, mut rescued) = (Recover { leader, max_crashes: u32::MAX, limit: 7 }, Vec::new());
    loop {
        let orphans = store.recover(&call).await.unwrap();
        if orphans.is_empty() {
            return (buried, rescued);
        }
        rescued.extend(orphans.into_iter().map(|orphan| orphan.claim));
        tokio::task::yield_now().await;
    }
}

/// Every second caller comes over the other connection.
fn handle(bed: &Bed, n: u64) -> Arc<dyn Store> {
    Arc::clone(if n.is_multiple_of(2) { &bed.store } else { &bed.second })
}
