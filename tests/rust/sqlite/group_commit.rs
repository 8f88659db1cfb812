//! Calls that share a commit do not share a fate.

use fleet_q::store::Store;
use fleet_q::store::error::Refusal;
use fleet_q::store::types::*;

use super::kit::{Bench, complete, demand, id, new_step, unique};

#[tokio::test]
async fn concurrent_enqueues_are_all_stored() {
    let bench = Bench::new().await;
    let calls: Vec<Enqueue> = (0..200).map(|n| Enqueue { steps: vec![new_step(n)], hand_off: None }).collect();
    let mut answers = tokio::task::JoinSet::new();
    let store = std::sync::Arc::new(bench.store);
    for call in calls {
        let store = std::sync::Arc::clone(&store);
        answers.spawn(async move { store.enqueue(&call).await.unwrap() });
    }
    let answers = answers.join_all().await;
    assert!(answers.iter().all(|answer| *answer == [Ok(Accepted::Stored)]));
    assert_eq!(store.get(&(0..200).map(id).collect::<Vec<_>>()).await.unwrap().iter().flatten().count(), 200);
}

#[tokio::test]
async fn a_refused_row_leaves_its_neighbours_stored() {
    let bench = Bench::new().await;
    let nul = NewStep { tags: vec!["a\0b".into()], ..new_step(3) };
    let answers = bench.enqueue(vec![unique(1, "k"), unique(2, "k"), nul, new_step(4)]).await;
    assert_eq!(answers[0], Ok(Accepted::Stored));
    assert_eq!(answers[1], Err(Refusal::UniqueConflict { key: "k".into(), holder: id(1) }));
    assert!(matches!(answers[2], Err(Refusal::BadData { .. })));
    assert_eq!(answers[3], Ok(Accepted::Stored));
}

#[tokio::test]
async fn an_enqueue_sent_again_is_answered_existing_even_with_its_own_key() {
    let bench = Bench::new().await;
    bench.enqueue(vec![unique(1, "k")]).await;
    assert_eq!(bench.enqueue(vec![unique(1, "k")]).await, [Ok(Accepted::Existing)]);
}

#[tokio::test]
async fn a_batch_longer_than_a_transaction_is_stored_finished_and_answered_in_order() {
    let bench = Bench::new().await;
    let steps: Vec<NewStep> = (0..2500).map(new_step).collect();
    assert_eq!(bench.enqueue(steps).await, vec![Ok(Accepted::Stored); 2500]);
    let claims = bench.claim(2500).await;
    let finishes: Vec<Finish> = claims.iter().map(|claimed| complete(claimed.claim)).collect();
    let mut cycle = Cycle { finishes, demand: None, ..demand(0) };
    assert_eq!(bench.store.cycle(&cycle).await.unwrap().verdicts, vec![Verdict::Recorded; 2500]);
    cycle.finishes.truncate(1);
    assert_eq!(bench.store.cycle(&cycle).await.unwrap().verdicts, [Verdict::Already]);
}

#[tokio::test]
async fn an_outcome_refused_as_data_leaves_its_neighbour_recorded() {
    let bench = Bench::new().await;
    bench.enqueue(vec![new_step(1), new_step(2)]).await;
    let claims = bench.claim(2).await;
    let error = ErrorEntry { json: "no json".into() };
    let bad = Finish { claim: claims[0].claim, outcome: Outcome::Fail { error } };
    let cycle = Cycle { finishes: vec![bad, complete(claims[1].claim)], demand: None, ..demand(0) };
    let verdicts = bench.store.cycle(&cycle).await.unwrap().verdicts;
    assert!(matches!(verdicts[0], Verdict::Refused(_)), "{verdicts:?}");
    assert_eq!(verdicts[1], Verdict::Recorded);
}
