//! The state machine: each legal move, every other refused, final states absorb.

use fleet_q::rules::state::{Action, State, TRANSITIONS, next, settle};

/// The table of DESIGN §3, written a second time: row by row, action by action, in `Action::ALL`'s
/// order (unblock promote claim complete retry fail snooze release recover cancel replay).
const EXPECTED: [(State, [&str; 11]); 7] = [
    (State::Blocked, ["pending", "", "", "", "", "", "", "", "", "cancelled", ""]),
    (State::Scheduled, ["", "pending", "claimed", "", "", "", "", "", "", "cancelled", ""]),
    (State::Pending, ["", "", "claimed", "", "", "", "", "", "", "cancelled", ""]),
    (
        State::Claimed,
        ["", "", "", "completed", "scheduled", "failed", "scheduled", "pending", "pending", "cancelled", ""],
    ),
    (State::Completed, [""; 11]),
    (State::Failed, ["", "", "", "", "", "", "", "", "", "", "pending"]),
    (State::Cancelled, [""; 11]),
];

#[test]
fn each_state_and_action_leads_where_the_design_says_and_nowhere_else() {
    for (from, row) in EXPECTED {
        for (action, to) in Action::ALL.into_iter().zip(row) {
            assert_eq!(next(from, action), State::parse(to), "{from} by {action:?}");
        }
    }
}

#[test]
fn every_state_stands_in_the_expected_table() {
    assert_eq!(EXPECTED.map(|(state, _)| state), State::ALL);
}

#[test]
fn no_move_is_listed_twice() {
    for (n, (from, action, _)) in TRANSITIONS.iter().enumerate() {
        let again = TRANSITIONS[n + 1..].iter().any(|(f, a, _)| (f, a) == (from, action));
        assert!(!again, "{from} by {action:?} is listed twice");
    }
}

#[test]
fn final_states_absorb_and_only_replay_leaves_failed() {
    for state in State::ALL.into_iter().filter(|state| state.is_final()) {
        let out: Vec<Action> = Action::ALL.into_iter().filter(|action| next(state, *action).is_some()).collect();
        let expected = if state == State::Failed { vec![Action::Replay] } else { vec![] };
        assert_eq!(out, expected, "{state}");
    }
}

#[test]
fn every_state_can_reach_a_final_one() {
    for state in State::ALL {
        let mut reached = vec![state];
        while let Some(more) = TRANSITIONS.iter().find(|(f, _, t)| reached.contains(f) && !reached.contains(t)) {
            reached.push(more.2);
        }
        assert!(reached.iter().any(|state| state.is_final()), "{state} is a dead end");
    }
}

#[test]
fn a_requested_cancel_wins_over_whatever_would_run_the_step_again() {
    let expected = [
        (Action::Complete, State::Completed, State::Completed),
        (Action::Fail, State::Failed, State::Failed),
        (Action::Cancel, State::Cancelled, State::Cancelled),
        (Action::Retry, State::Scheduled, State::Cancelled),
        (Action::Snooze, State::Scheduled, State::Cancelled),
        (Action::Release, State::Pending, State::Cancelled),
        (Action::Recover, State::Pending, State::Cancelled),
    ];
    for (action, plain, cancelled) in expected {
        assert_eq!((settle(action, false), settle(action, true)), (Some(plain), Some(cancelled)), "{action:?}");
    }
}

#[test]
fn nothing_else_can_happen_to_a_claimed_step() {
    for action in [Action::Unblock, Action::Promote, Action::Claim, Action::Replay] {
        assert_eq!((settle(action, false), settle(action, true)), (None, None), "{action:?}");
    }
}

#[test]
fn a_state_reads_back_from_its_text() {
    for state in State::ALL {
        assert_eq!(State::parse(&state.to_string()), Some(state));
    }
    for text in ["", "Pending", "pending ", "running", "done"] {
        assert_eq!(State::parse(text), None, "{text:?}");
    }
}
