//! What a crowd of idle pods asks of the store when there is work: few look at one step, and all come for many.

use std::collections::BTreeSet;

use fleet_q::runtime::Request;

use super::defects::Defect;
use super::scenarios::virtual_time;
use super::world::World;

const PODS: usize = 32;

/// So many pods that have had nothing to do for a while; if a task is named, they are for it alone.
async fn idle_crowd(only: Option<&'static str>) -> World {
    let mut world = World::new(7, Defect::None);
    for _ in 0..PODS {
        world.add_pod_for(only).await;
    }
    world.pass(30_000).await;
    world
}

/// How often they asked the store for work, up to now.
fn asked(world: &World) -> u64 {
    let calls = world.pods.iter().map(|pod| pod.calls.lock().expect("no panic on the line"));
    calls.map(|calls| calls.get("cycle").copied().unwrap_or(0)).sum()
}

/// The calls of all pods in the second after one step was stored, and in the second before.
async fn around_one_step(world: &mut World) -> (u64, u64) {
    let before = asked(world);
    world.pass(1000).await;
    let idle = asked(world) - before;
    world.enqueue_one("sure", |_| {}).await;
    world.pass(1000).await;
    (asked(world) - before - idle, idle)
}

/// What ten single steps, a second after each other, add to the calls of pods that are for this task or for all.
fn calls_for_ten_steps(only: Option<&'static str>) -> u64 {
    let (mut woken, mut idle) = (0, 0);
    virtual_time(async {
        let mut world = idle_crowd(only).await;
        for _ in 0..10 {
            let (after, before) = around_one_step(&mut world).await;
            (woken, idle) = (woken + after, idle + before);
            assert!(world.step(*world.accepted.last().expect("one was enqueued")).await.state.is_final());
        }
    });
    woken.saturating_sub(idle)
}

#[test]
fn one_step_wakes_a_few_of_many_pods_and_starts_at_once() {
    let (one_lane, two_lanes) = (calls_for_ten_steps(Some("sure")), calls_for_ten_steps(None));
    assert!(one_lane <= 60 && two_lanes <= 80, "{one_lane} and {two_lanes} calls for ten steps");
}

/// Ten pods for one task, five for a second and one for a third, none of which has had anything to do for a while.
async fn idle_mixture() -> World {
    let mut world = World::new(11, Defect::None);
    for (task, pods) in [("quick", 10), ("sure", 5), ("doomed", 1)] {
        for _ in 0..pods {
            world.add_pod_for(Some(task)).await;
        }
    }
    world.pass(30_000).await;
    world
}

#[test]
fn a_step_for_a_small_kind_of_pods_begins_at_once_beside_a_crowd_of_others() {
    virtual_time(async {
        let mut world = idle_mixture().await;
        for _ in 0..20 {
            for task in ["sure", "doomed"] {
                let id = world.enqueue_one(task, |_| {}).await;
                world.pass(15).await;
                assert_eq!(world.runs_of(id), 1, "{task}: before any reserve has looked\n{}", world.log());
                world.pass(1700).await;
            }
        }
    });
}

#[test]
fn many_steps_bring_every_pod_within_a_second() {
    virtual_time(async {
        let world = idle_crowd(None).await;
        let requests: Vec<Request> = (0..10 * PODS).map(|_| world.request_of("hang")).collect();
        let ids = world.client().enqueue(requests).await.expect("the weather is fine");
        world.pass(1000).await;
        let mut holders = BTreeSet::new();
        for id in ids.into_iter().flatten() {
            holders.extend(world.step(id).await.claimed_by);
        }
        assert_eq!(holders.len(), PODS);
    });
}

/// How many calls each of so many pods makes for a thousand fast steps, once it knows that they are fast.
fn calls_for_a_thousand(pods: u64) -> u64 {
    let mut calls = 0;
    virtual_time(async {
        let mut world = World::new(13, Defect::None);
        for _ in 0..pods {
            world.add_pod_for(Some("quick")).await;
        }
        world.pass(5_000).await;
        let mut before = 0;
        for _ in 0..2 {
            before = asked(&world);
            let requests: Vec<Request> = (0..1000 * pods).map(|_| world.request_of("quick")).collect();
            world.client().enqueue(requests).await.expect("the weather is fine");
            world.pass(2_000).await;
        }
        calls = (asked(&world) - before) / pods;
    });
    calls
}

#[test]
fn a_busy_crowd_brings_more_with_each_call_than_few_pods() {
    let (few, many) = (calls_for_a_thousand(4), calls_for_a_thousand(16));
    assert!(many * 2 <= few, "{few} and {many} calls for a thousand steps");
}

#[test]
fn a_step_is_started_though_all_who_were_to_look_died() {
    virtual_time(async {
        let mut world = idle_crowd(None).await;
        for _ in 0..PODS / 2 {
            drop(world.kill(0));
        }
        for _ in 0..20 {
            let id = world.enqueue_one("sure", |_| {}).await;
            world.pass(7000).await;
            assert!(world.step(id).await.state.is_final(), "{}", world.log());
        }
    });
}
