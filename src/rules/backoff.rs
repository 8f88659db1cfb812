//! Decides how long to wait before the next attempt. Never waits.

use super::time::{Millis, Unit};

/// How much of a delay is left to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// The delay itself.
    None,
    /// Half the delay, plus up to the other half.
    Equal,
    /// Anything from zero to the delay ("full jitter", Brooker 2015).
    Full,
    /// The delay, plus up to 50 % of it above the first and 62.5 % from 800 ms: the seeds' claim
    /// profile 50 → 100–150 → 200–300 → 400–650 → 800–1300 ms.
    ClaimProfile,
}

/// An exponential policy: attempt *n* (from 0) waits `base × factor^n`, at most `cap`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    pub base: Millis,
    pub factor: f64,
    pub cap: Millis,
    pub jitter: Jitter,
}

impl Backoff {
    /// What a task's retries wait unless it says otherwise.
    pub const RETRY: Self = Self { base: Millis(1000), factor: 2.0, cap: Millis(300_000), jitter: Jitter::Full };

    /// What a pod waits when claims collide (the seeds' profile).
    pub const CLAIM: Self = Self { base: Millis(50), factor: 2.0, cap: Millis(1300), jitter: Jitter::ClaimProfile };

    /// What a loop waits while the store is away.
    pub const STORE: Self = Self { base: Millis(100), factor: 2.0, cap: Millis(5000), jitter: Jitter::Equal };
}

/// The wait before retry number `attempt` (0 is the first retry).
pub fn delay(policy: &Backoff, attempt: u32, draw: Unit) -> Millis {
    let full = ceiling(policy, attempt);
    let drawn = match policy.jitter {
        Jitter::None => full,
        Jitter::Equal => full / 2.0 + full / 2.0 * draw.get(),
        Jitter::Full => full * draw.get(),
        Jitter::ClaimProfile => {
            let spread = 1.0 + claim_spread(attempt) * draw.get();
            // The cap bounds the widest draw, not each: else late attempts of many pods would coincide.
            full.min(in_ms(policy.cap) / (1.0 + claim_spread(attempt))) * spread
        }
    };
    to_millis(drawn).min(policy.cap)
}

/// The undrawn wait in milliseconds. A power that overflows is infinite, and so the cap.
fn ceiling(policy: &Backoff, attempt: u32) -> f64 {
    if policy.base == Millis::ZERO {
        return 0.0; // Zero times an infinite power is no number.
    }
    let power = i32::try_from(attempt).unwrap_or(i32::MAX);
    (in_ms(policy.base) * policy.factor.powi(power)).min(in_ms(policy.cap))
}

fn in_ms(duration: Millis) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The seeds spell the profile out as ranges; these are their widths as a share of the low end.
fn claim_spread(attempt: u32) -> f64 {
    match attempt {
        0 => 0.0,
        1 | 2 => 0.5,
        _ => 0.625,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "finite, not negative, at most the cap")]
fn to_millis(ms: f64) -> Millis {
    if ms.is_finite() && ms > 0.0 { Millis(ms.round() as u64) } else { Millis::ZERO }
}
