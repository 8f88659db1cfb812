//! The table of legal moves, asked of the store for every state and every action.

use fleet_q::rules::state::{Action, State, next};
use fleet_q::rules::step::{Claim, PodId};
use fleet_q::store::{ClaimCall, Outcome, Recover, Step};

use super::bed::Bed;
use super::fixtures::{FORCED, MAX_CRASHES, complete, fail, id, only, ordinary, retry, step};
use fleet_q::rules::time::Millis;

for_each_store!(only_the_legal_moves_move_a_step);

async fn only_the_legal_moves_move_a_step(bed: &Bed) {
    let pod = bed.pod("a-00000001").await;
    let mut n = 0;
    for from in State::ALL {
        for action in Action::ALL {
            n += 1;
            // A queue of its own: what earlier pairs left behind must not take this one's turn.
            let queue = format!("q{n}");
            bed.enqueue(vec![fleet_q::store::NewStep { queue: queue.as_str().into(), ..step(n) }]).await;
            bed.force(id(n), from);
            let before = bed.get(n).await;
            attempt(bed, &pod, &before, action).await;
            let after = bed.get(n).await;
            match expected(from, action) {
                Some(to) => assert_eq!(after.state, to, "{from} by {action:?}"),
                None => assert_eq!(after, before, "{from} by {action:?} is illegal"),
            }
        }
    }
}

/// No call unblocks or promotes by itself: those moves happen only inside a claim or a finish.
fn expected(from: State, action: Action) -> Option<State> {
    match action {
        Action::Unblock | Action::Promote => None,
        Action::Claim
        | Action::Complete
        | Action::Retry
        | Action::Fail
        | Action::Snooze
        | Action::Release
        | Action::Recover
        | Action::Cancel
        | Action::Replay => next(from, action),
    }
}

async fn attempt(bed: &Bed, pod: &PodId, step: &Step, action: Action) {
    let claim = Claim { step_id: step.step_id, claim_id: FORCED };
    let outcome = match action {
        Action::Complete => Some(complete()),
        Action::Retry => Some(retry(1000)),
        Action::Fail => Some(fail()),
        Action::Snooze => Some(Outcome::Snooze { delay: Millis(1000) }),
        Action::Cancel if step.state == State::Claimed => Some(Outcome::Cancel { error: None }),
        Action::Unblock
        | Action::Promote
        | Action::Claim
        | Action::Release
        | Action::Recover
        | Action::Cancel
        | Action::Replay => None,
    };
    if let Some(outcome) = outcome {
        bed.finish(pod, claim, outcome).await;
        return;
    }
    match action {
        Action::Claim => {
            let demand = ClaimCall { lanes: vec![only(&[&step.queue], 9)], ..ordinary(1, 9) };
            bed.ask(pod, demand).await;
        }
        Action::Release => drop(bed.release(pod, claim).await),
        Action::Recover => {
            let call = Recover { leader: pod.clone(), max_crashes: MAX_CRASHES, limit: 1000 };
            bed.store.recover(&call).await.unwrap();
        }
        Action::Cancel => drop(bed.store.cancel(&[step.step_id]).await.unwrap()),
        Action::Replay => drop(bed.store.replay(&[step.step_id]).await.unwrap()),
        Action::Unblock | Action::Promote => {}
        Action::Complete | Action::Retry | Action::Fail | Action::Snooze => unreachable!("finishes returned above"),
    }
}
