//! Sessions of our own keep the hot statements by name; behind a pooler, and where a name fails, nothing is kept.

use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Accepted, Cycle, Enqueue, Finish, Migrate, Store, Verdict};

use super::server::{self, Server};
use super::{Schema, fresh, options};
use crate::conformance::fixtures::{asks, complete, ordinary, registration, step};

fn one(n: u64) -> Enqueue {
    Enqueue { steps: vec![step(n)], hand_off: None }
}

async fn migrated(name: &str) -> Option<(&'static Server, PostgresStore, Schema)> {
    let server = server::get()?;
    let (open, schema) = fresh(server, name);
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    Some((server, store, schema))
}

#[tokio::test]
async fn lone_step_is_one_statement_on_a_session_of_our_own_and_a_transaction_behind_a_pooler() {
    let Some((server, store, _schema)) = migrated("one_statement").await else { return };
    store.enqueue(&one(1)).await.unwrap();
    let before = store.tally();
    store.enqueue(&one(2)).await.unwrap();
    let after = store.tally();
    let direct = server.url == server.store_url;
    assert_eq!(after.statements - before.statements, if direct { 1 } else { 3 });
    assert_eq!(after.commits - before.commits, 1);
}

#[tokio::test]
async fn statement_that_lost_its_meaning_under_its_name_is_sent_whole() {
    let Some((_, store, schema)) = migrated("kept_no_more").await else { return };
    store.enqueue(&one(1)).await.unwrap();
    // What it returns has another type now: the server refuses the plan that it kept.
    schema.execute("alter table SCHEMA.step_tracker alter column status type character varying");
    for n in 2..5 {
        assert_eq!(store.enqueue(&one(n)).await.unwrap(), [Ok(Accepted::Stored)]);
    }
}

#[tokio::test]
async fn options_of_the_url_hold_on_a_session_of_our_own() {
    let Some(server) = server::get() else { return };
    if server.url != server.store_url {
        // pgbouncer of Debian refuses options in the URL, its own manual says so, and so does ours.
        return;
    }
    let (open, schema) = fresh(server, "own_options");
    open().migrate(Migrate::Apply).await.unwrap();
    let mark = if server.store_url.contains('?') { '&' } else { '?' };
    let url = format!("{}{mark}options=-csearch_path%3D{}", server.store_url, schema.name);
    let store = PostgresStore::open(&url, options(None)).unwrap();
    assert_eq!(store.enqueue(&one(1)).await.unwrap(), [Ok(Accepted::Stored)]);
    assert_eq!(schema.execute("delete from SCHEMA.step_tracker"), 1);
}

#[tokio::test]
async fn many_ends_are_recorded_beside_the_claim_of_many_and_those_that_are_lost_are_told() {
    let Some((_, store, schema)) = migrated("side_by_side").await else { return };
    store.register(&registration("a-00000001")).await.unwrap();
    let steps: Vec<_> = (1..=600).map(step).collect();
    store.enqueue(&Enqueue { steps, hand_off: None }).await.unwrap();
    let pod = "a-00000001".into();
    let first = store.cycle(&asks(&pod, ordinary(1, 300))).await.unwrap();
    assert_eq!(first.claims.len(), 300);
    let mut finishes: Vec<Finish> =
        first.claims.iter().map(|one| Finish { claim: one.claim, outcome: complete() }).collect();
    // Somebody else has it by now.
    let lost = finishes[7].claim.step_id;
    schema.execute(&format!("update SCHEMA.step_tracker set claim_id = gen_random_uuid() where step_id = '{lost}'"));
    let both = Cycle { finishes: finishes.clone(), ..asks(&pod, ordinary(2, 300)) };
    let second = store.cycle(&both).await.unwrap();
    assert_eq!(second.claims.len(), 300);
    let expected: Vec<Verdict> = (0..300).map(|n| if n == 7 { Verdict::Lost } else { Verdict::Recorded }).collect();
    assert_eq!(second.verdicts, expected);
    // Sent again, as after an answer that was lost: the receipts answer.
    finishes.remove(7);
    let again = Cycle { finishes, ..asks(&pod, ordinary(3, 300)) };
    let third = store.cycle(&again).await.unwrap();
    assert_eq!((third.claims.len(), third.verdicts), (0, vec![Verdict::Already; 299]));
}
