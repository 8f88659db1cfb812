//! Ends claims: outcomes, releases, progress. Each statement takes a batch and fences every row of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::value::RawValue;
use tokio_postgres::Row;

use super::batch::{errors_kept, signed, waves};
use super::connection::Connections;
use super::errors::{Effect, partly};
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

/// Records the wave, and asks where its steps stand whose finish the database is not asked for: now, for the next wave
/// may end them, or the call's releases.
pub(super) fn wave_calls<'a>(db: &'a Connections, wave: &[Told<'a>]) -> impl Iterator<Item = Call<'a>> {
    let refused = wave.iter().filter(|told| told.refused.is_some()).map(|told| told.finish.claim.step_id);
    let ids: Vec<StepId> = refused.collect();
    let asked = (!ids.is_empty()).then(|| db.call(&db.sql.standing).with("step_ids", ids));
    std::iter::once(record(db, wave)).chain(asked)
}

/// In the order of their ids, so that transactions meet at the same rows in the same order.
fn record<'a>(db: &'a Connections, wave: &[Told<'a>]) -> Call<'a> {
    let mut finishes: Vec<&Finish> =
        wave.iter().filter(|told| told.refused.is_none()).map(|told| told.finish).collect();
    finishes.sort_unstable_by_key(|finish| finish.claim.step_id);
    let asked = || finishes.iter().copied();
    db.call(&db.sql.finish)
        .with("step_ids", asked().map(|one| one.claim.step_id).collect::<Vec<_>>())
        .with("claim_ids", asked().map(|one| one.claim.claim_id).collect::<Vec<_>>())
        .with("kinds", asked().map(|one| kind(&one.outcome)).collect::<Vec<_>>())
        .with("results", asked().map(|one| result(&one.outcome).map(|r| &*r.bytes)).collect::<Vec<_>>())
        .with("content_types", asked().map(|one| result(&one.outcome).and_then(rows::spelled)).collect::<Vec<_>>())
        .with("errors", asked().map(|one| entry(&one.outcome).map(|e| &*e.json)).collect::<Vec<_>>())
        .with("delays", asked().map(|one| delay(&one.outcome)).collect::<Vec<_>>())
        .with("max_crashes", asked().map(|one| max_crashes(&one.outcome)).collect::<Vec<_>>())
        .with("errors_kept", errors_kept())
}

/// Under which claim a step stands, and in which state.
type Receipts = BTreeMap<StepId, (Option<ClaimId>, State)>;

/// What the database recorded of a call's finishes, wave by wave.
type Recorded = Vec<BTreeSet<StepId>>;

fn recorded(written: &[Row]) -> Result<BTreeSet<StepId>> {
    Ok(written.iter().map(|row| row.try_get("step_id")).collect::<Result<_, _>>()?)
}

/// Reads the answers of the waves' [`wave_calls`], after the commit.
pub(super) async fn finished(
    db: &Connections,
    told: &[Told<'_>],
    waves: &[Range<usize>],
    next: &mut (impl FnMut() -> Result<Vec<Row>> + Send),
) -> Result<Vec<Verdict>> {
    let (mut done, mut stood) = (Recorded::new(), Vec::new());
    for wave in waves {
        done.push(recorded(&next()?)?);
        let asked = told[wave.clone()].iter().any(|told| told.refused.is_some());
        stood.push(if asked { receipts(&next()?)? } else { Receipts::new() });
    }
    let others = unrecorded(db, told, waves, &done).await.map_err(|error| partly(error, true))?;
    let mut verdicts = Vec::with_capacity(told.len());
    for ((wave, recorded), mut receipts) in waves.iter().zip(&done).zip(stood) {
        for (step_id, receipt) in &others {
            receipts.entry(*step_id).or_insert(*receipt);
        }
        verdicts.extend(wave_verdicts(&told[wave.clone()], recorded, &receipts));
    }
    Ok(verdicts)
}

/// Asks where those stand that were not recorded. They are few, so it is asked only then: a receipt is still there.
async fn unrecorded(
    db: &Connections,
    told: &[Told<'_>],
    waves: &[Range<usize>],
    recorded: &Recorded,
) -> Result<Receipts> {
    let left = waves.iter().zip(recorded).flat_map(|(wave, recorded)| {
        let asked = told[wave.clone()].iter().filter(|told| told.refused.is_none());
        asked.map(|told| told.finish.claim.step_id).filter(|step_id| !recorded.contains(step_id))
    });
    let left: Vec<StepId> = left.collect();
    if left.is_empty() {
        return Ok(Receipts::new());
    }
    let answers = db.read(&[db.call(&db.sql.standing).with("step_ids", left)]).await?;
    answers.first().map_or_else(|| Ok(Receipts::new()), |rows| receipts(rows))
}

fn receipts(found: &[Row]) -> Result<Receipts> {
    found.iter().map(|row| Ok((row.try_get("step_id")?, (row.try_get("claim_id")?, rows::state(row)?)))).collect()
}

fn wave_verdicts(wave: &[Told<'_>], recorded: &BTreeSet<StepId>, stands: &Receipts) -> Vec<Verdict> {
    let verdict = |told: &Told<'_>| {
        let Claim { step_id, claim_id } = told.finish.claim;
        match (stands.get(&step_id), &told.refused) {
            _ if recorded.contains(&step_id) => Verdict::Recorded,
            (Some((Some(own), State::Claimed)), Some(why)) if *own == claim_id => Verdict::Refused(why.clone()),
            (Some((Some(own), state)), _) if *own == claim_id && *state != State::Claimed => Verdict::Already,
            (Some(_) | None, _) => Verdict::Lost,
        }
    };
    wave.iter().map(verdict).collect()
}

pub(super) fn release_call<'a>(db: &'a Connections, wave: &[Claim]) -> Call<'a> {
    db.call(&db.sql.release)
        .with("step_ids", wave.iter().map(|claim| claim.step_id).collect::<Vec<_>>())
        .with("claim_ids", wave.iter().map(|claim| claim.claim_id).collect::<Vec<_>>())
}

/// A release leaves no receipt, so a second time it is lost.
pub(super) fn released(wave: &[Claim], written: &[Row]) -> Result<Vec<Verdict>> {
    let recorded = recorded(written)?;
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
