//! One pod's finishes, releases and demand: one transaction, one round trip; many finishes and many claims are two, side
//! by side. Splits what the database refuses as data, so that the bad outcome is refused alone.

use tokio_postgres::Row;

use super::claim;
use super::connection::{Connections, Failure};
use super::errors::{Effect, internal, partly, row_fault};
use super::finish::{Told, finish_calls, finish_waves, recorded_ids, release_call, release_waves, released, verdicts};
use super::floors::{Known, Look, due_from, fronts, seen_fronts};
use super::sql::Call;
use crate::rules::floors::{Floor, MARGIN_MS, Seen, pause_ms};
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Timestamp;
use crate::store::error::{Error, Result};
use crate::store::types::{ClaimCall, Claimed, Cycle, CycleReply, Verdict};

/// From so many ends, and so many claims asked for, either side is worth a commit, and a server process, of its own.
const APART_FROM: usize = 200;

pub(super) async fn cycle(db: &Connections, known: &Known, call: &Cycle) -> Result<CycleReply> {
    let mut finishes: Vec<Told<'_>> = call.finishes.iter().map(Told::new).collect();
    let demand = call.demand.as_ref();
    let whole = Part { pod: &call.pod, releases: &call.releases, demand, known, looks: known.looks(demand) };
    if finishes.len() >= APART_FROM && demand.is_some_and(|demand| demand.limit as usize >= APART_FROM) {
        return apart(db, &mut finishes, &whole).await;
    }
    match run(db, &finishes, &whole).await {
        Ok(reply) => Ok(reply),
        Err(Failure::Said(error)) if row_fault(&error).is_some() && !finishes.is_empty() => {
            let verdicts = one_by_half(db, &mut finishes, &whole).await?;
            let rest =
                run(db, &[], &whole).await.map_err(|failure| partly(failure.into_error(Effect::Possible), true))?;
            Ok(CycleReply { verdicts, ..rest })
        }
        Err(failure) => Err(failure.into_error(Effect::Possible)),
    }
}

/// What travels beside the finishes.
struct Part<'a> {
    pod: &'a PodId,
    releases: &'a [Claim],
    demand: Option<&'a ClaimCall>,
    known: &'a Known,
    looks: Vec<Look>,
}

/// Ends on one connection while another claims. Neither needs the other: a finish is fenced by its claim, and the demand
/// was known before. What one of them did stays, whatever becomes of the other: then the outcome of the whole is unknown.
async fn apart(db: &Connections, finishes: &mut [Told<'_>], whole: &Part<'_>) -> Result<CycleReply> {
    let (ended, rest) = tokio::join!(end(db, finishes), run(db, &[], whole));
    let rest = rest.map_err(|failure| failure.into_error(Effect::Possible));
    match (ended, rest) {
        (Ok(verdicts), rest) => Ok(CycleReply { verdicts, ..rest.map_err(|error| partly(error, true))? }),
        (Err(Failure::Said(error)), Ok(rest)) if row_fault(&error).is_some() => {
            let verdicts = one_by_half(db, finishes, whole).await.map_err(|error| partly(error, true))?;
            Ok(CycleReply { verdicts, ..rest })
        }
        // None of the ends is stored; the next call splits them.
        (Err(Failure::Said(fault)), Err(error)) if row_fault(&fault).is_some() => Err(error),
        (Err(failure), Ok(_)) => Err(partly(failure.into_error(Effect::Possible), true)),
        (Err(failure), Err(error)) => {
            let first = failure.into_error(Effect::Possible);
            Err(if matches!(error, Error::Unknown { .. }) { error } else { first })
        }
    }
}

/// Asks where steps stand only if not all were recorded.
async fn end(db: &Connections, finishes: &[Told<'_>]) -> Result<Vec<Verdict>, Failure> {
    let mut told = Vec::with_capacity(finishes.len());
    for wave in finish_waves(finishes) {
        let wave = &finishes[wave];
        let [record, look] = finish_calls(db, wave);
        let partly = |failure: Failure| Failure::Other(partly(failure.into_error(Effect::Possible), true));
        let written = match db.try_write_by_key(&[record]).await {
            Err(failure) if !told.is_empty() => return Err(partly(failure)),
            answer => answer?.pop().unwrap_or_default(),
        };
        let recorded = recorded_ids(&written).map_err(Failure::Other)?;
        let standing = if recorded.len() == wave.len() {
            Vec::new()
        } else {
            db.try_write_by_key(&[look]).await.map_err(partly)?.pop().unwrap_or_default()
        };
        told.extend(verdicts(wave, &recorded, &standing).map_err(Failure::Other)?);
    }
    Ok(told)
}

/// Finishes in ever smaller batches, until what is refused stands alone.
async fn one_by_half(db: &Connections, finishes: &mut [Told<'_>], whole: &Part<'_>) -> Result<Vec<Verdict>> {
    let alone = Part { releases: &[], demand: None, looks: Vec::new(), ..*whole };
    let mut verdicts = Vec::with_capacity(finishes.len());
    let (mut at, mut size) = (0, finishes.len().div_ceil(2));
    while at < finishes.len() {
        let upto = finishes.len().min(at + size);
        match run(db, &finishes[at..upto], &alone).await {
            Ok(reply) => {
                verdicts.extend(reply.verdicts);
                at = upto;
            }
            Err(failure) => {
                let fault = match &failure {
                    Failure::Said(error) => row_fault(error),
                    Failure::Other(_) => None,
                };
                match fault {
                    Some(_) if size > 1 => size = size.div_ceil(2),
                    Some(why) if finishes[at].refused.is_none() => finishes[at].refused = Some(why),
                    Some(_) | None => return Err(partly(failure.into_error(Effect::Possible), at > 0)),
                }
            }
        }
    }
    Ok(verdicts)
}

async fn run(db: &Connections, finishes: &[Told<'_>], part: &Part<'_>) -> Result<CycleReply, Failure> {
    let gate = part.demand.and_then(|_| part.known.gate.call(db, part.known.sharers()));
    let gated = gate.is_some();
    match run_once(db, finishes, part, gate).await {
        Err(Failure::Said(error)) if gated && part.known.gate.may_do_without(&error) => {
            run_once(db, finishes, part, None).await
        }
        answer => answer,
    }
}

async fn run_once(
    db: &Connections,
    finishes: &[Told<'_>],
    part: &Part<'_>,
    gate: Option<Call<'_>>,
) -> Result<CycleReply, Failure> {
    let (ends, gives_back) = (finish_waves(finishes), release_waves(part.releases));
    let mut calls = Vec::new();
    calls.extend(ends.iter().flat_map(|wave| finish_calls(db, &finishes[wave.clone()])));
    calls.extend(gives_back.iter().map(|wave| release_call(db, &part.releases[wave.clone()])));
    let due = part.known.due();
    let gated = gate.is_some();
    calls.extend(gate);
    calls.extend(part.demand.map(|demand| claim::calls(db, part.pod, demand, &part.looks, due)).unwrap_or_default());
    calls.extend(part.looks.iter().filter(|look| look.asks).map(|look| fronts(db, look)));
    calls.push(due_from(db.call(&db.sql.next_due), due).with("pod", part.pod.as_str()));
    let mut rows = db.try_write_by_key(&calls).await?.into_iter();
    let mut next = || rows.next().ok_or_else(|| internal("a statement was not answered"));

    let read = || -> Result<CycleReply> {
        let mut reply = CycleReply::default();
        for wave in ends {
            reply.verdicts.extend(verdicts(&finishes[wave], &recorded_ids(&next()?)?, &next()?)?);
        }
        for wave in gives_back {
            reply.released.extend(released(&part.releases[wave], &next()?)?);
        }
        let waited = if gated { next()? } else { Vec::new() };
        let waited_ms = waited.first().map_or(Ok(0), |row| row.try_get("waited_ms"))?;
        let claims = part.demand.map(|demand| claim::claims(demand, &mut next)).transpose()?.unwrap_or_default();
        let fronts = part.looks.iter().map(|look| if look.asks { seen_fronts(&next()?) } else { Ok(Vec::new()) });
        let fronts = fronts.collect::<Result<Vec<_>>>()?;
        let clock = next()?;
        let clock = clock.first().ok_or_else(|| internal("one row was expected"))?;
        (reply.pod_alive, reply.now) = (clock.try_get("alive")?, Timestamp(clock.try_get("now")?));
        reply.next_due = clock.try_get::<_, Option<i64>>("next_due")?.map(Timestamp);
        learn(part, due, (clock, waited_ms), fronts, &claims)?;
        reply.claims = claims.into_iter().flatten().collect();
        Ok(reply)
    };
    read().map_err(Failure::Other)
}

/// After the commit: where the fronts were, and which of them the claims came from.
fn learn(
    part: &Part<'_>,
    mut due: Floor,
    (clock, waited_ms): (&Row, i64),
    fronts: Vec<Vec<Option<i64>>>,
    claims: &[Vec<Claimed>],
) -> Result<()> {
    let (now, spent_ms): (i64, i64) = (clock.try_get("now")?, clock.try_get("spent_ms")?);
    let longest_due: Option<i64> = clock.try_get("due_front")?;
    let pause_ms = pause_ms(spent_ms - waited_ms, part.known.sharers());
    due.learn(longest_due.unwrap_or(i64::MAX).min(now - MARGIN_MS), now, pause_ms);
    part.known.set_due(due);
    let lanes = claims.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
    for ((look, fronts), claims) in part.looks.iter().zip(fronts).zip(lanes) {
        part.known.learn(look, &Seen { fronts, now, pause_ms }, claims);
    }
    Ok(())
}
