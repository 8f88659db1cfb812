//! Single promises, one story each, in virtual time.

use std::collections::BTreeMap;

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::state::State;
use fleet_q::rules::step::{PodId, StepId};
use fleet_q::rules::time::Millis;
use fleet_q::runtime::Request;
use fleet_q::store::{Control, Due, Step};

use super::body::STUCK_MS;
use super::defects::Defect;
use super::scenarios::virtual_time;
use super::world::World;

async fn world(pods: usize) -> World {
    let mut world = World::new(11, Defect::None);
    for _ in 0..pods {
        world.add_pod().await;
    }
    world
}

fn cut(world: &World, pod: usize, dead: bool) {
    *world.pods[pod].cut.lock().expect("no panic on the line") = dead;
}

fn spent(step: &Step) -> (State, u32, u32) {
    (step.state, step.retry_count, step.crash_count)
}

async fn enqueue_many(world: &mut World, task: &str, count: usize) -> Vec<StepId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.enqueue_one(task, |_| {}).await);
    }
    ids
}

/// P10.
#[test]
fn p10_a_stop_gives_back_what_runs_and_spends_no_retry() {
    virtual_time(async {
        let mut world = world(1).await;
        let ids = enqueue_many(&mut world, "hang", 12).await;
        world.pass(2000).await;
        let running = ids.iter().filter(|id| world.runs_of(**id) > 0).count();
        assert_eq!(running, 8, "80 % of ten");
        world.pods[0].pod.stop(Millis(2000)).await;
        assert!(world.pods[0].pod.is_stopped());
        for id in ids {
            assert_eq!(spent(&world.step(id).await), (State::Pending, 0, 0));
        }
    });
}

/// P10.
#[test]
fn p10_a_thread_step_goes_back_only_when_its_body_returned() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("stuck", |_| {}).await;
        world.pass(2000).await;
        world.pods[0].pod.stop(Millis(1000)).await;
        assert!(!world.pods[0].pod.may_exit());
        assert_eq!(world.step(id).await.state, State::Claimed);
        world.pass(STUCK_MS).await;
        assert!(world.pods[0].pod.is_stopped());
        assert_eq!(world.step(id).await.state, State::Completed, "it returned after all");
    });
}

/// P10.
#[test]
fn p10_the_last_act_before_exit_gives_thread_steps_back() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("stuck", |_| {}).await;
        world.pass(2000).await;
        world.pods[0].pod.abandon(Millis(4000)).await;
        assert_eq!(spent(&world.step(id).await), (State::Pending, 0, 0));
    });
}

/// P12.
#[test]
fn p12_outcomes_of_an_outage_are_delivered_and_nothing_runs_twice() {
    virtual_time(async {
        let mut world = world(1).await;
        let ids = enqueue_many(&mut world, "sure", 6).await;
        while ids.iter().any(|id| world.runs_of(*id) == 0) {
            world.pass(10).await;
        }
        cut(&world, 0, true);
        world.pass(6000).await;
        cut(&world, 0, false);
        world.pass(10_000).await;
        for id in ids {
            assert_eq!((world.step(id).await.state, world.runs_of(id)), (State::Completed, 1));
        }
    });
}

/// P8.
#[test]
fn p8_a_pod_without_beats_ends_what_it_runs_and_gives_it_back_unspent() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("hang", |_| {}).await;
        world.pass(2000).await;
        cut(&world, 0, true);
        world.pass(13_000).await;
        assert!(world.pods[0].pod.health().fenced);
        cut(&world, 0, false);
        world.pass(8000).await;
        assert!(!world.pods[0].pod.health().fenced);
        assert_eq!((world.step(id).await.retry_count, world.runs_of(id)), (0, 2), "given back, and begun anew");
    });
}

/// P3.
#[test]
fn p3_a_pod_that_was_away_too_long_registers_anew_and_its_late_outcome_is_dropped() {
    virtual_time(async {
        let mut world = world(2).await;
        world.pass(20_000).await;
        let id = world.enqueue_one("stuck", |_| {}).await;
        world.pass(2000).await;
        let holder = world.step(id).await.claimed_by.expect("it runs");
        let away = world.pods.iter().position(|pod| pod.pod.id() == holder).expect("one of ours");
        cut(&world, away, true);
        world.pass(40_000).await;
        cut(&world, away, false);
        world.pass(STUCK_MS + 5000).await;
        assert_ne!(world.pods[away].pod.id(), holder, "a fresh id");
        let step = world.step(id).await;
        assert_eq!((step.state, step.crash_count, world.runs_of(id)), (State::Completed, 1, 2));
        assert_eq!(world.verdict().await, Vec::<String>::new());
    });
}

/// P5.
#[test]
fn p5_a_registration_that_was_stored_and_not_answered_leaves_no_row_to_nobody() {
    virtual_time(async {
        let world = world(2).await;
        world.pass(20_000).await;
        cut(&world, 1, true);
        world.pass(40_000).await;
        world.sky.lose_reply("register");
        cut(&world, 1, false);
        world.pass(30_000).await;
        assert!(world.sky.has_lost_it());
        let rows = world.store.pods().await.expect("memory does not fail");
        let mut up: Vec<PodId> =
            rows.iter().filter(|row| row.view.status == PodStatus::Up).map(|row| row.view.pod_id.clone()).collect();
        let mut living: Vec<PodId> = world.pods.iter().map(|pod| pod.pod.id()).collect();
        up.sort();
        living.sort();
        assert_eq!((up, rows.len()), (living, 3), "two pods, and the one that was declared dead");
    });
}

/// P6.
#[test]
fn p6_orphans_are_pending_again_within_the_bound() {
    virtual_time(async {
        let mut world = world(2).await;
        world.pass(20_000).await;
        let ids = enqueue_many(&mut world, "hang", 16).await;
        world.pass(2000).await;
        let dead = world.kill(0);
        let orphans: Vec<StepId> = {
            let mut orphans = Vec::new();
            for id in ids {
                if world.step(id).await.claimed_by == Some(dead.pod.id()) {
                    orphans.push(id);
                }
            }
            orphans
        };
        assert!(!orphans.is_empty());
        // dead_pod_threshold + recovery_interval + heartbeat_interval
        world.pass(15_000 + 3000 + 3000).await;
        for id in orphans {
            assert_eq!(world.step(id).await.crash_count, 1);
        }
    });
}

/// P14.
#[test]
fn p14_a_step_that_kills_its_pod_fails_and_its_neighbours_lose_nothing() {
    virtual_time(async {
        let mut world = world(1).await;
        let killer = world.enqueue_one("killer", |_| {}).await;
        let innocents = enqueue_many(&mut world, "sure", 20).await;
        for _ in 0..60 {
            if world.step(killer).await.state == State::Failed {
                break;
            }
            world.pass(10_000).await;
            world.add_pod().await;
        }
        world.settle().await;
        let step = world.step(killer).await;
        assert_eq!((step.state, step.crash_count, world.runs_of(killer)), (State::Failed, 4, 4));
        assert!(step.errors.expect("the evidence").contains("\"crash\""));
        for id in innocents {
            let step = world.step(id).await;
            assert_eq!((step.state, step.retry_count), (State::Completed, 0));
        }
    });
}

#[test]
fn a_timeout_is_a_failure_and_its_retries_end() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world
            .enqueue_one("hang", |request| {
                request.timeout = Some(Millis(500));
                request.max_retries = Some(1);
            })
            .await;
        world.pass(20_000).await;
        let step = world.step(id).await;
        assert_eq!((spent(&step), world.runs_of(id)), ((State::Failed, 1, 0), 2));
        assert!(step.errors.expect("the reasons").contains("its timeout of 0.5 s"));
    });
}

#[test]
fn a_body_that_ignores_its_timeout_is_finished_over_its_head_and_keeps_its_slot() {
    virtual_time(async {
        let mut world = world(1).await;
        for _ in 0..3 {
            world
                .enqueue_one("stuck", |request| {
                    request.timeout = Some(Millis(500));
                    request.max_retries = Some(0);
                })
                .await;
        }
        world.pass(5000).await;
        let health = world.pods[0].pod.health();
        assert_eq!((health.in_flight, health.overdue.len()), (3, 3));
        for id in world.accepted.clone() {
            assert_eq!(world.step(id).await.state, State::Failed);
        }
        world.pass(STUCK_MS).await;
        assert_eq!(world.pods[0].pod.health().in_flight, 0);
    });
}

#[test]
fn a_running_step_that_is_cancelled_ends_cancelled() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("hang", |_| {}).await;
        world.pass(2000).await;
        world.client().cancel(vec![id]).await.expect("the weather is fine");
        world.pass(5000).await;
        assert_eq!(spent(&world.step(id).await), (State::Cancelled, 0, 0));
    });
}

#[test]
fn a_delayed_step_starts_when_due_and_not_before() {
    virtual_time(async {
        let mut world = world(1).await;
        let id = world.enqueue_one("sure", |request| request.due = Due::In(Millis(30_000))).await;
        world.pass(29_500).await;
        assert_eq!(world.runs_of(id), 0);
        world.pass(1000).await;
        assert_eq!(world.runs_of(id), 1, "within half a second of its time");
    });
}

#[test]
fn a_paused_queue_rests_until_it_is_resumed() {
    virtual_time(async {
        let mut world = world(1).await;
        world.client().control(Control::Pause { queue: "mail".into() }).await.expect("the weather is fine");
        let id = world.enqueue_one("sure", |request| request.queue = "mail".into()).await;
        world.pass(10_000).await;
        assert_eq!(world.runs_of(id), 0);
        world.client().control(Control::Resume { queue: "mail".into() }).await.expect("the weather is fine");
        world.pass(7000).await;
        assert_eq!(world.runs_of(id), 1);
    });
}

/// P2.
#[test]
fn p2_pods_share_the_work_and_run_each_step_once() {
    virtual_time(async {
        let mut world = world(4).await;
        let ids = enqueue_many(&mut world, "sure", 200).await;
        world.settle().await;
        let runs: BTreeMap<StepId, u32> = world.runs.lock().expect("no body panics").clone();
        assert_eq!(runs, ids.into_iter().map(|id| (id, 1)).collect());
    });
}

#[test]
fn an_idle_pod_rests_between_looks() {
    virtual_time(async {
        let world = world(1).await;
        world.pass(60_000).await;
        let before = world.checker.cycles();
        world.pass(60_000).await;
        // idle_interval_max is 5 s; reconciliation and beats are no cycles.
        let looks = world.checker.cycles() - before;
        assert!((10..=14).contains(&looks), "{looks} looks in a minute");
    });
}

#[test]
fn a_step_enqueued_by_an_idle_pod_is_handed_off_without_a_claim() {
    virtual_time(async {
        let world = world(1).await;
        world.pass(5000).await;
        let before = world.checker.cycles();
        let request = world.request_of("sure");
        let answers = world.pods[0].fleet.client().enqueue(vec![request]).await.expect("the weather is fine");
        let id = *answers[0].as_ref().expect("a good request");
        let begun = world.runs_of(id);
        world.pass(400).await;
        assert_eq!((world.checker.handed(), world.step(id).await.state), (1, State::Completed));
        assert!(begun <= 1 && world.checker.cycles() - before <= 2, "one call records its end");
    });
}

/// P4.
#[test]
fn a_panic_in_a_loop_strands_no_step() {
    virtual_time(async {
        let mut world = world(1).await;
        world.sky.strike();
        let ids = enqueue_many(&mut world, "sure", 20).await;
        world.settle().await;
        let mut runs: Vec<u32> = ids.iter().map(|id| world.runs_of(*id)).collect();
        runs.sort_unstable();
        assert_eq!((runs.first(), world.verdict().await), (Some(&1), Vec::<String>::new()));
        assert!(runs.last() > Some(&1), "what the dead loop carried ran again");
    });
}

/// P9.
#[test]
fn p9_a_batch_starts_in_the_order_it_was_enqueued() {
    virtual_time(async {
        let mut world = world(1).await;
        let requests = (0..8).map(|_| Request { priority: 0, ..world.request_of("sure") }).collect();
        let answers = world.client().enqueue(requests).await.expect("the weather is fine");
        let ids: Vec<StepId> = answers.into_iter().map(|id| id.expect("a good request")).collect();
        world.accepted.extend(&ids);
        world.settle().await;
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(ids, sorted, "one producer's ids sort as they were minted");
    });
}
