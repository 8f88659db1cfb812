//! Reading: filters, pages and counts.

use std::collections::BTreeMap;

use fleet_q::rules::state::State;
use fleet_q::store::{NewStep, Search};

use super::bed::Bed;
use super::fixtures::{NONE, id, numbers, ordinary, step};

for_each_store!(
    every_filter_narrows,
    pages_go_from_the_newest_to_the_oldest_without_gaps,
    counts_are_by_queue_and_state,
);

async fn find(bed: &Bed, filter: Search) -> Vec<u64> {
    numbers(bed.store.search(&filter).await.unwrap().iter().map(|step| step.step_id))
}

async fn every_filter_narrows(bed: &Bed) {
    let tagged = |n, tags: &[&str]| NewStep { tags: tags.iter().map(|&tag| tag.into()).collect(), ..step(n) };
    bed.enqueue(vec![
        step(1),
        NewStep { queue: "mail".into(), ..tagged(2, &["a", "b"]) },
        NewStep { task: "other".into(), ..tagged(3, &["ab"]) },
        tagged(4, &["b"]),
    ])
    .await;
    bed.force(id(4), State::Completed);
    bed.force(id(1), State::Failed);
    let all = || Search { limit: 9, ..Search::default() };
    assert_eq!(find(bed, all()).await, [4, 3, 2, 1]);
    assert_eq!(find(bed, Search { queue: Some("mail".into()), ..all() }).await, [2]);
    assert_eq!(find(bed, Search { task: Some("other".into()), ..all() }).await, [3]);
    assert_eq!(find(bed, Search { tag: Some("b".into()), ..all() }).await, [4, 2]);
    assert_eq!(find(bed, Search { states: vec![State::Failed, State::Pending], ..all() }).await, [3, 2, 1]);
    let both = Search { tag: Some("b".into()), states: vec![State::Completed], ..all() };
    assert_eq!(find(bed, both).await, [4]);
    assert_eq!(find(bed, Search { queue: Some("' or 1=1 --".into()), ..all() }).await, NONE);
    assert_eq!(find(bed, Search::default()).await, NONE);
}

async fn pages_go_from_the_newest_to_the_oldest_without_gaps(bed: &Bed) {
    bed.enqueue((1..=7).map(step).collect()).await;
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = find(bed, Search { before, limit: 3, ..Search::default() }).await;
        before = page.last().copied().map(id);
        pages.push(page);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1], vec![]]);
}

async fn counts_are_by_queue_and_state(bed: &Bed) {
    assert_eq!(bed.store.stats().await.unwrap(), fleet_q::store::Stats::default());
    let a = bed.pod("a-00000001").await;
    bed.enqueue((1..=7).map(step).collect()).await;
    for (n, state) in (1..).zip(State::ALL) {
        bed.force(id(n), state);
    }
    bed.enqueue((8..=9).map(|n| NewStep { queue: "mail".into(), priority: 9, ..step(n) }).collect()).await;
    bed.claim(&a, ordinary(1, 1)).await;
    let of_default: BTreeMap<_, _> = State::ALL.map(|state| (state, 1)).into();
    let of_mail = BTreeMap::from([(State::Pending, 1), (State::Claimed, 1)]);
    let expected = BTreeMap::from([("default".to_string(), of_default), ("mail".to_string(), of_mail)]);
    let mut counts = bed.store.stats().await.unwrap().counts;
    // Whether a claim promotes what is due, or leaves it scheduled until claimed, is the store's to choose.
    if let Some(states) = counts.get_mut("default").filter(|states| !states.contains_key(&State::Scheduled)) {
        states.insert(State::Scheduled, 1);
        states.insert(State::Pending, 1);
    }
    assert_eq!(counts, expected);
}
