//! A crowd: few look at a step, and somebody always does; a busy pod takes much at a time, and few pods notice nothing.

use fleet_q::rules::crowd::{
    FEW, Heard, Look, Rings, alike, ends_wait, is_time_to_ask, look, passed_on, round_trip_s, steps_per_second,
};
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
        Look::Once(wait) => wait.0,
        Look::AsPlanned => u64::MAX,
    });
    looks
}

const AT_ONCE: Look = Look::Once(Millis::ZERO);

fn at_once(looks: &[Look]) -> usize {
    looks.iter().filter(|look| matches!(**look, Look::Now | AT_ONCE)).count()
}

/// Ten pods of the web, five with a processor of their own kind, one of another, and six that do not say what they serve.
fn mixed() -> Vec<PodView> {
    let mut pods = crowd(22);
    for (n, pod) in pods.iter_mut().enumerate() {
        pod.serves =
            ["web", "gpu", "odd", ""][usize::from(n >= 10) + usize::from(n >= 15) + usize::from(n >= 16)].into();
    }
    pods
}

/// How many of each kind look at once: of the web, of the second, of the third, of those who do not say.
fn at_once_by_kind(pods: &[PodView], lot: u64) -> [usize; 4] {
    ["web", "gpu", "odd", ""].map(|kind| {
        let like = pods.iter().filter(|pod| &*pod.serves == kind);
        let of = |pod: &PodView| look(Heard::Steps { steps: 1, lot }, &pod.pod_id, pods, PLACES);
        at_once(&like.map(of).collect::<Vec<_>>())
    })
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
    assert_eq!(looks[..2], [AT_ONCE, AT_ONCE]);
    assert_eq!(looks[2..5], [16, 128, 1024].map(|ms| Look::Once(Millis(ms))));
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
fn each_kind_of_a_mixed_fleet_has_two_who_look_at_once_and_a_small_one_all() {
    let mut pods = mixed();
    for lot in 0..1000 {
        assert_eq!(at_once_by_kind(&pods, lot), [2, 2, 1, 2], "lot {lot}");
    }
    pods.iter_mut().take(10).for_each(|pod| pod.has_room = false);
    pods[12].status = PodStatus::Down;
    for lot in 0..1000 {
        let [web, gpu, odd, silent] = at_once_by_kind(&pods, lot);
        assert_eq!((web, odd, silent), (10, 1, 2), "no room among the web's: all of them");
        assert!(gpu >= 4, "four that live are few");
    }
}

#[test]
fn who_is_not_seen_among_the_living_looks_for_itself() {
    assert_eq!(look(Heard::Steps { steps: 1, lot: 7 }, &"pod-x".into(), &mixed(), PLACES), Look::Now);
}

#[test]
fn only_few_pods_look_often_after_news() {
    assert_eq!(looks(&crowd(FEW + 1), 1, 7)[0], AT_ONCE);
    assert_eq!(looks(&mixed(), 1, 7)[0], AT_ONCE, "nor does a small kind within a crowd");
}

#[test]
fn a_crowd_is_reckoned_by_what_it_does_in_the_long_run_and_few_pods_as_before() {
    let rate = |living, lately, in_the_long_run| format!("{:.0}", steps_per_second(living, lately, in_the_long_run));
    assert_eq!([1, FEW].map(|living| rate(living, 900.0, 400.0)), ["900", "900"]);
    assert_eq!([FEW + 1, 64].map(|living| rate(living, 900.0, 400.0)), ["400", "400"]);
    assert_eq!(rate(64, 100.0, 400.0), "100", "and less as soon as it does less");
}

#[test]
fn the_lot_falls_on_every_pod_in_its_turn() {
    let pods = crowd(64);
    let first = |pod: &PodView, lot| look(Heard::Steps { steps: 1, lot }, &pod.pod_id, &pods, PLACES) == AT_ONCE;
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

#[test]
fn ends_of_a_crowd_wait_for_each_other_for_two_round_trips_and_those_of_few_pods_for_nothing() {
    assert_eq!([1, FEW].map(|living| ends_wait(living, Millis(1000))), [Millis::ZERO; 2]);
    assert_eq!([8, 64, 1000].map(|living| ends_wait(living, Millis(1000)).0), [25, 200, 200]);
    assert_eq!(ends_wait(64, Millis::ZERO), Millis::ZERO);
}

#[test]
fn who_shares_a_look_is_up_and_serves_the_same() {
    let mut pods = mixed();
    let all = alike(&pods[0].pod_id, &pods).count();
    pods[1].status = PodStatus::Draining;
    assert_eq!(alike(&pods[0].pod_id, &pods).count(), all - 1);
    assert_eq!(alike(&"stranger".into(), &pods).count(), 0);
    assert!(all < pods.len(), "others serve something else");
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

    /// P4: and one of each kind, whichever of them the step needs.
    #[test]
    fn somebody_of_each_kind_looks_at_once(kinds in prop::collection::vec((0..5_u8, any::<bool>()), 1..40), lot in any::<u64>()) {
        let mut pods = crowd(kinds.len());
        for (pod, (kind, has_room)) in pods.iter_mut().zip(&kinds) {
            (pod.serves, pod.has_room) = (kind.to_string().into(), *has_room);
        }
        for (kind, _) in &kinds {
            let like = pods.iter().filter(|pod| *pod.serves == kind.to_string());
            let looks: Vec<Look> =
                like.map(|pod| look(Heard::Steps { steps: 1, lot }, &pod.pod_id, &pods, PLACES)).collect();
            prop_assert!(at_once(&looks) >= 1, "kind {}: {:?}", kind, looks);
        }
    }

    #[test]
    fn whoever_lacks_more_than_its_look_ahead_asks(living in 0..100_usize, lacks in 0..3000_u32, ahead in 0..1500_u32) {
        prop_assert!(lacks <= ahead || is_time_to_ask(living, lacks, ahead));
    }
}
