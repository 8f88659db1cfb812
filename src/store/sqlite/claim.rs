//! Takes due steps for a pod, lane by lane, in P9's order. Runs inside the cycle's transaction.

use rusqlite::{Row, ToSql, named_params};

use super::claimed::{BadRow, Reader};
use super::parameters;
use super::worker::Session;
use crate::rules::claim::Turn;
use crate::rules::step::{PodId, StepId};
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::types::{ClaimCall, ClaimKind, Claimed, Lane, Queues};

/// Due scheduled steps made pending per claim; what is beyond is claimed as it stands.
const PROMOTED_MAX: u32 = 1000;

/// A step that may be taken, by row number, with what decides its turn.
struct Candidate {
    row: i64,
    priority: i64,
    created: i64,
    step_id: String,
}

/// What one call asks for, with the facts its lanes share.
struct Taking<'a> {
    session: &'a Session<'a>,
    pod: &'a PodId,
    call: &'a ClaimCall,
    paused: Vec<String>,
    /// More was due than one promotion moves.
    overdue: bool,
}

pub(super) fn claim(session: &Session<'_>, pod: &PodId, call: &ClaimCall) -> Result<Vec<Claimed>> {
    let overdue = promote(session)?;
    let taking = Taking { session, pod, call, paused: paused(session)?, overdue };
    let mut limit = match call.kind {
        ClaimKind::Ordinary => call.limit,
        ClaimKind::Suspect => call.limit.min(1),
    };
    let mut claims = Vec::new();
    for lane in &call.lanes {
        let taken = taking.lane(lane, lane.limit.min(limit))?;
        limit -= u32::try_from(taken.len()).expect("at most the limit, a u32");
        claims.extend(taken);
    }
    Ok(claims)
}

pub(super) fn paused(session: &Session<'_>) -> Result<Vec<String>> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/paused.sql"))?;
    let queues = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(queues)
}

/// Whether the bound was met, so that more may be due.
fn promote(session: &Session<'_>) -> Result<bool> {
    let mut statement = session.conn.prepare_cached(include_str!("sql/promote.sql"))?;
    let moved = statement.execute(named_params! {":now": session.now.0, ":limit": PROMOTED_MAX})?;
    Ok(u32::try_from(moved).is_ok_and(|moved| moved >= PROMOTED_MAX))
}

impl Taking<'_> {
    /// Takes up to `limit` steps. Rows that do not decode are failed on the way and make room for others.
    fn lane(&self, lane: &Lane, limit: u32) -> Result<Vec<Claimed>> {
        let mut taken = Vec::new();
        let mut left = limit;
        while left > 0 {
            let candidates = self.candidates(lane, left)?;
            let good = self.take(&candidates)?;
            let none_was_bad = good.len() == candidates.len();
            left -= u32::try_from(good.len()).expect("at most the candidates, at most the limit");
            taken.extend(good);
            if none_was_bad {
                break;
            }
        }
        Ok(taken)
    }

    fn candidates(&self, lane: &Lane, limit: u32) -> Result<Vec<Candidate>> {
        let mut found = self.pending(lane, limit)?;
        let overdue = match self.call.kind {
            ClaimKind::Ordinary => self.overdue,
            ClaimKind::Suspect => false,
        };
        if overdue {
            found.extend(self.filtered(include_str!("sql/overdue.sql"), lane, limit, true)?);
        }
        found.sort_by(|a, b| (b.priority, a.created, &a.step_id).cmp(&(a.priority, b.created, &b.step_id)));
        found.truncate(usize::try_from(limit).expect("32 bits fit"));
        Ok(found)
    }

    fn pending(&self, lane: &Lane, limit: u32) -> Result<Vec<Candidate>> {
        if self.call.kind == ClaimKind::Suspect {
            return self.filtered(include_str!("sql/due_suspect.sql"), lane, limit, false);
        }
        match &lane.queues {
            Queues::All => self.due(lane, limit, &self.paused),
            Queues::Except(queues) => {
                let named = queues.iter().map(ToString::to_string);
                let except: Vec<String> = self.paused.iter().cloned().chain(named).collect();
                self.due(lane, limit, &except)
            }
            Queues::Only(queues) => {
                let mut found = Vec::new();
                for queue in queues.iter().filter(|queue| !self.paused.iter().any(|paused| **paused == ***queue)) {
                    found.extend(self.due_in(queue, lane, limit)?);
                }
                Ok(found)
            }
        }
    }

    fn due(&self, lane: &Lane, limit: u32, except: &[String]) -> Result<Vec<Candidate>> {
        let (tasks, except) = (parameters::json_texts(&lane.tasks), parameters::json(except));
        let parameters: [(&str, &dyn ToSql); 4] =
            [(":tasks", &tasks), (":except", &except), (":max_crashes", &self.call.max_crashes), (":limit", &limit)];
        self.list(include_str!("sql/due.sql"), &parameters)
    }

    fn due_in(&self, queue: &str, lane: &Lane, limit: u32) -> Result<Vec<Candidate>> {
        let tasks = parameters::json_texts(&lane.tasks);
        let parameters: [(&str, &dyn ToSql); 4] =
            [(":tasks", &tasks), (":queue", &queue), (":max_crashes", &self.call.max_crashes), (":limit", &limit)];
        self.list(include_str!("sql/due_in_queue.sql"), &parameters)
    }

    /// The two rare lists, whose statements take every filter.
    fn filtered(&self, sql: &str, lane: &Lane, limit: u32, timed: bool) -> Result<Vec<Candidate>> {
        let (only, named): (Option<String>, &[_]) = match &lane.queues {
            Queues::All => (None, &[]),
            Queues::Only(queues) => (Some(parameters::json_texts(queues)), &[]),
            Queues::Except(queues) => (None, queues),
        };
        let except: Vec<String> = self.paused.iter().cloned().chain(named.iter().map(ToString::to_string)).collect();
        let (tasks, except) = (parameters::json_texts(&lane.tasks), parameters::json(&except));
        let mut parameters: Vec<(&str, &dyn ToSql)> = vec![
            (":tasks", &tasks),
            (":only", &only),
            (":except", &except),
            (":max_crashes", &self.call.max_crashes),
            (":limit", &limit),
        ];
        if timed {
            parameters.push((":now", &self.session.now.0));
        }
        self.list(sql, &parameters)
    }

    fn list(&self, sql: &str, parameters: &[(&str, &dyn ToSql)]) -> Result<Vec<Candidate>> {
        let mut statement = self.session.conn.prepare_cached(sql)?;
        let found = statement.query_map(parameters, candidate)?.collect::<Result<_, _>>()?;
        Ok(found)
    }

    fn take(&self, candidates: &[Candidate]) -> Result<Vec<Claimed>> {
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let row_numbers: Vec<i64> = candidates.iter().map(|candidate| candidate.row).collect();
        let mut good = Vec::with_capacity(candidates.len());
        let mut bad = Vec::new();
        let mut statement = self.session.conn.prepare_cached(include_str!("sql/claim.sql"))?;
        let mut reader = Reader::of(&statement, self.call.claim_id)?;
        let mut rows = statement.query(named_params! {
            ":rows": parameters::json(&row_numbers),
            ":pod": self.pod.as_str(),
            ":claim_id": self.call.claim_id.to_string(),
            ":now": self.session.now.0,
        })?;
        while let Some(row) = rows.next()? {
            match reader.read(row) {
                Ok(claimed) => good.push(claimed),
                Err(why) => bad.push((row.get::<_, i64>("row_number")?, why)),
            }
        }
        for (row, why) in bad {
            self.fail(row, &why)?;
        }
        good.sort_by(|a, b| turn(a).before(&turn(b)));
        Ok(good)
    }

    fn fail(&self, row: i64, why: &BadRow) -> Result<()> {
        let mut statement = self.session.conn.prepare_cached(include_str!("sql/fail_bad_row.sql"))?;
        statement.execute(named_params! {
            ":row_number": row,
            ":message": why.0,
            ":errors_kept": parameters::errors_kept(),
            ":now": self.session.now.0,
        })?;
        Ok(())
    }
}

/// The four lists name the same columns in the same order.
fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate { row: row.get(0)?, priority: row.get(1)?, created: row.get(2)?, step_id: row.get(3)? })
}

fn turn(claimed: &Claimed) -> Turn {
    Turn { priority: claimed.priority, created: Timestamp(claimed.created.0), step_id: StepId(claimed.claim.step_id.0) }
}
