//! Rows that a hand inserted and that do not decode: failed alone, told why.

use fleet_q::rules::state::State;
use fleet_q::store::Store;
use fleet_q::store::types::*;

use super::kit::{Bench, id, new_step};

async fn a_row_with(columns: &str, values: &str) -> (Bench, String, String) {
    let bench = Bench::new().await;
    let sql = bench.sql();
    sql.execute_batch(&format!("insert into step_tracker ({columns}) values ({values})")).unwrap();
    bench.enqueue(vec![new_step(7)]).await;
    let claimed = bench.claim(1).await;
    assert_eq!(claimed.iter().map(|c| c.claim.step_id).collect::<Vec<_>>(), [id(7)], "the neighbour is served");
    let (status, kind, message) = sql
        .query_row(
            "select status, error ->> '$[0].kind', error ->> '$[0].message' from step_tracker where priority > 0",
            [],
            |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(kind, "bad_row");
    (bench, status, message)
}

const ID: &str = "'0190163d-8694-739b-aea5-966c26f8ad91'";

#[tokio::test]
async fn a_row_without_payload_is_failed_alone() {
    let (_, status, message) = a_row_with("step_id, task, priority", &format!("{ID}, 'greet', 9")).await;
    assert_eq!((status.as_str(), message.as_str()), ("failed", "payload is null"));
}

#[tokio::test]
async fn a_row_whose_id_is_no_uuid_is_failed_alone() {
    let (bench, status, message) = a_row_with("step_id, task, payload, priority", "'order-42', 'greet', '{}', 9").await;
    assert_eq!(status, "failed");
    assert!(message.contains("order-42"), "{message}");
    assert_eq!(bench.store.search(&Search { limit: 9, ..Search::default() }).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_row_whose_id_is_spelled_otherwise_is_failed_alone() {
    let upper = ID.to_uppercase();
    let (_, status, message) =
        a_row_with("step_id, task, payload, priority", &format!("{upper}, 'greet', '{{}}', 9")).await;
    assert_eq!(status, "failed");
    assert!(message.contains("must be spelled"), "{message}");
}

#[tokio::test]
async fn negative_and_huge_numbers_are_failed_alone_and_can_be_read() {
    for (column, value) in [("max_retries", "-1"), ("retry_count", "-5"), ("timeout_ms", "-9"), ("crash_count", "-1")] {
        let values = format!("{ID}, 'greet', '{{}}', 9, {value}");
        let (bench, status, message) =
            a_row_with(&format!("step_id, task, payload, priority, {column}"), &values).await;
        assert_eq!(status, "failed");
        assert_eq!(message, format!("{column} is {value}, which is out of range"));
        let shown = bench.store.get(&[ID.trim_matches('\'').parse().unwrap()]).await.unwrap();
        assert_eq!(shown[0].as_ref().unwrap().state, State::Failed);
    }
}

#[tokio::test]
async fn a_row_that_claims_to_be_held_by_a_ghost_is_recovered() {
    let bench = Bench::new().await;
    let insert =
        format!("insert into step_tracker (step_id, task, payload, status) values ({ID}, 'greet', '{{}}', 'claimed')");
    bench.sql().execute_batch(&insert).unwrap();
    let call = Recover { leader: super::kit::pod(), max_crashes: 3, limit: 10 };
    let recovered = bench.store.recover(&call).await.unwrap();
    assert_eq!(recovered.iter().map(|r| (r.to, r.crash_count)).collect::<Vec<_>>(), [(State::Pending, 1)]);
}

#[tokio::test]
async fn an_error_history_that_is_no_json_is_replaced_not_fatal() {
    let bench = Bench::new().await;
    bench.enqueue(vec![new_step(1)]).await;
    bench.sql().execute_batch("update step_tracker set error = 'oops {'").unwrap();
    let claim = bench.claim(1).await[0].claim;
    let error = ErrorEntry { json: "{\"kind\":\"x\"}".into() };
    let finish = Finish { claim, outcome: Outcome::Fail { error } };
    let cycle = Cycle { finishes: vec![finish], demand: None, ..super::kit::demand(0) };
    assert_eq!(bench.store.cycle(&cycle).await.unwrap().verdicts, [Verdict::Recorded]);
    assert!(bench.step(id(1)).await.errors.unwrap().starts_with("[{\"kind\":\"x\",\"ts\":"));
}
