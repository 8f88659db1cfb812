//! Holds the states of a step and the table of every legal transition. Moves nothing itself.

use std::fmt;

/// Where a step stands. The text of each is what the database stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Blocked,
    Scheduled,
    Pending,
    Claimed,
    Completed,
    Failed,
    Cancelled,
}

/// What may happen to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// All parents are final.
    Unblock,
    /// A scheduled step is due.
    Promote,
    Claim,
    Complete,
    /// The body failed and retries are left.
    Retry,
    /// The body failed for good, or a crash was its last chance.
    Fail,
    /// The body asked to be run later; no retry is spent.
    Snooze,
    /// The claim is given back unspent.
    Release,
    /// The leader gives an orphan back.
    Recover,
    Cancel,
    Replay,
}

/// The only moves a step can make. A claimed step with `cancel_requested` goes to `Cancelled`
/// where this table says `Retry`, `Snooze`, `Release` or `Recover`; see [`settle`].
pub const TRANSITIONS: &[(State, Action, State)] = &[
    (State::Blocked, Action::Unblock, State::Pending),
    (State::Blocked, Action::Cancel, State::Cancelled),
    (State::Scheduled, Action::Promote, State::Pending),
    (State::Scheduled, Action::Claim, State::Claimed),
    (State::Scheduled, Action::Cancel, State::Cancelled),
    (State::Pending, Action::Claim, State::Claimed),
    (State::Pending, Action::Cancel, State::Cancelled),
    (State::Claimed, Action::Complete, State::Completed),
    (State::Claimed, Action::Retry, State::Scheduled),
    (State::Claimed, Action::Fail, State::Failed),
    (State::Claimed, Action::Snooze, State::Scheduled),
    (State::Claimed, Action::Release, State::Pending),
    (State::Claimed, Action::Recover, State::Pending),
    (State::Claimed, Action::Cancel, State::Cancelled),
    (State::Failed, Action::Replay, State::Pending),
];

impl State {
    pub const ALL: [Self; 7] =
        [Self::Blocked, Self::Scheduled, Self::Pending, Self::Claimed, Self::Completed, Self::Failed, Self::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Scheduled => "scheduled",
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// No outcome leaves a final state; only `replay` leaves `failed`.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Action {
    pub const ALL: [Self; 11] = [
        Self::Unblock,
        Self::Promote,
        Self::Claim,
        Self::Complete,
        Self::Retry,
        Self::Fail,
        Self::Snooze,
        Self::Release,
        Self::Recover,
        Self::Cancel,
        Self::Replay,
    ];
}

/// Where `action` leads from `from`, or `None` if that move is illegal.
pub fn next(from: State, action: Action) -> Option<State> {
    TRANSITIONS.iter().find(|(at, by, _)| (*at, *by) == (from, action)).map(|(_, _, to)| *to)
}

/// Where an action on a *claimed* step leads once a request to cancel is taken into account:
/// a completion or a final failure that arrives stands, everything that would run the step again
/// becomes `Cancelled`.
pub fn settle(action: Action, cancel_requested: bool) -> Option<State> {
    let to = next(State::Claimed, action)?;
    Some(if cancel_requested && !to.is_final() { State::Cancelled } else { to })
}
