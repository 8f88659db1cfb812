//! Who gets what: lanes, filters, limits, pauses, suspects, and who gets nothing.

use fleet_q::rules::step::PodId;
use fleet_q::store::{ClaimCall, Claimed, Content, Control, Finish, Lane, NewStep, Queues, Recover, Verdict};

use super::bed::Bed;
use super::fixtures::{
    MAX_CRASHES, NONE, T0, asks, beat_of, claim, complete, held, lane, names, only, ordinary, row, step, suspects,
};

for_each_store!(
    claim_says_what_the_body_needs,
    pod_without_a_living_row_claims_nothing,
    draining_pod_may_claim,
    lanes_are_served_in_order_until_the_limit,
    lane_takes_only_its_tasks_and_queues,
    nothing_is_claimed_twice,
    paused_queue_is_passed_over_until_resumed,
    suspect_is_claimed_alone_and_only_when_asked_for,
    one_call_finishes_releases_and_claims,
    mine_lists_what_the_pod_holds,
    large_batch_travels_whole,
);

fn queued(n: u64, queue: &str) -> NewStep {
    NewStep { queue: queue.into(), ..step(n) }
}

fn lanes(n: u64, limit: u32, lanes: Vec<Lane>) -> ClaimCall {
    ClaimCall { lanes, ..ordinary(n, limit) }
}

async fn claim_says_what_the_body_needs(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let new = NewStep { priority: 2, timeout: Some(fleet_q::rules::time::Millis(500)), ..step(1) };
    bed.enqueue(vec![new.clone()]).await;
    let claimed = Claimed {
        claim: claim(1, 1),
        task: "work".into(),
        queue: "default".into(),
        priority: 2,
        payload: new.payload.clone(),
        retry_count: 0,
        max_retries: 3,
        crash_count: 0,
        timeout: new.timeout,
        created: T0,
        claimed: T0,
    };
    let reply = bed.ask(&a, ordinary(1, 5)).await;
    assert_eq!((reply.claims, reply.pod_alive, reply.now), (vec![claimed], true, T0));
    assert_eq!(bed.get(1).await, held(row(&new, T0), &a, 1, T0));
}

async fn pod_without_a_living_row_claims_nothing(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    for pod in ["stranger-00000009".into(), PodId::from("control")] {
        let reply = bed.ask(&pod, ordinary(1, 1)).await;
        assert_eq!((reply.claims, reply.pod_alive), (vec![], false), "{pod}");
    }
    let a = bed.pod("a-00000001").await;
    bed.store.retire(&a).await.unwrap();
    let reply = bed.ask(&a, ordinary(1, 1)).await;
    assert_eq!((reply.claims, reply.pod_alive), (vec![], false));
}

async fn draining_pod_may_claim(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    let status = fleet_q::rules::election::PodStatus::Draining;
    bed.store.beat(&fleet_q::store::Beat { status, ..beat_of(&a) }).await.unwrap();
    assert_eq!(bed.claim(&a, ordinary(1, 1)).await, [1]);
}

async fn lanes_are_served_in_order_until_the_limit(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let urgent = |n, queue| NewStep { priority: 9, ..queued(n, queue) };
    bed.enqueue(vec![queued(1, "x"), queued(2, "x"), urgent(3, "y"), urgent(4, "y"), urgent(5, "y")]).await;
    let call = lanes(1, 4, vec![only(&["x"], 1), only(&["y"], 2), lane(9)]);
    assert_eq!(bed.claim(&a, call).await, [1, 3, 4, 5]);
    assert_eq!(bed.claim(&a, lanes(2, 0, vec![lane(9)])).await, NONE);
    assert_eq!(bed.claim(&a, lanes(3, 9, vec![lane(0)])).await, NONE);
    assert_eq!(bed.claim(&a, lanes(4, 9, vec![])).await, NONE);
    assert_eq!(bed.claim(&a, lanes(5, 9, vec![lane(9)])).await, [2]);
}

async fn lane_takes_only_its_tasks_and_queues(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let other = NewStep { task: "other".into(), ..step(4) };
    bed.enqueue(vec![queued(1, "x"), queued(2, "y"), queued(3, "it's"), other]).await;
    let nothing = Lane { tasks: names(&[]), ..lane(9) };
    let none_known = Lane { queues: Queues::Only(vec![]), ..lane(9) };
    assert_eq!(bed.claim(&a, lanes(1, 9, vec![nothing, none_known])).await, NONE);
    assert_eq!(bed.claim(&a, lanes(2, 9, vec![only(&["it's", "nowhere"], 9)])).await, [3]);
    let except = Lane { queues: Queues::Except(names(&["x"]).to_vec()), ..lane(9) };
    assert_eq!(bed.claim(&a, lanes(3, 9, vec![except])).await, [2]);
    let both = Lane { tasks: names(&["other", "work", "work"]), ..lane(9) };
    assert_eq!(bed.claim(&a, lanes(4, 9, vec![both])).await, [1, 4]);
}

async fn nothing_is_claimed_twice(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue(vec![step(1), step(2)]).await;
    assert_eq!(bed.claim(&a, lanes(1, 1, vec![lane(9), lane(9)])).await, [1]);
    let reply = bed.second.cycle(&asks(&b, lanes(2, 9, vec![lane(9), lane(9)]))).await.unwrap();
    assert_eq!(reply.claims.iter().map(|claimed| claimed.claim).collect::<Vec<_>>(), [claim(2, 2)]);
}

async fn paused_queue_is_passed_over_until_resumed(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![queued(1, "x"), queued(2, "y")]).await;
    bed.store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    bed.store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    assert_eq!(bed.second.stats().await.unwrap().paused, ["x"]);
    assert_eq!(bed.claim(&a, lanes(1, 9, vec![only(&["x"], 9), lane(9)])).await, [2]);
    bed.store.control(&Control::Resume { queue: "x".into() }).await.unwrap();
    assert_eq!(bed.claim(&a, ordinary(2, 9)).await, [1]);
    assert_eq!(bed.second.stats().await.unwrap().paused, Vec::<String>::new());
}

async fn suspect_is_claimed_alone_and_only_when_asked_for(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1), step(2), step(3)]).await;
    for crash in 0..u64::from(MAX_CRASHES) {
        let victim = bed.pod(&format!("victim-{crash:08}")).await;
        assert_eq!(bed.claim(&victim, ordinary(10 + crash, 2)).await, [1, 2]);
        bed.store.retire(&victim).await.unwrap();
        bed.store.recover(&Recover { leader: a.clone(), max_crashes: MAX_CRASHES, limit: 9 }).await.unwrap();
    }
    assert!(bed.beat(&a).await.suspects, "the beat says that somebody must empty itself");
    assert_eq!(bed.claim(&a, ordinary(1, 9)).await, [3]);
    assert_eq!(bed.claim(&a, suspects(2, 0)).await, NONE);
    assert_eq!(bed.claim(&a, suspects(3, 9)).await, [1]);
    assert_eq!(bed.claim(&a, suspects(4, 9)).await, [2]);
    assert_eq!(bed.claim(&a, suspects(5, 9)).await, NONE);
    assert!(!bed.beat(&a).await.suspects);
}

async fn one_call_finishes_releases_and_claims(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue((1..=4).map(step).collect()).await;
    assert_eq!(bed.claim(&a, ordinary(1, 2)).await, [1, 2]);
    let mut call = asks(&a, ordinary(2, 2));
    call.finishes = vec![Finish { claim: claim(1, 1), outcome: complete() }];
    call.releases = vec![claim(2, 1), claim(3, 1)];
    let reply = bed.store.cycle(&call).await.unwrap();
    assert_eq!(reply.verdicts, [Verdict::Recorded]);
    assert_eq!(reply.released, [Verdict::Recorded, Verdict::Lost]);
    // What was just released is the oldest, so it has the turn again.
    assert_eq!(reply.claims.iter().map(|claimed| claimed.claim).collect::<Vec<_>>(), [claim(2, 2), claim(3, 2)]);
}

async fn mine_lists_what_the_pod_holds(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue((1..=5).map(step).collect()).await;
    bed.claim(&a, ordinary(1, 2)).await;
    bed.claim(&b, ordinary(2, 1)).await;
    bed.claim(&a, ordinary(3, 2)).await;
    bed.finish(&a, claim(1, 1), complete()).await;
    bed.release(&a, claim(5, 3)).await;
    let mut mine = bed.second.mine(&a).await.unwrap();
    mine.sort();
    assert_eq!(mine, [claim(2, 1), claim(4, 3)]);
    assert_eq!(bed.store.mine(&"stranger-00000009".into()).await.unwrap(), []);
}

async fn large_batch_travels_whole(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let payload = Content::json(vec![b'7'; 200]);
    bed.enqueue((1..=5000).map(|n| NewStep { payload: payload.clone(), ..step(n) }).collect()).await;
    assert_eq!(bed.claim(&a, ordinary(1, 5000)).await, (1..=5000).collect::<Vec<_>>());
    let mut call = asks(&a, ordinary(2, 5000));
    call.finishes = (1..=2500).map(|n| Finish { claim: claim(n, 1), outcome: complete() }).collect();
    call.releases = (2501..=5000).map(|n| claim(n, 1)).collect();
    let reply = bed.store.cycle(&call).await.unwrap();
    assert_eq!(reply.verdicts, vec![Verdict::Recorded; 2500]);
    assert_eq!(reply.released, vec![Verdict::Recorded; 2500]);
    assert_eq!(reply.claims.len(), 2500);
}
