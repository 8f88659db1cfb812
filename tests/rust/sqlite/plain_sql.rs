//! Steps inserted by plain SQL, from any language, as the docs give it.

use fleet_q::rules::state::State;
use fleet_q::rules::step::StepId;

use super::kit::Bench;

#[tokio::test]
async fn a_plain_insert_needs_only_id_task_and_payload() {
    let bench = Bench::new().await;
    bench
        .sql()
        .execute_batch(
            "insert into step_tracker (step_id, task, payload)
             values ('0190163d-8694-739b-aea5-966c26f8ad91', 'greet', '{\"args\":[\"Ada\"],\"kwargs\":{}}')",
        )
        .unwrap();
    let claimed = bench.claim(10).await;
    let step_id: StepId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
    assert_eq!(claimed.iter().map(|c| c.claim.step_id).collect::<Vec<_>>(), [step_id]);
    assert_eq!(&claimed[0].payload.bytes[..], b"{\"args\":[\"Ada\"],\"kwargs\":{}}");
    assert_eq!((&*claimed[0].queue, claimed[0].priority, claimed[0].max_retries), ("default", 0, 3));
    assert_eq!(bench.step(step_id).await.state, State::Claimed);
}

#[tokio::test]
async fn a_plain_insert_for_later_is_scheduled() {
    let bench = Bench::new().await;
    bench
        .sql()
        .execute_batch(
            "insert into step_tracker (step_id, task, payload, status, available_ts)
             values ('0190163d-8694-739b-aea5-966c26f8ad91', 'greet', '{}', 'scheduled', 9999999999999)",
        )
        .unwrap();
    assert_eq!(bench.claim(10).await, []);
}

#[tokio::test]
async fn a_status_that_does_not_exist_is_refused_by_the_table() {
    let bench = Bench::new().await;
    let refused = bench.sql().execute_batch(
        "insert into step_tracker (step_id, task, payload, status)
         values ('0190163d-8694-739b-aea5-966c26f8ad91', 'greet', '{}', 'waiting')",
    );
    assert!(refused.unwrap_err().to_string().contains("CHECK constraint failed"));
}
