//! A crowd: few look at a step, and somebody always does; a busy pod takes much at a time, and few pods notice nothing.

use fleet_q::rules::crowd::{FEW, Heard, Look, Rings, is_time_to_ask, look, passed_on, round_trip_s};
use fleet_q::rules::election::{PodStatus, PodView};
use fleet_q::rules::time::Millis;
use proptest::prelude::*;

use super::living;

const PLACES: u32 = 8;

fn crowd(count: usize) -> Vec<PodView> {
    (0..count).map(|n| living(&format!("pod-{n:08x}"), 0, 0)).collect()
}

/// When each of them looks, soonest first.
fn looks(pods: &[PodView], steps: u64, lot: u64) -> Vec<Look> {
    let mut looks: Vec<Look> =
        pods.iter().map(|pod| look(Heard::Steps { steps, lot }, &pod.pod_id, pods, PLACES)).collect();
    looks.sort_by_key(|look| match look {
        Look::Now => 0,
        Look::In(wait) => wait.0,
        Look::AsPlanned => u64::MAX,
    });
    looks
}

fn at_once(looks: &[Look]) -> usize {
    looks.iter().filter(|look| **look == Look::Now).count()
}

#[test]
fn few_pods_look_all_at_once() {
    for count in 1..=FEW {
        assert_eq!(looks(&crowd(count), 1, 7), vec![Look::Now; count]);
    }
    assert_eq!(
        look(Heard::Steps { steps: 1, lot: 7 }, &"pod-x".into(), &[], PLACES),
        Look::Now,
        "before its first beat"
    );
}

#[test]
fn of_a_crowd_two_look_at_one_step_at_once_three_later_and_the_rest_as_planned() {
    let looks = looks(&crowd(64), 1, 7);
    assert_eq!(looks[..2], [Look::Now, Look::Now]);
    assert_eq!(looks[2..5], [16, 128, 1024].map(|ms| Look::In(Millis(ms))));
    assert_eq!(looks[5..], [Look::AsPlanned; 59]);
}

#[test]
fn one_pod_more_looks_for_each_batch_that_the_steps_fill() {
    for (steps, expected) in [(1, 2), (8, 2), (9, 3), (33, 6), (512, 64), (u64::MAX, 64)] {
        assert_eq!(at_once(&looks(&crowd(64), steps, 7)), expected, "{steps} steps");
    }
}

#[test]
fn who_had_room_comes_first_and_a_fleet_without_room_looks_whole() {
    let mut pods = crowd(64);
    for pod in &mut pods[..60] {
        pod.has_room = false;
    }
    let of = |n: usize| look(Heard::Steps { steps: 1, lot: 7 }, &pods[n].pod_id, &pods, PLACES);
    assert_eq!(at_once(&(60..64).map(of).collect::<Vec<_>>()), 2, "two of the four that have room");
    for pod in &mut pods {
        pod.has_room = false;
    }
    assert_eq!(at_once(&looks(&pods, 1, 7)), 64);
}

#[test]
fn who_drains_is_not_waited_for() {
    let mut pods = crowd(64);
    for pod in &mut pods[FEW..] {
        pod.status = PodStatus::Draining;
    }
    assert_eq!(at_once(&looks(&pods[..FEW], 1, 7)), FEW);
}

#[test]
fn the_lot_falls_on_every_pod_in_its_turn() {
    let pods = crowd(64);
    let first = |pod: &PodView, lot| look(Heard::Steps { steps: 1, lot }, &pod.pod_id, &pods, PLACES) == Look::Now;
    for pod in &pods {
        let chosen = (0..6400).filter(|lot| first(pod, *lot)).count();
        assert!((120..=290).contains(&chosen), "{} was chosen {chosen} times of some 200", pod.pod_id);
    }
}

#[test]
fn what_was_told_between_two_hearings_is_heard_together() {
    let (mut told, known) = (Rings::default(), Rings::default());
    assert_eq!(told.since(&known), Heard::Nothing);
    told.tell(3, 11);
    told.tell(4, 12);
    assert_eq!(told.since(&known), Heard::Steps { steps: 7, lot: 12 });
    told.urge();
    told.tell(1, 13);
    assert_eq!(told.since(&known), Heard::Urgent);
    assert_eq!(look(Heard::Urgent, &"pod-00000001".into(), &crowd(64), PLACES), Look::Now);
    assert_eq!(look(Heard::Nothing, &"pod-00000001".into(), &crowd(64), PLACES), Look::AsPlanned);
}

#[test]
fn telling_of_no_step_is_still_telling() {
    let mut told = Rings::default();
    told.tell(0, 5);
    assert_eq!(told.since(&Rings::default()), Heard::Steps { steps: 1, lot: 5 });
}

#[test]
fn who_finds_many_tells_a_crowd_and_nobody_else() {
    assert_eq!([1, FEW, FEW + 1, 64].map(|living| passed_on(living, 8)), [None, None, Some(32), Some(32)]);
    assert_eq!(passed_on(64, 0), None);
}

#[test]
fn a_crowd_is_reckoned_with_longer_round_trips_within_what_a_step_may_wait() {
    let trip = |living, measured| format!("{:.3}", round_trip_s(living, measured, Millis(1000)));
    assert_eq!([trip(1, 0.02), trip(FEW, 5.0)], ["0.020", "5.000"], "few pods are left alone");
    assert_eq!([trip(8, 0.02), trip(64, 0.02)], ["0.020", "0.100"]);
    assert_eq!(trip(64, 5.0), "0.100", "five of them are half of what a step may wait");
    assert!(round_trip_s(64, 0.02, Millis(100)) < 0.011);
}

#[test]
fn a_crowd_asks_when_three_quarters_of_the_look_ahead_are_gone_and_always_for_a_free_place() {
    assert_eq!([0, 1, 29, 30, 100].map(|lacks| is_time_to_ask(64, lacks, 40)), [false, false, false, true, true]);
    assert!(is_time_to_ask(FEW, 1, 40));
    assert!(is_time_to_ask(64, 1, 0), "slow tasks have no look-ahead");
}

proptest! {
    /// P4: whatever was seen of the others, one of those who hear looks at once.
    #[test]
    fn somebody_looks_at_once(count in 1..80_usize, busy in 0..80_usize, steps in 1..u64::MAX, lot in any::<u64>()) {
        let mut pods = crowd(count);
        for pod in pods.iter_mut().take(busy) {
            pod.has_room = false;
        }
        prop_assert!(at_once(&looks(&pods, steps, lot)) >= 1);
    }

    #[test]
    fn whoever_lacks_more_than_its_look_ahead_asks(living in 0..100_usize, lacks in 0..3000_u32, ahead in 0..1500_u32) {
        prop_assert!(lacks <= ahead || is_time_to_ask(living, lacks, ahead));
    }
}
