//! Judges whether the database answers, and how soon. Knows nothing of what it answers.

use super::facts::{Facts, Fault, Reached, Unreached};
use super::{Area, Finding, Kind, time};
use crate::rules::config::Config;
use crate::rules::time::Millis;

const FAR: Millis = Millis(10);
const TOO_FAR: Millis = Millis(100);

pub(super) fn judge(config: &Config, facts: &Facts) -> Vec<Finding> {
    match &facts.reached {
        Ok(reached) => vec![answered(config, reached)],
        Err(unreached) => vec![silent(config, unreached)],
    }
}

fn silent(config: &Config, unreached: &Unreached) -> Finding {
    let kind = match unreached.fault {
        Fault::Missing => Kind::NoDatabase,
        Fault::Away => Kind::Unreachable,
        Fault::Refused => Kind::Refused,
        Fault::ReadOnly => Kind::ReadOnly,
        Fault::Broken => Kind::Broken,
    };
    Finding::new(kind, format!("{}: {}", config.redacted_url(), unreached.cause))
}

fn answered(config: &Config, reached: &Reached) -> Finding {
    let (url, middle) = (config.redacted_url(), median(&reached.round_trips));
    let says = format!("{url} answers in {} (the middle of {} tries)", shown(middle), reached.round_trips.len());
    if middle >= TOO_FAR {
        Finding::new(Kind::TooFar, says)
    } else if middle >= FAR {
        Finding::new(Kind::Far, says)
    } else {
        Finding::fine(Area::Connection, says)
    }
}

fn shown(duration: Millis) -> String {
    if duration == Millis::ZERO { "under 1 ms".to_owned() } else { time(duration) }
}

fn median(round_trips: &[Millis]) -> Millis {
    let mut sorted = round_trips.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or(Millis::ZERO)
}
