//! Direct hand-off: a new step may be born claimed, where nobody has the turn before it.

use fleet_q::rules::step::PodId;
use fleet_q::rules::time::Millis;
use fleet_q::store::{Accepted, Control, Due, Enqueue, HandOff, NewStep, Refusal};

use super::bed::Bed;
use super::fixtures::{T0, claim, claim_id, complete, held, id, names, ordinary, row, step};

for_each_store!(
    step_nobody_waits_before_is_born_claimed,
    waiting_step_of_equal_priority_has_the_turn,
    due_scheduled_step_has_the_turn,
    undue_and_foreign_steps_have_no_turn,
    earlier_row_of_the_same_call_has_the_turn,
    offer_is_kept_to_its_limit,
    step_not_due_or_not_known_or_paused_is_stored,
    down_pod_is_handed_nothing,
    refused_and_existing_rows_take_no_slot,
);

const STORED: Result<Accepted, Refusal> = Ok(Accepted::Stored);
const HANDED: Result<Accepted, Refusal> = Ok(Accepted::HandedOff);

async fn offer(bed: &Bed, pod: &PodId, limit: u32, steps: Vec<NewStep>) -> Vec<Result<Accepted, Refusal>> {
    let hand_off = HandOff { pod: pod.clone(), claim_id: claim_id(1), limit, tasks: names(&["work"]) };
    bed.store.enqueue(&Enqueue { steps, hand_off: Some(hand_off) }).await.unwrap()
}

async fn step_nobody_waits_before_is_born_claimed(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    assert_eq!(offer(bed, &a, 5, vec![step(1)]).await, [HANDED]);
    assert_eq!(bed.get(1).await, held(row(&step(1), T0), &a, 1, T0));
    assert_eq!(bed.finish(&a, claim(1, 1), complete()).await, fleet_q::store::Verdict::Recorded);
}

async fn waiting_step_of_equal_priority_has_the_turn(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    // Nobody here knows the waiting step's task; it has the turn all the same.
    bed.enqueue(vec![NewStep { priority: 5, task: "unknown".into(), ..step(1) }]).await;
    let at = |n, priority| NewStep { priority, ..step(n) };
    assert_eq!(offer(bed, &a, 5, vec![at(2, 5)]).await, [STORED]);
    assert_eq!(offer(bed, &a, 5, vec![at(3, 6)]).await, [HANDED]);
    assert_eq!(offer(bed, &a, 5, vec![at(4, 4)]).await, [STORED]);
}

async fn due_scheduled_step_has_the_turn(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.enqueue(vec![NewStep { due: Due::In(Millis(10)), ..step(1) }]).await;
    bed.clock.advance(Millis(10));
    assert_eq!(offer(bed, &a, 5, vec![step(2)]).await, [STORED]);
}

async fn undue_and_foreign_steps_have_no_turn(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let undue = NewStep { due: Due::In(Millis(10)), ..step(1) };
    bed.enqueue(vec![undue, NewStep { queue: "elsewhere".into(), ..step(2) }]).await;
    assert_eq!(offer(bed, &a, 5, vec![step(3)]).await, [HANDED]);
}

async fn earlier_row_of_the_same_call_has_the_turn(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let unknown = NewStep { task: "unknown".into(), ..step(2) };
    let urgent = NewStep { priority: 1, ..step(4) };
    let answers = offer(bed, &a, 5, vec![step(1), unknown, step(3), urgent]).await;
    assert_eq!(answers, [HANDED, STORED, STORED, HANDED]);
}

async fn offer_is_kept_to_its_limit(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    assert_eq!(offer(bed, &a, 2, (1..=4).map(step).collect()).await, [HANDED, HANDED, STORED, STORED]);
    assert_eq!(bed.claim(&a, ordinary(2, 9)).await, [3, 4]);
    assert_eq!(offer(bed, &a, 0, vec![step(5)]).await, [STORED]);
}

async fn step_not_due_or_not_known_or_paused_is_stored(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.store.control(&Control::Pause { queue: "paused".into() }).await.unwrap();
    let later = NewStep { due: Due::In(Millis(1)), queue: "x".into(), ..step(1) };
    let unknown = NewStep { task: "unknown".into(), queue: "y".into(), ..step(2) };
    let paused = NewStep { queue: "paused".into(), ..step(3) };
    assert_eq!(offer(bed, &a, 5, vec![later, unknown, paused, step(4)]).await, [STORED, STORED, STORED, HANDED]);
}

async fn down_pod_is_handed_nothing(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.store.retire(&a).await.unwrap();
    assert_eq!(offer(bed, &a, 5, vec![step(1)]).await, [STORED]);
    assert_eq!(offer(bed, &"stranger-00000009".into(), 5, vec![NewStep { priority: 1, ..step(2) }]).await, [STORED]);
}

async fn refused_and_existing_rows_take_no_slot(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let unique = |n| NewStep { unique_key: Some("k".into()), ..step(n) };
    let answers = offer(bed, &a, 2, vec![unique(1), unique(1), unique(2), step(3), step(4)]).await;
    let conflict = Err(Refusal::UniqueConflict { key: "k".into(), holder: id(1) });
    assert_eq!(answers, [HANDED, Ok(Accepted::Existing), conflict, HANDED, STORED]);
}
