//! P1 and P11 at the door: what is stored, what was there before, what is refused alone.

use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::{Accepted, Content, Due, NewStep, Refusal};

use super::bed::Bed;
use super::fixtures::{NONE, T0, claim, complete, fail, id, ordinary, row, step, stored};

for_each_store!(
    stored_row_says_what_was_asked,
    moment_in_the_past_is_due_now,
    same_step_id_is_existing_and_unchanged,
    unique_key_admits_one_step_that_is_not_final,
    unique_key_is_free_again_after_the_end,
    bad_row_harms_no_neighbour,
    payload_is_opaque_bytes,
    nul_in_a_name_is_refused_alone,
    empty_batch_stores_nothing,
);

fn unique(n: u64, key: &str) -> NewStep {
    NewStep { unique_key: Some(key.into()), ..step(n) }
}

fn conflict(key: &str, holder: u64) -> Result<Accepted, Refusal> {
    Err(Refusal::UniqueConflict { key: key.into(), holder: id(holder) })
}

async fn stored_row_says_what_was_asked(bed: &Bed) {
    let full = NewStep {
        task: "täsk".into(),
        queue: "mail".into(),
        priority: i32::MIN,
        max_retries: 7,
        due: Due::In(Millis(250)),
        timeout: Some(Millis(60_000)),
        unique_key: Some("inv-42".into()),
        tags: vec!["a".into(), "b\"c".into(), "ü".into()],
        ..step(1)
    };
    bed.enqueue(vec![full.clone(), step(2)]).await;
    assert_eq!(bed.get(1).await, row(&full, T0));
    assert_eq!(bed.get(2).await, row(&step(2), T0));
    assert_eq!(bed.second.get(&[id(3), id(2)]).await.unwrap(), [None, Some(row(&step(2), T0))]);
}

async fn moment_in_the_past_is_due_now(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![NewStep { due: Due::At(Timestamp(5)), ..step(1) }]).await;
    assert_eq!(bed.claim(&a, ordinary(1, 1)).await, [1]);
}

async fn same_step_id_is_existing_and_unchanged(bed: &Bed) {
    bed.enqueue(vec![step(1)]).await;
    bed.clock.advance(Millis(5));
    let answers = bed.try_enqueue(vec![NewStep { priority: 9, ..step(1) }, step(2), step(2)]).await;
    assert_eq!(answers, [Ok(Accepted::Existing), Ok(Accepted::Stored), Ok(Accepted::Existing)]);
    assert_eq!(bed.get(1).await, row(&step(1), T0));
}

async fn unique_key_admits_one_step_that_is_not_final(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let answers = bed.try_enqueue(vec![unique(1, "k"), unique(2, "k"), unique(3, "other")]).await;
    assert_eq!(answers, [Ok(Accepted::Stored), conflict("k", 1), Ok(Accepted::Stored)]);
    assert_eq!(bed.try_enqueue(vec![unique(1, "k")]).await, [Ok(Accepted::Existing)]);
    bed.claim(&a, ordinary(1, 9)).await;
    assert_eq!(bed.try_enqueue(vec![unique(4, "k")]).await, [conflict("k", 1)]);
    assert_eq!(stored(&*bed.store).await, [1, 3]);
}

async fn unique_key_is_free_again_after_the_end(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![unique(1, "k")]).await;
    bed.claim(&a, ordinary(1, 1)).await;
    bed.finish(&a, claim(1, 1), complete()).await;
    bed.enqueue(vec![unique(2, "k")]).await;
    bed.claim(&a, ordinary(2, 1)).await;
    bed.finish(&a, claim(2, 2), fail()).await;
    bed.enqueue(vec![unique(3, "k")]).await;
    bed.store.cancel(&[id(3)]).await.unwrap();
    bed.enqueue(vec![unique(4, "k")]).await;
}

async fn bad_row_harms_no_neighbour(bed: &Bed) {
    bed.enqueue(vec![unique(1, "k")]).await;
    let answers = bed.try_enqueue(vec![step(2), unique(3, "k"), step(4)]).await;
    assert_eq!(answers, [Ok(Accepted::Stored), conflict("k", 1), Ok(Accepted::Stored)]);
    assert_eq!(stored(&*bed.store).await, [1, 2, 4]);
}

async fn payload_is_opaque_bytes(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let odd: [&[u8]; 5] = [b"", b"\0", b"\xff\xfe not text", b"{ no json", "{\"k\": \"ü\\u0000\"}".as_bytes()];
    let content = |bytes: &[u8]| Content { bytes: bytes.into(), content_type: "application/x-odd".into() };
    let steps = (1..).zip(odd).map(|(n, bytes)| NewStep { payload: content(bytes), ..step(n) }).collect();
    bed.enqueue(steps).await;
    let claims = bed.ask(&a, ordinary(1, 9)).await.claims;
    let found: Vec<Content> = claims.into_iter().map(|claimed| claimed.payload).collect();
    assert_eq!(found, odd.map(content));
}

async fn nul_in_a_name_is_refused_alone(bed: &Bed) {
    let bad = [
        NewStep { task: "wo\0rk".into(), ..step(2) },
        NewStep { queue: "\0".into(), ..step(3) },
        NewStep { unique_key: Some("k\0".into()), ..step(4) },
        NewStep { tags: vec!["fine".into(), "t\0".into()], ..step(5) },
    ];
    let mut steps = vec![step(1)];
    steps.extend(bad);
    steps.push(step(6));
    let answers = bed.try_enqueue(steps).await;
    assert_eq!((&answers[0], &answers[5]), (&Ok(Accepted::Stored), &Ok(Accepted::Stored)));
    for answer in &answers[1..5] {
        assert!(matches!(answer, Err(Refusal::BadData { .. })), "{answer:?}");
    }
    assert_eq!(stored(&*bed.store).await, [1, 6]);
}

async fn empty_batch_stores_nothing(bed: &Bed) {
    assert_eq!(bed.try_enqueue(vec![]).await, vec![]);
    assert_eq!(stored(&*bed.store).await, NONE);
}
