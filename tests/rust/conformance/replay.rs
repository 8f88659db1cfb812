//! Replaying dead letters, row by row.

use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::{NewStep, ReplayVerdict, Step};

use super::bed::Bed;
use super::fixtures::{T0, bare, claim, complete, fail, history, id, noted, ordinary, retry, row, step};

for_each_store!(
    failed_step_starts_afresh_with_its_history,
    only_failed_steps_are_replayed,
    live_twin_is_a_conflict,
    of_two_twins_one_is_replayed,
);

fn unique(n: u64) -> NewStep {
    NewStep { unique_key: Some("k".into()), ..step(n) }
}

async fn failed_step_starts_afresh_with_its_history(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.finish(&a, claim(1, 1), retry(0)).await;
    bed.claim(&a, ordinary(2, 1)).await;
    bed.finish(&a, claim(1, 2), fail()).await;
    bed.clock.advance(Millis(50));
    assert_eq!(bed.store.replay(&[id(1)]).await.unwrap(), [ReplayVerdict::Replayed]);
    let found = bed.get(1).await;
    assert_eq!(history(&found), [noted("again", T0), noted("for good", T0)]);
    let (at, fresh) = (bed.now(), row(&step(1), T0));
    assert_eq!(bare(found), Step { available: at, last_update: at, ..fresh });
    assert_eq!(bed.claim(&a, ordinary(3, 1)).await, [1]);
    assert_eq!(bed.finish(&a, claim(1, 3), complete()).await, fleet_q::store::Verdict::Recorded);
}

async fn only_failed_steps_are_replayed(bed: &Bed) {
    bed.enqueue((1..=7).map(step).collect()).await;
    for (n, state) in (1..).zip(State::ALL) {
        bed.force(id(n), state);
    }
    let ids: Vec<_> = (1..=8).map(id).collect();
    let verdicts = bed.store.replay(&ids).await.unwrap();
    let expected = State::ALL.map(|state| match state {
        State::Failed => ReplayVerdict::Replayed,
        State::Blocked | State::Scheduled | State::Pending | State::Claimed | State::Completed | State::Cancelled => {
            ReplayVerdict::NotFailed(state)
        }
    });
    assert_eq!(verdicts[..7], expected);
    assert_eq!(verdicts[7], ReplayVerdict::Unknown);
}

async fn live_twin_is_a_conflict(bed: &Bed) {
    bed.enqueue(vec![unique(1)]).await;
    bed.force(id(1), State::Failed);
    bed.enqueue(vec![unique(2), step(3)]).await;
    bed.force(id(3), State::Failed);
    let before = bed.get(1).await;
    let verdicts = bed.store.replay(&[id(1), id(3)]).await.unwrap();
    assert_eq!(verdicts, [ReplayVerdict::Conflict(id(2)), ReplayVerdict::Replayed]);
    assert_eq!(bed.get(1).await, before);
}

async fn of_two_twins_one_is_replayed(bed: &Bed) {
    for n in 1..=2 {
        bed.enqueue(vec![unique(n)]).await;
        bed.force(id(n), State::Failed);
    }
    let verdicts = bed.store.replay(&[id(2), id(1)]).await.unwrap();
    assert_eq!(verdicts, [ReplayVerdict::Replayed, ReplayVerdict::Conflict(id(2))]);
}
