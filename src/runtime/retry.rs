//! The only place that tries again. How long to wait is `rules::backoff`'s.

use std::future::Future;

use super::clock::{Clock, Draws};
use crate::rules::backoff::{self, Backoff};
use crate::rules::time::{Millis, Monotonic};
use crate::store;

/// Counts failures in a row and says how long to wait after each.
#[derive(Debug)]
pub(crate) struct Patience {
    policy: Backoff,
    failures: u32,
}

impl Patience {
    pub(crate) const fn new(policy: Backoff) -> Self {
        Self { policy, failures: 0 }
    }

    pub(crate) fn after_failure(&mut self, draws: &dyn Draws) -> Millis {
        let wait = backoff::delay(&self.policy, self.failures, draws.unit());
        self.failures = self.failures.saturating_add(1);
        wait.max(Millis(1))
    }

    pub(crate) fn after_success(&mut self) {
        self.failures = 0;
    }
}

/// Calls the store until it answers, fails for good, or `until` has passed.
/// Only for calls that may be sent twice.
pub(crate) async fn until_answered<T, F, Fut>(
    clock: &dyn Clock,
    draws: &dyn Draws,
    until: Monotonic,
    mut call: F,
) -> store::Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = store::Result<T>>,
{
    let mut patience = Patience::new(Backoff::STORE);
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wait = patience.after_failure(draws);
        if !error.is_transient() || clock.monotonic() + wait > until {
            return Err(error);
        }
        tokio::time::sleep(wait.as_duration()).await;
    }
}

/// Gives a store call a deadline; past it the outcome is unknown.
pub(crate) async fn with_deadline<T>(
    limit: Millis,
    action: &str,
    call: impl Future<Output = store::Result<T>>,
) -> store::Result<T> {
    match tokio::time::timeout(limit.as_duration(), call).await {
        Ok(answer) => answer,
        Err(_) => Err(store::Error::unknown(format!("{action} took longer than {limit} (FLEET_Q_STATEMENT_TIMEOUT)"))),
    }
}
