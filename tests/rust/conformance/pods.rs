//! Registration, beats and what they bring back, leaders' views, the end of a pod.

use fleet_q::rules::election::{PodStatus, PodView, leader};
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::{Beat, Control, Pod, Pulse};

use super::bed::Bed;
use super::fixtures::{T0, TIMING, beat_of, claim, id, ordinary, registration, step};

for_each_store!(
    registered_pod_is_up_and_beating,
    pod_id_is_never_registered_twice,
    beat_brings_back_what_a_pod_needs,
    beat_in_time_keeps_beating_since,
    late_beat_starts_beating_since_anew,
    beat_after_the_clock_stepped_back_starts_anew,
    beat_says_status_meta_and_whether_it_can_lead,
    beat_shows_who_has_room,
    beat_shows_who_serves_the_same,
    down_is_final,
    unknown_pod_is_not_alive,
    leader_is_the_oldest_that_can,
);

fn fresh(name: &str, at: Timestamp) -> PodView {
    PodView {
        pod_id: name.into(),
        birth: at,
        last_heartbeat: at,
        beating_since: at,
        status: PodStatus::Up,
        can_lead: true,
        has_room: true,
        serves: "".into(),
    }
}

async fn registered_pod_is_up_and_beating(bed: &Bed) {
    bed.pod("b-00000002").await;
    bed.clock.advance(Millis(1));
    bed.pod("a-00000001").await;
    let pod = |name, at| Pod { view: fresh(name, at), meta: "{\"host\":\"here\"}".into() };
    let expected = [pod("b-00000002", T0), pod("a-00000001", T0 + Millis(1))];
    assert_eq!(bed.second.pods().await.unwrap(), expected);
}

async fn pod_id_is_never_registered_twice(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.store.retire(&a).await.unwrap();
    bed.clock.advance(Millis(1));
    bed.store.register(&registration("a-00000001")).await.unwrap_err();
    assert_eq!(bed.view(&a).await, PodView { status: PodStatus::Down, ..fresh("a-00000001", T0) });
}

async fn beat_brings_back_what_a_pod_needs(bed: &Bed) {
    let (a, b, gone) = (bed.pod("a-00000001").await, bed.pod("b-00000002").await, bed.pod("c-00000003").await);
    bed.store.retire(&gone).await.unwrap();
    bed.enqueue((1..=3).map(step).collect()).await;
    bed.claim(&a, ordinary(1, 2)).await;
    bed.claim(&b, ordinary(2, 1)).await;
    bed.store.cancel(&[id(2), id(3)]).await.unwrap();
    bed.store.control(&Control::Pause { queue: "y".into() }).await.unwrap();
    bed.store.control(&Control::Pause { queue: "x".into() }).await.unwrap();
    bed.clock.advance(Millis(100));
    let now = bed.now();
    let pulse = Pulse {
        alive: true,
        now,
        pods: vec![PodView { last_heartbeat: now, ..fresh("a-00000001", T0) }, fresh("b-00000002", T0)],
        paused: vec!["x".into(), "y".into()],
        cancel_requested: vec![claim(2, 1)],
        suspects: false,
        shut_out: None,
    };
    assert_eq!(bed.beat(&a).await, pulse);
}

async fn beat_in_time_keeps_beating_since(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    for _ in 0..3 {
        bed.clock.advance(Millis(4500));
        bed.beat(&a).await;
    }
    assert_eq!(bed.view(&a).await, PodView { last_heartbeat: T0 + Millis(13_500), ..fresh("a-00000001", T0) });
}

async fn late_beat_starts_beating_since_anew(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.clock.advance(Millis(4501));
    bed.beat(&a).await;
    let now = bed.now();
    assert_eq!(bed.view(&a).await, PodView { last_heartbeat: now, beating_since: now, ..fresh("a-00000001", T0) });
}

async fn beat_after_the_clock_stepped_back_starts_anew(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.clock.set(T0 - Millis(1));
    bed.beat(&a).await;
    let now = bed.now();
    assert_eq!(bed.view(&a).await, PodView { last_heartbeat: now, beating_since: now, ..fresh("a-00000001", T0) });
}

async fn beat_says_status_meta_and_whether_it_can_lead(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    let meta = "{\"in_flight\":3}";
    let beat = Beat { status: PodStatus::Draining, can_lead: false, meta: Some(meta.into()), ..beat_of(&a) };
    bed.store.beat(&beat).await.unwrap();
    let view = PodView { status: PodStatus::Draining, can_lead: false, ..fresh("a-00000001", T0) };
    assert_eq!(bed.store.pods().await.unwrap(), [Pod { view: view.clone(), meta: meta.into() }]);
    bed.store.beat(&Beat { meta: None, ..beat }).await.unwrap();
    assert_eq!(bed.store.pods().await.unwrap(), [Pod { view, meta: meta.into() }]);
}

/// What each of the living shows to whoever beats, after these pods have said this of themselves.
async fn shown(bed: &Bed, said: &[&str]) -> Vec<PodView> {
    let mut pulse = None;
    for (n, meta) in said.iter().enumerate() {
        let pod = bed.pod(&format!("pod-{n:08x}")).await;
        bed.clock.advance(Millis(1));
        pulse = Some(bed.store.beat(&Beat { meta: Some((*meta).into()), ..beat_of(&pod) }).await.unwrap());
    }
    let living = pulse.expect("somebody beats").pods;
    let listed = bed.second.pods().await.unwrap();
    assert_eq!(listed.into_iter().map(|pod| pod.view).collect::<Vec<_>>(), living, "both reads show the same");
    living
}

async fn beat_shows_who_has_room(bed: &Bed) {
    let said = [
        r#"{"capacity":8,"in_flight":7}"#,
        r#"{"capacity":8,"in_flight":8}"#,
        r#"{"capacity":8,"in_flight":10}"#,
        r#"{"in_flight":8}"#,
        "{}",
    ];
    let living = shown(bed, &said).await;
    assert_eq!(living.iter().map(|pod| pod.has_room).collect::<Vec<_>>(), [true, false, false, true, true]);
}

async fn beat_shows_who_serves_the_same(bed: &Bed) {
    let said = [
        r#"{"in_flight":1,"queues":{"mail":2},"tasks":["a","b"]}"#,
        r#"{"in_flight":2,"queues":{"mail":2},"tasks":["a","b"]}"#,
        r#"{"queues":{"mail":2},"tasks":["a"]}"#,
        r#"{"queues":{"mail":3},"tasks":["a"]}"#,
        r#"{"queues":{},"tasks":[]}"#,
        r#"{"in_flight":1}"#,
        r#"{"queues":null,"tasks":null}"#,
    ];
    let living = shown(bed, &said).await;
    let first_like = |pod: &PodView| living.iter().position(|other| other.serves == pod.serves);
    let kinds: Vec<usize> = living.iter().filter_map(first_like).collect();
    assert_eq!(kinds, [0, 0, 2, 3, 4, 5, 5]);
    assert!(living[5].serves.is_empty(), "who says nothing has no mark");
}

async fn down_is_final(bed: &Bed) {
    let a = bed.pod("a-00000001").await;
    bed.store.retire(&a).await.unwrap();
    bed.clock.advance(Millis(1000));
    let pulse = bed.beat(&a).await;
    assert_eq!((pulse.alive, pulse.pods), (false, vec![]));
    assert_eq!(bed.view(&a).await, PodView { status: PodStatus::Down, ..fresh("a-00000001", T0) });
}

async fn unknown_pod_is_not_alive(bed: &Bed) {
    assert!(!bed.beat(&"stranger-00000009".into()).await.alive);
    assert_eq!(bed.store.pods().await.unwrap(), []);
}

async fn leader_is_the_oldest_that_can(bed: &Bed) {
    let a = bed.pod("z-00000001").await;
    bed.clock.advance(Millis(1));
    let (b, c) = (bed.pod("b-00000002").await, bed.pod("c-00000003").await);
    let elect = |pulse: &Pulse| leader(&pulse.pods, pulse.now, TIMING.dead_pod_threshold).cloned();
    assert_eq!(elect(&bed.beat(&c).await), Some(a.clone()));
    bed.store.beat(&Beat { can_lead: false, ..beat_of(&a) }).await.unwrap();
    assert_eq!(elect(&bed.beat(&c).await), Some(b.clone()));
    bed.beat_for(&[&c], TIMING.dead_pod_threshold).await;
    assert_eq!(elect(&bed.beat(&c).await), Some(c));
}
