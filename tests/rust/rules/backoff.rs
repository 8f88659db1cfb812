//! Waiting: ceilings grow to the cap, jitter stays in its range, nothing overflows.

use fleet_q::rules::backoff::{Backoff, Jitter, delay};
use fleet_q::rules::time::{Millis, Unit};
use proptest::prelude::*;

use super::{nearly_one, unit};

const JITTERS: [Jitter; 4] = [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::ClaimProfile];

fn policy() -> impl Strategy<Value = Backoff> {
    (0..100_000_u64, 1.0..10.0_f64, 0..10_000_000_u64, prop::sample::select(&JITTERS[..]))
        .prop_map(|(base, factor, cap, jitter)| Backoff { base: Millis(base), factor, cap: Millis(cap), jitter })
}

#[test]
fn claims_wait_the_profile_of_the_seeds() {
    let ranges = [(50, 50), (100, 150), (200, 300), (400, 650), (800, 1300)];
    for (attempt, (least, most)) in (0..).zip(ranges) {
        assert_eq!(delay(&Backoff::CLAIM, attempt, Unit::ZERO), Millis(least), "least of attempt {attempt}");
        assert_eq!(delay(&Backoff::CLAIM, attempt, nearly_one()), Millis(most), "most of attempt {attempt}");
    }
}

#[test]
fn late_claims_keep_their_jitter() {
    for attempt in [5, 6, 30, 2000, u32::MAX] {
        let (least, most) =
            (delay(&Backoff::CLAIM, attempt, Unit::ZERO), delay(&Backoff::CLAIM, attempt, nearly_one()));
        assert_eq!((least, most), (Millis(800), Millis(1300)), "attempt {attempt}");
    }
}

#[test]
fn retries_wait_anything_up_to_the_doubled_second_and_at_most_five_minutes() {
    let most: Vec<u64> = (0..11).map(|attempt| delay(&Backoff::RETRY, attempt, nearly_one()).0).collect();
    assert_eq!(most, [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]);
    assert_eq!(delay(&Backoff::RETRY, 8, Unit::ZERO), Millis::ZERO);
}

#[test]
fn equal_jitter_keeps_half_the_delay() {
    assert_eq!(delay(&Backoff::STORE, 1, Unit::ZERO), Millis(100));
    assert_eq!(delay(&Backoff::STORE, 1, Unit::HALF), Millis(150));
    assert_eq!(delay(&Backoff::STORE, 1, nearly_one()), Millis(200));
}

#[test]
fn a_zero_base_waits_nothing_even_where_the_power_overflows() {
    let policy = Backoff { base: Millis::ZERO, factor: 2.0, cap: Millis(5000), jitter: Jitter::None };
    assert_eq!(delay(&policy, 5000, Unit::HALF), Millis::ZERO);
}

#[test]
fn the_longest_cap_there_is_does_not_overflow() {
    for jitter in JITTERS {
        let policy = Backoff { base: Millis::MAX, factor: f64::MAX, cap: Millis::MAX, jitter };
        assert!(delay(&policy, u32::MAX, nearly_one()) <= Millis::MAX, "{jitter:?}");
    }
}

#[test]
fn a_cap_that_no_double_holds_is_still_the_cap() {
    for cap in (0..64).map(|odd| Millis((1 << 53) + odd)) {
        let policy = Backoff { base: Millis::MAX, factor: 2.0, cap, jitter: Jitter::None };
        assert!(delay(&policy, 0, Unit::ZERO) <= cap, "{cap}");
    }
}

proptest! {
    #[test]
    fn no_delay_exceeds_the_cap(policy in policy(), attempt in any::<u32>(), draw in unit()) {
        prop_assert!(delay(&policy, attempt, draw) <= policy.cap);
    }

    #[test]
    fn the_undrawn_delay_never_shrinks(policy in policy(), attempt in 0..u32::MAX) {
        let policy = Backoff { jitter: Jitter::None, ..policy };
        prop_assert!(delay(&policy, attempt, Unit::ZERO) <= delay(&policy, attempt + 1, Unit::ZERO));
    }

    #[test]
    fn jitter_stays_in_its_range(policy in policy(), attempt in 0..40_u32, draw in unit()) {
        let drawn = delay(&policy, attempt, draw).0;
        let full = delay(&Backoff { jitter: Jitter::None, ..policy }, attempt, Unit::ZERO).0;
        let (least, most) = match policy.jitter {
            Jitter::None => (full, full),
            Jitter::Equal => (full / 2, full),
            Jitter::Full => (0, full),
            // The widest draw of the profile is 62.5 % above the least.
            Jitter::ClaimProfile => (full * 100 / 163, (full * 163 / 100 + 2).min(policy.cap.0)),
        };
        prop_assert!((least.saturating_sub(1)..=most + 1).contains(&drawn), "{drawn} of {full} by {policy:?}");
    }

    #[test]
    fn a_larger_draw_never_waits_less(policy in policy(), attempt in any::<u32>(), a in unit(), b in unit()) {
        let (low, high) = if a.get() <= b.get() { (a, b) } else { (b, a) };
        prop_assert!(delay(&policy, attempt, low) <= delay(&policy, attempt, high));
    }
}
