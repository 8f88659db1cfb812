//! P9: whose turn it is, and that nothing which comes back loses its place.

use fleet_q::rules::time::Millis;
use fleet_q::store::{ClaimCall, Due, NewStep, Recover};

use super::bed::Bed;
use super::fixtures::{MAX_CRASHES, NONE, T0, claim, only, ordinary, retry, step};

for_each_store!(
    higher_priority_then_older_then_smaller_id_goes_first,
    short_claim_takes_the_first_and_not_just_any,
    what_comes_back_keeps_its_place,
    delayed_step_is_invisible_before_it_is_due,
    due_scheduled_steps_take_their_turn_among_pending_ones,
    many_due_steps_do_not_hide_the_highest_priority,
    next_due_is_the_earliest_moment_still_to_come,
);

async fn higher_priority_then_older_then_smaller_id_goes_first(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![step(5), step(4)]).await;
    bed.clock.advance(Millis(1));
    bed.enqueue(vec![step(1), NewStep { priority: 9, ..step(3) }, NewStep { priority: -1, ..step(2) }]).await;
    assert_eq!(bed.claim(&a, ordinary(1, 10)).await, [3, 4, 5, 1, 2]);
}

async fn short_claim_takes_the_first_and_not_just_any(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    for n in (1..=6).rev() {
        bed.enqueue(vec![NewStep { priority: i32::from(n == 2), ..step(n) }]).await;
        bed.clock.advance(Millis(1));
    }
    let by_queue = |n| ClaimCall { lanes: vec![only(&["default"], 9)], ..ordinary(n, 1) };
    assert_eq!(bed.claim(&a, ordinary(1, 1)).await, [2]);
    assert_eq!(bed.claim(&a, ordinary(2, 1)).await, [6]);
    assert_eq!(bed.claim(&a, by_queue(3)).await, [5]);
    assert_eq!(bed.claim(&a, by_queue(4)).await, [4]);
    let shared = ClaimCall { lanes: vec![only(&["nowhere", "default"], 9)], ..ordinary(5, 1) };
    assert_eq!(bed.claim(&a, shared).await, [3]);
}

async fn what_comes_back_keeps_its_place(bed: &Bed) {
    let (a, b) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await);
    for n in 1..=4 {
        bed.enqueue(vec![step(n)]).await;
        bed.clock.advance(Millis(1));
    }
    assert_eq!(bed.claim(&b, ordinary(1, 1)).await, [1]);
    assert_eq!(bed.claim(&a, ordinary(2, 2)).await, [2, 3]);
    bed.finish(&a, claim(2, 2), retry(10)).await;
    bed.release(&a, claim(3, 2)).await;
    bed.store.retire(&b).await.unwrap();
    bed.store.recover(&Recover { leader: a.clone(), max_crashes: MAX_CRASHES, limit: 9 }).await.unwrap();
    bed.clock.advance(Millis(10));
    assert_eq!(bed.claim(&a, ordinary(3, 9)).await, [1, 2, 3, 4]);
    assert_eq!(bed.get(2).await.created, T0 + Millis(1));
}

async fn delayed_step_is_invisible_before_it_is_due(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let at = T0 + Millis(200);
    bed.enqueue(vec![NewStep { due: Due::In(Millis(100)), ..step(1) }, NewStep { due: Due::At(at), ..step(2) }]).await;
    bed.clock.advance(Millis(99));
    assert_eq!(bed.claim(&a, ordinary(1, 9)).await, NONE);
    bed.clock.advance(Millis(1));
    assert_eq!(bed.claim(&a, ordinary(2, 9)).await, [1]);
    bed.clock.set(at);
    assert_eq!(bed.claim(&a, ordinary(3, 9)).await, [2]);
}

async fn due_scheduled_steps_take_their_turn_among_pending_ones(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let later = |n, priority| NewStep { due: Due::In(Millis(10)), priority, ..step(n) };
    bed.enqueue(vec![later(1, 1), later(2, 5), later(3, -1)]).await;
    bed.clock.advance(Millis(10));
    bed.enqueue(vec![NewStep { priority: 3, ..step(4) }, step(5)]).await;
    assert_eq!(bed.claim(&a, ordinary(1, 2)).await, [2, 4]);
    assert_eq!(bed.claim(&a, ordinary(2, 9)).await, [1, 5, 3]);
}

async fn many_due_steps_do_not_hide_the_highest_priority(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let later = |n: u64| NewStep { due: Due::In(Millis(n)), priority: i32::from(n == 3000), ..step(n) };
    bed.enqueue((1..=3000).map(later).collect()).await;
    bed.clock.advance(Millis(5000));
    assert_eq!(bed.claim(&a, ordinary(1, 2)).await, [3000, 1]);
    bed.enqueue(vec![NewStep { priority: 1, ..step(4000) }]).await;
    assert_eq!(bed.claim(&a, ordinary(2, 3)).await, [4000, 2, 3]);
}

async fn next_due_is_the_earliest_moment_still_to_come(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let later = |n, ms| NewStep { due: Due::In(Millis(ms)), ..step(n) };
    assert_eq!(bed.ask(&a, ordinary(1, 0)).await.next_due, None);
    bed.enqueue(vec![later(1, 300), later(2, 100), step(3)]).await;
    assert_eq!(bed.ask(&a, ordinary(2, 1)).await.next_due, Some(T0 + Millis(100)));
    bed.clock.advance(Millis(100));
    assert_eq!(bed.ask(&a, ordinary(3, 1)).await.next_due, Some(T0 + Millis(300)));
}
