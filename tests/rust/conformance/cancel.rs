//! Cancelling, and every race it can run.

use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::{CancelVerdict, Due, NewStep, Outcome, Recover, Step, Verdict};

use super::bed::Bed;
use super::fixtures::{
    MAX_CRASHES, NONE, T0, bare, claim, complete, error, fail, held, history, id, noted, ordinary, retry, row, step,
};

for_each_store!(
    step_not_begun_never_begins,
    claimed_step_is_only_asked_to_stop,
    completion_that_arrives_first_wins,
    final_failure_stands_against_a_request,
    whatever_would_run_it_again_cancels_it,
    body_that_stopped_is_cancelled_with_its_error,
    ended_and_unknown_steps_are_left_alone,
);

async fn asked(bed: &Bed) -> fleet_q::rules::step::PodId {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    assert_eq!(bed.store.cancel(&[id(1)]).await.unwrap(), [CancelVerdict::Requested]);
    a
}

async fn step_not_begun_never_begins(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1), NewStep { due: Due::In(Millis(10)), ..step(2) }]).await;
    bed.clock.advance(Millis(1));
    let verdicts = bed.store.cancel(&[id(2), id(1), id(1)]).await.unwrap();
    let cancelled = CancelVerdict::Cancelled;
    assert_eq!(verdicts, [cancelled, cancelled, CancelVerdict::Final(State::Cancelled)]);
    bed.clock.advance(Millis(100));
    assert_eq!(bed.claim(&a, ordinary(1, 9)).await, NONE);
    let at = T0 + Millis(1);
    let expected = Step { state: State::Cancelled, finished: Some(at), last_update: at, ..row(&step(1), T0) };
    assert_eq!(bed.get(1).await, expected);
}

async fn claimed_step_is_only_asked_to_stop(bed: &Bed) {
    let a = asked(bed).await;
    let expected = Step { cancel_requested: true, ..held(row(&step(1), T0), &a, 1, T0) };
    assert_eq!(bed.get(1).await, expected);
    assert_eq!(bed.store.mine(&a).await.unwrap(), [claim(1, 1)]);
}

async fn completion_that_arrives_first_wins(bed: &Bed) {
    let a = asked(bed).await;
    assert_eq!(bed.finish(&a, claim(1, 1), complete()).await, Verdict::Recorded);
    assert_eq!(bed.state(1).await, State::Completed);
}

async fn final_failure_stands_against_a_request(bed: &Bed) {
    let a = asked(bed).await;
    assert_eq!(bed.finish(&a, claim(1, 1), fail()).await, Verdict::Recorded);
    assert_eq!(bed.state(1).await, State::Failed);
    bed.store.replay(&[id(1)]).await.unwrap();
    assert!(!bed.get(1).await.cancel_requested, "a replayed step is not cancelled by the old request");
}

async fn whatever_would_run_it_again_cancels_it(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue((1..=4).map(step).collect()).await;
    bed.claim(&a, ordinary(1, 3)).await;
    bed.claim(&b, ordinary(2, 1)).await;
    bed.store.cancel(&[id(1), id(2), id(3), id(4)]).await.unwrap();
    assert_eq!(bed.finish(&a, claim(1, 1), retry(10)).await, Verdict::Recorded);
    assert_eq!(bed.finish(&a, claim(2, 1), Outcome::Snooze { delay: Millis(10) }).await, Verdict::Recorded);
    assert_eq!(bed.release(&a, claim(3, 1)).await, Verdict::Recorded);
    bed.store.retire(&b).await.unwrap();
    bed.store.recover(&Recover { leader: a.clone(), max_crashes: MAX_CRASHES, limit: 9 }).await.unwrap();
    for n in 1..=4 {
        let found = bed.get(n).await;
        assert_eq!((found.state, found.finished), (State::Cancelled, Some(T0)), "step {n}");
    }
    // A finish leaves its receipt; a release and a rescue do not.
    assert_eq!(bed.finish(&a, claim(1, 1), retry(10)).await, Verdict::Already);
    assert_eq!(bed.release(&a, claim(3, 1)).await, Verdict::Lost);
    assert_eq!(bed.finish(&b, claim(4, 2), complete()).await, Verdict::Lost);
}

async fn body_that_stopped_is_cancelled_with_its_error(bed: &Bed) {
    let a = asked(bed).await;
    let outcome = Outcome::Cancel { error: Some(error("stopped")) };
    assert_eq!(bed.finish(&a, claim(1, 1), outcome).await, Verdict::Recorded);
    let found = bed.get(1).await;
    assert_eq!(history(&found), [noted("stopped", T0)]);
    let held = held(row(&step(1), T0), &a, 1, T0);
    let expected = Step { state: State::Cancelled, finished: Some(T0), cancel_requested: true, ..held };
    assert_eq!(bare(found), expected);
}

async fn ended_and_unknown_steps_are_left_alone(bed: &Bed) {
    bed.enqueue(vec![step(1), step(2)]).await;
    bed.force(id(1), State::Completed);
    bed.force(id(2), State::Failed);
    let before = (bed.get(1).await, bed.get(2).await);
    bed.clock.advance(Millis(5));
    let verdicts = bed.store.cancel(&[id(1), id(2), id(3)]).await.unwrap();
    let (completed, failed) = (CancelVerdict::Final(State::Completed), CancelVerdict::Final(State::Failed));
    assert_eq!(verdicts, [completed, failed, CancelVerdict::Unknown]);
    assert_eq!((bed.get(1).await, bed.get(2).await), before);
}
