//! Decides where a claim may begin to look, so that no statement walks again over index entries that are dead.
//! Decides nothing about whose turn it is, and never trusts itself for long.
//!
//! A step leaves dead entries in the indexes that found it, and an old snapshot keeps them for hours. A claim that
//! began at the start of its index would read them all. So each priority has a floor: the creation time before
//! which no step waits that is pending since it was stored. Steps that became pending *again* (retried, released,
//! rescued) come in no order of time and have no floor; a store keeps them apart.
//!
//! What can still appear below a floor was stored by a transaction that took longer than [`MARGIN_MS`] to commit.
//! It is found by the next full look, which begins at the start: once in [`FULL_LOOK_MS`], or seldom enough that
//! those of all pods that look for the same together cost a twentieth of the time. So is everything when the
//! database's clock went back.

use std::sync::Arc;

/// What is younger counts as perhaps not committed yet.
pub const MARGIN_MS: i64 = 1_000;
/// The first claim after this long begins at the start again.
pub const FULL_LOOK_MS: i64 = 1_000;
/// A full look that took one millisecond is followed by this many without one.
const FULL_LOOK_SHARE: i64 = 20;
/// Fronts with a floor; the others are read from the start.
pub const TRACKED_MAX: usize = 16;
/// Floors are read anew after this many claimed steps in so many claims at least, or after so many claims. A claim
/// then walks over no more entries that died since the last look than four times what it takes, or 256.
const STEPS_PER_LOOK: usize = 256;
const LARGE_CLAIMS_PER_LOOK: u32 = 4;
const CLAIMS_PER_LOOK: u32 = 8;
/// Below and above every priority.
pub const NO_PRIORITY: (i64, i64) = (i32::MIN as i64 - 1, i32::MAX as i64 + 1);
/// Before every timestamp.
pub const NEVER: i64 = i64::MIN / 4;

/// What one pod has seen of the fronts so far.
#[derive(Debug)]
pub struct Floors {
    belief: Belief,
    uses: u64,
    steps_since: usize,
    claims_since: u32,
}

/// What one call goes by: the floors as they were when it was put together.
#[derive(Clone, Debug)]
pub struct Belief {
    tracked: Vec<Tracked>,
    trust: Trust,
}

/// A priority over all queues, or in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    pub queue: Option<Arc<str>>,
    pub priority: i32,
}

#[derive(Clone, Debug)]
struct Tracked {
    front: Front,
    since: i64,
    used: u64,
}

/// Priorities from the highest down: those between `below` and `at` from the start, `at` itself from `since` on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The queue of each span; empty when all queues are looked through at once.
    pub queues: Vec<String>,
    pub below: Vec<i64>,
    pub at: Vec<i64>,
    pub since: Vec<i64>,
}

/// When floors hold, by the database's clock; outside, everything is read from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    pub from: i64,
    pub until: i64,
}

/// Where the fronts are, as a committed call saw them.
#[derive(Debug)]
pub struct Seen {
    /// One for each front of [`Belief::asked`], `None` where nobody waits; empty if not asked for.
    pub fronts: Vec<Option<i64>>,
    /// The database's clock at the call's begin.
    pub now: i64,
    /// For how long a full look, if this was one, is not repeated.
    pub pause_ms: i64,
}

/// For how long a full look that took so long is not repeated by one of so many pods that all make them: together they
/// spend on it what one would alone, and each finds what all look for.
pub fn pause_ms(spent_ms: i64, sharers: usize) -> i64 {
    let sharers = i64::try_from(sharers.max(1)).unwrap_or(i64::MAX);
    FULL_LOOK_MS.max(spent_ms.saturating_mul(FULL_LOOK_SHARE).saturating_mul(sharers))
}

impl Trust {
    /// Ended before it began: the first look is a full one.
    const NONE: Self = Self { from: 0, until: NEVER };

    fn holds(self, now: i64) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

impl Default for Floors {
    fn default() -> Self {
        let belief = Belief { tracked: Vec::new(), trust: Trust::NONE };
        Self { belief, uses: 0, steps_since: 0, claims_since: CLAIMS_PER_LOOK }
    }
}

impl Floors {
    pub fn belief(&self) -> Belief {
        self.belief.clone()
    }

    /// As [`Self::belief`], after these fronts were given a floor, unless others have one already.
    pub fn belief_with(&mut self, first: &[Front]) -> Belief {
        if self.belief.tracked.is_empty() {
            self.track(first);
        }
        self.belief()
    }

    /// Whether it is time that a claim also asks where the fronts are now.
    pub fn want_a_look(&self) -> bool {
        let walked_far = self.steps_since >= STEPS_PER_LOOK && self.claims_since >= LARGE_CLAIMS_PER_LOOK;
        walked_far || self.claims_since >= CLAIMS_PER_LOOK
    }

    /// Learns from a call that was committed. `claimed` names the fronts that its steps came from.
    pub fn learn(&mut self, belief: &Belief, seen: &Seen, claimed: &[Front]) {
        let full = !belief.trusts(seen.now);
        let asked = !seen.fronts.is_empty() || belief.tracked.is_empty();
        let latest = seen.now - MARGIN_MS;
        let raised = |old: i64, front: Option<i64>| {
            let new = front.unwrap_or(i64::MAX).min(latest);
            // What a full look found below a floor lowers it.
            if full { new } else { new.max(old) }
        };
        for (known, front) in belief.tracked.iter().zip(&seen.fronts) {
            if let Some(kept) = self.belief.tracked.iter_mut().find(|kept| kept.front == known.front) {
                kept.since = raised(known.since, *front);
            }
        }
        // A full look that did not ask has learnt no floor: after the clock went back, to trust from now on
        // would be to trust the floors of a time to come.
        if asked || !full {
            self.belief.trust.from = latest;
        }
        if full && asked {
            self.belief.trust.until = seen.now.saturating_add(seen.pause_ms);
        }
        if asked {
            (self.steps_since, self.claims_since) = (0, 0);
        }
        self.steps_since += claimed.len();
        // A full look that did not ask is followed by one that does.
        self.claims_since = if full && !asked { CLAIMS_PER_LOOK } else { self.claims_since.saturating_add(1) };
        self.track(claimed);
    }

    /// Gives fronts a floor, which begins at the start; the one unused for longest makes room.
    pub fn track(&mut self, fronts: &[Front]) {
        for front in fronts {
            self.track_one(front);
        }
    }

    fn track_one(&mut self, front: &Front) {
        self.uses += 1;
        let used = self.uses;
        let tracked = &mut self.belief.tracked;
        if let Some(kept) = tracked.iter_mut().find(|kept| kept.front == *front) {
            kept.used = used;
            return;
        }
        if tracked.len() >= TRACKED_MAX
            && let Some(oldest) = (0..tracked.len()).min_by_key(|&at| tracked[at].used)
        {
            tracked.swap_remove(oldest);
        }
        tracked.push(Tracked { front: front.clone(), since: NEVER, used });
    }
}

impl Belief {
    pub fn trusts(&self, now: i64) -> bool {
        self.trust.holds(now)
    }

    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// For a call that leaves full looks to the claims.
    pub fn trust_without_full_look(&self) -> Trust {
        if self.trust == Trust::NONE { self.trust } else { Trust { until: i64::MAX, ..self.trust } }
    }

    /// Where a claim over all queues begins.
    pub fn everywhere(&self) -> Spans {
        let mut spans = Spans::default();
        spans.add(None, self.floors(|own| own.is_none()));
        spans
    }

    /// Where a look into each of these queues begins.
    pub fn in_queues<'a>(&self, queues: impl IntoIterator<Item = &'a str>) -> Spans {
        let mut spans = Spans::default();
        for queue in queues {
            // What holds for all queues holds for each of them.
            spans.add(Some(queue), self.floors(|own| own.is_none_or(|own| own == queue)));
        }
        spans
    }

    /// The fronts to ask for, each with where to begin.
    pub fn asked(&self) -> impl Iterator<Item = (Option<&str>, i64, i64)> {
        let tracked = self.tracked.iter();
        tracked.map(|known| (known.front.queue.as_deref(), i64::from(known.front.priority), known.since))
    }

    /// Each priority once, the highest first, with the latest floor that holds for it.
    fn floors(&self, holds: impl Fn(Option<&str>) -> bool) -> Vec<(i64, i64)> {
        let matching = self.tracked.iter().filter(|known| holds(known.front.queue.as_deref()));
        let mut floors: Vec<_> = matching.map(|known| (i64::from(known.front.priority), known.since)).collect();
        floors.sort_unstable_by(|a, b| b.cmp(a));
        floors.dedup_by_key(|(priority, _)| *priority);
        floors
    }
}

impl Spans {
    fn add(&mut self, queue: Option<&str>, floors: Vec<(i64, i64)>) {
        let (lowest, highest) = NO_PRIORITY;
        let mut below = highest;
        for (at, since) in floors.into_iter().chain([(lowest, NEVER)]) {
            self.queues.extend(queue.map(str::to_owned));
            self.below.push(below);
            self.at.push(at);
            self.since.push(since);
            below = at;
        }
    }
}

/// The floor of one index whose entries come in the order of time.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    since: i64,
    trust: Trust,
}

impl Default for Floor {
    fn default() -> Self {
        Self { since: NEVER, trust: Trust::NONE }
    }
}

impl Floor {
    pub fn since(&self) -> i64 {
        self.since
    }

    /// Where it may be believed, by the database's clock.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Learns at `now` that nothing was left before `front`; from `pause_ms` after the last full look on, begins anew.
    pub fn learn(&mut self, front: i64, now: i64, pause_ms: i64) {
        if self.trust.holds(now) {
            self.since = self.since.max(front);
        } else {
            (self.since, self.trust.until) = (front, now.saturating_add(pause_ms));
        }
        self.trust.from = now - MARGIN_MS;
    }
}
