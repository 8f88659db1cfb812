//! That floors hide nobody: what comes back old or is committed late has its turn.

use std::sync::Arc;

use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::clock::PinnedClock;
use fleet_q::store::postgres::{PostgresOptions, PostgresStore};
use fleet_q::store::{Cycle, Enqueue, Finish, Lane, Migrate, NewStep, Queues, Store};

use super::{Schema, fresh, options, server};
use crate::conformance::fixtures::{T0, claim, complete, id, ordinary, registration, step};

struct Place {
    store: PostgresStore,
    clock: Arc<PinnedClock>,
    schema: Schema,
}

fn nothing() -> Cycle {
    Cycle { pod: "a-00000001".into(), finishes: Vec::new(), releases: Vec::new(), demand: None }
}

impl Place {
    /// A store whose pod `a` has worked off three steps, so that it knows floors by now.
    async fn worked_off(name: &str) -> Option<Self> {
        let server = server::get()?;
        let (open, schema) = fresh(server, name);
        open().migrate(Migrate::Apply).await.unwrap();
        let clock = Arc::new(PinnedClock::at(T0));
        let pinned =
            PostgresOptions { clock: Some(Arc::<PinnedClock>::clone(&clock) as _), ..options(Some(&schema.name)) };
        let store = PostgresStore::open(&server.store_url, pinned).unwrap();
        store.register(&registration("a-00000001")).await.unwrap();
        let place = Self { store, clock, schema };
        for n in 900..920 {
            place.enqueue(step(n)).await;
            place.clock.advance(Millis(100));
            assert_eq!(place.claim(n, 9).await, [n]);
        }
        Some(place)
    }

    async fn enqueue(&self, new: NewStep) {
        self.store.enqueue(&Enqueue { steps: vec![new], hand_off: None }).await.unwrap();
    }

    /// Claims under the claim number `n`; answers whom.
    async fn claim(&self, n: u64, limit: u32) -> Vec<u64> {
        self.ask(n, limit, Queues::All).await
    }

    async fn ask(&self, n: u64, limit: u32, queues: Queues) -> Vec<u64> {
        let mut demand = ordinary(n, limit);
        let lane = Lane { queues, ..demand.lanes[0].clone() };
        demand.lanes = vec![lane];
        let call = Cycle { demand: Some(demand), ..nothing() };
        let claims = self.store.cycle(&call).await.unwrap().claims;
        claims.iter().map(|claimed| (0..5000).find(|&n| id(n) == claimed.claim.step_id).unwrap()).collect()
    }

    /// Inserts a step as a transaction does that began at `created` and committed only now.
    fn commit_late(&self, n: u64, created: Timestamp) {
        self.schema.execute(&format!(
            "insert into SCHEMA.step_tracker (step_id, task, payload, created_ts, available_ts, last_update_ts)
             values ('{}', 'work', '{{}}', {at}, {at}, {at})",
            id(n),
            at = created.0
        ));
    }
}

#[tokio::test]
async fn p9_released_step_has_its_turn_however_old_it_is() {
    let Some(place) = Place::worked_off("floors_again").await else { return };
    let call = Cycle { releases: vec![claim(900, 900)], ..nothing() };
    place.store.cycle(&call).await.unwrap();
    place.enqueue(step(1000)).await;
    assert_eq!(place.claim(1, 1).await, [900]);
    assert_eq!(place.claim(2, 9).await, [1000]);
}

#[tokio::test]
async fn p4_step_that_was_committed_late_is_found_within_a_second() {
    let Some(place) = Place::worked_off("floors_late").await else { return };
    let mut found = Vec::new();
    // The last full look was a moment ago or up to a second.
    place.commit_late(1, T0);
    for n in 1..=11 {
        found.extend(place.claim(n, 9).await);
        place.clock.advance(Millis(100));
    }
    assert_eq!(found, [1]);
}

#[tokio::test]
async fn step_of_another_priority_or_queue_is_seen_at_once() {
    let Some(place) = Place::worked_off("floors_others").await else { return };
    for (n, priority) in [(1000, -5), (1001, 7), (1002, 0)] {
        place.enqueue(NewStep { priority, queue: format!("q{n}").into(), ..step(n) }).await;
    }
    assert_eq!(place.claim(1, 9).await, [1001, 1002, 1000]);
}

#[tokio::test]
async fn clock_that_went_back_hides_nobody() {
    let Some(place) = Place::worked_off("floors_clock").await else { return };
    place.clock.set(Timestamp(T0.0 - 60_000));
    place.enqueue(step(1000)).await;
    assert_eq!(place.claim(1, 9).await, [1000]);
}

#[tokio::test]
async fn claim_in_vain_after_the_clock_went_back_hides_nobody_who_comes_then() {
    let Some(place) = Place::worked_off("floors_clock_vain").await else { return };
    for n in 1..10 {
        place.clock.set(T0 - Millis(60_000 * n));
        assert_eq!(place.claim(2 * n, 9).await, [0; 0]);
        place.enqueue(step(1000 + n)).await;
        assert_eq!(place.claim(2 * n + 1, 9).await, [1000 + n], "stepped back {n} times");
    }
}

#[tokio::test]
async fn waiting_step_of_a_task_the_pod_learns_later_is_found() {
    let Some(place) = Place::worked_off("floors_tasks").await else { return };
    place.enqueue(NewStep { task: "new".into(), ..step(1000) }).await;
    for n in 1..20 {
        place.clock.advance(Millis(100));
        assert_eq!(place.claim(n, 9).await, [0; 0]);
    }
    let mut demand = ordinary(50, 9);
    demand.lanes = vec![Lane { tasks: ["new".into()].into(), ..demand.lanes[0].clone() }];
    let call = Cycle { demand: Some(demand), ..nothing() };
    assert_eq!(place.store.cycle(&call).await.unwrap().claims.len(), 1);
}

#[tokio::test]
async fn queue_of_its_own_is_looked_into_from_its_own_floor() {
    let Some(place) = Place::worked_off("floors_queue").await else { return };
    let only = |queue: &str| Queues::Only(vec![queue.into()]);
    for n in 1000..1020 {
        place.enqueue(NewStep { queue: "mail".into(), ..step(n) }).await;
        place.clock.advance(Millis(200));
        assert_eq!(place.ask(n, 9, only("mail")).await, [n]);
    }
    let finish = Finish { claim: claim(1000, 1000), outcome: complete() };
    let call = Cycle { finishes: vec![finish], ..nothing() };
    place.store.cycle(&call).await.unwrap();
    place.enqueue(NewStep { queue: "other".into(), ..step(2000) }).await;
    assert_eq!(place.ask(2000, 9, only("mail")).await, [0; 0]);
    assert_eq!(place.ask(2001, 9, only("other")).await, [2000]);
}

#[tokio::test]
async fn open_claims_are_still_the_pods_when_they_are_old() {
    let Some(place) = Place::worked_off("floors_mine").await else { return };
    let pod = "a-00000001".into();
    for _ in 0..3 {
        assert_eq!(place.store.mine(&pod).await.unwrap().len(), 20);
        place.clock.advance(Millis(100_000));
    }
    place.enqueue(step(1000)).await;
    assert_eq!(place.claim(1, 9).await, [1000]);
    assert_eq!(place.store.mine(&pod).await.unwrap().len(), 21);
}
