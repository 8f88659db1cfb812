//! Turns a demand into the lanes of one claim call. Decides no amounts; those are `rules::demand`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::handler::TaskInfo;
use crate::rules::demand::{Ask, Executor, OTHERS};
use crate::store::{Lane, Queues};

/// A set of tasks that share a bound, or have none.
struct Group {
    tasks: Arc<[Arc<str>]>,
    left: Option<u32>,
}

/// What bounds a group apart from the others: whether it has a look-ahead, where it runs if that is capped, how many.
type Bound = (bool, Option<Executor>, u32);

/// A set of queues that share a bound, or have none.
struct Stretch {
    queues: Queues,
    left: Option<u32>,
}

/// Lanes whose limits together respect every bound of `ask`.
///
/// Where both queues and executors are bound, a lane reserves its share of both; `turn` rotates who
/// is served first, so that an empty lane cannot starve its neighbours for more than a round.
pub fn lanes(ask: &Ask, tasks: &[TaskInfo], fast: &BTreeSet<Arc<str>>, turn: usize) -> Vec<Lane> {
    let mut groups = groups(ask, tasks, fast);
    let mut stretches = stretches(ask);
    let mut pairs: Vec<(usize, usize)> =
        (0..stretches.len()).flat_map(|s| (0..groups.len()).map(move |g| (s, g))).collect();
    if !pairs.is_empty() {
        let by = turn % pairs.len();
        pairs.rotate_left(by);
    }
    let mut lanes = Vec::with_capacity(pairs.len());
    for (s, g) in pairs {
        let (stretch, group) = (&mut stretches[s], &mut groups[g]);
        let limit = ask.total.min(stretch.left.unwrap_or(u32::MAX)).min(group.left.unwrap_or(u32::MAX));
        if limit == 0 {
            continue;
        }
        stretch.left = stretch.left.map(|left| left - limit);
        group.left = group.left.map(|left| left - limit);
        lanes.push(Lane { tasks: group.tasks.clone(), queues: stretch.queues.clone(), limit });
    }
    lanes
}

/// Tasks with a look-ahead (`fast`) are bounded apart from the others; those that nothing bounds are together.
fn groups(ask: &Ask, tasks: &[TaskInfo], fast: &BTreeSet<Arc<str>>) -> Vec<Group> {
    let mut by_bound: BTreeMap<Option<Bound>, Vec<Arc<str>>> = BTreeMap::new();
    for task in tasks {
        let is_fast = fast.contains(&task.name);
        let (caps, most) = if is_fast { (&ask.by_executor_ahead, ask.total) } else { (&ask.by_executor, ask.room) };
        let capped = caps.get(&task.executor).filter(|left| **left < most);
        let left = capped.copied().unwrap_or(most);
        let bound = (left < ask.total).then_some((is_fast, capped.map(|_| task.executor), left));
        by_bound.entry(bound).or_default().push(task.name.clone());
    }
    by_bound
        .into_iter()
        .map(|(bound, tasks)| Group { tasks: tasks.into(), left: bound.map(|(_, _, left)| left) })
        .collect()
}

fn stretches(ask: &Ask) -> Vec<Stretch> {
    let bound: Vec<(&String, u32)> = ask
        .by_queue
        .iter()
        .filter(|(queue, left)| queue.as_str() != OTHERS && **left < ask.total)
        .map(|(queue, left)| (queue, *left))
        .collect();
    let mut stretches: Vec<Stretch> = bound
        .iter()
        .map(|(queue, left)| Stretch { queues: Queues::Only(vec![Arc::from(queue.as_str())]), left: Some(*left) })
        .collect();
    let others = ask.by_queue.get(OTHERS).copied().filter(|left| *left < ask.total);
    // With a bound on the others, every named queue must be left out of them, bound or not.
    let named: Vec<Arc<str>> = match others {
        None => bound.iter().map(|(queue, _)| Arc::from(queue.as_str())).collect(),
        Some(_) => {
            ask.by_queue.keys().filter(|queue| *queue != OTHERS).map(|queue| Arc::from(queue.as_str())).collect()
        }
    };
    let free: Vec<Arc<str>> =
        named.iter().filter(|name| !bound.iter().any(|(queue, _)| queue.as_str() == name.as_ref())).cloned().collect();
    if !free.is_empty() {
        stretches.push(Stretch { queues: Queues::Only(free), left: None });
    }
    let rest = if named.is_empty() { Queues::All } else { Queues::Except(named) };
    stretches.push(Stretch { queues: rest, left: others });
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::backoff::Backoff;

    fn task(name: &str, executor: Executor) -> TaskInfo {
        TaskInfo { name: Arc::from(name), executor, retry: Backoff::RETRY, continue_on_fence: false }
    }

    fn two_tasks() -> Vec<TaskInfo> {
        vec![task("a", Executor::Loop), task("b", Executor::Thread)]
    }

    fn ask(total: u32, queues: &[(&str, u32)], executors: &[(Executor, u32)]) -> Ask {
        Ask {
            total,
            room: total,
            ahead: 0,
            by_queue: queues.iter().map(|(queue, left)| ((*queue).to_string(), *left)).collect(),
            by_executor: executors.iter().copied().collect(),
            by_executor_ahead: BTreeMap::new(),
        }
    }

    fn none() -> BTreeSet<Arc<str>> {
        BTreeSet::new()
    }

    #[test]
    fn without_bounds_there_is_one_lane() {
        let lanes = lanes(&ask(8, &[], &[(Executor::Thread, 8)]), &two_tasks(), &none(), 0);
        assert_eq!(lanes, [Lane { tasks: [Arc::from("a"), Arc::from("b")].into(), queues: Queues::All, limit: 8 }]);
    }

    #[test]
    fn a_full_executor_gets_no_lane() {
        let lanes = lanes(&ask(8, &[], &[(Executor::Thread, 0)]), &two_tasks(), &none(), 0);
        assert_eq!(lanes, [Lane { tasks: [Arc::from("a")].into(), queues: Queues::All, limit: 8 }]);
    }

    #[test]
    fn a_bound_on_the_others_spares_the_named() {
        let lanes = lanes(&ask(8, &[("llm", 8), (OTHERS, 0)], &[]), &two_tasks(), &none(), 0);
        let queues: Vec<Queues> = lanes.into_iter().map(|lane| lane.queues).collect();
        assert_eq!(queues, [Queues::Only(vec![Arc::from("llm")])]);
    }

    #[test]
    fn limits_never_add_up_beyond_a_bound() {
        for turn in 0..8 {
            let ask = ask(8, &[("llm", 3), ("mail", 2)], &[(Executor::Thread, 1)]);
            let lanes = lanes(&ask, &two_tasks(), &none(), turn);
            let in_queue = |name: &str| -> u32 {
                let only = |lane: &&Lane| lane.queues == Queues::Only(vec![Arc::from(name)]);
                lanes.iter().filter(only).map(|lane| lane.limit).sum()
            };
            let in_threads: u32 =
                lanes.iter().filter(|lane| lane.tasks.iter().any(|t| &**t == "b")).map(|lane| lane.limit).sum();
            assert!(in_queue("llm") <= 3 && in_queue("mail") <= 2 && in_threads <= 1, "turn {turn}: {lanes:?}");
        }
    }

    #[test]
    fn slow_tasks_get_no_more_than_the_free_places_and_fast_ones_the_look_ahead_too() {
        let ask = Ask { total: 40, room: 2, ..Ask::default() };
        let limits = |fast: &[&str]| -> Vec<(Vec<String>, u32)> {
            let fast = fast.iter().map(|name| Arc::from(*name)).collect();
            let lanes = lanes(&ask, &two_tasks(), &fast, 0);
            lanes.iter().map(|lane| (lane.tasks.iter().map(ToString::to_string).collect(), lane.limit)).collect()
        };
        assert_eq!(limits(&["a", "b"]), [(vec!["a".into(), "b".into()], 40)]);
        assert_eq!(limits(&["a"]), [(vec!["a".into()], 40), (vec!["b".into()], 2)]);
        assert_eq!(limits(&[]), [(vec!["a".into(), "b".into()], 2)]);
    }
}
