//! Ends claims: outcomes, releases, progress. Each statement takes a batch and fences every row of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::value::RawValue;
use tokio_postgres::Row;

use super::batch::{errors_kept, signed, waves};
use super::connection::Connections;
use super::errors::Effect;
use super::rows;
use super::sql::Call;
use crate::rules::state::State;
use crate::rules::step::{Claim, ClaimId, StepId};
use crate::store::error::Result;
use crate::store::types::{Content, ErrorEntry, Finish, Outcome, ProgressReport, Verdict};

/// A finish, and why the database must not be asked for it.
pub(super) struct Told<'a> {
    pub finish: &'a Finish,
    pub refused: Option<String>,
}

impl<'a> Told<'a> {
    pub fn new(finish: &'a Finish) -> Self {
        Self { finish, refused: bad_entry(&finish.outcome) }
    }
}

pub(super) fn finish_waves(told: &[Told<'_>]) -> Vec<Range<usize>> {
    waves(told, |told| vec![told.finish.claim.step_id])
}

pub(super) fn release_waves(claims: &[Claim]) -> Vec<Range<usize>> {
    waves(claims, |claim| vec![claim.step_id])
}

/// Records the wave, and if not all of it was recorded, looks where its steps stand. In the order of their ids, so that
/// transactions meet at the same rows in the same order.
pub(super) fn finish_calls<'a>(db: &'a Connections, wave: &[Told<'a>]) -> [Call<'a>; 2] {
    let mut finishes: Vec<&Finish> =
        wave.iter().filter(|told| told.refused.is_none()).map(|told| told.finish).collect();
    finishes.sort_unstable_by_key(|finish| finish.claim.step_id);
    let asked = || finishes.iter().copied();
    let record = db
        .call(&db.sql.finish)
        .with("step_ids", asked().map(|one| one.claim.step_id).collect::<Vec<_>>())
        .with("claim_ids", asked().map(|one| one.claim.claim_id).collect::<Vec<_>>())
        .with("kinds", asked().map(|one| kind(&one.outcome)).collect::<Vec<_>>())
        .with("results", asked().map(|one| result(&one.outcome).map(|r| &*r.bytes)).collect::<Vec<_>>())
        .with("content_types", asked().map(|one| result(&one.outcome).and_then(rows::spelled)).collect::<Vec<_>>())
        .with("errors", asked().map(|one| entry(&one.outcome).map(|e| &*e.json)).collect::<Vec<_>>())
        .with("delays", asked().map(|one| delay(&one.outcome)).collect::<Vec<_>>())
        .with("max_crashes", asked().map(|one| max_crashes(&one.outcome)).collect::<Vec<_>>())
        .with("errors_kept", errors_kept());
    let ids: Vec<StepId> = wave.iter().map(|told| told.finish.claim.step_id).collect();
    let look = db.call(&db.sql.unrecorded).with("step_ids", ids).with("expected", wave.len().to_string());
    [record, look]
}

/// The steps whose ends a finish recorded.
pub(super) fn recorded_ids(written: &[Row]) -> Result<BTreeSet<StepId>> {
    let ids: Option<Option<Vec<StepId>>> = written.first().map(|row| row.try_get("recorded")).transpose()?;
    Ok(ids.flatten().into_iter().flatten().collect())
}

pub(super) fn verdicts(wave: &[Told<'_>], recorded: &BTreeSet<StepId>, standing: &[Row]) -> Result<Vec<Verdict>> {
    let mut stands: BTreeMap<StepId, (Option<ClaimId>, State)> = BTreeMap::new();
    for row in standing {
        stands.insert(row.try_get("step_id")?, (row.try_get("claim_id")?, rows::state(row)?));
    }
    let verdict = |told: &Told<'_>| {
        let Claim { step_id, claim_id } = told.finish.claim;
        match (stands.get(&step_id), &told.refused) {
            _ if recorded.contains(&step_id) => Verdict::Recorded,
            (Some((Some(own), State::Claimed)), Some(why)) if *own == claim_id => Verdict::Refused(why.clone()),
            (Some((Some(own), state)), _) if *own == claim_id && *state != State::Claimed => Verdict::Already,
            (Some(_) | None, _) => Verdict::Lost,
        }
    };
    Ok(wave.iter().map(verdict).collect())
}

pub(super) fn release_call<'a>(db: &'a Connections, wave: &[Claim]) -> Call<'a> {
    db.call(&db.sql.release)
        .with("step_ids", wave.iter().map(|claim| claim.step_id).collect::<Vec<_>>())
        .with("claim_ids", wave.iter().map(|claim| claim.claim_id).collect::<Vec<_>>())
}

/// A release leaves no receipt, so a second time it is lost.
pub(super) fn released(wave: &[Claim], written: &[Row]) -> Result<Vec<Verdict>> {
    let recorded = written.iter().map(|row| row.try_get("step_id")).collect::<Result<BTreeSet<StepId>, _>>()?;
    let verdict = |claim: &Claim| if recorded.contains(&claim.step_id) { Verdict::Recorded } else { Verdict::Lost };
    Ok(wave.iter().map(verdict).collect())
}

pub(super) async fn progress(db: &Connections, reports: &[ProgressReport]) -> Result<()> {
    let call = |wave: &[ProgressReport]| {
        let texts = wave.iter().map(|report| report.json.replace('\0', "")).collect::<Vec<_>>();
        db.call(&db.sql.progress)
            .with("step_ids", wave.iter().map(|report| report.claim.step_id).collect::<Vec<_>>())
            .with("claim_ids", wave.iter().map(|report| report.claim.claim_id).collect::<Vec<_>>())
            .with("reports", texts)
    };
    let waves = waves(reports, |report| vec![report.claim.step_id]);
    let calls: Vec<Call<'_>> = waves.into_iter().map(|wave| call(&reports[wave])).collect();
    db.try_write_by_key(&calls).await.map(drop).map_err(|failure| failure.into_error(Effect::Possible))
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Complete { .. } => "complete",
        Outcome::Retry { .. } => "retry",
        Outcome::Fail { .. } => "fail",
        Outcome::Snooze { .. } => "snooze",
        Outcome::Crash { .. } => "crash",
        Outcome::Cancel { .. } => "cancel",
    }
}

fn result(outcome: &Outcome) -> Option<&Content> {
    match outcome {
        Outcome::Complete { result } => result.as_ref(),
        Outcome::Retry { .. }
        | Outcome::Fail { .. }
        | Outcome::Snooze { .. }
        | Outcome::Crash { .. }
        | Outcome::Cancel { .. } => None,
    }
}

fn entry(outcome: &Outcome) -> Option<&ErrorEntry> {
    match outcome {
        Outcome::Retry { error, .. } | Outcome::Fail { error } | Outcome::Crash { error, .. } => Some(error),
        Outcome::Cancel { error } => error.as_ref(),
        Outcome::Complete { .. } | Outcome::Snooze { .. } => None,
    }
}

fn delay(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Retry { delay, .. } | Outcome::Snooze { delay } => signed(*delay),
        Outcome::Complete { .. } | Outcome::Fail { .. } | Outcome::Crash { .. } | Outcome::Cancel { .. } => 0,
    }
}

fn max_crashes(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Crash { max_crashes, .. } => Some(i64::from(*max_crashes)),
        Outcome::Complete { .. }
        | Outcome::Retry { .. }
        | Outcome::Fail { .. }
        | Outcome::Snooze { .. }
        | Outcome::Cancel { .. } => None,
    }
}

/// Why the outcome's error is no JSON object, if it is none.
fn bad_entry(outcome: &Outcome) -> Option<String> {
    let parsed: serde_json::Result<BTreeMap<String, &RawValue>> = serde_json::from_str(&entry(outcome)?.json);
    parsed.err().map(|error| format!("error entry: {error}"))
}
