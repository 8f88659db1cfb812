//! Ends claims: outcomes, releases, progress. Each write is fenced by its statement.

use std::collections::BTreeMap;

use rusqlite::{ToSql, named_params};

use serde_json::value::RawValue;

use super::errors::row_fault;
use super::for_rows::ForRows;
use super::parameters;
use super::worker::Session;
use crate::rules::step::Claim;
use crate::rules::time::Millis;
use crate::store::error::Result;
use crate::store::types::{Content, ErrorEntry, Finish, Outcome, ProgressReport, Verdict};

/// Records outcomes in order, each by itself.
pub(super) fn finish(session: &Session<'_>, finishes: &[Finish]) -> Result<Vec<Verdict>> {
    if finishes.is_empty() {
        return Ok(Vec::new());
    }
    let mut completing = Completing::prepare(session)?;
    finishes.iter().map(|finish| finish_one(session, &mut completing, finish)).collect()
}

fn finish_one(session: &Session<'_>, completing: &mut Completing<'_>, finish: &Finish) -> Result<Verdict> {
    if let Some(why) = bad_entry(&finish.outcome) {
        let held = counts(session, finish.claim, include_str!("sql/held.sql"))?;
        return if held { Ok(Verdict::Refused(why)) } else { missed(session, finish.claim) };
    }
    let written = match &finish.outcome {
        Outcome::Complete { result } => completing.complete(finish.claim, result.as_ref()),
        Outcome::Retry { error, delay } => retry(session, finish.claim, error, *delay),
        Outcome::Fail { error } => fail(session, finish.claim, error),
        Outcome::Snooze { delay } => snooze(session, finish.claim, *delay),
        Outcome::Crash { error, max_crashes } => crash(session, finish.claim, error, *max_crashes),
        Outcome::Cancel { error } => stop(session, finish.claim, error.as_ref()),
    };
    match written {
        Ok(0) => missed(session, finish.claim),
        Ok(_) => Ok(Verdict::Recorded),
        Err(e) => row_fault(&e).map_or_else(|| Err(e.into()), |why| Ok(Verdict::Refused(why))),
    }
}

/// Gives one claim back. It leaves no receipt, so a second time it is lost.
pub(super) fn release(session: &Session<'_>, claim: Claim) -> Result<Verdict> {
    let written = write(session, claim, include_str!("sql/release.sql"), &[])?;
    Ok(if written == 0 { Verdict::Lost } else { Verdict::Recorded })
}

pub(super) fn progress(session: &Session<'_>, reports: &[ProgressReport]) -> Result<()> {
    for report in reports {
        write(session, report.claim, include_str!("sql/progress.sql"), &[(":progress", &report.json)])?;
    }
    Ok(())
}

/// How nearly all claims end, many in one call.
struct Completing<'s> {
    statement: ForRows<'s, 5>,
    now: i64,
}

impl<'s> Completing<'s> {
    fn prepare(session: &'s Session<'_>) -> rusqlite::Result<Self> {
        let names = [":result", ":result_content_type", ":now", ":step_id", ":claim_id"];
        let statement = ForRows::prepare(session.conn, include_str!("sql/complete.sql"), names)?;
        Ok(Self { statement, now: session.now.0 })
    }

    fn complete(&mut self, claim: Claim, result: Option<&Content>) -> rusqlite::Result<usize> {
        let (bytes, content_type) = (result.map(|r| &r.bytes[..]), result.and_then(parameters::content_type));
        let (step_id, claim_id) = (claim.step_id.to_string(), claim.claim_id.to_string());
        self.statement.run([&bytes, &content_type, &self.now, &step_id, &claim_id])
    }
}

fn retry(session: &Session<'_>, claim: Claim, error: &ErrorEntry, delay: Millis) -> rusqlite::Result<usize> {
    let parameters: [(&str, &dyn ToSql); 3] = [
        (":error", &error.json),
        (":errors_kept", &parameters::errors_kept()),
        (":delay_ms", &bounded(session, delay)),
    ];
    write(session, claim, include_str!("sql/retry.sql"), &parameters)
}

fn fail(session: &Session<'_>, claim: Claim, error: &ErrorEntry) -> rusqlite::Result<usize> {
    let parameters: [(&str, &dyn ToSql); 2] = [(":error", &error.json), (":errors_kept", &parameters::errors_kept())];
    write(session, claim, include_str!("sql/fail.sql"), &parameters)
}

fn snooze(session: &Session<'_>, claim: Claim, delay: Millis) -> rusqlite::Result<usize> {
    write(session, claim, include_str!("sql/snooze.sql"), &[(":delay_ms", &bounded(session, delay))])
}

fn crash(session: &Session<'_>, claim: Claim, error: &ErrorEntry, max_crashes: u32) -> rusqlite::Result<usize> {
    let parameters: [(&str, &dyn ToSql); 3] =
        [(":error", &error.json), (":errors_kept", &parameters::errors_kept()), (":max_crashes", &max_crashes)];
    write(session, claim, include_str!("sql/crash.sql"), &parameters)
}

fn stop(session: &Session<'_>, claim: Claim, error: Option<&ErrorEntry>) -> rusqlite::Result<usize> {
    let json = error.map(|error| &error.json);
    let parameters: [(&str, &dyn ToSql); 2] = [(":error", &json), (":errors_kept", &parameters::errors_kept())];
    write(session, claim, include_str!("sql/stop.sql"), &parameters)
}

/// A statement under the fence, with the parameters all of them share.
fn write(session: &Session<'_>, claim: Claim, sql: &str, own: &[(&str, &dyn ToSql)]) -> rusqlite::Result<usize> {
    let (step_id, claim_id) = (claim.step_id.to_string(), claim.claim_id.to_string());
    let shared: [(&str, &dyn ToSql); 3] = [(":step_id", &step_id), (":claim_id", &claim_id), (":now", &session.now.0)];
    session.conn.prepare_cached(sql)?.execute([own, &shared].concat().as_slice())
}

fn missed(session: &Session<'_>, claim: Claim) -> Result<Verdict> {
    let ended = counts(session, claim, include_str!("sql/receipt.sql"))?;
    Ok(if ended { Verdict::Already } else { Verdict::Lost })
}

fn counts(session: &Session<'_>, claim: Claim, sql: &str) -> Result<bool> {
    let ids = named_params! {":step_id": claim.step_id.to_string(), ":claim_id": claim.claim_id.to_string()};
    Ok(session.conn.prepare_cached(sql)?.query_row(ids, |row| row.get(0))?)
}

/// Why the outcome's error is no JSON object, if it is none.
fn bad_entry(outcome: &Outcome) -> Option<String> {
    let entry = match outcome {
        Outcome::Retry { error, .. } | Outcome::Fail { error } | Outcome::Crash { error, .. } => error,
        Outcome::Cancel { error } => error.as_ref()?,
        Outcome::Complete { .. } | Outcome::Snooze { .. } => return None,
    };
    let parsed: serde_json::Result<BTreeMap<String, &RawValue>> = serde_json::from_str(&entry.json);
    parsed.err().map(|error| format!("error entry: {error}"))
}

/// No sum with the present overflows into a real.
fn bounded(session: &Session<'_>, delay: Millis) -> i64 {
    parameters::signed(delay).min(i64::MAX - session.now.0)
}
