//! Ring 1: every pure decision, as tables and as properties.

mod backoff;
mod claim;
mod config;
mod content;
mod crowd;
mod demand;
mod diagnosis;
mod election;
mod floors;
mod outcome;
mod recovery;
mod state;
mod step;
mod time;

use fleet_q::rules::election::{PodStatus, PodView};
use fleet_q::rules::step::{PodId, StepId};
use fleet_q::rules::time::{Millis, Timestamp, Unit};
use proptest::prelude::*;

/// Any draw from [0, 1).
fn unit() -> impl Strategy<Value = Unit> {
    any::<u64>().prop_map(Unit::from_bits)
}

/// The draw nearest below 1.
fn nearly_one() -> Unit {
    Unit::from_bits(u64::MAX)
}

fn step_id() -> impl Strategy<Value = StepId> {
    any::<[u8; 16]>().prop_map(StepId)
}

/// Pods close enough in time and name to collide.
fn pod() -> impl Strategy<Value = PodView> {
    let times = (0..50_i64, 0..200_i64, 0..200_i64);
    (0..8_u8, times, prop::sample::select(&PodStatus::ALL[..]), any::<bool>()).prop_map(
        |(name, (birth, last_heartbeat, beating_since), status, can_lead)| PodView {
            pod_id: PodId::from(format!("pod-{name}").as_str()),
            birth: Timestamp(birth),
            last_heartbeat: Timestamp(last_heartbeat),
            beating_since: Timestamp(beating_since),
            status,
            can_lead,
            has_room: true,
            serves: "".into(),
        },
    )
}

/// A pod that was born at 0 and beats regularly, last at `beat`.
fn living(name: &str, birth: i64, beat: i64) -> PodView {
    PodView {
        pod_id: PodId::from(name),
        birth: Timestamp(birth),
        last_heartbeat: Timestamp(beat),
        beating_since: Timestamp(birth),
        status: PodStatus::Up,
        can_lead: true,
        has_room: true,
        serves: "".into(),
    }
}

/// Any moment that a database could have.
fn moment() -> impl Strategy<Value = Timestamp> {
    (-4_000_000_000_000_i64..=4_000_000_000_000).prop_map(Timestamp)
}

fn millis(max: u64) -> impl Strategy<Value = Millis> {
    (0..=max).prop_map(Millis)
}
