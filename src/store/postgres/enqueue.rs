//! Stores new steps: one statement a batch, split only where rows collide or one of them is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tokio_postgres::Row;

use super::batch::{signed, waves};
use super::connection::{Connections, Failure};
use super::errors::{Effect, internal, is_taken, partly, row_fault};
use super::floors::{Known, due_from, spanned, trusting};
use super::rows::spelled;
use super::sql::Call;
use crate::rules::floors::{Belief, Floor};
use crate::rules::step::StepId;
use crate::store::error::{Error, Refusal, Result};
use crate::store::types::{Accepted, Due, Enqueue, HandOff, NewStep};

type Answer = Result<Accepted, Refusal>;
/// A row with its place in the caller's batch.
type Placed<'a> = (usize, &'a NewStep);

/// How often rows are stored anew whose rival for a unique key was gone when we looked who it was.
const ROUNDS: u32 = 5;

/// A user's open transaction on a unique key holds up our batch for at most this long.
const LOCK_TIMEOUT: &str = "2s";

pub(super) async fn enqueue(db: &Connections, known: &Known, call: &Enqueue) -> Result<Vec<Answer>> {
    let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
    let mut good = Vec::new();
    for (place, step) in call.steps.iter().enumerate() {
        match check_names(step) {
            Ok(()) => good.push((place, step)),
            Err(refusal) => drop(answers.insert(place, Err(refusal))),
        }
    }
    let mut parts = vec![(good, ROUNDS)];
    let mut stored = false;
    let mut offer = call.hand_off.as_ref().map(|whole| Offer::new(whole, known, &call.steps));
    while let Some((part, rounds)) = parts.pop().filter(|(part, _)| !part.is_empty()) {
        match store(db, &part, offer.as_ref()).await {
            Ok(told) => {
                stored = true;
                if let Some(offer) = &mut offer {
                    offer.spend(told.values());
                }
                let open: Vec<Placed<'_>> = part.into_iter().filter(|(place, _)| !told.contains_key(place)).collect();
                answers.extend(told);
                if !open.is_empty() {
                    let left = rounds.checked_sub(1).ok_or_else(|| internal("a unique key never came to rest"))?;
                    parts.push((open, left));
                }
            }
            Err(failure) => match split(part, failure).map_err(|error| partly(error, stored))? {
                Split::Alone(place, refusal) => drop(answers.insert(place, Err(refusal))),
                Split::Halves(first, second) => parts.extend([(second, rounds), (first, rounds)]),
            },
        }
        while parts.last().is_some_and(|(part, _)| part.is_empty()) {
            parts.pop();
        }
    }
    Ok(answers.into_values().collect())
}

/// The caller's free slots, less what earlier parts of its batch took.
struct Offer<'a> {
    whole: &'a HandOff,
    slots: i64,
    belief: Belief,
    due: Floor,
}

impl<'a> Offer<'a> {
    fn new(whole: &'a HandOff, known: &Known, steps: &[NewStep]) -> Self {
        Self { whole, slots: i64::from(whole.limit), belief: known.hand_off(steps), due: known.due() }
    }

    fn spend<'b>(&mut self, answers: impl Iterator<Item = &'b Answer>) {
        self.slots -= answers.filter(|answer| **answer == Ok(Accepted::HandedOff)).map(|_| 1).sum::<i64>();
    }
}

enum Split<'a> {
    Alone(usize, Refusal),
    Halves(Vec<Placed<'a>>, Vec<Placed<'a>>),
}

/// Where a row's data was at fault, its neighbours go on without it.
fn split(mut part: Vec<Placed<'_>>, failure: Failure) -> Result<Split<'_>> {
    let fault = match &failure {
        Failure::Said(error) => row_fault(error),
        Failure::Other(_) => None,
    };
    let Some(message) = fault else { return Err(failure.into_error(Effect::Possible)) };
    if let [(place, _)] = part[..] {
        return Ok(Split::Alone(place, Refusal::BadData { message }));
    }
    let second = part.split_off(part.len() / 2);
    Ok(Split::Halves(part, second))
}

/// Postgres keeps no NUL in a text; told here, it costs no second try.
fn check_names(new: &NewStep) -> Result<(), Refusal> {
    let names = [("task", &*new.task), ("queue", &*new.queue), ("content type", &*new.payload.content_type)];
    let key = new.unique_key.iter().map(|key| ("unique key", &**key));
    let tags = new.tags.iter().map(|tag| ("tag", tag.as_str()));
    match names.into_iter().chain(key).chain(tags).find(|(_, text)| text.contains('\0')) {
        Some((what, _)) => Err(Refusal::BadData { message: format!("the {what} contains a NUL character") }),
        None => Ok(()),
    }
}

/// Stores rows in one transaction. A row without an answer has to be tried again.
async fn store(
    db: &Connections,
    part: &[Placed<'_>],
    offer: Option<&Offer<'_>>,
) -> Result<BTreeMap<usize, Answer>, Failure> {
    if part.iter().any(|(_, step)| step.unique_key.is_some()) {
        return among_rivals(db, part, offer).await;
    }
    match alone(db, part, offer).await {
        // The same call was sent before, and only now came to its end: here, that is no error.
        Err(Failure::Said(error)) if is_taken(&error) => among_rivals(db, part, offer).await,
        answer => answer,
    }
}

/// For steps of which only this call knows.
async fn alone(
    db: &Connections,
    part: &[Placed<'_>],
    offer: Option<&Offer<'_>>,
) -> Result<BTreeMap<usize, Answer>, Failure> {
    let waves = waves(part, |(_, step)| names(step));
    let calls: Vec<_> = match part {
        [(_, step)] if step.due == Due::Now => vec![insert_one(db, step, offer)],
        _ => {
            let statement = if offer.is_some() { &db.sql.hand_off_alone } else { &db.sql.enqueue_alone };
            waves.iter().map(|wave| insert(db.call(statement), &part[wave.clone()], offer)).collect()
        }
    };
    let rows = db.try_write_by_key(&calls).await?;
    let mut told = BTreeMap::new();
    for (wave, rows) in waves.iter().zip(&rows) {
        let stored = stored(rows).map_err(Failure::Other)?;
        let answer =
            |(place, step): &Placed<'_>| (*place, Ok(stored.get(&step.step_id).copied().unwrap_or(Accepted::Existing)));
        told.extend(part[wave.clone()].iter().map(answer));
    }
    Ok(told)
}

async fn among_rivals(
    db: &Connections,
    part: &[Placed<'_>],
    offer: Option<&Offer<'_>>,
) -> Result<BTreeMap<usize, Answer>, Failure> {
    let waves = waves(part, |(_, step)| names(step));
    let mut calls = vec![db.call(&db.sql.impatience).with("lock_timeout", LOCK_TIMEOUT)];
    for wave in &waves {
        calls.extend(wave_calls(db, &part[wave.clone()], offer));
    }
    let rows = db.try_write_by_key(&calls).await?;
    told(part, &waves, &rows[1..]).map_err(Failure::Other)
}

fn names(step: &NewStep) -> Vec<String> {
    let key = step.unique_key.iter().map(|key| format!("key {key}"));
    key.chain([step.step_id.to_string()]).collect()
}

/// The insert, and who was there before.
fn wave_calls<'a>(db: &'a Connections, wave: &[Placed<'a>], offer: Option<&Offer<'a>>) -> [Call<'a>; 3] {
    let keyed = || wave.iter().filter(|(_, step)| step.unique_key.is_some());
    let ids: Vec<StepId> = keyed().map(|(_, step)| step.step_id).collect();
    let keys: Vec<&str> = keyed().filter_map(|(_, step)| step.unique_key.as_deref()).collect();
    let statement = if offer.is_some() { &db.sql.hand_off } else { &db.sql.enqueue };
    [
        insert(db.call(statement), wave, offer),
        db.call(&db.sql.exists).with("step_ids", ids),
        db.call(&db.sql.holders).with("unique_keys", keys),
    ]
}

fn insert<'a>(call: Call<'a>, wave: &[Placed<'a>], offer: Option<&Offer<'a>>) -> Call<'a> {
    let steps = || wave.iter().map(|(_, step)| *step);
    let call = match offer {
        None => call,
        Some(offer) => {
            let queues: BTreeSet<&str> = steps().map(|step| &*step.queue).collect();
            offered(call, queues, offer)
                .with("offered_tasks", offer.whole.tasks.iter().map(|task| &**task).collect::<Vec<_>>())
        }
    };
    call.with("step_ids", steps().map(|step| step.step_id).collect::<Vec<_>>())
        .with("tasks", steps().map(|step| &*step.task).collect::<Vec<_>>())
        .with("queues", steps().map(|step| &*step.queue).collect::<Vec<_>>())
        .with("priorities", steps().map(|step| step.priority).collect::<Vec<_>>())
        .with("payloads", steps().map(|step| &*step.payload.bytes).collect::<Vec<_>>())
        .with("content_types", steps().map(|step| spelled(&step.payload)).collect::<Vec<_>>())
        .with("max_retries", steps().map(|step| i64::from(step.max_retries)).collect::<Vec<_>>())
        .with("moments", steps().map(|step| moment(step.due)).collect::<Vec<_>>())
        .with("delays", steps().map(|step| delay(step.due)).collect::<Vec<_>>())
        .with("timeouts", steps().map(|step| step.timeout.map(signed)).collect::<Vec<_>>())
        .with("unique_keys", steps().map(|step| step.unique_key.as_deref()).collect::<Vec<_>>())
        .with("tags", steps().map(tags).collect::<Vec<_>>())
}

fn insert_one<'a>(db: &'a Connections, step: &'a NewStep, offer: Option<&Offer<'a>>) -> Call<'a> {
    let call = match offer.filter(|offer| offer.slots > 0 && offer.whole.tasks.contains(&step.task)) {
        Some(offer) => offered(db.call(&db.sql.hand_off_one), BTreeSet::from([&*step.queue]), offer),
        None => db.call(&db.sql.enqueue_one),
    };
    call.with("step_id", step.step_id)
        .with("task", &*step.task)
        .with("queue", &*step.queue)
        .with("priority", step.priority)
        .with("payload", &*step.payload.bytes)
        .with("content_type", spelled(&step.payload))
        .with("max_retries", i64::from(step.max_retries))
        .with("timeout", step.timeout.map(signed))
        .with("tags", tags(step))
}

/// Who offers how many slots, and where steps of these queues may wait before the new ones.
fn offered<'a>(call: Call<'a>, queues: BTreeSet<&'a str>, offer: &Offer<'a>) -> Call<'a> {
    let call = spanned(call, offer.belief.in_queues(queues));
    due_from(trusting(call, offer.belief.trust_without_full_look()), offer.due)
        .with("pod", offer.whole.pod.as_str())
        .with("claim_id", offer.whole.claim_id)
        .with("slots", offer.slots)
}

fn stored(rows: &[Row]) -> Result<BTreeMap<StepId, Accepted>> {
    let accepted = |status: &str| if status == "claimed" { Accepted::HandedOff } else { Accepted::Stored };
    let pairs = rows.iter().map(|row| Ok((row.try_get("step_id")?, accepted(row.try_get("status")?))));
    pairs.collect::<Result<_, tokio_postgres::Error>>().map_err(Error::from)
}

fn told(part: &[Placed<'_>], waves: &[Range<usize>], rows: &[Vec<Row>]) -> Result<BTreeMap<usize, Answer>> {
    let mut told = BTreeMap::new();
    for (wave, rows) in waves.iter().zip(rows.chunks_exact(3)) {
        let stored = stored(&rows[0])?;
        let existing = rows[1].iter().map(|row| row.try_get("step_id")).collect::<Result<BTreeSet<StepId>, _>>()?;
        let holders = rows[2].iter().map(|row| Ok((row.try_get("unique_key")?, row.try_get("step_id")?)));
        let holders =
            holders.collect::<Result<BTreeMap<&str, StepId>, tokio_postgres::Error>>().map_err(Error::from)?;
        for (place, step) in &part[wave.clone()] {
            let answer = match (stored.get(&step.step_id), step.unique_key.as_deref()) {
                (Some(accepted), _) => Some(Ok(*accepted)),
                (None, None) => Some(Ok(Accepted::Existing)),
                (None, Some(_)) if existing.contains(&step.step_id) => Some(Ok(Accepted::Existing)),
                (None, Some(key)) => {
                    holders.get(key).map(|&holder| Err(Refusal::UniqueConflict { key: key.to_owned(), holder }))
                }
            };
            told.extend(answer.map(|answer| (*place, answer)));
        }
    }
    Ok(told)
}

fn moment(due: Due) -> Option<i64> {
    match due {
        Due::At(moment) => Some(moment.0),
        Due::Now | Due::In(_) => None,
    }
}

fn delay(due: Due) -> Option<i64> {
    match due {
        Due::Now => Some(0),
        Due::In(delay) => Some(signed(delay)),
        Due::At(_) => None,
    }
}

fn tags(step: &NewStep) -> String {
    serde_json::to_string(&step.tags).expect("a list of texts is JSON")
}
