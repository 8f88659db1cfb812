//! P3 and the receipts: only the current claim writes, and a write sent twice counts once.

use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::{Cycle, ERRORS_KEPT, ErrorEntry, Finish, Outcome, ProgressReport, Step, Verdict};

use super::bed::Bed;
use super::fixtures::{
    T0, bare, claim, claim_id, complete, error, fail, held, history, noted, ordinary, outcomes, retry, row, step,
};

for_each_store!(
    stale_claim_changes_nothing,
    finish_of_an_unknown_step_is_lost,
    outcome_sent_twice_is_recorded_once,
    any_outcome_after_the_first_is_already,
    release_leaves_no_receipt,
    claim_after_a_retry_ends_the_old_receipt,
    each_outcome_writes_its_row,
    down_pod_still_delivers_its_outcome,
    history_keeps_the_first_error_and_the_latest,
    bad_outcome_is_refused_alone,
    progress_is_noted_under_the_claim,
);

async fn stale_claim_changes_nothing(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.release(&a, claim(1, 1)).await;
    bed.claim(&b, ordinary(2, 1)).await;
    let before = bed.get(1).await;
    bed.clock.advance(Millis(5));
    for outcome in outcomes() {
        assert_eq!(bed.finish(&a, claim(1, 1), outcome.clone()).await, Verdict::Lost, "{outcome:?}");
    }
    assert_eq!(bed.release(&a, claim(1, 1)).await, Verdict::Lost);
    bed.store.progress(&[ProgressReport { claim: claim(1, 1), json: "{}".into() }]).await.unwrap();
    assert_eq!(bed.get(1).await, before);
}

async fn finish_of_an_unknown_step_is_lost(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    assert_eq!(bed.finish(&a, claim(7, 1), complete()).await, Verdict::Lost);
    assert_eq!(bed.release(&a, claim(7, 1)).await, Verdict::Lost);
}

async fn outcome_sent_twice_is_recorded_once(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    for (n, outcome) in (1..).zip(outcomes()) {
        bed.enqueue(vec![step(n)]).await;
        assert_eq!(bed.claim(&a, ordinary(n, 1)).await, [n]);
        assert_eq!(bed.finish(&a, claim(n, n), outcome.clone()).await, Verdict::Recorded);
        let recorded = bed.get(n).await;
        bed.clock.advance(Millis(5));
        assert_eq!(bed.finish(&a, claim(n, n), outcome.clone()).await, Verdict::Already, "{outcome:?}");
        assert_eq!(bed.finish(&a, claim(n, 99), outcome.clone()).await, Verdict::Lost, "{outcome:?}");
        assert_eq!(bed.get(n).await, recorded);
    }
}

async fn any_outcome_after_the_first_is_already(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    let finish = |outcome| Finish { claim: claim(1, 1), outcome };
    let call =
        Cycle { pod: a, finishes: vec![finish(complete()), finish(fail())], releases: vec![claim(1, 1)], demand: None };
    let reply = bed.store.cycle(&call).await.unwrap();
    assert_eq!(reply.verdicts, [Verdict::Recorded, Verdict::Already]);
    assert_eq!(reply.released, [Verdict::Lost]);
    assert_eq!(bed.state(1).await, State::Completed);
}

async fn release_leaves_no_receipt(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.clock.advance(Millis(5));
    bed.claim(&a, ordinary(1, 1)).await;
    assert_eq!(bed.release(&a, claim(1, 1)).await, Verdict::Recorded);
    assert_eq!(bed.release(&a, claim(1, 1)).await, Verdict::Lost);
    assert_eq!(bed.get(1).await, Step { last_update: bed.now(), ..row(&step(1), T0) });
}

async fn claim_after_a_retry_ends_the_old_receipt(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.finish(&a, claim(1, 1), retry(0)).await;
    assert_eq!(bed.claim(&a, ordinary(2, 1)).await, [1]);
    assert_eq!(bed.finish(&a, claim(1, 1), retry(0)).await, Verdict::Lost);
    assert_eq!(bed.finish(&a, claim(1, 2), complete()).await, Verdict::Recorded);
}

async fn each_outcome_writes_its_row(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let at = T0 + Millis(50);
    for (n, outcome) in (1..).zip(outcomes()) {
        bed.clock.set(T0);
        bed.enqueue(vec![step(n)]).await;
        bed.claim(&a, ordinary(n, 1)).await;
        bed.clock.set(at);
        bed.finish(&a, claim(n, n), outcome.clone()).await;
        let held = Step { last_update: at, ..held(row(&step(n), T0), &a, n, T0) };
        let ended = |state| Step { state, finished: Some(at), ..held.clone() };
        let later =
            |retry_count| Step { state: State::Scheduled, retry_count, available: at + Millis(1000), ..held.clone() };
        let (expected, errors) = match outcome {
            Outcome::Complete { result } => (Step { result, ..ended(State::Completed) }, vec![]),
            Outcome::Retry { .. } => (later(1), vec![noted("again", at)]),
            Outcome::Fail { .. } => (ended(State::Failed), vec![noted("for good", at)]),
            Outcome::Snooze { .. } => (later(0), vec![]),
            Outcome::Crash { .. } => {
                (Step { state: State::Pending, crash_count: 1, ..held.clone() }, vec![noted("killed", at)])
            }
            Outcome::Cancel { .. } => (ended(State::Cancelled), vec![]),
        };
        let found = bed.get(n).await;
        assert_eq!(history(&found), errors);
        assert_eq!(bare(found), expected);
    }
}

async fn down_pod_still_delivers_its_outcome(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.store.retire(&a).await.unwrap();
    let finishes = vec![Finish { claim: claim(1, 1), outcome: complete() }];
    let call = Cycle { pod: a, finishes, releases: vec![], demand: Some(ordinary(2, 1)) };
    let reply = bed.store.cycle(&call).await.unwrap();
    assert_eq!(reply.verdicts, [Verdict::Recorded]);
    assert!(!reply.pod_alive);
}

async fn history_keeps_the_first_error_and_the_latest(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    let total = ERRORS_KEPT as u64 + 5;
    for n in 1..=total {
        assert_eq!(bed.claim(&a, ordinary(n, 1)).await, [1]);
        let outcome = Outcome::Retry { error: error(&format!("no. {n}")), delay: Millis::ZERO };
        bed.finish(&a, claim(1, n), outcome).await;
    }
    let latest = (total - ERRORS_KEPT as u64 + 2)..=total;
    let kept: Vec<_> = std::iter::once(1).chain(latest).map(|n| noted(&format!("no. {n}"), T0)).collect();
    assert_eq!(history(&bed.get(1).await), kept);
    assert_eq!(bed.get(1).await.retry_count, u32::try_from(total).unwrap());
}

async fn bad_outcome_is_refused_alone(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1), step(2), step(3)]).await;
    bed.claim(&a, ordinary(1, 3)).await;
    let before = bed.get(2).await;
    let no_json = Outcome::Fail { error: ErrorEntry { json: "{no json".into() } };
    let finish = |n, outcome| Finish { claim: claim(n, 1), outcome };
    let finishes = vec![finish(1, complete()), finish(2, no_json), finish(3, fail())];
    let call = Cycle { pod: a.clone(), finishes, releases: vec![], demand: None };
    let verdicts = bed.store.cycle(&call).await.unwrap().verdicts;
    assert!(matches!(&verdicts[..], [Verdict::Recorded, Verdict::Refused(_), Verdict::Recorded]), "{verdicts:?}");
    assert_eq!(bed.get(2).await, before);
    assert_eq!(bed.store.mine(&a).await.unwrap(), [claim(2, 1)]);
}

async fn progress_is_noted_under_the_claim(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.clock.advance(Millis(5));
    let json = "{\"fraction\":0.4,\"message\":\"so far\"}";
    bed.store.progress(&[ProgressReport { claim: claim(1, 1), json: json.into() }]).await.unwrap();
    let expected = Step { progress: Some(json.into()), last_update: bed.now(), ..held(row(&step(1), T0), &a, 1, T0) };
    assert_eq!(bed.get(1).await, expected);
    assert_eq!(expected.claim_id, Some(claim_id(1)));
}
