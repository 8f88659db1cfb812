//! What pods with nothing to do ask of the store. A call is a transaction on a store that has them.

use std::collections::BTreeMap;

use fleet_q::rules::step::StepId;
use fleet_q::rules::time::Millis;
use fleet_q::runtime::Request;
use fleet_q::store::Due;

use super::defects::Defect;
use super::scenarios::virtual_time;
use super::world::World;

const MINUTE_MS: u64 = 60_000;

/// The calls of each pod in its third minute, the leader's first.
async fn third_minute(pods: usize) -> Vec<BTreeMap<&'static str, u64>> {
    let mut world = World::new(7, Defect::None);
    for _ in 0..pods {
        world.add_pod().await;
    }
    world.pass(2 * MINUTE_MS).await;
    for pod in &world.pods {
        pod.calls.lock().expect("no panic on the line").clear();
    }
    world.pass(MINUTE_MS).await;
    world.pods.iter().map(|pod| pod.calls.lock().expect("no panic on the line").clone()).collect()
}

#[test]
fn an_idle_pod_beats_reconciles_and_looks_for_work_and_its_leader_recovers_prunes_and_looks_for_failures() {
    virtual_time(async {
        let usual = [("beat", 20), ("cycle", 12), ("mine", 20)];
        let leading = [("failures", 2), ("prune", 2), ("recover", 20)];
        let [leader, follower] = third_minute(2).await.try_into().expect("two pods");
        assert_costs(&follower, usual.to_vec());
        assert_costs(&leader, [usual.to_vec(), leading.to_vec()].concat());
    });
}

/// Exactly these calls, so often at most; a minute may hold the end of one more interval.
fn assert_costs(calls: &BTreeMap<&str, u64>, most: Vec<(&str, u64)>) {
    let most = BTreeMap::from_iter(most);
    assert!(calls.keys().eq(most.keys()), "{calls:?}");
    assert!(calls.iter().all(|(call, n)| *n <= most[call] + 1), "{calls:?}");
}

#[test]
fn an_idle_pod_asks_the_store_less_than_twice_a_second() {
    virtual_time(async {
        for pods in [1, 3] {
            for calls in third_minute(pods).await {
                assert!(calls.values().sum::<u64>() <= 90, "{pods} pods: {calls:?}");
            }
        }
    });
}

#[test]
fn what_is_past_its_keep_goes_faster_than_a_batch_an_interval() {
    const STEPS: usize = 25_000;
    virtual_time(async {
        let mut world = World::new(7, Defect::None);
        world.keep_failed_s = 60;
        world.add_pod().await;
        let later = |world: &World| Request { due: Due::In(Millis(1_000_000_000)), ..world.request_of("sure") };
        let requests: Vec<Request> = (0..STEPS).map(|_| later(&world)).collect();
        let ids = world.client().enqueue(requests).await.expect("the weather is fine");
        let ids: Vec<StepId> = ids.into_iter().flatten().collect();
        world.client().cancel(ids.clone()).await.expect("the weather is fine");
        // A minute that they are kept, half of one until somebody looks, and then no interval for each batch.
        world.pass(MINUTE_MS + MINUTE_MS / 2 + 3_000).await;
        let left = world.store.get(&ids).await.expect("the store itself is well").into_iter().flatten().count();
        assert_eq!(left, 0, "of {STEPS}");
    });
}
