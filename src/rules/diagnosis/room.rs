//! Judges whether a further pod finds its connections, and what stands between it and the server.

use super::facts::{Backends, Fact, Room};
use super::{Area, Finding, Kind, known, or_fine};

/// What a pod opens: two for work, one for beats, one that listens.
const PER_POD: u64 = 4;

pub(super) fn judge_rooms(rooms: &Fact<Vec<Room>>) -> Vec<Finding> {
    known(Area::Room, "the number of connections", rooms, |rooms| {
        let findings = rooms.iter().filter_map(judge_one).collect();
        let shown: Vec<String> = rooms.iter().map(said).collect();
        or_fine(findings, Area::Room, shown.join("; "))
    })
}

fn said(room: &Room) -> String {
    format!("{} of {} connections are taken ({})", room.used, room.limit, room.name)
}

fn judge_one(room: &Room) -> Option<Finding> {
    let free = room.limit.saturating_sub(room.used);
    let kind = if free < PER_POD {
        Kind::RoomOut
    } else if room.used * 5 > room.limit * 4 {
        Kind::RoomShort
    } else {
        return None;
    };
    let more = (room.limit * 2).max(room.used + 10 * PER_POD);
    Some(Finding::new(kind, said(room)).mended_by(room.mend.replace("{}", &more.to_string())))
}

pub(super) fn judge_pooler(listens: bool, backends: &Fact<Backends>) -> Vec<Finding> {
    known(Area::Pooler, "which server process answers", backends, |backends| {
        vec![match (shares(backends), listens) {
            (true, true) => {
                let says = "two open connections were answered by one server process, and this pod would listen";
                Finding::new(Kind::PoolerListens, says)
            }
            (true, false) => Finding::fine(Area::Pooler, "a pooler in transaction mode stands between, and listen=off"),
            (false, true) => Finding::fine(Area::Pooler, "each connection has a server process of its own"),
            (false, false) => {
                Finding::fine(Area::Pooler, "no pooler in transaction mode was met; listen=off costs wake-ups")
            }
        }]
    })
}

/// Without a pooler a connection has one server process, and no other connection has that one.
fn shares(backends: &Backends) -> bool {
    let changes = |seen: &[i32]| seen.windows(2).any(|pair| pair[0] != pair[1]);
    changes(&backends.first)
        || changes(&backends.second)
        || backends.first.iter().any(|pid| backends.second.contains(pid))
}
