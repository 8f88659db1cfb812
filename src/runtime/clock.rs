//! Owns the only clocks and the only source of chance. Decides nothing by them.

use std::fmt::Debug;
use std::sync::Mutex;

use super::lock;
use crate::rules::step::{ClaimId, StepId};
use crate::rules::time::{Monotonic, Unit};

/// A pod's own time: cadence, self-fencing and the time part of new ids. Never ownership.
pub trait Clock: Send + Sync + Debug + 'static {
    /// Counts suspend, so that a laptop that slept knows it did.
    fn monotonic(&self) -> Monotonic;

    /// Milliseconds since the Unix epoch, by the pod's wall clock; only for the sort prefix of ids.
    fn unix_ms(&self) -> u64;
}

/// Chance, so that a simulation can replay it from a seed.
pub trait Draws: Send + Sync + Debug + 'static {
    fn bytes(&self) -> [u8; 16];

    fn unit(&self) -> Unit {
        Unit::from_bits(u64::from_le_bytes(first_eight(self.bytes())))
    }
}

/// Mints step ids, each after the one before.
#[derive(Debug)]
pub(crate) struct StepIds(Mutex<StepId>);

impl Default for StepIds {
    fn default() -> Self {
        Self(Mutex::new(StepId([0; 16])))
    }
}

impl StepIds {
    pub(crate) fn mint(&self, clock: &dyn Clock, draws: &dyn Draws) -> StepId {
        let bytes = draws.bytes();
        let mut random = [0; 10];
        random.copy_from_slice(&bytes[..10]);
        let mut last = lock(&self.0);
        *last = StepId::v7_after(*last, clock.unix_ms(), random);
        *last
    }
}

/// Mints a fresh claim id.
pub fn new_claim_id(draws: &dyn Draws) -> ClaimId {
    ClaimId::v4(draws.bytes())
}

/// The machine's clocks.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn monotonic(&self) -> Monotonic {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        // On macOS the monotonic clock already counts suspend.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        let secs = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        Monotonic(secs * 1000 + nanos / 1_000_000)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    fn unix_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The operating system's randomness: safe across forks, which a seeded generator is not.
#[derive(Debug, Default)]
pub struct SystemDraws;

impl Draws for SystemDraws {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may draw")]
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has randomness once it has booted");
        bytes
    }
}

fn first_eight(bytes: [u8; 16]) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[..8]);
    eight
}
