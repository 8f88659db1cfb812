//! Gives each call the floors that its statements begin at, and learns from the answers. What may be
//! believed, and for how long, is `rules::floors`'s.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_postgres::Row;

use super::connection::Connections;
use super::gate::Gate;
use super::sql::Call;
use crate::rules::floors::{Belief, Floor, Floors, Front, Seen, Spans, Trust};
use crate::rules::step::{PodId, StepId};
use crate::store::error::Result;
use crate::store::types::{ClaimCall, ClaimKind, Claimed, Lane, NewStep, Queues};

/// Different looks remembered; a pod whose executors fill up and empty has a few.
const LOOKS_MAX: usize = 8;

/// What this store's calls have seen of the fronts.
#[derive(Debug, Default)]
pub(super) struct Known {
    looks: Mutex<Vec<(Filter, Floors)>>,
    /// Where the scheduled steps begin.
    due: Mutex<Floor>,
    held: Mutex<Held>,
    /// Where the final steps begin that nobody pruned, by state.
    ended: Mutex<Ended>,
    /// How many pods look for the same steps, this one among them; 0 before the first beat.
    sharers: AtomicUsize,
    pub gate: Gate,
}

/// Which steps a look counts as waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    /// A hand-off passes over nobody.
    Everyone,
    InQueues(Arc<[Arc<str>]>),
    AllQueuesBut(Arc<[Arc<str>]>, Vec<Arc<str>>),
}

/// The pod's open claims: those before the floor by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub pod: Option<PodId>,
    pub floor: Floor,
    pub older: Vec<StepId>,
}

/// The floors of prune.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub completed: Floor,
    pub failed: Floor,
    pub cancelled: Floor,
}

/// What one lane of a cycle goes by, and whether the cycle asks anew.
#[derive(Debug)]
pub(super) struct Look {
    filter: Filter,
    pub belief: Belief,
    pub asks: bool,
}

impl Known {
    /// One for each lane, and one for hand-offs.
    pub fn looks(&self, demand: Option<&ClaimCall>) -> Vec<Look> {
        let Some(demand) = demand else { return Vec::new() };
        let lanes = demand.lanes.iter().map(|lane| self.look(Filter::of(lane), &first_fronts(lane), demand.kind));
        lanes.chain([self.look(Filter::Everyone, &[], demand.kind)]).collect()
    }

    fn look(&self, filter: Filter, first: &[Front], kind: ClaimKind) -> Look {
        let mut looks = unpoisoned(&self.looks);
        let floors = of(&mut looks, &filter);
        let belief = floors.belief_with(first);
        let asks = kind == ClaimKind::Ordinary && floors.want_a_look() && belief.asked().next().is_some();
        Look { filter, belief, asks }
    }

    /// Learns from one look of a cycle that was committed.
    pub fn learn(&self, look: &Look, seen: &Seen, claims: &[Claimed]) {
        let in_queue = matches!(look.filter, Filter::InQueues(_));
        let fronts = claims
            .iter()
            .map(|claimed| Front { queue: in_queue.then(|| Arc::clone(&claimed.queue)), priority: claimed.priority });
        let fronts: Vec<Front> = fronts.collect();
        of(&mut unpoisoned(&self.looks), &look.filter).learn(&look.belief, seen, &fronts);
    }

    /// What a hand-off of these steps goes by; they are looked for from now on.
    pub fn hand_off(&self, steps: &[NewStep]) -> Belief {
        let mut fronts: Vec<Front> = Vec::new();
        for step in steps {
            let front = Front { queue: Some(Arc::clone(&step.queue)), priority: step.priority };
            if !fronts.contains(&front) {
                fronts.push(front);
            }
        }
        let mut looks = unpoisoned(&self.looks);
        let floors = of(&mut looks, &Filter::Everyone);
        floors.track(&fronts);
        floors.belief()
    }

    pub fn sharers(&self) -> usize {
        self.sharers.load(Ordering::Relaxed)
    }

    pub fn set_sharers(&self, pods: usize) {
        self.sharers.store(pods, Ordering::Relaxed);
    }

    pub fn due(&self) -> Floor {
        *unpoisoned(&self.due)
    }

    pub fn set_due(&self, floor: Floor) {
        *unpoisoned(&self.due) = floor;
    }

    /// Of another pod of this process nothing is known.
    pub fn held(&self, pod: &PodId) -> Held {
        let held = unpoisoned(&self.held);
        if held.pod.as_ref() == Some(pod) { held.clone() } else { Held::default() }
    }

    pub fn set_held(&self, held: Held) {
        *unpoisoned(&self.held) = held;
    }

    pub fn ended(&self) -> Ended {
        *unpoisoned(&self.ended)
    }

    pub fn set_ended(&self, floors: Ended) {
        *unpoisoned(&self.ended) = floors;
    }
}

/// Has a floor before the first claim does: a pod that finds nothing to claim must not read a foreign backlog each time.
fn first_fronts(lane: &Lane) -> Vec<Front> {
    match &lane.queues {
        Queues::All | Queues::Except(_) => vec![Front { queue: None, priority: 0 }],
        Queues::Only(queues) => {
            queues.iter().map(|queue| Front { queue: Some(Arc::clone(queue)), priority: 0 }).collect()
        }
    }
}

/// Every floor is written whole, so a panic elsewhere leaves none that is too high.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The floors of a filter; the last used stand last, and the first make room.
fn of<'a>(looks: &'a mut Vec<(Filter, Floors)>, filter: &Filter) -> &'a mut Floors {
    let place = looks.iter().position(|(own, _)| own == filter);
    let found = match place {
        Some(place) => looks.remove(place),
        None => (filter.clone(), Floors::default()),
    };
    if looks.len() >= LOOKS_MAX {
        looks.remove(0);
    }
    looks.push(found);
    &mut looks.last_mut().expect("one was pushed above").1
}

impl Filter {
    fn of(lane: &Lane) -> Self {
        let tasks = Arc::clone(&lane.tasks);
        match &lane.queues {
            Queues::All => Self::AllQueuesBut(tasks, Vec::new()),
            Queues::Except(queues) => Self::AllQueuesBut(tasks, queues.clone()),
            Queues::Only(_) => Self::InQueues(tasks),
        }
    }

    fn tasks(&self) -> Option<Vec<&str>> {
        match self {
            Self::Everyone => None,
            Self::InQueues(tasks) | Self::AllQueuesBut(tasks, _) => Some(tasks.iter().map(|task| &**task).collect()),
        }
    }

    fn except(&self) -> Vec<&str> {
        match self {
            Self::Everyone | Self::InQueues(_) => Vec::new(),
            Self::AllQueuesBut(_, queues) => queues.iter().map(|queue| &**queue).collect(),
        }
    }
}

pub(super) fn trusting(call: Call<'_>, trust: Trust) -> Call<'_> {
    call.with("trusted_from", trust.from).with("trusted_until", trust.until)
}

/// Tells a statement where the scheduled steps begin.
pub(super) fn due_from(call: Call<'_>, floor: Floor) -> Call<'_> {
    let trust = floor.trust();
    call.with("due_floor", floor.since()).with("due_from", trust.from).with("due_until", trust.until)
}

pub(super) fn spanned(call: Call<'_>, spans: Spans) -> Call<'_> {
    let Spans { queues, below, at, since } = spans;
    call.with("span_queues", queues).with("below", below).with("at", at).with("since", since)
}

/// The question where the fronts of a look are.
pub(super) fn fronts<'a>(db: &'a Connections, look: &'a Look) -> Call<'a> {
    let asked = || look.belief.asked();
    trusting(db.call(&db.sql.fronts), look.belief.trust())
        .with("tasks", look.filter.tasks())
        .with("except", look.filter.except())
        .with("queues", asked().map(|(queue, ..)| queue).collect::<Vec<_>>())
        .with("at", asked().map(|(_, at, _)| at).collect::<Vec<_>>())
        .with("since", asked().map(|(.., since)| since).collect::<Vec<_>>())
}

/// Reads the answer of [`fronts`].
pub(super) fn seen_fronts(rows: &[Row]) -> Result<Vec<Option<i64>>> {
    rows.iter().map(|row| Ok(row.try_get("front")?)).collect()
}
