//! Decides how many steps a pod asks for. Claims none.

use std::collections::BTreeMap;

/// The key of `queue_caps` that stands for every queue not named there.
pub const OTHERS: &str = "*";

/// Where a body runs. Each place has a capacity of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Executor {
    /// `async def`, on the event loop.
    Loop,
    /// `def`, in a thread.
    Thread,
    /// `run="process"`, in a spawned process.
    Process,
}

/// What bounds a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    pub max_parallelism: u32,
    pub capacity_threshold: f64,
    /// Caps per queue inside `max_parallelism`; [`OTHERS`] caps all queues not named, together.
    pub queue_caps: BTreeMap<String, u32>,
    /// Capacity per executor; one that is absent is bounded by the pod alone.
    pub executor_caps: BTreeMap<Executor, u32>,
}

/// What a pod holds right now (slots taken, bodies that outlived their step included).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub in_flight: u32,
    pub by_queue: BTreeMap<String, u32>,
    pub by_executor: BTreeMap<Executor, u32>,
    /// Whether the event loop lags so much that it should get no more work.
    pub loop_lagging: bool,
}

/// What is measured for the look-ahead (Little's law: rate × round trip).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    pub steps_per_second: f64,
    pub claim_round_trip_s: f64,
}

/// How many steps to ask for. An absent key in a map means "bounded by `total` alone".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    pub total: u32,
    pub by_queue: BTreeMap<String, u32>,
    pub by_executor: BTreeMap<Executor, u32>,
}

/// Steps a pod may run at once: `max(1, floor(max_parallelism × capacity_threshold))`. A hair is added
/// before rounding down, for 100 × 0.29 is 28.999… to a computer and 29 to whoever wrote it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 < threshold <= 1, so at most a u32")]
pub fn capacity(limits: &Limits) -> u32 {
    ((f64::from(limits.max_parallelism) * limits.capacity_threshold + 1e-9).floor() as u32).max(1)
}

/// How many steps to claim now.
pub fn demand(limits: &Limits, load: &Load, pace: Pace) -> Ask {
    let total = capacity(limits).saturating_sub(load.in_flight) + look_ahead(pace);
    let by_queue = limits
        .queue_caps
        .iter()
        .map(|(queue, cap)| (queue.clone(), cap.saturating_sub(taken_in(queue, limits, load)).min(total)))
        .collect();
    let mut by_executor: BTreeMap<Executor, u32> = limits
        .executor_caps
        .iter()
        .map(|(executor, cap)| {
            let taken = load.by_executor.get(executor).copied().unwrap_or(0);
            (*executor, cap.saturating_sub(taken).min(total))
        })
        .collect();
    if load.loop_lagging {
        by_executor.insert(Executor::Loop, 0);
    }
    Ask { total, by_queue, by_executor }
}

fn taken_in(queue: &str, limits: &Limits, load: &Load) -> u32 {
    if queue == OTHERS {
        let unnamed = load.by_queue.iter().filter(|(name, _)| !limits.queue_caps.contains_key(*name));
        return unnamed.map(|(_, taken)| taken).sum();
    }
    load.by_queue.get(queue).copied().unwrap_or(0)
}

/// Steps to hold beyond the running ones. Zero until the speed issue measures what it is worth.
fn look_ahead(_pace: Pace) -> u32 {
    0
}
