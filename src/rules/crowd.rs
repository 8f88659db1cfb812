//! Decides how many pods share one queue without getting into each other's way: who looks when work is told of, and
//! how much a busy one takes at a time. Looks and claims nothing. Chance comes with the news, the same lot for every
//! pod that hears it: so each knows its place in line, and none has to ask the others.
//!
//! None of it touches a fleet of [`FEW`] pods: there everybody looks at once, and takes what it can.

use super::election::{PodStatus, PodView};
use super::step::PodId;
use super::time::Millis;

/// So many pods are no crowd.
pub const FEW: usize = 4;

/// So many of a crowd look at once when one step is told of: one may be dead, or busy since its last beat.
const LOOKERS: u64 = 2;

/// When the next in line look, lest those before them are all dead or busy. Who comes later looks when it would anyway.
const RESERVES: [Millis; 3] = [Millis(16), Millis(128), Millis(1024)];

/// Who finds more than it can take wakes as many as would take so many times that: all have come after a few rounds.
const PASSED_ON: u64 = 4;

/// Each pod of a crowd has this share of the time for its round trips: about so many claims a second together make one
/// each 1.6 ms, of which each brings three quarters of what ends in five of them.
const SHARE_S: f64 = 0.0016;

/// Of the time that a step may wait in a look-ahead, the round trip that it is reckoned by: five make a half.
const OF_MAX_AGE: f64 = 0.1;

/// Of the round trip that a look-ahead is reckoned by: how long ends wait for each other.
const OF_ROUND_TRIP: f64 = 2.0;

/// What has been told of new work so far: counters, so that who missed one telling understands the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rings {
    /// Times that whoever hears it should look.
    urgent: u64,
    /// Steps that anybody may take.
    steps: u64,
    lot: u64,
}

/// What is new since somebody last listened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    /// Look, whoever you are.
    Urgent,
    /// So many steps, for whom the lot falls on.
    Steps {
        steps: u64,
        lot: u64,
    },
}

/// When a pod that heard of work looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// And often from now on, as after any news.
    Now,
    /// Once, after so long; its pace stays as it was.
    Once(Millis),
    /// When it would have looked anyway.
    AsPlanned,
}

impl Rings {
    pub fn urge(&mut self) {
        self.urgent = self.urgent.wrapping_add(1);
    }

    /// Tells of steps; whoever told draws the lot, or takes anything that differs from telling to telling.
    pub fn tell(&mut self, steps: u64, lot: u64) {
        self.steps = self.steps.wrapping_add(steps.max(1));
        self.lot = lot;
    }

    /// As `tell`, where nobody else tells: the lots follow each other.
    pub fn tell_next(&mut self, steps: u64) {
        self.tell(steps, self.lot.wrapping_add(1));
    }

    pub fn since(&self, known: &Self) -> Heard {
        if self.urgent != known.urgent {
            return Heard::Urgent;
        }
        match self.steps.wrapping_sub(known.steps) {
            0 => Heard::Nothing,
            steps => Heard::Steps { steps, lot: self.lot },
        }
    }
}

/// How many pods may claim, by the last beat.
pub fn living(pods: &[PodView]) -> usize {
    pods.iter().filter(|pod| pod.status == PodStatus::Up).count()
}

/// The pods that may claim, by the last beat, and serve what `own` does, `own` among them; none if it is not known.
pub fn alike<'a>(own: &PodId, pods: &'a [PodView]) -> impl Iterator<Item = &'a PodView> {
    let serves = pods.iter().find(|pod| pod.pod_id == *own).map(|mine| &mine.serves);
    pods.iter().filter(move |pod| pod.status == PodStatus::Up && serves == Some(&pod.serves))
}

/// When `own` looks for what was heard of, beside the pods that were seen alive; `places` is how many steps one takes.
/// Nobody knows who can take what was told of: so the lot falls among the pods that serve the same tasks and queues as
/// `own`, for each such group anew, and first on those who had room at their last beat.
pub fn look(heard: Heard, own: &PodId, pods: &[PodView], places: u32) -> Look {
    let (steps, lot) = match heard {
        Heard::Nothing => return Look::AsPlanned,
        Heard::Urgent => return Look::Now,
        Heard::Steps { .. } if living(pods) <= FEW => return Look::Now,
        Heard::Steps { steps, lot } => (steps, lot),
    };
    match alike(own, pods).count() {
        0 => return Look::Now,
        1..=FEW => return Look::Once(Millis::ZERO),
        _ => {}
    }
    let rank = drawn(own, lot);
    let rivals = alike(own, pods).filter(|pod| pod.has_room && pod.pod_id != *own);
    let before = rivals.filter(|pod| drawn(&pod.pod_id, lot) < rank).count();
    let lookers = LOOKERS.saturating_add((steps - 1) / u64::from(places.max(1)));
    match u64::try_from(before).unwrap_or(u64::MAX).checked_sub(lookers) {
        None => Look::Once(Millis::ZERO),
        Some(place) => {
            let reserve = usize::try_from(place).ok().and_then(|place| RESERVES.get(place));
            reserve.map_or(Look::AsPlanned, |wait| Look::Once(*wait))
        }
    }
}

/// Of how many steps a pod tells the others that found as many as it had asked for, after it had found fewer before:
/// the first of many may have been told of as one. `None`: of none.
pub fn passed_on(living: usize, brought: u32) -> Option<u64> {
    (living > FEW && brought > 0).then(|| u64::from(brought) * PASSED_ON)
}

/// The round trip that a look-ahead is reckoned by. In a crowd each claim takes more and comes more rarely, for what a
/// claim costs hardly depends on how much it brings; within what a step may wait.
#[allow(clippy::cast_precision_loss, reason = "a number of pods")]
pub fn round_trip_s(living: usize, measured_s: f64, max_age: Millis) -> f64 {
    if living <= FEW {
        return measured_s;
    }
    measured_s.max(living as f64 * SHARE_S).min(max_age.as_secs_f64() * OF_MAX_AGE)
}

/// The rate that a look-ahead is reckoned by. A pod of a crowd gets a processor now and then and ends what it holds at
/// once: right after that, when it asks, the rate of a short window is twice what it does in the long run.
pub fn steps_per_second(living: usize, lately: f64, in_the_long_run: f64) -> f64 {
    if living <= FEW { lately } else { lately.min(in_the_long_run) }
}

/// Whether a pod of a crowd asks now for what it lacks of its places and look-ahead (`ahead` of it): as soon as what
/// waits is down to a quarter, which lasts for a round trip and somewhat. Before that it would claim a few at a time.
pub fn is_time_to_ask(living: usize, lacks: u32, ahead: u32) -> bool {
    living <= FEW || u64::from(lacks) * 4 >= u64::from(ahead) * 3
}

/// How long the ends of a pod wait for each other while it holds steps ahead, whose ends will follow: in a crowd a call
/// costs the server more than what it brings. Few pods, and who holds nothing ahead, record an end at once.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of what a step may wait")]
pub fn ends_wait(living: usize, max_age: Millis) -> Millis {
    if living <= FEW {
        return Millis::ZERO;
    }
    Millis((round_trip_s(living, 0.0, max_age) * OF_ROUND_TRIP * 1000.0) as u64)
}

/// The place of a pod in a lot: FNV-1a over both, and a last mixing, for names differ in their ends alone.
fn drawn(pod: &PodId, lot: u64) -> u64 {
    let bytes = lot.to_le_bytes().into_iter().chain(pod.as_str().bytes());
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (sum ^ (sum >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}
