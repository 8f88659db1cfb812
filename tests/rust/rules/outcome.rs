//! What becomes of a step whose body ended.

use fleet_q::rules::backoff::{Backoff, delay};
use fleet_q::rules::outcome::{Allowance, Decision, Ending, decide};
use fleet_q::rules::state::{Action, State, settle};
use fleet_q::rules::time::{Millis, Unit};
use proptest::prelude::*;

use super::{millis, unit};

fn allowance(retry_count: u32, max_retries: u32) -> Allowance {
    Allowance { retry_count, max_retries, policy: Backoff::RETRY }
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Returned),
        Just(Ending::Failed),
        millis(1_000_000).prop_map(Ending::RetryAfter),
        millis(1_000_000).prop_map(Ending::Snoozed),
        Just(Ending::Discarded),
        Just(Ending::Cancelled),
        Just(Ending::Interrupted),
    ]
}

#[test]
fn each_ending_has_its_outcome() {
    let waits = |action, ms| Decision { action, delay: Millis(ms) };
    let cases = [
        (Ending::Returned, 0, waits(Action::Complete, 0)),
        (Ending::Failed, 0, waits(Action::Retry, 500)),
        (Ending::Failed, 2, waits(Action::Retry, 2000)),
        (Ending::Failed, 3, waits(Action::Fail, 0)),
        (Ending::Failed, 9, waits(Action::Fail, 0)),
        (Ending::RetryAfter(Millis(7)), 2, waits(Action::Retry, 7)),
        (Ending::RetryAfter(Millis(7)), 3, waits(Action::Fail, 0)),
        (Ending::Snoozed(Millis(9)), 3, waits(Action::Snooze, 9)),
        (Ending::Discarded, 0, waits(Action::Fail, 0)),
        (Ending::Cancelled, 3, waits(Action::Cancel, 0)),
        (Ending::Interrupted, 3, waits(Action::Release, 0)),
    ];
    for (ending, retry_count, expected) in cases {
        assert_eq!(decide(ending, &allowance(retry_count, 3), Unit::HALF), expected, "{ending:?} after {retry_count}");
    }
}

#[test]
fn a_task_without_retries_fails_at_once() {
    let fail = Decision { action: Action::Fail, delay: Millis::ZERO };
    assert_eq!(decide(Ending::Failed, &allowance(0, 0), Unit::ZERO), fail);
    assert_eq!(decide(Ending::RetryAfter(Millis(1)), &allowance(0, 0), Unit::ZERO), fail);
}

proptest! {
    #[test]
    fn every_outcome_is_legal_on_a_claimed_step(
        ending in ending(), retries in any::<u32>(), max in any::<u32>(), draw in unit(), cancel in any::<bool>(),
    ) {
        let decision = decide(ending, &allowance(retries, max), draw);
        let state = settle(decision.action, cancel);
        prop_assert!(state.is_some(), "{ending:?} gave {:?}", decision.action);
        prop_assert!(decision.delay == Millis::ZERO || settle(decision.action, false) == Some(State::Scheduled));
    }

    #[test]
    fn a_failure_retries_exactly_while_retries_are_left(retries in 0..20_u32, max in 0..20_u32, draw in unit()) {
        let allowance = allowance(retries, max);
        let expected = if retries < max {
            Decision { action: Action::Retry, delay: delay(&allowance.policy, retries, draw) }
        } else {
            Decision { action: Action::Fail, delay: Millis::ZERO }
        };
        prop_assert_eq!(decide(Ending::Failed, &allowance, draw), expected);
    }
}
