//! Time arithmetic: it saturates, and durations are never negative.

use fleet_q::rules::time::{Millis, Monotonic, Timestamp, Unit};
use proptest::prelude::*;

#[test]
fn durations_saturate() {
    assert_eq!(Millis::MAX + Millis(1), Millis::MAX);
    assert_eq!(Millis(1) - Millis(2), Millis::ZERO);
    assert_eq!(Millis::MAX.times(2), Millis::MAX);
    assert_eq!(Millis::from_secs(u64::MAX), Millis::MAX);
}

#[test]
fn moments_saturate() {
    assert_eq!(Timestamp(i64::MAX) + Millis(1), Timestamp(i64::MAX));
    assert_eq!(Timestamp(i64::MIN) - Millis(1), Timestamp(i64::MIN));
    assert_eq!(Timestamp(0) + Millis::MAX, Timestamp(i64::MAX));
    assert_eq!(Timestamp(i64::MAX).since(Timestamp(i64::MIN)), Millis(i64::MAX.unsigned_abs()));
    assert_eq!(Monotonic(u64::MAX) + Millis(1), Monotonic(u64::MAX));
}

#[test]
fn a_moment_to_come_is_no_time_ago() {
    assert_eq!(Timestamp(1).since(Timestamp(2)), Millis::ZERO);
    assert_eq!(Monotonic(1).since(Monotonic(2)), Millis::ZERO);
}

#[test]
fn seconds_are_thousands_of_milliseconds() {
    assert_eq!(Millis::from_secs(3), Millis(3000));
    assert!((Millis(1500).as_secs_f64() - 1.5).abs() < f64::EPSILON);
    assert_eq!(Millis(1500).as_duration(), std::time::Duration::from_millis(1500));
}

#[test]
fn draws_reach_zero_and_stay_below_one() {
    assert_eq!(Unit::from_bits(0), Unit::ZERO);
    assert_eq!(Unit::from_bits(1 << 63), Unit::HALF);
    assert!(Unit::from_bits(u64::MAX).get() < 1.0);
}

proptest! {
    #[test]
    fn every_draw_is_in_its_range(bits in any::<u64>()) {
        prop_assert!((0.0..1.0).contains(&Unit::from_bits(bits).get()));
    }

    #[test]
    fn what_was_added_is_what_has_passed(at in -1_000_000_000_000_i64..1_000_000_000_000, by in 0..1_000_000_000_u64) {
        prop_assert_eq!((Timestamp(at) + Millis(by)).since(Timestamp(at)), Millis(by));
        prop_assert_eq!((Timestamp(at) + Millis(by)) - Millis(by), Timestamp(at));
    }

    #[test]
    fn no_arithmetic_panics(a in any::<i64>(), b in any::<i64>(), c in any::<u64>(), d in any::<u64>()) {
        let _ = (Timestamp(a) + Millis(c), Timestamp(a) - Millis(c), Timestamp(a).since(Timestamp(b)));
        let _ = (Monotonic(c) + Millis(d), Monotonic(c).since(Monotonic(d)));
        let _ = (Millis(c) + Millis(d), Millis(c) - Millis(d), Millis(c).times(d));
    }
}
