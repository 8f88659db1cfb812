//! P11 where the database itself refuses: the bad row alone, its neighbours stored.

use fleet_q::store::{Accepted, Content, Cycle, Finish, Migrate, NewStep, Outcome, Refusal, Store, Verdict};

use super::{fresh, server};
use crate::conformance::fixtures::{asks, claim, id, ordinary, registration, step};

/// Longer than an index entry may be, and not to be compressed.
fn endless() -> String {
    let next = |seed: &u64| Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let draws = std::iter::successors(Some(1u64), next).take(20_000);
    draws.map(|draw| char::from(b'a' + u8::try_from((draw >> 40) % 26).unwrap())).collect()
}

#[tokio::test]
async fn name_too_long_for_an_index_is_refused_alone() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "long");
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    let long = NewStep { queue: endless().into(), ..step(3) };
    let call = fleet_q::store::Enqueue { steps: vec![step(1), step(2), long, step(4)], hand_off: None };
    let answers = store.enqueue(&call).await.unwrap();
    let good = Ok(Accepted::Stored);
    assert_eq!([&answers[0], &answers[1], &answers[3]], [&good, &good, &good]);
    assert!(matches!(&answers[2], Err(Refusal::BadData { message }) if message.contains("index")), "{answers:?}");
}

#[tokio::test]
async fn outcome_postgres_cannot_hold_is_refused_alone() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "outcome");
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    let pod = "a-00000001".into();
    store.register(&registration("a-00000001")).await.unwrap();
    let call = fleet_q::store::Enqueue { steps: (1..=5).map(step).collect(), hand_off: None };
    store.enqueue(&call).await.unwrap();
    assert_eq!(store.cycle(&asks(&pod, ordinary(1, 4))).await.unwrap().claims.len(), 4);
    let good = |n| Finish { claim: claim(n, 1), outcome: Outcome::Complete { result: Some(Content::json(*b"1")) } };
    let nul = Content { bytes: (*b"1").into(), content_type: "text\0".into() };
    let bad = Finish { claim: claim(3, 1), outcome: Outcome::Complete { result: Some(nul) } };
    let finishes = vec![good(1), good(2), bad, good(4)];
    let reply = store.cycle(&Cycle { finishes, ..asks(&pod, ordinary(2, 9)) }).await.unwrap();
    let (first, last) = (&reply.verdicts[..2], &reply.verdicts[3]);
    assert_eq!((first, last), (&[Verdict::Recorded, Verdict::Recorded][..], &Verdict::Recorded));
    assert!(matches!(&reply.verdicts[2], Verdict::Refused(_)), "{reply:?}");
    assert_eq!(reply.claims.iter().map(|claimed| claimed.claim.step_id).collect::<Vec<_>>(), [id(5)]);
}
