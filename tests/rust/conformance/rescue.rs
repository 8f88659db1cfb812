//! P5, P6, P13, P14: who is declared dead, who never is, and what becomes of the orphans.

use std::collections::BTreeMap;

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::state::State;
use fleet_q::rules::step::PodId;
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::{Beat, MarkDead, Recover, Recovered, Step, Verdict};

use super::bed::Bed;
use super::fixtures::{
    MAX_CRASHES, T0, TIMING, bare, beat_of, claim, claim_id, complete, crash, history, id, ordinary, row, step,
    suspects,
};

for_each_store!(
    silent_pod_is_marked_by_a_leader_that_beat_for_a_threshold,
    leader_that_is_young_stale_or_not_up_marks_nobody,
    pod_that_beat_since_is_not_marked,
    beat_exactly_at_the_threshold_is_alive,
    draining_pod_is_marked_and_dormant_is_not,
    jump_of_the_clock_marks_nobody_for_a_threshold,
    beat_from_the_future_does_not_save_a_dead_pod,
    leader_whose_beat_was_pulled_back_waits_one_threshold_and_no_more,
    orphan_is_pending_again_with_its_evidence,
    recovery_is_idempotent_and_bounded,
    two_leaders_at_once_do_no_harm,
    living_pods_keep_their_steps,
    step_of_an_unknown_pod_is_an_orphan,
    crash_of_a_suspect_fails_it,
    late_writer_of_a_recovered_step_has_lost,
    crash_of_its_process_spends_no_retry_and_keeps_the_place,
    crash_of_a_suspects_process_fails_it,
    crash_of_a_step_to_be_cancelled_cancels_it,
);

const THRESHOLD: Millis = TIMING.dead_pod_threshold;

async fn mark(bed: &Bed, leader: &PodId, suspects: &[(&PodId, Timestamp)]) -> Vec<PodId> {
    let suspects = suspects.iter().map(|(pod, seen)| ((*pod).clone(), *seen)).collect();
    bed.store.mark_dead(&MarkDead { leader: leader.clone(), suspects, timing: TIMING }).await.unwrap()
}

async fn recover(bed: &Bed, leader: &PodId, limit: u32) -> Vec<Recovered> {
    let call = Recover { leader: leader.clone(), max_crashes: MAX_CRASHES, limit };
    let mut recovered = bed.store.recover(&call).await.unwrap();
    recovered.sort_by_key(|orphan| orphan.claim);
    recovered
}

async fn silent_pod_is_marked_by_a_leader_that_beat_for_a_threshold(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.beat_for(&[&a], THRESHOLD + Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, std::slice::from_ref(&b));
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, []);
    assert_eq!(bed.view(&b).await.status, PodStatus::Down);
    assert!(!bed.beat(&b).await.alive);
}

async fn leader_that_is_young_stale_or_not_up_marks_nobody(bed: &Bed) {
    let (b, stale) = (bed.pod("b-00000002").await, bed.pod("s-00000004").await);
    bed.clock.advance(Millis(2));
    let (a, draining) = (bed.pod("a-00000001").await, bed.pod("d-00000003").await);
    bed.beat_for(&[&a, &draining], THRESHOLD - Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, [], "one threshold has not passed");
    assert_eq!(mark(bed, &stale, &[(&b, T0)]).await, [], "its own beat is too old");
    assert_eq!(mark(bed, &"stranger-00000009".into(), &[(&b, T0)]).await, []);
    bed.clock.advance(Millis(1));
    bed.store.beat(&Beat { status: PodStatus::Draining, ..beat_of(&draining) }).await.unwrap();
    assert_eq!(mark(bed, &draining, &[(&b, T0)]).await, [], "only a pod that is up leads");
    bed.beat(&a).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, [b]);
}

async fn pod_that_beat_since_is_not_marked(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.beat_for(&[&a], Millis(16_000)).await;
    bed.beat(&b).await;
    assert_eq!(mark(bed, &a, &[(&b, T0), (&b, bed.now())]).await, []);
    // Old again, but the leader speaks of a beat it saw before the last one.
    bed.beat_for(&[&a], Millis(16_000)).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, []);
}

async fn beat_exactly_at_the_threshold_is_alive(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.beat_for(&[&a], THRESHOLD).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, []);
}

async fn draining_pod_is_marked_and_dormant_is_not(bed: &Bed) {
    let (a, b, c) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await, bed.pod("c-00000003").await);
    for (pod, status) in [(&b, PodStatus::Draining), (&c, PodStatus::Dormant)] {
        bed.store.beat(&Beat { status, ..beat_of(pod) }).await.unwrap();
    }
    bed.beat_for(&[&a], THRESHOLD.times(2)).await;
    assert_eq!(mark(bed, &a, &[(&b, T0), (&c, T0)]).await, [b]);
}

async fn jump_of_the_clock_marks_nobody_for_a_threshold(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.beat_for(&[&a, &b], THRESHOLD.times(2)).await;
    let seen = bed.now();
    bed.clock.advance(Millis::from_secs(3600));
    assert_eq!(mark(bed, &a, &[(&b, seen)]).await, [], "the leader has not beaten since");
    bed.beat(&a).await;
    assert_eq!(mark(bed, &a, &[(&b, seen)]).await, [], "it has only just begun again");
    bed.beat_for(&[&a], THRESHOLD - Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, seen)]).await, []);
    bed.beat_for(&[&a], Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, seen)]).await, [b]);
}

async fn beat_from_the_future_does_not_save_a_dead_pod(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.clock.set(T0 - Millis::from_secs(3600));
    bed.beat(&a).await;
    bed.beat_for(&[&a], THRESHOLD).await;
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, []);
    let clamped = bed.view(&b).await.last_heartbeat;
    assert_eq!(clamped, bed.now());
    bed.beat_for(&[&a], THRESHOLD + Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, clamped)]).await, [b]);
}

async fn leader_whose_beat_was_pulled_back_waits_one_threshold_and_no_more(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    let stepped = T0 - Millis::from_secs(3600);
    bed.clock.set(stepped);
    // Its pass comes before its next beat, which then finds nothing wrong with the one before.
    assert_eq!(mark(bed, &a, &[(&b, T0)]).await, []);
    bed.beat(&a).await;
    assert_eq!(bed.view(&a).await.beating_since, stepped);
    bed.beat_for(&[&a], THRESHOLD + Millis(1)).await;
    assert_eq!(mark(bed, &a, &[(&b, stepped)]).await, [b]);
}

async fn orphan_is_pending_again_with_its_evidence(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&b, ordinary(1, 1)).await;
    bed.store.retire(&b).await.unwrap();
    bed.clock.advance(Millis(50));
    let orphan =
        Recovered { claim: claim(1, 1), task: "work".into(), pod: b.clone(), to: State::Pending, crash_count: 1 };
    assert_eq!(recover(bed, &a, 9).await, [orphan]);
    let found = bed.get(1).await;
    let evidence = serde_json::json!({
        "kind": "crash", "pod": b.as_str(), "claim": claim_id(1).to_string(), "leader": a.as_str(), "ts": bed.now().0,
    });
    assert_eq!(history(&found), [evidence]);
    assert_eq!(bare(found), Step { crash_count: 1, last_update: bed.now(), ..row(&step(1), T0) });
}

async fn recovery_is_idempotent_and_bounded(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue((1..=5).map(step).collect()).await;
    bed.claim(&b, ordinary(1, 5)).await;
    bed.store.retire(&b).await.unwrap();
    let counts = [recover(bed, &a, 2).await.len(), recover(bed, &a, 2).await.len(), recover(bed, &a, 2).await.len()];
    assert_eq!(counts, [2, 2, 1]);
    assert_eq!(recover(bed, &a, 2).await, []);
    for n in 1..=5 {
        assert_eq!(bed.get(n).await.crash_count, 1);
    }
}

async fn two_leaders_at_once_do_no_harm(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue((1..=50).map(step).collect()).await;
    bed.claim(&b, ordinary(1, 50)).await;
    bed.store.retire(&b).await.unwrap();
    let call = Recover { leader: a, max_crashes: MAX_CRASHES, limit: 100 };
    let (one, two) = tokio::join!(bed.store.recover(&call), bed.second.recover(&call));
    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for orphan in one.unwrap().into_iter().chain(two.unwrap()) {
        *counts.entry(orphan.claim).or_default() += 1;
    }
    assert_eq!(counts, (1..=50).map(|n| (claim(n, 1), 1)).collect());
    assert_eq!(bed.get(50).await.crash_count, 1);
}

async fn living_pods_keep_their_steps(bed: &Bed) {
    let pods = [bed.pod("a-00000001").await, bed.pod("b-00000002").await, bed.pod("c-00000003").await];
    for (n, pod) in (1..).zip(&pods) {
        bed.enqueue(vec![step(n)]).await;
        bed.claim(pod, ordinary(n, 1)).await;
    }
    for (pod, status) in [(&pods[1], PodStatus::Draining), (&pods[2], PodStatus::Dormant)] {
        bed.store.beat(&Beat { status, ..beat_of(pod) }).await.unwrap();
    }
    // However old their beats are: only `down` loses steps.
    bed.clock.advance(Millis::from_secs(3600));
    assert_eq!(recover(bed, &pods[0], 9).await, []);
}

async fn step_of_an_unknown_pod_is_an_orphan(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.force(id(1), State::Claimed);
    assert_eq!(recover(bed, &a, 9).await.len(), 1);
    assert_eq!(bed.state(1).await, State::Pending);
}

async fn crash_of_a_suspect_fails_it(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    let mut went = Vec::new();
    for crash in 0..=u64::from(MAX_CRASHES) {
        let victim = bed.pod(&format!("victim-{crash:08}")).await;
        let demand = if crash < u64::from(MAX_CRASHES) { ordinary(crash, 1) } else { suspects(crash, 1) };
        assert_eq!(bed.claim(&victim, demand).await, [1]);
        bed.store.retire(&victim).await.unwrap();
        went.extend(recover(bed, &a, 9).await.into_iter().map(|orphan| (orphan.to, orphan.crash_count)));
    }
    assert_eq!(went, [(State::Pending, 1), (State::Pending, 2), (State::Pending, 3), (State::Failed, 4)]);
    let found = bed.get(1).await;
    assert_eq!((found.retry_count, found.finished, history(&found).len()), (0, Some(T0), 4));
    bed.store.replay(&[id(1)]).await.unwrap();
    assert_eq!(bed.claim(&a, ordinary(9, 1)).await, [1]);
}

async fn late_writer_of_a_recovered_step_has_lost(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&b, ordinary(1, 1)).await;
    bed.store.retire(&b).await.unwrap();
    recover(bed, &a, 9).await;
    assert_eq!(bed.finish(&b, claim(1, 1), complete()).await, Verdict::Lost);
    assert_eq!(bed.release(&b, claim(1, 1)).await, Verdict::Lost);
    assert_eq!(bed.state(1).await, State::Pending);
}

async fn crash_of_its_process_spends_no_retry_and_keeps_the_place(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.clock.advance(Millis(50));
    bed.enqueue(vec![step(2)]).await;
    assert_eq!(bed.finish(&a, claim(1, 1), crash()).await, Verdict::Recorded);
    assert_eq!(bed.finish(&a, claim(1, 1), crash()).await, Verdict::Already, "a crash sent again counts once");
    let found = bed.get(1).await;
    assert_eq!((found.state, found.crash_count, found.retry_count), (State::Pending, 1, 0));
    assert_eq!(bed.claim(&a, ordinary(2, 1)).await, [1], "its place by age is kept");
    assert_eq!(bed.finish(&a, claim(1, 1), crash()).await, Verdict::Lost, "the next claim is another's");
}

async fn crash_of_a_suspects_process_fails_it(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    let mut went = Vec::new();
    for n in 0..=u64::from(MAX_CRASHES) {
        let demand = if n < u64::from(MAX_CRASHES) { ordinary(n, 1) } else { suspects(n, 1) };
        assert_eq!(bed.claim(&a, demand).await, [1]);
        assert_eq!(bed.finish(&a, claim(1, n), crash()).await, Verdict::Recorded);
        let found = bed.get(1).await;
        went.push((found.state, found.crash_count, found.finished));
    }
    let pending = |count| (State::Pending, count, None);
    assert_eq!(went, [pending(1), pending(2), pending(3), (State::Failed, 4, Some(T0))]);
}

async fn crash_of_a_step_to_be_cancelled_cancels_it(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.store.cancel(&[id(1)]).await.unwrap();
    assert_eq!(bed.finish(&a, claim(1, 1), crash()).await, Verdict::Recorded);
    let found = bed.get(1).await;
    assert_eq!((found.state, found.crash_count, found.finished), (State::Cancelled, 1, Some(T0)));
}
