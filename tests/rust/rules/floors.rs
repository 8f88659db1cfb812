//! Where a claim may begin to look: never past a step that waits, never trusted for long.

use fleet_q::rules::floors::{Floors, Front, NEVER, NO_PRIORITY, Seen, TRACKED_MAX, pause_ms};

fn front(priority: i32) -> Front {
    Front { queue: None, priority }
}

fn in_queue(queue: &str, priority: i32) -> Front {
    Front { queue: Some(queue.into()), priority }
}

fn seen(now: i64, fronts: &[Option<i64>]) -> Seen {
    Seen { fronts: fronts.to_vec(), now, pause_ms: pause_ms(0, 1) }
}

fn learn(floors: &mut Floors, seen: &Seen, claimed: &[Front]) {
    let belief = floors.belief();
    floors.learn(&belief, seen, claimed);
}

/// Floors that know `fronts` and have had their first look at `now`.
fn looked(now: i64, fronts: &[Front]) -> Floors {
    let mut floors = Floors::default();
    learn(&mut floors, &seen(now, &[]), fronts);
    floors
}

#[test]
fn without_knowledge_everything_is_read_from_the_start() {
    let spans = Floors::default().belief().everywhere();
    assert_eq!((spans.below, spans.at), (vec![NO_PRIORITY.1], vec![NO_PRIORITY.0]));
}

#[test]
fn floor_is_where_somebody_waits_or_else_a_margin_ago() {
    let mut floors = looked(10_000, &[front(0), front(5)]);
    learn(&mut floors, &seen(10_500, &[Some(9_100), None]), &[]);
    let spans = floors.belief().everywhere();
    assert_eq!(spans.at, [5, 0, NO_PRIORITY.0]);
    assert_eq!(spans.below, [NO_PRIORITY.1, 5, 0]);
    assert_eq!(spans.since, [9_500, 9_100, NEVER]);
}

#[test]
fn floor_never_passes_a_step_that_waits() {
    let mut floors = looked(10_000, &[front(0)]);
    learn(&mut floors, &seen(10_900, &[Some(2_000)]), &[]);
    learn(&mut floors, &seen(10_950, &[Some(2_000)]), &[]);
    assert_eq!(floors.belief().everywhere().since, [2_000, NEVER]);
}

#[test]
fn full_look_lowers_a_floor_to_what_was_stored_late() {
    let mut floors = looked(10_000, &[front(0)]);
    learn(&mut floors, &seen(10_900, &[None]), &[]);
    assert_eq!(floors.belief().everywhere().since, [9_900, NEVER]);
    let belief = floors.belief();
    assert!(!belief.trusts(11_001));
    floors.learn(&belief, &seen(11_001, &[Some(8_000)]), &[]);
    assert_eq!(floors.belief().everywhere().since, [8_000, NEVER]);
}

#[test]
fn full_look_that_did_not_ask_is_repeated_by_one_that_does() {
    let mut floors = looked(10_000, &[front(0)]);
    learn(&mut floors, &seen(11_500, &[]), &[]);
    assert!(floors.want_a_look());
    assert!(!floors.belief().trusts(11_501));
}

#[test]
fn clock_that_went_back_is_not_trusted() {
    let floors = looked(10_000, &[front(0)]);
    assert!(floors.belief().trusts(10_000));
    assert!(!floors.belief().trusts(8_000));
}

#[test]
fn full_look_that_did_not_ask_lets_nobody_trust_the_floors_of_a_time_that_was_set_back() {
    let mut floors = looked(10_000, &[front(0)]);
    learn(&mut floors, &seen(10_900, &[None]), &[]);
    assert_eq!(floors.belief().everywhere().since, [9_900, NEVER]);
    learn(&mut floors, &seen(5_000, &[]), &[]);
    assert!(!floors.belief().trusts(5_001), "the floor lies in the future");
    assert!(floors.want_a_look());
    learn(&mut floors, &seen(5_001, &[None]), &[]);
    assert_eq!(floors.belief().everywhere().since, [4_001, NEVER]);
    assert!(floors.belief().trusts(5_002));
}

#[test]
fn costly_full_looks_are_seldom() {
    let mut floors = Floors::default();
    learn(&mut floors, &Seen { pause_ms: pause_ms(300, 1), ..seen(10_000, &[]) }, &[]);
    assert!(floors.belief().trusts(16_000));
    assert!(!floors.belief().trusts(16_001));
}

#[test]
fn pods_that_look_for_the_same_share_what_full_looks_cost() {
    assert_eq!(
        [(0, 64), (10, 1), (10, 64), (10, 0)].map(|(spent, pods)| pause_ms(spent, pods)),
        [1000, 1000, 12_800, 1000]
    );
    assert_eq!(pause_ms(i64::MAX / 2, 64), i64::MAX);
}

#[test]
fn pod_that_never_claimed_anything_has_a_floor_too() {
    let mut floors = Floors::default();
    let belief = floors.belief_with(&[front(0)]);
    floors.learn(&belief, &seen(10_000, &[None]), &[]);
    assert_eq!(floors.belief_with(&[front(7)]).everywhere().since, [9_000, NEVER]);
}

#[test]
fn queue_is_read_from_the_later_of_its_floors() {
    let mut floors = looked(10_000, &[front(0), in_queue("mail", 0), in_queue("other", 3)]);
    learn(&mut floors, &seen(10_500, &[Some(1_000), Some(7_000), Some(5_000)]), &[]);
    let spans = floors.belief().in_queues(["mail"]);
    assert_eq!((spans.at, spans.since), (vec![0, NO_PRIORITY.0], vec![7_000, NEVER]));
}

#[test]
fn no_more_fronts_are_kept_than_a_statement_should_read() {
    let many: Vec<_> = (0..50).map(front).collect();
    let floors = looked(10_000, &many);
    assert_eq!(floors.belief().asked().count(), TRACKED_MAX);
    assert!(floors.belief().everywhere().at.contains(&49));
}

#[test]
fn fronts_are_asked_for_once_in_a_while() {
    let mut floors = looked(10_000, &[front(0)]);
    assert!(!floors.want_a_look());
    for n in 1..8 {
        learn(&mut floors, &seen(10_000 + n, &[]), &[]);
    }
    assert!(floors.want_a_look());
    learn(&mut floors, &seen(10_100, &[None]), &[]);
    assert!(!floors.want_a_look());
}
