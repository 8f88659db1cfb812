//! Judges the steps: those of dead pods, those nobody knows, those held for long, those in paused queues.

use super::facts::{Counts, Facts, Held, Orphans, Waiting};
use super::fleet::living;
use super::{Area, Finding, Kind, count, known, or_fine, time};
use crate::rules::config::Config;
use crate::rules::time::{Millis, Timestamp};

const LONG: Millis = Millis::from_secs(3600);

pub(super) fn judge(config: &Config, facts: &Facts) -> Vec<Finding> {
    let Ok(reached) = &facts.reached else { return Vec::new() };
    let (seen, now) = (&facts.examination, reached.now);
    let mut findings = known(Area::Work, "orphans", &seen.orphans, |orphans| orphaned(config, orphans, now));
    findings.extend(known(Area::Work, "due steps", &seen.waiting, |waiting| unknown(config, facts, waiting, now)));
    findings.extend(known(Area::Work, "claimed steps", &seen.held, |held| {
        held.iter().filter(|step| now.since(step.since) >= LONG).map(|step| long(step, now)).collect()
    }));
    findings.extend(known(Area::Work, "counts of steps", &facts.stats, paused));
    match facts.stats.known() {
        Some(stats) => or_fine(findings, Area::Work, format!("{} due, none orphaned", count(stats.pending, "step"))),
        None => findings,
    }
}

/// A leader must have beaten for a threshold itself; from then on P6 counts.
fn orphaned(config: &Config, orphans: &Orphans, now: Timestamp) -> Vec<Finding> {
    if orphans.steps == 0 {
        return Vec::new();
    }
    let bound = config.dead_pod_threshold.times(2) + config.recovery_interval + config.heartbeat_interval;
    let age = orphans.since.map_or(Millis::ZERO, |since| now.since(since));
    let says = format!("{} of dead pods, the oldest for {}", count(orphans.steps, "step"), time(age));
    vec![Finding::new(if age > bound { Kind::LateOrphans } else { Kind::Orphans }, says)]
}

/// Without a living pod nobody knows anything, which is another finding.
fn unknown(config: &Config, facts: &Facts, waiting: &[Waiting], now: Timestamp) -> Vec<Finding> {
    let Some(pods) = facts.pods.known() else { return Vec::new() };
    let living = living(config, pods, now);
    if living.is_empty() {
        return Vec::new();
    }
    let is_known = |task: &String| living.iter().any(|pod| pod.tasks.contains(task));
    let finding = |one: &Waiting| {
        let (steps, age) = (count(one.steps, "step"), time(now.since(one.since)));
        let says =
            format!("{steps} of the task {:?} in queue {:?} wait since {age}; no pod knows it", one.task, one.queue);
        Finding::new(Kind::UnknownTask, says)
    };
    waiting.iter().filter(|one| !is_known(&one.task)).map(finding).collect()
}

fn long(step: &Held, now: Timestamp) -> Finding {
    let Held { step_id, task, pod, .. } = step;
    let says = format!("{pod} holds step {step_id} of {task:?} for {}", time(now.since(step.since)));
    Finding::new(Kind::LongRunning, says)
}

fn paused(stats: &Counts) -> Vec<Finding> {
    let waits = stats.paused.iter().filter(|(_, pending)| *pending > 0);
    let finding = |(queue, pending): &(String, u64)| {
        let says = format!("the queue {queue:?} is paused with {} due", count(*pending, "step"));
        Finding::new(Kind::PausedBacklog, says).mended_by(format!("await fq.resume({queue:?})"))
    };
    waits.map(finding).collect()
}
