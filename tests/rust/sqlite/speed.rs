//! Whether the common path is in the right order of magnitude; prints what it measured.
#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock; nothing is decided by it")]

use std::time::Instant;

use fleet_q::store::Store;
use fleet_q::store::types::*;

use super::kit::{Bench, complete, demand, new_step};

#[tokio::test]
async fn ten_thousand_steps_pass_through() {
    let bench = Bench::new().await;
    let start = Instant::now();
    for batch in 0..20 {
        bench.enqueue((0..500).map(|n| new_step(batch * 500 + n)).collect()).await;
    }
    let enqueued = start.elapsed();
    let start = Instant::now();
    let mut finishes: Vec<Finish> = vec![];
    let mut recorded = 0;
    loop {
        let reply = bench.store.cycle(&Cycle { finishes: finishes.clone(), ..demand(200) }).await.unwrap();
        recorded += reply.verdicts.len();
        if reply.claims.is_empty() {
            break;
        }
        finishes = reply.claims.iter().map(|claimed| complete(claimed.claim)).collect();
    }
    let cycled = start.elapsed();
    assert_eq!(recorded, 10_000);
    println!("enqueue 10,000 in batches of 500: {enqueued:?}; claim + finish in cycles of 200: {cycled:?}");
}
