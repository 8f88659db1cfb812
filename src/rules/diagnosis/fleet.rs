//! Judges the fleet: its timings, who lives, who leads, who fell silent.

use super::facts::{Facts, PodFact};
use super::{Area, Finding, Kind, count, known, or_fine};
use crate::rules::config::Config;
use crate::rules::election::{PodStatus, PodView, leader};
use crate::rules::recovery::{fence_margin, is_dead};
use crate::rules::time::Timestamp;

pub(super) fn judge_settings(config: &Config) -> Vec<Finding> {
    let (statement, threshold) = (config.statement_timeout, config.dead_pod_threshold);
    let patience = threshold - fence_margin(config.heartbeat_interval);
    let seconds = |duration: crate::rules::time::Millis| duration.as_secs_f64();
    if statement > patience {
        let says = format!(
            "STATEMENT_TIMEOUT is {} s; a pod is fenced {} s after its last beat (DEAD_POD_THRESHOLD {} s, less the margin)",
            seconds(statement),
            seconds(patience),
            seconds(threshold)
        );
        return vec![Finding::new(Kind::BeatOutlastsFence, says)];
    }
    let says = format!(
        "pods beat every {} s, are fenced after {} s without, dead after {} s",
        seconds(config.heartbeat_interval),
        seconds(patience),
        seconds(threshold)
    );
    vec![Finding::fine(Area::Settings, says)]
}

pub(super) fn judge_pods(config: &Config, facts: &Facts) -> Vec<Finding> {
    let Ok(reached) = &facts.reached else { return Vec::new() };
    known(Area::Pods, "the pods", &facts.pods, |pods| {
        let living = living(config, pods, reached.now);
        let pending = facts.stats.known().map_or(0, |stats| stats.pending);
        let mut findings = Vec::new();
        if living.is_empty() && pending > 0 {
            findings
                .push(Finding::new(Kind::NoPodsForWork, format!("{} wait and no pod is up", count(pending, "step"))));
        } else if living.is_empty() {
            findings.push(Finding::new(Kind::NoPods, "no pod is up"));
        }
        findings.extend(silent(config, pods, reached.now));
        findings.extend(versions(&living));
        let leads = leads(config, pods, reached.now);
        if leads.is_none() && !living.is_empty() {
            findings.push(Finding::new(
                Kind::NoLeader,
                format!("{} up, and none can lead", count(living.len() as u64, "pod")),
            ));
        }
        let said = format!("{} up, led by {}", count(living.len() as u64, "pod"), leads.unwrap_or_default());
        or_fine(findings, Area::Pods, said)
    })
}

/// Who is neither `down` nor so silent that it will be.
pub(super) fn living<'a>(config: &Config, pods: &'a [PodFact], now: Timestamp) -> Vec<&'a PodFact> {
    let lives = |pod: &&PodFact| pod.view.status != PodStatus::Down && !is_dead(&pod.view, now, config.death_timing());
    pods.iter().filter(lives).collect()
}

fn leads(config: &Config, pods: &[PodFact], now: Timestamp) -> Option<String> {
    let views: Vec<PodView> = pods.iter().map(|pod| pod.view.clone()).collect();
    leader(&views, now, config.dead_pod_threshold).map(ToString::to_string)
}

/// Those whom a leader would have marked by now.
fn silent(config: &Config, pods: &[PodFact], now: Timestamp) -> Option<Finding> {
    let patience = config.dead_pod_threshold.times(2) + config.recovery_interval;
    let silent: Vec<&str> = pods
        .iter()
        .filter(|pod| is_dead(&pod.view, now, config.death_timing()))
        .filter(|pod| now.since(pod.view.last_heartbeat) > patience)
        .map(|pod| pod.view.pod_id.as_str())
        .collect();
    let first = silent.first()?;
    let more = if silent.len() > 1 { format!(" and {} more", silent.len() - 1) } else { String::new() };
    Some(Finding::new(Kind::SilentPods, format!("{first}{more} stopped beating and nobody has noticed")))
}

fn versions(living: &[&PodFact]) -> Option<Finding> {
    let mut versions: Vec<&str> = living.iter().filter_map(|pod| pod.version.as_deref()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mixed = versions.len() > 1;
    mixed.then(|| Finding::new(Kind::MixedVersions, format!("pods of the versions {} are up", versions.join(", "))))
}
