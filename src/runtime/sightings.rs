//! Remembers since when a pod's row has looked the same, by this pod's own monotonic clock.
//! Declares nobody dead: that takes the database's consent as well.

use std::collections::BTreeMap;

use crate::rules::election::PodView;
use crate::rules::step::PodId;
use crate::rules::time::{Millis, Monotonic, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Sightings(BTreeMap<PodId, (Timestamp, Monotonic)>);

impl Sightings {
    /// Takes in what a beat brought back.
    pub(crate) fn observe(&mut self, pods: &[PodView], now: Monotonic) {
        let known = std::mem::take(&mut self.0);
        for pod in pods {
            let unchanged = known.get(&pod.pod_id).filter(|(beat, _)| *beat == pod.last_heartbeat);
            self.0.insert(pod.pod_id.clone(), unchanged.copied().unwrap_or((pod.last_heartbeat, now)));
        }
    }

    /// Pods whose row has not changed for longer than `threshold`, with the beat last seen.
    pub(crate) fn still_for(&self, threshold: Millis, now: Monotonic) -> Vec<(PodId, Timestamp)> {
        let still = self.0.iter().filter(|(_, (_, since))| now.since(*since) > threshold);
        still.map(|(pod, (beat, _))| (pod.clone(), *beat)).collect()
    }
}
