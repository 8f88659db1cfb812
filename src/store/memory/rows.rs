//! Owns STEP_TRACKER in memory: the rows and the indexes that keep claims, rescue and pruning from
//! reading all of them. Decides no transition; every edit goes through [`Rows::change`].

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::rules::claim::{Turn, is_due};
use crate::rules::recovery::is_suspect;
use crate::rules::state::State;
use crate::rules::step::{PodId, StepId};
use crate::rules::time::Timestamp;
use crate::store::types::{Lane, Queues, Search, Step};

#[derive(Debug, Default)]
pub(super) struct Rows {
    steps: BTreeMap<StepId, Step>,
    /// Steps due at `ripe_until`, by queue and task, in P9's order.
    due: BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeSet<ByTurn>>>,
    /// Every scheduled step, ripe ones included.
    scheduled: BTreeSet<(Timestamp, StepId)>,
    /// The moment `due` speaks of: scheduled steps available up to it are in there.
    ripe_until: Timestamp,
    held: BTreeMap<PodId, BTreeSet<StepId>>,
    ended: BTreeSet<(Timestamp, StepId)>,
    /// Steps that crashed and have not ended.
    crashed: BTreeSet<StepId>,
    live_keys: BTreeMap<Arc<str>, StepId>,
}

/// A [`Turn`] that sorts as P9 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ByTurn(Turn);

impl Ord for ByTurn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.before(&other.0)
    }
}

impl PartialOrd for ByTurn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Rows {
    pub(super) fn get(&self, id: StepId) -> Option<&Step> {
        self.steps.get(&id)
    }

    pub(super) fn insert(&mut self, step: Step) {
        self.index(&step);
        let before = self.steps.insert(step.step_id, step);
        assert!(before.is_none(), "a step is inserted once");
    }

    /// Edits one row and its place in every index; `None` when there is no such row.
    pub(super) fn change(&mut self, id: StepId, edit: impl FnOnce(&mut Step)) -> Option<&Step> {
        let mut step = self.steps.remove(&id)?;
        self.unindex(&step);
        edit(&mut step);
        self.index(&step);
        Some(self.steps.entry(id).or_insert(step))
    }

    pub(super) fn remove(&mut self, id: StepId) {
        if let Some(step) = self.steps.remove(&id) {
            self.unindex(&step);
        }
    }

    /// Lets the index of due steps speak of `now`, whichever way the clock went.
    pub(super) fn turn_clock(&mut self, now: Timestamp) {
        let (from, to) = (self.ripe_until.min(now), self.ripe_until.max(now));
        let moved: Vec<StepId> = self.scheduled.range(after(from)..after(to)).map(|(_, id)| *id).collect();
        let ripens = now > self.ripe_until;
        self.ripe_until = now;
        for id in moved {
            let step = &self.steps[&id];
            if ripens { add_turn(&mut self.due, step) } else { drop_turn(&mut self.due, step) }
        }
    }

    /// The first due steps of a lane, at most `limit`, in P9's order.
    pub(super) fn first_due(
        &self,
        lane: &Lane,
        limit: u32,
        wanted: impl Fn(&Step) -> bool + Copy,
        paused: &BTreeSet<String>,
    ) -> Vec<StepId> {
        let queues = self.due.iter().filter(|(queue, _)| lane.takes_from(queue) && !paused.contains(&***queue));
        let mut heads: Vec<_> = queues
            .flat_map(|(_, tasks)| tasks)
            .filter(|(task, _)| lane.tasks.contains(task))
            .map(|(_, turns)| turns.iter().filter(move |turn| wanted(&self.steps[&turn.0.step_id])).peekable())
            .collect();
        let mut first = Vec::new();
        while first.len() < limit as usize {
            let next = heads
                .iter_mut()
                .filter_map(|head| head.peek().copied().map(|turn| (*turn, head)))
                .min_by_key(|(turn, _)| *turn);
            let Some((turn, head)) = next else { break };
            head.next();
            first.push(turn.0.step_id);
        }
        first
    }

    /// The highest priority among the due steps of a queue.
    pub(super) fn top_priority(&self, queue: &str) -> Option<i32> {
        self.due.get(queue)?.values().filter_map(|turns| turns.first()).map(|turn| turn.0.priority).max()
    }

    /// Whether a due step has crashed so often that it may only run alone.
    pub(super) fn has_suspect(&self, max_crashes: u32) -> bool {
        let crashed = self.crashed.iter().map(|id| &self.steps[id]);
        crashed
            .filter(|step| is_due(step.state, step.available, self.ripe_until))
            .any(|step| is_suspect(step.crash_count, max_crashes))
    }

    /// When the next scheduled step that is not yet due will be.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.scheduled.range(after(self.ripe_until)..).next().map(|(available, _)| *available)
    }

    /// The step that is not final and carries this key.
    pub(super) fn holder_of(&self, key: &str) -> Option<StepId> {
        self.live_keys.get(key).copied()
    }

    pub(super) fn held_by(&self, pod: &PodId) -> impl Iterator<Item = &Step> {
        self.held.get(pod).into_iter().flatten().map(|id| &self.steps[id])
    }

    /// Steps claimed by pods that hold no claims (any more), smallest id first.
    pub(super) fn orphans(&self, holds: impl Fn(&PodId) -> bool, limit: u32) -> Vec<StepId> {
        let mut ids: Vec<StepId> =
            self.held.iter().filter(|(pod, _)| !holds(pod)).flat_map(|(_, ids)| ids).copied().collect();
        ids.sort_unstable();
        ids.truncate(limit as usize);
        ids
    }

    /// Final steps, the longest ended first.
    pub(super) fn ended(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.ended.iter().map(|(_, id)| &self.steps[id])
    }

    pub(super) fn search(&self, filter: &Search) -> Vec<Step> {
        let upto = filter.before.unwrap_or(StepId([0xff; 16]));
        let page = self.steps.range(..=upto).rev().map(|(_, step)| step);
        page.filter(|step| matches(filter, step)).take(filter.limit as usize).cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, BTreeMap<State, u64>> {
        let mut counts: BTreeMap<String, BTreeMap<State, u64>> = BTreeMap::new();
        for step in self.steps.values() {
            *counts.entry(step.queue.to_string()).or_default().entry(step.state).or_default() += 1;
        }
        counts
    }

    fn index(&mut self, step: &Step) {
        let id = step.step_id;
        if is_due(step.state, step.available, self.ripe_until) {
            add_turn(&mut self.due, step);
        }
        if step.state == State::Scheduled {
            self.scheduled.insert((step.available, id));
        }
        if let (State::Claimed, Some(pod)) = (step.state, &step.claimed_by) {
            self.held.entry(pod.clone()).or_default().insert(id);
        }
        if step.crash_count > 0 && !step.state.is_final() {
            self.crashed.insert(id);
        }
        if step.state.is_final() {
            self.ended.insert((step.finished.unwrap_or_default(), id));
        } else if let Some(key) = &step.unique_key {
            self.live_keys.insert(Arc::clone(key), id);
        }
    }

    fn unindex(&mut self, step: &Step) {
        let id = step.step_id;
        drop_turn(&mut self.due, step);
        self.scheduled.remove(&(step.available, id));
        self.ended.remove(&(step.finished.unwrap_or_default(), id));
        self.crashed.remove(&id);
        self.drop_held(step);
        if let Some(key) = step.unique_key.as_ref().filter(|key| self.live_keys.get(*key) == Some(&id)) {
            self.live_keys.remove(key);
        }
    }

    fn drop_held(&mut self, step: &Step) {
        let Some(pod) = &step.claimed_by else { return };
        let Some(held) = self.held.get_mut(pod) else { return };
        held.remove(&step.step_id);
        if held.is_empty() {
            self.held.remove(pod);
        }
    }
}

impl Lane {
    fn takes_from(&self, queue: &Arc<str>) -> bool {
        match &self.queues {
            Queues::All => true,
            Queues::Only(queues) => queues.contains(queue),
            Queues::Except(queues) => !queues.contains(queue),
        }
    }
}

type Due = BTreeMap<Arc<str>, BTreeMap<Arc<str>, BTreeSet<ByTurn>>>;

fn turn_of(step: &Step) -> ByTurn {
    ByTurn(Turn { priority: step.priority, created: step.created, step_id: step.step_id })
}

fn add_turn(due: &mut Due, step: &Step) {
    let tasks = due.entry(Arc::clone(&step.queue)).or_default();
    tasks.entry(Arc::clone(&step.task)).or_default().insert(turn_of(step));
}

/// Empty branches go too: a queue name used once must not slow down every claim after it.
fn drop_turn(due: &mut Due, step: &Step) {
    let Some(tasks) = due.get_mut(&step.queue) else { return };
    let Some(turns) = tasks.get_mut(&step.task) else { return };
    turns.remove(&turn_of(step));
    if turns.is_empty() {
        tasks.remove(&step.task);
    }
    if tasks.is_empty() {
        due.remove(&step.queue);
    }
}

/// The lower end of everything that is due later than `moment`.
fn after(moment: Timestamp) -> (Timestamp, StepId) {
    (Timestamp(moment.0.saturating_add(1)), StepId([0; 16]))
}

fn matches(filter: &Search, step: &Step) -> bool {
    filter.before != Some(step.step_id)
        && filter.queue.as_deref().is_none_or(|queue| *queue == *step.queue)
        && filter.task.as_deref().is_none_or(|task| *task == *step.task)
        && (filter.states.is_empty() || filter.states.contains(&step.state))
        && filter.tag.as_ref().is_none_or(|tag| step.tags.contains(tag))
}
