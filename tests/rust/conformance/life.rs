//! The whole life of a pod and its steps in one go: what a role without other rights, or code of an older schema,
//! must still be able to do.

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::state::State;
use fleet_q::rules::step::PodId;
use fleet_q::rules::time::Millis;
use fleet_q::store::{
    Accepted, CancelVerdict, Control, Cycle, Enqueue, Finish, HandOff, MarkDead, Prune, ReplayVerdict, Search, Store,
    Verdict,
};

use super::fixtures::{
    MAX_CRASHES, TIMING, asks, beat_of, claim, claim_id, complete, fail, id, names, ordinary, registration, retry, step,
};

/// Lives through every call of the store, as the pod `name` with the steps `first` and following.
pub async fn whole(store: &dyn Store, name: &str, first: u64) {
    let pod = PodId::from(name);
    store.register(&registration(name)).await.unwrap();
    assert!(store.beat(&beat_of(&pod)).await.unwrap().alive);
    work(store, &pod, first).await;
    manage(store, first).await;
    lead(store, &pod).await;
    store.retire(&pod).await.unwrap();
    let row = store.pods().await.unwrap().into_iter().find(|row| row.view.pod_id == pod).unwrap();
    assert_eq!(row.view.status, PodStatus::Down);
}

/// Enqueues, claims, reports progress and finishes; one step is handed off.
async fn work(store: &dyn Store, pod: &PodId, first: u64) {
    let stored = store.enqueue(&Enqueue { steps: (first..first + 4).map(step).collect(), hand_off: None }).await;
    assert_eq!(stored.unwrap(), vec![Ok(Accepted::Stored); 4]);
    let claims = store.cycle(&asks(pod, ordinary(first, 3))).await.unwrap().claims;
    assert_eq!(claims.len(), 3);
    assert_eq!(store.mine(pod).await.unwrap().len(), 3);
    let json = "{\"fraction\":0.5,\"message\":null}".into();
    store.progress(&[fleet_q::store::ProgressReport { claim: claim(first, first), json }]).await.unwrap();
    let finish = |n, outcome| Finish { claim: claim(n, first), outcome };
    let finishes = vec![finish(first, complete()), finish(first + 1, fail())];
    let cycle = Cycle { pod: pod.clone(), finishes, releases: vec![claim(first + 2, first)], demand: None };
    let reply = store.cycle(&cycle).await.unwrap();
    assert_eq!((reply.verdicts, reply.released), (vec![Verdict::Recorded; 2], vec![Verdict::Recorded]));
    let claims = store.cycle(&asks(pod, ordinary(first + 1, 2))).await.unwrap().claims;
    assert_eq!(claims.len(), 2);
    let again = |n| Finish { claim: claim(n, first + 1), outcome: retry(3_600_000) };
    let finishes = vec![again(first + 2), again(first + 3)];
    store.cycle(&Cycle { pod: pod.clone(), finishes, releases: vec![], demand: None }).await.unwrap();
    let offer = HandOff { pod: pod.clone(), claim_id: claim_id(first + 2), limit: 1, tasks: names(&["work"]) };
    let handed = store.enqueue(&Enqueue { steps: vec![step(first + 4)], hand_off: Some(offer) }).await.unwrap();
    assert_eq!(handed, [Ok(Accepted::HandedOff)]);
    let finishes = vec![Finish { claim: claim(first + 4, first + 2), outcome: complete() }];
    store.cycle(&Cycle { pod: pod.clone(), finishes, releases: vec![], demand: None }).await.unwrap();
}

/// Looks, replays, cancels, pauses and resumes.
async fn manage(store: &dyn Store, first: u64) {
    store.now().await.unwrap();
    assert_eq!(store.get(&[id(first)]).await.unwrap()[0].as_ref().unwrap().state, State::Completed);
    assert_eq!(store.replay(&[id(first + 1)]).await.unwrap(), [ReplayVerdict::Replayed]);
    let cancelled = store.cancel(&[id(first + 1), id(first + 2)]).await.unwrap();
    assert_eq!(cancelled, [CancelVerdict::Cancelled, CancelVerdict::Cancelled]);
    assert!(!store.search(&Search { limit: 5, ..Search::default() }).await.unwrap().is_empty());
    store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    assert_eq!(store.stats().await.unwrap().paused, ["x"]);
    store.control(&Control::Resume { queue: "x".into() }).await.unwrap();
}

/// Does what a leader does, to nobody.
async fn lead(store: &dyn Store, pod: &PodId) {
    let call = MarkDead { leader: pod.clone(), suspects: vec![(pod.clone(), super::fixtures::T0)], timing: TIMING };
    assert_eq!(store.mark_dead(&call).await.unwrap(), []);
    let call = fleet_q::store::Recover { leader: pod.clone(), max_crashes: MAX_CRASHES, limit: 9 };
    assert_eq!(store.recover(&call).await.unwrap(), []);
    let keep = Millis::from_secs(3600);
    let call = Prune { keep_completed: keep, keep_failed: keep, keep_pods: keep, limit: 9 };
    assert_eq!(store.prune(&call).await.unwrap(), fleet_q::store::Pruned::default());
}
