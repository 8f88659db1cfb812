//! One pod's finishes, releases and demand: one transaction, one round trip. Splits what the
//! database refuses as data, so that the bad outcome is refused alone.

use super::claim;
use super::connection::{Connections, Failure};
use super::errors::{Effect, internal, partly, row_fault};
use super::finish::{Told, finish_calls, finish_waves, release_call, release_waves, released, verdicts};
use crate::rules::step::{Claim, PodId};
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::types::{ClaimCall, Cycle, CycleReply, Verdict};

pub(super) async fn cycle(db: &Connections, call: &Cycle) -> Result<CycleReply> {
    let mut finishes: Vec<Told<'_>> = call.finishes.iter().map(Told::new).collect();
    let whole = Part { pod: &call.pod, releases: &call.releases, demand: call.demand.as_ref() };
    match run(db, &finishes, &whole).await {
        Ok(reply) => Ok(reply),
        Err(Failure::Said(error)) if row_fault(&error).is_some() && !finishes.is_empty() => {
            let verdicts = one_by_half(db, &mut finishes, &call.pod).await?;
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
}

/// Finishes in ever smaller batches, until what is refused stands alone.
async fn one_by_half(db: &Connections, finishes: &mut [Told<'_>], pod: &PodId) -> Result<Vec<Verdict>> {
    let alone = Part { pod, releases: &[], demand: None };
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
    let (ends, gives_back) = (finish_waves(finishes), release_waves(part.releases));
    let mut calls = Vec::new();
    for wave in &ends {
        calls.extend(finish_calls(db, &finishes[wave.clone()]));
    }
    calls.extend(gives_back.iter().map(|wave| release_call(db, &part.releases[wave.clone()])));
    calls.push(db.call(&db.sql.pod_alive).with("pod", part.pod.as_str()));
    calls.extend(part.demand.map(|demand| claim::calls(db, part.pod, demand)).unwrap_or_default());
    calls.push(db.call(&db.sql.next_due));
    let mut rows = db.try_write(&calls).await?.into_iter();
    let mut next = || rows.next().ok_or_else(|| internal("a statement was not answered"));

    let read = || -> Result<CycleReply> {
        let mut reply = CycleReply::default();
        for wave in ends {
            reply.verdicts.extend(verdicts(&finishes[wave], &next()?, &next()?)?);
        }
        for wave in gives_back {
            reply.released.extend(released(&part.releases[wave], &next()?)?);
        }
        let pod = next()?;
        let pod = pod.first().ok_or_else(|| internal("one row was expected"))?;
        (reply.pod_alive, reply.now) = (pod.try_get("alive")?, Timestamp(pod.try_get("now")?));
        if let Some(demand) = part.demand {
            reply.claims = claim::claims(demand, &mut next)?;
        }
        let due: Option<i64> = next()?.first().map(|row| row.try_get("next_due")).transpose()?.flatten();
        reply.next_due = due.map(Timestamp);
        Ok(reply)
    };
    read().map_err(Failure::Other)
}
