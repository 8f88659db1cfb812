//! Looking through failed steps, and deleting them. P13: what leaders read harms nobody, and two that
//! purge the same steps purge each once.

use fleet_q::rules::state::State;
use fleet_q::rules::time::Millis;
use fleet_q::store::failures::MESSAGE_SHOWN;
use fleet_q::store::{ErrorEntry, Failed, Failures, LastError, NewStep, Outcome, PurgeVerdict, Recover, Since};

use super::bed::Bed;
use super::fixtures::{NONE, T0, claim, complete, id, numbers, ordinary, retry, step};

for_each_store!(
    a_failure_is_told_with_its_last_error_and_without_its_payload,
    failures_come_latest_first_in_pages_without_gaps,
    every_filter_of_failures_narrows,
    a_poisoned_step_is_among_the_failures_with_its_pod,
    a_strange_history_is_still_a_failure,
    only_failed_steps_are_purged_and_each_once,
    p13_two_leaders_look_and_purge_and_each_step_goes_once,
);

/// Runs the step numbered `n` and fails it, with this as its error.
async fn failed_with(bed: &Bed, new: NewStep, n: u64, error: serde_json::Value) {
    let pod = "a-00000001".into();
    if bed.store.pods().await.unwrap().is_empty() {
        bed.pod("a-00000001").await;
    }
    bed.enqueue(vec![new]).await;
    let mut demand = ordinary(n, 1);
    demand.lanes[0].tasks = super::fixtures::names(&["work", "other"]);
    assert_eq!(bed.claim(&pod, demand).await, [n]);
    let outcome = Outcome::Fail { error: ErrorEntry { json: error.to_string().into() } };
    bed.finish(&pod, claim(n, n), outcome).await;
}

fn boom(message: &str) -> serde_json::Value {
    serde_json::json!({"kind": "failure", "error_type": "ValueError", "message": message, "pod": "a-00000001"})
}

async fn find(bed: &Bed, call: Failures) -> Vec<u64> {
    numbers(bed.store.failures(&call).await.unwrap().iter().map(|failed| failed.step_id))
}

fn all() -> Failures {
    Failures { limit: 9, ..Failures::default() }
}

async fn a_failure_is_told_with_its_last_error_and_without_its_payload(bed: &Bed) {
    let long = "ü".repeat(MESSAGE_SHOWN + 1);
    let a = bed.pod("a-00000001").await;
    let new = NewStep { queue: "mail".into(), unique_key: Some("k".into()), max_retries: 1, ..step(1) };
    bed.enqueue(vec![new]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.finish(&a, claim(1, 1), retry(0)).await;
    bed.claim(&a, ordinary(2, 1)).await;
    bed.clock.advance(Millis(70));
    bed.finish(&a, claim(1, 2), Outcome::Fail { error: ErrorEntry { json: boom(&long).to_string().into() } }).await;
    let expected = Failed {
        step_id: id(1),
        task: "work".into(),
        queue: "mail".into(),
        created: T0,
        failed: T0 + Millis(70),
        retry_count: 1,
        max_retries: 1,
        crash_count: 0,
        unique_key: Some("k".into()),
        last: LastError {
            kind: "failure".into(),
            error_type: "ValueError".into(),
            message: "ü".repeat(MESSAGE_SHOWN),
            pod: "a-00000001".into(),
        },
    };
    assert_eq!(bed.store.failures(&all()).await.unwrap(), [expected]);
}

async fn failures_come_latest_first_in_pages_without_gaps(bed: &Bed) {
    // Three moments, with steps that failed at the same one.
    for n in [5, 2, 7, 1, 6, 3, 4] {
        failed_with(bed, step(n), n, boom("no")).await;
        bed.clock.advance(Millis(if n == 7 || n == 6 { 10 } else { 0 }));
    }
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = bed.store.failures(&Failures { before, limit: 3, ..Failures::default() }).await.unwrap();
        before = page.last().map(|failed| (failed.failed, failed.step_id));
        pages.push(numbers(page.iter().map(|failed| failed.step_id)));
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![4, 3, 6], vec![1, 7, 5], vec![2], vec![]]);
}

async fn every_filter_of_failures_narrows(bed: &Bed) {
    failed_with(bed, NewStep { queue: "mail".into(), ..step(1) }, 1, boom("100% of 'it' TIMED out")).await;
    bed.clock.advance(Millis(1000));
    failed_with(bed, NewStep { task: "other".into(), ..step(2) }, 2, boom("no_route")).await;
    bed.enqueue(vec![step(3)]).await;
    assert_eq!(find(bed, all()).await, [2, 1]);
    assert_eq!(find(bed, Failures { queue: Some("mail".into()), ..all() }).await, [1]);
    assert_eq!(find(bed, Failures { task: Some("other".into()), ..all() }).await, [2]);
    for (text, found) in [
        ("timed OUT", vec![1]),
        ("valueerror: 100%", vec![1]),
        ("failure ValueError", vec![2, 1]),
        ("no_r", vec![2]),
        ("noXr", vec![]),
        ("%", vec![1]),
        ("' or 1=1 --", vec![]),
    ] {
        assert_eq!(find(bed, Failures { error: Some(text.into()), ..all() }).await, found, "{text}");
    }
    let since = |since| Failures { since: Some(since), ..all() };
    assert_eq!(find(bed, since(Since::At(T0))).await, [2, 1]);
    assert_eq!(find(bed, since(Since::At(T0 + Millis(1)))).await, [2]);
    assert_eq!(find(bed, since(Since::Ago(Millis(1000)))).await, [2, 1]);
    assert_eq!(find(bed, since(Since::Ago(Millis(999)))).await, [2]);
    assert_eq!(find(bed, since(Since::Ago(Millis::MAX))).await, [2, 1]);
    assert_eq!(find(bed, Failures::default()).await, NONE);
}

/// P14.
async fn a_poisoned_step_is_among_the_failures_with_its_pod(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    bed.enqueue(vec![step(1)]).await;
    bed.claim(&b, ordinary(1, 1)).await;
    bed.store.retire(&b).await.unwrap();
    bed.store.recover(&Recover { leader: a, max_crashes: 0, limit: 9 }).await.unwrap();
    let failures = bed.store.failures(&all()).await.unwrap();
    let last = LastError { kind: "crash".into(), pod: "b-00000002".into(), ..LastError::default() };
    assert_eq!(
        failures.iter().map(|failed| (failed.crash_count, failed.last.clone())).collect::<Vec<_>>(),
        [(1, last)]
    );
    assert_eq!(find(bed, Failures { error: Some("crash".into()), ..all() }).await, [1]);
}

async fn a_strange_history_is_still_a_failure(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    bed.force(id(1), State::Failed);
    failed_with(bed, step(2), 2, serde_json::json!({"kind": "failure"})).await;
    let failures = bed.store.failures(&all()).await.unwrap();
    let told: Vec<LastError> = failures.into_iter().map(|failed| failed.last).collect();
    assert_eq!(told, [LastError { kind: "failure".into(), ..LastError::default() }, LastError::default()]);
}

async fn only_failed_steps_are_purged_and_each_once(bed: &Bed) {
    bed.enqueue((1..=7).map(step).collect()).await;
    for (n, state) in (1..).zip(State::ALL) {
        bed.force(id(n), state);
    }
    let ids: Vec<_> = (1..=8).map(id).collect();
    let verdicts = bed.store.purge(&ids).await.unwrap();
    let expected = State::ALL.map(|state| match state {
        State::Failed => PurgeVerdict::Purged,
        State::Blocked | State::Scheduled | State::Pending | State::Claimed | State::Completed | State::Cancelled => {
            PurgeVerdict::NotFailed(state)
        }
    });
    assert_eq!(verdicts[..7], expected);
    assert_eq!(verdicts[7], PurgeVerdict::Unknown);
    assert_eq!(find(bed, all()).await, NONE);
    assert_eq!(super::fixtures::stored(&*bed.store).await.len(), 6);
    let failed = (1..).zip(State::ALL).find(|(_, state)| *state == State::Failed).expect("a state").0;
    assert_eq!(bed.store.purge(&[id(failed), id(failed)]).await.unwrap(), [PurgeVerdict::Unknown; 2]);
    assert_eq!(bed.store.purge(&[]).await.unwrap(), []);
}

async fn p13_two_leaders_look_and_purge_and_each_step_goes_once(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue((1..=20).map(step).collect()).await;
    (1..=20).for_each(|n| bed.force(id(n), State::Failed));
    let before = bed.get(1).await;
    let call = Failures { limit: 100, ..Failures::default() };
    let (one, other) = tokio::join!(bed.store.failures(&call), bed.second.failures(&call));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(bed.get(1).await, before);
    let ids: Vec<_> = (1..=20).map(id).collect();
    let reversed: Vec<_> = ids.iter().rev().copied().collect();
    let (one, other) = tokio::join!(bed.store.purge(&ids), bed.second.purge(&reversed));
    let (one, mut other) = (one.unwrap(), other.unwrap());
    other.reverse();
    for (n, verdicts) in (1..).zip(one.into_iter().zip(other)) {
        let went_once = matches!(
            verdicts,
            (PurgeVerdict::Purged, PurgeVerdict::Unknown) | (PurgeVerdict::Unknown, PurgeVerdict::Purged)
        );
        assert!(went_once, "step {n}: {verdicts:?}");
    }
    // A purged step can be neither finished nor replayed; its neighbours can.
    bed.enqueue(vec![step(21)]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    assert_eq!(bed.finish(&a, claim(21, 1), complete()).await, fleet_q::store::Verdict::Recorded);
}
