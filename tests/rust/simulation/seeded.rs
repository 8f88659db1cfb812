//! Chance and time of a simulated world, both from one seed.

use std::sync::{Arc, Mutex};

use fleet_q::rules::time::{Millis, Monotonic, Timestamp};
use fleet_q::runtime::clock::{Clock, Draws};
use fleet_q::store::clock::DatabaseClock;
use tokio::time::Instant;

/// xorshift64*: small, fast, and the same everywhere.
#[derive(Debug)]
pub struct Seeded(Mutex<u64>);

impl Seeded {
    pub fn new(seed: u64) -> Arc<Self> {
        // Zero would stay zero.
        Arc::new(Self(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)))
    }

    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("no panic while drawing");
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A draw from `low..high`.
    pub fn within(&self, low: u64, high: u64) -> u64 {
        low + (self.next() >> 16) % (high - low)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&self, percent: u64) -> bool {
        self.within(0, 100) < percent
    }
}

impl Draws for Seeded {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_le_bytes());
        bytes[8..].copy_from_slice(&self.next().to_le_bytes());
        bytes
    }
}

/// Virtual time: moves only when every task waits.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    began: Instant,
}

/// Where the simulated world's calendar begins.
const EPOCH_MS: u64 = 1_800_000_000_000;

impl VirtualClock {
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }

    pub fn elapsed(&self) -> Millis {
        Millis(u64::try_from(self.began.elapsed().as_millis()).expect("a simulation is short"))
    }
}

impl Clock for VirtualClock {
    fn monotonic(&self) -> Monotonic {
        Monotonic(self.elapsed().0 + 1)
    }

    fn unix_ms(&self) -> u64 {
        EPOCH_MS + self.elapsed().0
    }
}

impl DatabaseClock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.unix_ms()).expect("a simulation is short"))
    }
}
