//! Judges the clocks: this machine's against the database's, and the beats against both.

use super::facts::{Fact, PodFact, Reached};
use super::{Area, Finding, Kind, count, time};
use crate::rules::election::PodStatus;
use crate::rules::time::Millis;

/// Less is noise of the network and of NTP.
const OFFSET: Millis = Millis(2000);
/// A beat's row may be read a moment after `now` was.
const FUTURE: Millis = Millis(1000);

pub(super) fn judge(reached: &Reached, pods: &Fact<Vec<PodFact>>) -> Vec<Finding> {
    let mut findings = vec![offset(reached)];
    let none = Vec::new();
    let ahead = pods.known().unwrap_or(&none).iter().filter(|pod| pod.view.status != PodStatus::Down);
    let ahead = ahead.map(|pod| pod.view.last_heartbeat.since(reached.now)).filter(|by| *by > FUTURE);
    let (pods, most) = ahead.fold((0, Millis::ZERO), |(pods, most), by| (pods + 1, most.max(by)));
    if pods > 0 {
        let says = format!("{} last beat up to {} in the future", count(pods, "pod"), time(most));
        findings.push(Finding::new(Kind::BeatsInFuture, says));
    }
    findings
}

fn offset(reached: &Reached) -> Finding {
    let (ahead, behind) = (reached.now.since(reached.here), reached.here.since(reached.now));
    let (by, word) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if by >= OFFSET {
        return Finding::new(Kind::ClockOffset, format!("the database's clock is {} {word} this machine's", time(by)));
    }
    Finding::fine(Area::Clock, format!("the database's clock agrees with this machine's, within {}", time(OFFSET)))
}
