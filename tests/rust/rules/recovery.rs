//! Death, poison and self-fencing (P5, P8, P14).

use fleet_q::rules::election::{PodStatus, PodView};
use fleet_q::rules::recovery::{
    DeathTiming, fence_margin, is_dead, is_fenced, is_suspect, may_declare_deaths, orphan_goes_to, threshold_min,
};
use fleet_q::rules::state::State;
use fleet_q::rules::time::{Millis, Timestamp};
use proptest::prelude::*;

use super::{living, pod};

const TIMING: DeathTiming = DeathTiming { heartbeat_interval: Millis(3000), dead_pod_threshold: Millis(15_000) };

/// Any timing the configuration lets pass.
fn valid_timing() -> impl Strategy<Value = DeathTiming> {
    (10..3_600_000_u64, 0..1_000_000_u64).prop_map(|(beat, more)| DeathTiming {
        heartbeat_interval: Millis(beat),
        dead_pod_threshold: threshold_min(Millis(beat)) + Millis(more),
    })
}

fn may(leader: &PodView, now: i64) -> bool {
    may_declare_deaths(leader, Timestamp(now), TIMING)
}

#[test]
fn a_leader_declares_deaths_only_after_beating_for_a_whole_threshold() {
    assert!(!may(&living("leader", 0, 14_999), 14_999));
    assert!(may(&living("leader", 0, 15_000), 15_000));
}

#[test]
fn a_leader_whose_own_beat_is_late_declares_nobody_dead() {
    let leader = living("leader", 0, 100_000);
    assert_eq!([106_000, 106_001].map(|now| may(&leader, now)), [true, false]);
}

#[test]
fn a_leader_that_is_not_up_declares_nobody_dead() {
    for status in [PodStatus::Draining, PodStatus::Dormant, PodStatus::Down] {
        assert!(!may(&PodView { status, ..living("leader", 0, 100_000) }, 100_000), "{status:?}");
    }
}

#[test]
fn a_clock_that_stepped_back_stops_deaths() {
    assert!(!may(&living("leader", 0, 100_001), 100_000), "its beat lies in the future");
    let since_tomorrow = PodView { beating_since: Timestamp(200_000), ..living("leader", 0, 100_000) };
    assert!(!may(&since_tomorrow, 100_000), "it has been beating since a moment to come");
}

#[test]
fn a_pod_is_dead_when_its_beat_is_older_than_the_threshold() {
    let pod = living("pod", 0, 100_000);
    let dead = |now| is_dead(&pod, Timestamp(now), TIMING);
    assert_eq!([99_000, 100_000, 115_000, 115_001].map(dead), [false, false, false, true]);
}

#[test]
fn only_pods_that_should_beat_can_die() {
    let dead = |status| is_dead(&PodView { status, ..living("pod", 0, 0) }, Timestamp(1_000_000), TIMING);
    assert_eq!(PodStatus::ALL.map(dead), [true, true, false, false], "up, draining, dormant, down");
}

#[test]
fn an_orphan_runs_again_until_it_crashed_alone() {
    let goes = |crashes| orphan_goes_to(crashes, 3, false);
    assert_eq!(
        [0, 1, 2, 3, 4, u32::MAX].map(goes),
        [State::Pending, State::Pending, State::Pending, State::Failed, State::Failed, State::Failed]
    );
}

#[test]
fn an_orphan_to_be_cancelled_is_cancelled_even_as_a_suspect() {
    for crashes in [0, 2, 3, u32::MAX] {
        assert_eq!(orphan_goes_to(crashes, 3, true), State::Cancelled, "{crashes} crashes");
    }
}

#[test]
fn a_pod_fences_itself_a_margin_before_it_can_be_declared_dead() {
    assert_eq!(fence_margin(TIMING.heartbeat_interval), Millis(4000));
    assert_eq!([11_000, 11_001].map(|age| is_fenced(Millis(age), TIMING)), [false, true]);
}

#[test]
fn the_defaults_of_every_store_leave_room_for_the_fence() {
    assert_eq!(threshold_min(Millis(3000)), Millis(15_000));
    assert_eq!(threshold_min(Millis(10_000)), Millis(50_000));
    assert_eq!(threshold_min(Millis(200)), Millis(1600), "short beats: the second of the margin decides");
}

proptest! {
    /// P8. The beat was sent before the database wrote it, so the pod's own age of the beat is at
    /// least the database's; what it needs beyond is the margin.
    #[test]
    fn a_pod_is_fenced_before_anybody_may_declare_it_dead(
        timing in valid_timing(), age in 0..10_000_000_u64, on_the_wire in 0..1000_u64,
    ) {
        let victim = living("victim", 0, 0);
        if is_dead(&victim, Timestamp(0) + Millis(age), timing) {
            prop_assert!(is_fenced(Millis(age + on_the_wire), timing));
            let margin_earlier = Millis(age) - fence_margin(timing.heartbeat_interval);
            prop_assert!(is_fenced(margin_earlier, timing), "not a whole margin before");
        }
    }

    #[test]
    fn a_pod_whose_beats_arrive_is_never_fenced(timing in valid_timing(), answer in 0.0..=1.0_f64) {
        let beat = timing.heartbeat_interval.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let age = beat + (beat as f64 * answer) as u64;
        prop_assert!(!is_fenced(Millis(age), timing));
    }

    /// P5: a gap in anybody's beats, be it an outage or a clock step, leaves them a threshold.
    #[test]
    fn no_leader_declares_deaths_within_a_threshold_of_its_last_interruption(
        timing in valid_timing(), since in 0..1_000_000_i64, after in 0..10_000_000_u64,
    ) {
        let now = Timestamp(since) + Millis(after);
        let leader = PodView { beating_since: Timestamp(since), last_heartbeat: now, ..living("leader", 0, 0) };
        prop_assert_eq!(may_declare_deaths(&leader, now, timing), Millis(after) >= timing.dead_pod_threshold);
    }

    #[test]
    fn a_fresh_pod_is_not_dead(pod in pod(), now in 0..300_i64, timing in valid_timing()) {
        let now = Timestamp(now);
        prop_assert!(!(pod.is_fresh(now, timing.dead_pod_threshold) && is_dead(&pod, now, timing)));
    }

    #[test]
    fn an_orphan_always_goes_where_a_claimed_step_can(crashes in any::<u32>(), max in any::<u32>(), cancel in any::<bool>()) {
        let expected = match (cancel, is_suspect(crashes, max)) {
            (true, _) => State::Cancelled,
            (false, true) => State::Failed,
            (false, false) => State::Pending,
        };
        prop_assert_eq!(orphan_goes_to(crashes, max, cancel), expected);
    }
}
