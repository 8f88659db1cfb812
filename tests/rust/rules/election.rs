//! Election: a pure function of the table, whatever order its rows come in.

use fleet_q::rules::election::{PodStatus, PodView, beating_since, leader};
use fleet_q::rules::step::PodId;
use fleet_q::rules::time::{Millis, Timestamp};
use proptest::prelude::*;

use super::{living, moment, pod};

const THRESHOLD: Millis = Millis(50);
const BEAT: Millis = Millis(10);

fn elected(pods: &[PodView], now: i64) -> Option<&str> {
    leader(pods, Timestamp(now), THRESHOLD).map(PodId::as_str)
}

#[test]
fn nobody_leads_an_empty_fleet() {
    assert_eq!(elected(&[], 0), None);
}

#[test]
fn the_oldest_leads() {
    assert_eq!(elected(&[living("b", 2, 100), living("a", 3, 100), living("c", 1, 100)], 100), Some("c"));
}

#[test]
fn the_smaller_id_breaks_a_tie_of_birth() {
    assert_eq!(elected(&[living("b", 1, 100), living("a", 1, 100)], 100), Some("a"));
}

#[test]
fn a_pod_that_is_not_up_or_cannot_lead_is_passed_over() {
    let heir = living("heir", 9, 100);
    for status in [PodStatus::Draining, PodStatus::Dormant, PodStatus::Down] {
        let old = PodView { status, ..living("old", 1, 100) };
        assert_eq!(elected(&[old, heir.clone()], 100), Some("heir"), "{status:?}");
    }
    let stuck = PodView { can_lead: false, ..living("stuck", 1, 100) };
    assert_eq!(elected(&[stuck, heir], 100), Some("heir"));
}

#[test]
fn a_pod_leads_until_its_beat_is_a_threshold_old() {
    let pods = [living("old", 1, 100), living("heir", 9, 149)];
    assert_eq!(
        [149, 150, 151, 198, 199].map(|now| elected(&pods, now)),
        [Some("old"), Some("heir"), Some("heir"), Some("heir"), None]
    );
}

#[test]
fn a_beat_in_the_future_counts_as_fresh_if_it_can_age_in_time() {
    let pods = [living("ahead", 1, 200), living("heir", 9, 120)];
    assert_eq!([151, 150, 100].map(|now| elected(&pods, now)), [Some("ahead"), Some("heir"), Some("heir")]);
}

#[test]
fn a_pod_whose_beat_lies_ahead_begins_anew_when_it_is_pulled_back() {
    let mut pod = living("ahead", 1, 200);
    pod.pull_back(Timestamp(200));
    assert_eq!(pod, living("ahead", 1, 200));
    pod.pull_back(Timestamp(100));
    assert_eq!(pod, PodView { beating_since: Timestamp(100), ..living("ahead", 1, 100) });
    assert!(pod.is_fresh(Timestamp(149), THRESHOLD) && !pod.is_fresh(Timestamp(150), THRESHOLD));
}

#[test]
fn a_pod_has_been_beating_while_no_gap_exceeds_one_and_a_half_intervals() {
    let previous = living("pod", 7, 100);
    let since = |now| beating_since(&previous, Timestamp(now), BEAT).0;
    assert_eq!([100, 110, 115].map(since), [7, 7, 7]);
    assert_eq!([116, 5000].map(since), [116, 5000]);
    assert_eq!(since(99), 99, "a beat in the future means the clock stepped");
}

#[test]
fn the_longest_interval_there_is_does_not_overflow() {
    assert_eq!(beating_since(&living("pod", 7, 100), Timestamp(i64::MAX), Millis::MAX), Timestamp(7));
}

#[test]
fn a_status_reads_back_from_its_text_and_only_down_holds_no_claims() {
    for status in PodStatus::ALL {
        assert_eq!(PodStatus::parse(status.as_str()), Some(status));
        assert_eq!(status.holds_claims(), status != PodStatus::Down);
    }
    assert_eq!(PodStatus::parse("UP"), None);
}

proptest! {
    #[test]
    fn the_order_of_the_rows_is_irrelevant(
        (pods, shuffled) in prop::collection::vec(pod(), 0..12).prop_flat_map(|pods| (Just(pods.clone()), Just(pods).prop_shuffle())),
        now in 0..300_i64,
    ) {
        prop_assert_eq!(elected(&pods, now), elected(&shuffled, now));
    }

    #[test]
    fn whoever_leads_may_and_nobody_older_could(pods in prop::collection::vec(pod(), 0..12), now in 0..300_i64) {
        let now = Timestamp(now);
        let able = |pod: &&PodView| pod.status == PodStatus::Up && pod.can_lead && pod.is_fresh(now, THRESHOLD);
        let oldest = pods.iter().filter(able).map(|pod| (pod.birth, pod.pod_id.clone())).min();
        prop_assert_eq!(leader(&pods, now, THRESHOLD).cloned(), oldest.map(|(_, id)| id));
    }

    #[test]
    fn beating_since_is_kept_or_now(previous in pod(), now in moment(), interval in 0..100_u64) {
        let since = beating_since(&previous, now, Millis(interval));
        prop_assert!(since == now || since == previous.beating_since);
    }
}
