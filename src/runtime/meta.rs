//! Writes what a pod says of itself: the `meta` of its row in POD_HEALTH.

use std::sync::Arc;

use serde_json::json;

use super::core::Core;
use super::handler::Handler;
use super::lock;
use crate::rules::config::Config;
use crate::rules::demand::Limits;

/// The meta of a running pod. Holds each lock for a moment only: it is made on the beats' thread.
pub(crate) fn of_running(core: &Core) -> Arc<str> {
    let (in_flight, overdue) = {
        let desk = lock(&core.desk);
        (desk.taken(), desk.overdue().len())
    };
    let health = lock(&core.loop_health).clone();
    let tally = core.store.tally();
    let meta = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "tasks": core.tasks.keys().map(|name| &**name).collect::<Vec<_>>(),
        "queues": core.config.queue_caps,
        "capacity": core.capacity(),
        "in_flight": in_flight,
        "overdue": overdue,
        "loop_lag_s": health.lag.as_secs_f64(),
        "blocked_by": health.blocker,
        "store_statements": tally.statements,
        "store_commits": tally.commits,
    });
    meta.to_string().into()
}

/// What bounds this pod.
pub(crate) fn limits(config: &Config, handler: &dyn Handler) -> Limits {
    Limits {
        max_parallelism: config.max_parallelism,
        capacity_threshold: config.capacity_threshold,
        queue_caps: config.queue_caps.clone(),
        executor_caps: handler.capacity(),
    }
}
