//! What happens to the worlds, and what must hold afterwards.

use super::defects::Defect;
use super::faults::Weather;
use super::world::World;

/// A world of twenty pods in a storm: pods are killed, lines are cut, replies are lost.
async fn worst_night(seed: u64, defect: Defect) -> World {
    let mut world = World::new(seed, defect);
    for _ in 0..20 {
        world.add_pod().await;
    }
    world.sky.turn(Weather::STORM);
    for _ in 0..30 {
        let count = world.draws.within(5, 30);
        world.enqueue(count).await;
        misfortune(&mut world).await;
        world.pass(world.draws.within(100, 2500)).await;
    }
    for pod in &world.pods {
        *pod.cut.lock().expect("no panic on the line") = false;
    }
    world.settle().await;
    world
}

async fn misfortune(world: &mut World) {
    match world.draws.within(0, 6) {
        0 if world.pods.len() > 3 => {
            let victim = usize::try_from(world.draws.within(0, world.pods.len() as u64)).expect("few pods");
            drop(world.kill(victim));
        }
        1 => world.add_pod().await,
        2 if !world.pods.is_empty() => {
            let victim = usize::try_from(world.draws.within(0, world.pods.len() as u64)).expect("few pods");
            let mut cut = world.pods[victim].cut.lock().expect("no panic on the line");
            *cut = !*cut;
        }
        _ => {}
    }
}

pub fn virtual_time<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without IO needs nothing").block_on(story)
}

fn seeds() -> u64 {
    std::env::var("FLEET_Q_SIM_SEEDS").ok().and_then(|many| many.parse().ok()).unwrap_or(12)
}

#[test]
fn nothing_is_lost_and_nothing_recorded_twice_in_the_worst_night() {
    for seed in 1..=seeds() {
        let broken = virtual_time(async {
            let world = worst_night(seed, Defect::None).await;
            assert!(world.accepted.len() > 100, "seed {seed}: the storm let too little through");
            assert!(world.checker.handed() > 0, "seed {seed}: no step was handed off");
            world.verdict().await
        });
        assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_event_log() {
    let log_of = |seed| virtual_time(async move { worst_night(seed, Defect::None).await.log() });
    let (first, second, other) = (log_of(7), log_of(7), log_of(8));
    assert!(first.lines().count() > 1000, "the log is too short to prove anything");
    if let Some((a, b)) = first.lines().zip(second.lines()).find(|(a, b)| a != b) {
        panic!("the logs part ways:\n{a}\n{b}");
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, other);
}

#[test]
fn killed_pods_are_marked_and_living_ones_never() {
    for seed in 1..=seeds() {
        virtual_time(async {
            let mut world = World::new(seed, Defect::None);
            for _ in 0..6 {
                world.add_pod().await;
            }
            world.enqueue(100).await;
            world.pass(20_000).await;
            let killed: Vec<String> = (0..2).map(|_| world.kill(0).pod.id().to_string()).collect();
            world.pass(60_000).await;
            let mut marked = world.marked_dead.lock().expect("no panic in the log").clone();
            marked.sort_unstable();
            let mut expected = killed.clone();
            expected.sort_unstable();
            assert_eq!(marked, expected, "seed {seed}");
        });
    }
}

#[test]
fn an_outage_of_five_thresholds_kills_nobody() {
    virtual_time(async {
        let mut world = World::new(3, Defect::None);
        for _ in 0..5 {
            world.add_pod().await;
        }
        world.pass(30_000).await;
        world.sky.turn(Weather { refused: 100, ..Weather::FINE });
        world.pass(75_000).await;
        world.sky.turn(Weather::FINE);
        world.pass(60_000).await;
        assert!(world.marked_dead.lock().expect("no panic in the log").is_empty(), "{}", world.log());
    });
}

/// The first seed of many with which the checker finds the defect.
fn found_with(defect: Defect) -> Option<u64> {
    (1..=40).find(|seed| !virtual_time(async { worst_night(*seed, defect).await.verdict().await }).is_empty())
}

#[test]
fn the_checker_finds_a_removed_fence() {
    assert!(found_with(Defect::FenceRemoved).is_some());
}

#[test]
fn the_checker_finds_removed_reconciliation() {
    assert!(found_with(Defect::ReconciliationRemoved).is_some());
}

/// P12.
#[test]
fn the_checker_finds_a_removed_journal() {
    assert!(found_with(Defect::JournalRemoved).is_some());
}
