//! P9: whose turn it is. A total order, so that every store can agree on it.

use std::cmp::Ordering;

use fleet_q::rules::claim::{Turn, is_due};
use fleet_q::rules::state::State;
use fleet_q::rules::step::StepId;
use fleet_q::rules::time::Timestamp;
use proptest::prelude::*;

use super::{moment, step_id};

/// Few values of each, so that ties are common.
fn turn() -> impl Strategy<Value = Turn> {
    (-2..3_i32, 0..3_i64, prop_oneof![step_id(), (0..3_u8).prop_map(|n| StepId([n; 16]))])
        .prop_map(|(priority, created, step_id)| Turn { priority, created: Timestamp(created), step_id })
}

#[test]
fn priority_comes_before_age_and_age_before_id() {
    let turn = |priority, created, id| Turn { priority, created: Timestamp(created), step_id: StepId([id; 16]) };
    let mut turns = vec![turn(0, 1, 1), turn(0, 2, 0), turn(i32::MIN, 0, 0), turn(i32::MAX, 9, 9), turn(0, 1, 0)];
    turns.sort_by(Turn::before);
    assert_eq!(turns, [turn(i32::MAX, 9, 9), turn(0, 1, 0), turn(0, 1, 1), turn(0, 2, 0), turn(i32::MIN, 0, 0)]);
}

#[test]
fn only_pending_steps_and_scheduled_ones_whose_time_has_come_are_due() {
    let now = Timestamp(100);
    for state in State::ALL {
        let due = [99, 100, 101].map(|available| is_due(state, Timestamp(available), now));
        let expected = match state {
            State::Pending => [true, true, true],
            State::Scheduled => [true, true, false],
            State::Blocked | State::Claimed | State::Completed | State::Failed | State::Cancelled => [false; 3],
        };
        assert_eq!(due, expected, "{state}");
    }
}

proptest! {
    #[test]
    fn turns_are_antisymmetric_and_only_equal_ones_tie(a in turn(), b in turn()) {
        prop_assert_eq!(a.before(&b), b.before(&a).reverse());
        prop_assert_eq!(a.before(&b) == Ordering::Equal, a == b);
    }

    #[test]
    fn turns_are_transitive(a in turn(), b in turn(), c in turn()) {
        if a.before(&b).is_le() && b.before(&c).is_le() {
            prop_assert!(a.before(&c).is_le());
        }
    }

    #[test]
    fn a_due_step_stays_due(available in moment(), now in moment(), later in 0..1_000_000_i64) {
        if is_due(State::Scheduled, available, now) {
            prop_assert!(is_due(State::Scheduled, available, Timestamp(now.0 + later)));
        }
    }
}
