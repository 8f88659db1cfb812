//! Decides who leads: a pure function of POD_HEALTH. Elects nobody by itself.

use std::sync::Arc;

use super::step::PodId;
use super::time::{Millis, Timestamp};

/// What a pod says of itself in POD_HEALTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodStatus {
    Up,
    Draining,
    Dormant,
    /// Final for its `pod_id`.
    Down,
}

impl PodStatus {
    pub const ALL: [Self; 4] = [Self::Up, Self::Draining, Self::Dormant, Self::Down];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Dormant => "dormant",
            Self::Down => "down",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether steps claimed by such a pod are held, not orphaned.
    pub const fn holds_claims(self) -> bool {
        !matches!(self, Self::Down)
    }
}

/// One row of POD_HEALTH, without its meta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    pub pod_id: PodId,
    pub birth: Timestamp,
    pub last_heartbeat: Timestamp,
    pub beating_since: Timestamp,
    pub status: PodStatus,
    pub can_lead: bool,
    /// Whether its last beat said that it holds fewer steps than it has places; true of one that did not say.
    pub has_room: bool,
    /// A mark of the tasks and the queues that its last beat named: the same for pods that serve the same. Empty if it
    /// named none.
    pub serves: Arc<str>,
}

impl PodView {
    /// Whether the last beat is younger than `limit`, or in a future that is nearer than that.
    pub fn is_fresh(&self, now: Timestamp, limit: Millis) -> bool {
        now.since(self.last_heartbeat) < limit && !self.lies_ahead(now, limit)
    }

    /// Whether the last beat is so far in the future that it cannot age in time: the clock stepped back
    /// since. Whether the pod lived on shows only when its row is written again.
    pub fn lies_ahead(&self, now: Timestamp, limit: Millis) -> bool {
        self.last_heartbeat.since(now) >= limit
    }

    /// Takes a beat from the future (the clock stepped back) for one of now, so that it can age. The pod
    /// begins anew, as its own next beat would have said: that one sees nothing wrong any more.
    pub fn pull_back(&mut self, now: Timestamp) {
        if self.last_heartbeat > now {
            (self.last_heartbeat, self.beating_since) = (now, now);
        }
    }
}

/// The oldest living pod that can lead; `pod_id` breaks ties.
pub fn leader(pods: &[PodView], now: Timestamp, dead_pod_threshold: Millis) -> Option<&PodId> {
    pods.iter()
        .filter(|pod| pod.status == PodStatus::Up && pod.can_lead && pod.is_fresh(now, dead_pod_threshold))
        .min_by(|a, b| (a.birth, &a.pod_id).cmp(&(b.birth, &b.pod_id)))
        .map(|pod| &pod.pod_id)
}

/// When a pod has been beating since, after one more beat: kept while beats come in time, else now.
/// `1.5 ×` leaves room for one late beat; a previous beat in the future means the clock stepped.
pub fn beating_since(previous: &PodView, now: Timestamp, heartbeat_interval: Millis) -> Timestamp {
    let gap_max = Millis(heartbeat_interval.times(3).0 / 2);
    let interrupted = previous.last_heartbeat > now || now.since(previous.last_heartbeat) > gap_max;
    if interrupted { now } else { previous.beating_since }
}
