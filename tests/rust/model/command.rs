//! What may be asked of a store, drawn at random from small worlds so that things collide.

use proptest::prelude::*;

/// One command. Steps (the latest ones, counted backwards), pods, queues and claims are small numbers; what they name is up to the run.
#[derive(Clone, Debug)]
pub enum Command {
    Enqueue {
        rows: Vec<Row>,
        offer: Option<(u8, u32)>,
    },
    Advance(u64),
    /// Time passes while these pods (a bit each) beat in time.
    Live {
        pods: u8,
    },
    Cycle {
        pod: u8,
        finishes: Vec<(u16, End)>,
        releases: Vec<u16>,
        demand: Option<Demand>,
    },
    Progress(u16),
    Cancel(Vec<u8>),
    Replay(Vec<u8>),
    /// With a look through the failures before.
    Purge(Vec<u8>),
    /// A new life: a fresh pod id.
    Register(u8),
    Beat {
        pod: u8,
        draining: bool,
    },
    Retire(u8),
    /// A pod ends with its claims, they are recovered, and it begins another life.
    Crash(u8),
    MarkDead {
        leader: u8,
    },
    Recover {
        limit: u32,
    },
    Prune {
        keep: u64,
        limit: u32,
    },
    Pause(u8),
    Resume(u8),
}

#[derive(Clone, Debug)]
pub struct Row {
    /// A step told before, counted backwards; `None` is a new one.
    pub again: Option<u8>,
    pub task: u8,
    pub queue: u8,
    pub priority: i32,
    pub delay: Option<u64>,
    pub key: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct Demand {
    pub limit: u32,
    pub suspects: bool,
    pub lanes: Vec<LaneOf>,
}

/// The task (2: both), which queues (bits) and whether just those are excluded, the limit.
pub type LaneOf = (u8, Option<(u8, bool)>, u32);

#[derive(Clone, Copy, Debug)]
pub enum End {
    Complete,
    Retry(u64),
    Fail,
    Snooze(u64),
    Crash,
    Cancel,
    BadEntry,
}

pub const PODS: u8 = 4;
pub const QUEUES: u8 = 3;

pub fn commands(count: usize) -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), count)
}

fn command() -> impl Strategy<Value = Command> {
    use Command::{
        Advance, Beat, Cancel, Crash, Live, MarkDead, Pause, Progress, Prune, Purge, Recover, Register, Replay, Resume,
        Retire,
    };
    let pod = 0..PODS;
    prop_oneof![
        8 => enqueue(),
        3 => delay().prop_map(Advance),
        3 => any::<u8>().prop_map(|pods| Live { pods }),
        16 => cycle(),
        1 => any::<u16>().prop_map(Progress),
        2 => ids().prop_map(Cancel),
        4 => ids().prop_map(Replay),
        2 => ids().prop_map(Purge),
        2 => pod.clone().prop_map(Register),
        1 => (pod.clone(), any::<bool>()).prop_map(|(pod, draining)| Beat { pod, draining }),
        2 => pod.clone().prop_map(Retire),
        5 => pod.clone().prop_map(Crash),
        2 => pod.prop_map(|leader| MarkDead { leader }),
        4 => (1..9_u32).prop_map(|limit| Recover { limit }),
        1 => (delay(), 1..9_u32).prop_map(|(keep, limit)| Prune { keep, limit }),
        1 => (0..QUEUES).prop_map(Pause),
        3 => (0..QUEUES).prop_map(Resume),
    ]
}

fn enqueue() -> impl Strategy<Value = Command> {
    let offer = prop::option::of((0..PODS, 0..3_u32));
    (prop::collection::vec(row(), 1..8), offer).prop_map(|(rows, offer)| Command::Enqueue { rows, offer })
}

fn row() -> impl Strategy<Value = Row> {
    let delay = prop::option::weighted(0.3, delay());
    let again = prop::option::weighted(0.1, any::<u8>());
    (again, 0..2_u8, 0..QUEUES, -1..2_i32, delay, prop::option::weighted(0.15, 0..3_u8))
        .prop_map(|(again, task, queue, priority, delay, key)| Row { again, task, queue, priority, delay, key })
}

fn cycle() -> impl Strategy<Value = Command> {
    let finishes = prop::collection::vec((any::<u16>(), end()), 0..3);
    let releases = prop::collection::vec(any::<u16>(), 0..2);
    (0..PODS, finishes, releases, prop::option::weighted(0.9, demand()))
        .prop_map(|(pod, finishes, releases, demand)| Command::Cycle { pod, finishes, releases, demand })
}

fn demand() -> impl Strategy<Value = Demand> {
    let lane = (0..3_u8, prop::option::weighted(0.4, (any::<u8>(), any::<bool>())), 0..6_u32);
    (0..9_u32, prop::bool::weighted(0.15), prop::collection::vec(lane, 1..4))
        .prop_map(|(limit, suspects, lanes)| Demand { limit, suspects, lanes })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Complete),
        2 => delay().prop_map(End::Retry),
        2 => Just(End::Fail),
        1 => delay().prop_map(End::Snooze),
        2 => Just(End::Crash),
        1 => Just(End::Cancel),
        1 => Just(End::BadEntry),
    ]
}

fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(100), Just(3000), Just(4501), Just(20_000)]
}

fn ids() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..4)
}
