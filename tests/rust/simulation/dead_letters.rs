//! What leaders keep of orphans and failures, and what a new leader finds again.

use std::collections::BTreeSet;

use fleet_q::rules::state::State;
use fleet_q::rules::step::{ClaimId, StepId};
use fleet_q::store::journal::{DeadLetter, LetterKind};
use fleet_q::store::{
    Accepted, ClaimCall, ClaimKind, Cycle, Due, Enqueue, ErrorEntry, Finish, Lane, NewStep, Outcome, Queues,
    Registration,
};

use super::defects::Defect;
use super::scenarios::virtual_time;
use super::world::World;

/// Longer than the leader waits between two looks.
const LOOK_MS: u64 = 35_000;

async fn world(pods: usize) -> World {
    let mut world = World::new(5, Defect::None);
    for _ in 0..pods {
        world.add_pod().await;
        // The first is the oldest, and leads.
        world.pass(1000).await;
    }
    world
}

async fn letters(world: &World, pod: usize) -> Vec<DeadLetter> {
    world.pods[pod].local.buried(u32::MAX).await.expect("memory does not fail")
}

fn about(letters: &[DeadLetter]) -> BTreeSet<(StepId, &'static str)> {
    letters.iter().map(|letter| (letter.step_id, letter.kind.as_str())).collect()
}

fn said(letter: &DeadLetter) -> serde_json::Value {
    serde_json::from_str(&letter.evidence).expect("evidence is JSON")
}

#[test]
fn the_leader_keeps_every_failure_once_with_its_evidence() {
    virtual_time(async {
        let mut world = world(2).await;
        let mut ids = BTreeSet::new();
        for _ in 0..3 {
            ids.insert((world.enqueue_one("doomed", |_| {}).await, "failure"));
        }
        world.pass(4 * LOOK_MS).await;
        let kept = letters(&world, 0).await;
        assert_eq!((kept.len(), about(&kept)), (3, ids));
        let said = said(&kept[0]);
        assert_eq!(
            (&said["kind"], &said["error_type"], &said["message"]),
            (&"discard".into(), &"Unlucky".into(), &"drew 99".into())
        );
        assert_eq!((&said["went_to"], &said["retry_count"]), (&"failed".into(), &0.into()));
        assert!(letters(&world, 1).await.is_empty(), "who does not lead keeps none");
    });
}

#[test]
fn the_leader_keeps_orphans_though_the_reply_to_their_rescue_was_lost() {
    virtual_time(async {
        let mut world = world(2).await;
        let mut held = BTreeSet::new();
        for _ in 0..8 {
            held.insert(world.enqueue_one("hang", |_| {}).await);
        }
        world.pass(1500).await;
        let dead = world.kill(1).pod.id();
        let mut orphans = BTreeSet::new();
        for id in held {
            if world.step(id).await.claimed_by.as_ref() == Some(&dead) {
                orphans.insert((id, "orphan"));
            }
        }
        assert!(!orphans.is_empty());
        world.sky.lose_reply("recover");
        world.pass(30_000).await;
        assert!(world.sky.has_lost_it());
        let kept = letters(&world, 0).await;
        assert_eq!(about(&kept), orphans);
        let said = said(&kept[0]);
        let expected = serde_json::json!([dead.as_str(), world.pods[0].pod.id().as_str(), "pending", 1]);
        assert_eq!(serde_json::json!([said["pod"], said["leader"], said["went_to"], said["crash_count"]]), expected);
    });
}

#[test]
fn the_leader_keeps_every_orphan_with_whom_it_lost_and_where_it_went() {
    virtual_time(async {
        let mut world = world(2).await;
        let id = loop {
            let id = world.enqueue_one("hang", |_| {}).await;
            world.pass(1500).await;
            let held_by = world.step(id).await.claimed_by;
            if held_by == Some(world.pods[1].pod.id()) {
                break id;
            }
        };
        let dead = world.kill(1).pod.id();
        world.pass(30_000).await;
        let kept = letters(&world, 0).await;
        let letter = kept.iter().find(|letter| letter.step_id == id).expect("the orphan is kept");
        let said = said(letter);
        assert_eq!(
            (letter.kind, &said["went_to"], &said["crash_count"]),
            (LetterKind::Orphan, &"pending".into(), &1.into())
        );
        assert_eq!(said["pod"], dead.as_str());
        assert_eq!(said["leader"], world.pods[0].pod.id().as_str());
    });
}

/// P13.
#[test]
fn p13_a_new_leader_rebuilds_the_failures_and_changes_no_step() {
    virtual_time(async {
        let mut world = world(2).await;
        for _ in 0..3 {
            world.enqueue_one("doomed", |_| {}).await;
        }
        world.pass(LOOK_MS).await;
        let before = world.store.get(&world.accepted).await.expect("the store itself is well");
        let first = letters(&world, 0).await;
        drop(world.kill(0));
        world.pass(LOOK_MS + 30_000).await;
        assert_eq!(letters(&world, 0).await, first);
        assert_eq!(world.store.get(&world.accepted).await.expect("the store itself is well"), before);
    });
}

#[test]
fn a_failure_after_a_replay_is_a_letter_of_its_own() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("doomed", |_| {}).await;
        world.pass(LOOK_MS).await;
        world.client().replay_one(id).await.expect("it failed");
        world.pass(2 * LOOK_MS).await;
        assert_eq!(world.step(id).await.state, State::Failed);
        let kept = letters(&world, 0).await;
        assert_eq!(kept.iter().map(|letter| letter.step_id).collect::<Vec<_>>(), [id, id]);
        assert_ne!(kept[0].mark, kept[1].mark);
    });
}

#[test]
fn a_rebuild_takes_a_few_pages_per_pass_until_it_has_all() {
    virtual_time(async {
        let mut world = World::new(5, Defect::None);
        fail_many(&world, 2600).await;
        world.add_pod().await;
        world.pass(1000).await;
        let asked = |world: &World| *world.pods[0].calls.lock().expect("no panic").get("failures").unwrap_or(&0);
        while asked(&world) == 0 {
            world.pass(500).await;
        }
        assert_eq!((asked(&world), letters(&world, 0).await.len()), (4, 2000));
        world.pass(6000).await;
        assert_eq!((asked(&world), letters(&world, 0).await.len()), (6, 2600));
    });
}

/// Fails so many steps by hand, as some other pod did before any of this world's was born.
async fn fail_many(world: &World, count: u64) {
    let store = &world.store;
    let pod = fleet_q::rules::step::PodId::from("gone-00000000");
    store.register(&Registration { pod_id: pod.clone(), can_lead: true, meta: "{}".into() }).await.expect("fine");
    let steps = (0..count).map(|n| NewStep {
        step_id: StepId::v7(n, [7; 10]),
        task: "doomed".into(),
        queue: "default".into(),
        priority: 0,
        payload: world.request_of("doomed").payload,
        max_retries: 0,
        due: Due::Now,
        timeout: None,
        unique_key: None,
        tags: Vec::new(),
    });
    let stored = store.enqueue(&Enqueue { steps: steps.collect(), hand_off: None }).await.expect("fine");
    assert!(stored.iter().all(|answer| *answer == Ok(Accepted::Stored)));
    let limit = u32::try_from(count).expect("not that many");
    let lanes = vec![Lane { tasks: ["doomed".into()].into(), queues: Queues::All, limit }];
    let demand = ClaimCall { claim_id: ClaimId::v4([9; 16]), limit, lanes, max_crashes: 3, kind: ClaimKind::Ordinary };
    let call = Cycle { pod: pod.clone(), finishes: vec![], releases: vec![], demand: Some(demand) };
    let claims = store.cycle(&call).await.expect("fine").claims;
    let error = ErrorEntry { json: r#"{"kind":"failure","error_type":"E","message":"m"}"#.into() };
    let fail = |claim| Finish { claim, outcome: Outcome::Fail { error: error.clone() } };
    let finishes = claims.iter().map(|claimed| fail(claimed.claim)).collect();
    store.cycle(&Cycle { finishes, demand: None, ..call }).await.expect("fine");
    store.retire(&pod).await.expect("fine");
}
