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

/// What is measured of one task for its look-ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    pub steps_per_second: f64,
    pub claim_round_trip_s: f64,
}

/// Steps to hold beyond the running ones: of the tasks that are fast enough, by executor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    pub by_executor: BTreeMap<Executor, u32>,
}

/// How many steps to ask for. An absent key in a map means "bounded by `total` alone".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Free places, and the look-ahead.
    pub total: u32,
    /// Free places alone: all that tasks without a look-ahead may take.
    pub room: u32,
    /// How much of the look-ahead there is in all, free or not.
    pub ahead: u32,
    pub by_queue: BTreeMap<String, u32>,
    /// Free places by executor, for tasks without a look-ahead.
    pub by_executor: BTreeMap<Executor, u32>,
    /// The same for tasks with one.
    pub by_executor_ahead: BTreeMap<Executor, u32>,
}

/// So many round trips' worth of steps are held ahead: three, for a step is held for one while it is brought, one while
/// it runs and one while its end is stored, and two for the rate to grow by. With three the rate grows by a third of the
/// pod's places per trip and window; with more, by a share of itself.
const ROUND_TRIPS_AHEAD: f64 = 5.0;

/// No look-ahead is deeper, whatever was measured: a third of it is a batch beyond which no store gains.
pub const AHEAD_MAX: u32 = 1500;

/// Steps a pod may run at once: `max(1, floor(max_parallelism × capacity_threshold))`. A hair is added
/// before rounding down, for 100 × 0.29 is 28.999… to a computer and 29 to whoever wrote it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 < threshold <= 1, so at most a u32")]
pub fn capacity(limits: &Limits) -> u32 {
    ((f64::from(limits.max_parallelism) * limits.capacity_threshold + 1e-9).floor() as u32).max(1)
}

/// How many steps to claim now. What is held beyond the free places, ended and not yet stored or ahead, counts
/// against the look-ahead.
pub fn demand(limits: &Limits, load: &Load, ahead: &Ahead) -> Ask {
    let places = capacity(limits);
    let depth = |executor: &Executor| ahead.by_executor.get(executor).copied().unwrap_or(0);
    let lags = |executor: &Executor| load.loop_lagging && *executor == Executor::Loop;
    let depths = ahead.by_executor.iter().filter(|(executor, _)| !lags(executor)).map(|(_, depth)| *depth);
    let deepest = depths.fold(0_u32, u32::saturating_add).min(AHEAD_MAX);
    let room = places.saturating_sub(load.in_flight);
    let total = places.saturating_add(deepest).saturating_sub(load.in_flight);
    let by_queue = limits
        .queue_caps
        .iter()
        .map(|(queue, cap)| (queue.clone(), cap.saturating_sub(taken_in(queue, limits, load)).min(total)))
        .collect();
    let free = |most: u32, deeper: bool| -> BTreeMap<Executor, u32> {
        let left = |executor: &Executor, cap: u32| {
            let cap = if deeper { cap.saturating_add(depth(executor)) } else { cap };
            cap.saturating_sub(load.by_executor.get(executor).copied().unwrap_or(0)).min(most)
        };
        let capped = limits.executor_caps.iter().map(|(executor, cap)| (*executor, left(executor, *cap)));
        let shut = load.loop_lagging.then_some((Executor::Loop, 0));
        capped.chain(shut).collect()
    };
    Ask { total, room, ahead: deepest, by_queue, by_executor: free(room, false), by_executor_ahead: free(total, true) }
}

fn taken_in(queue: &str, limits: &Limits, load: &Load) -> u32 {
    if queue == OTHERS {
        let unnamed = load.by_queue.iter().filter(|(name, _)| !limits.queue_caps.contains_key(*name));
        return unnamed.map(|(_, taken)| taken).sum();
    }
    load.by_queue.get(queue).copied().unwrap_or(0)
}

/// Steps of one task to hold beyond the running ones, by Little's law: what ends in a round trip has to be there
/// when it begins. None of a slow task, for they would only wait here while another pod has room.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a double saturates")]
pub fn look_ahead(pace: Pace) -> u32 {
    ((pace.steps_per_second * pace.claim_round_trip_s * ROUND_TRIPS_AHEAD) as u32).min(AHEAD_MAX)
}
