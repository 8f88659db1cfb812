//! Runs commands on two stores and compares what they answer and hold.

use std::collections::BTreeMap;

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::state::State;
use fleet_q::rules::step::{Claim, PodId, StepId};
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::clock::DatabaseClock;
use fleet_q::store::{
    Accepted, Beat, Control, Cycle, Due, Enqueue, ErrorEntry, Failed, Failures, Finish, HandOff, Lane, MarkDead,
    NewStep, Outcome, ProgressReport, Prune, PurgeVerdict, Queues, Recover, Recovered, Refusal, ReplayVerdict, Search,
    Step, Store, Verdict,
};
use proptest::test_runner::{TestCaseError, TestCaseResult};

use super::command::{Command, Demand, End, PODS, QUEUES};
use crate::conformance::bed::{self, Bed};
use crate::conformance::fixtures::{
    TIMING, beat_of, claim_id, complete, error, fail, id, names, ordinary, registration, retry, step, suspects,
};

/// What both stores were told so far, as far as later commands refer to it.
#[derive(Debug, Default)]
struct Past {
    /// Every claim that was ever given, stale ones included.
    claims: Vec<Claim>,
    /// Every step that was ever told of.
    steps: Vec<StepId>,
    /// Which life each pod is in.
    lives: [u32; PODS as usize],
    /// The beats a leader saw at its last look.
    seen: Vec<(PodId, Timestamp)>,
    calls: u64,
}

pub async fn compare(subject: &Bed, commands: &[Command]) -> TestCaseResult {
    let model = bed::memory().await;
    let mut past = Past::default();
    for bed in [&model, subject] {
        for pod in 0..PODS {
            bed.pod(past.pod(pod).as_str()).await;
        }
    }
    for (n, command) in commands.iter().enumerate() {
        let command_no = || format!("command {n}: {command:?}");
        past.calls += 1;
        if let Command::Register(pod) | Command::Crash(pod) = command {
            past.lives[usize::from(*pod)] += 1;
        }
        let expected = perform(&model, command, &past).await;
        let found = perform(subject, command, &past).await;
        equal(&expected.text, &found.text, subject.name, command_no)?;
        past.claims.extend(expected.claims);
        past.steps.extend(expected.steps);
        let (expected, found) = (contents(&model, &past).await, contents(subject, &past).await);
        equal(&expected, &found, subject.name, command_no)?;
        if matches!(command, Command::Live { .. } | Command::Beat { .. }) {
            past.seen = beats(&model).await;
        }
    }
    Ok(())
}

fn equal(expected: &str, found: &str, name: &str, what: impl Fn() -> String) -> TestCaseResult {
    if expected == found {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{}\n model: {expected}\n{name}: {found}", what())))
}

/// What a store answered.
#[derive(Default)]
struct Answer {
    text: String,
    claims: Vec<Claim>,
    steps: Vec<StepId>,
}

impl Answer {
    fn of(answer: impl std::fmt::Debug) -> Self {
        Self { text: format!("{answer:?}"), ..Self::default() }
    }
}

async fn perform(bed: &Bed, command: &Command, past: &Past) -> Answer {
    let store = &*bed.store;
    match command {
        Command::Enqueue { rows, offer } => enqueue(bed, rows, offer.as_ref(), past).await,
        Command::Cycle { pod, finishes, releases, demand } => {
            let call = Cycle {
                pod: past.pod(*pod),
                finishes: finishes.iter().map(|(at, end)| finish(past, *at, *end)).collect(),
                releases: releases.iter().map(|at| past.claim(*at)).collect(),
                demand: demand.as_ref().map(|demand| claim_call(demand, past.calls)),
            };
            cycle(store, &call).await
        }
        Command::Progress(at) => {
            let report = ProgressReport { claim: past.claim(*at), json: "{\"fraction\":0.5}".into() };
            Answer::of(store.progress(&[report]).await.is_ok())
        }
        Command::Cancel(steps) => Answer::of(store.cancel(&past.step_ids(steps)).await.unwrap()),
        Command::Replay(steps) => Answer::of(replay(store, &past.step_ids(steps)).await),
        Command::Purge(steps) => Answer::of(purge(store, &past.step_ids(steps)).await),
        Command::Advance(_) | Command::Live { .. } => {
            pass_time(bed, command, past).await;
            Answer::default()
        }
        Command::Register(_) | Command::Beat { .. } | Command::Retire(_) => live(store, command, past).await,
        Command::Crash(pod) => Answer::of(crash(store, past, *pod).await),
        Command::MarkDead { .. } | Command::Recover { .. } | Command::Prune { .. } => lead(store, command, past).await,
        Command::Pause(queue) => Answer::of(store.control(&Control::Pause { queue: queue_name(*queue) }).await.is_ok()),
        Command::Resume(queue) => {
            Answer::of(store.control(&Control::Resume { queue: queue_name(*queue) }).await.is_ok())
        }
    }
}

async fn enqueue(bed: &Bed, rows: &[super::command::Row], offer: Option<&(u8, u32)>, past: &Past) -> Answer {
    let numbered = rows.iter().zip(past.steps.len() as u64 + 1..);
    let steps: Vec<NewStep> =
        numbered.map(|(row, n)| new_step(row, row.again.map_or(id(n), |at| past.step(at)))).collect();
    let ids: Vec<StepId> = steps.iter().map(|step| step.step_id).collect();
    let hand_off = offer.map(|&(pod, limit)| HandOff {
        pod: past.pod(pod),
        claim_id: claim_id(past.calls),
        limit,
        tasks: names(&["task-0"]),
    });
    let mut answers = bed.store.enqueue(&Enqueue { steps, hand_off }).await.unwrap();
    for answer in &mut answers {
        if let Err(Refusal::BadData { message }) = answer {
            message.clear();
        }
    }
    let handed = ids.iter().zip(&answers).filter(|(_, answer)| **answer == Ok(Accepted::HandedOff));
    let claims = handed.map(|(&step_id, _)| Claim { step_id, claim_id: claim_id(past.calls) }).collect();
    Answer { claims, steps: ids, ..Answer::of(answers) }
}

async fn cycle(store: &dyn Store, call: &Cycle) -> Answer {
    let mut reply = store.cycle(call).await.unwrap();
    for verdict in &mut reply.verdicts {
        if let Verdict::Refused(why) = verdict {
            why.clear();
        }
    }
    let claims = reply.claims.iter().map(|claimed| claimed.claim).collect();
    Answer { claims, ..Answer::of(reply) }
}

/// A store may promote what is due, or leave it scheduled until it is claimed: both are waiting.
async fn replay(store: &dyn Store, steps: &[StepId]) -> Vec<ReplayVerdict> {
    let mut verdicts = store.replay(steps).await.unwrap();
    for verdict in &mut verdicts {
        if *verdict == ReplayVerdict::NotFailed(State::Scheduled) {
            *verdict = ReplayVerdict::NotFailed(State::Pending);
        }
    }
    verdicts
}

/// What a look tells, in two pages, and what became of each step.
async fn purge(store: &dyn Store, steps: &[StepId]) -> (Vec<Failed>, Vec<PurgeVerdict>) {
    let mut failures = store.failures(&Failures { limit: 2, ..Failures::default() }).await.unwrap();
    let before = failures.last().map(|failed| (failed.failed, failed.step_id));
    failures.extend(store.failures(&Failures { before, limit: 100, ..Failures::default() }).await.unwrap());
    let mut verdicts = store.purge(steps).await.unwrap();
    for verdict in &mut verdicts {
        if *verdict == PurgeVerdict::NotFailed(State::Scheduled) {
            *verdict = PurgeVerdict::NotFailed(State::Pending);
        }
    }
    (failures, verdicts)
}

async fn pass_time(bed: &Bed, command: &Command, past: &Past) {
    if let Command::Advance(ms) = command {
        bed.clock.advance(Millis(*ms));
    }
    if let Command::Live { pods } = command {
        let pods: Vec<PodId> = (0..PODS).filter(|pod| pods >> pod & 1 == 1).map(|pod| past.pod(pod)).collect();
        bed.beat_for(&pods.iter().collect::<Vec<_>>(), TIMING.dead_pod_threshold + Millis(1)).await;
    }
}

async fn live(store: &dyn Store, command: &Command, past: &Past) -> Answer {
    if let Command::Register(pod) = command {
        return Answer::of(store.register(&registration(past.pod(*pod).as_str())).await.is_ok());
    }
    if let Command::Retire(pod) = command {
        return Answer::of(store.retire(&past.pod(*pod)).await.is_ok());
    }
    let Command::Beat { pod, draining } = command else { unreachable!("the caller listed three commands") };
    let status = if *draining { PodStatus::Draining } else { PodStatus::Up };
    let mut pulse = store.beat(&Beat { status, ..beat_of(&past.pod(*pod)) }).await.unwrap();
    // A due suspect counts once it is promoted, or at once: a hint may come a claim later.
    pulse.suspects = false;
    Answer::of(pulse)
}

async fn crash(store: &dyn Store, past: &Past, pod: u8) -> Vec<Recovered> {
    store.retire(&past.life_before(pod)).await.unwrap();
    store.register(&registration(past.pod(pod).as_str())).await.unwrap();
    let call = Recover { leader: past.pod(pod), max_crashes: 1, limit: 9 };
    store.recover(&call).await.unwrap()
}

async fn lead(store: &dyn Store, command: &Command, past: &Past) -> Answer {
    if let Command::MarkDead { leader } = command {
        let call = MarkDead { leader: past.pod(*leader), suspects: past.seen.clone(), timing: TIMING };
        return Answer::of(store.mark_dead(&call).await.unwrap());
    }
    if let Command::Recover { limit } = command {
        let call = Recover { leader: past.pod(0), max_crashes: 1, limit: *limit };
        return Answer::of(store.recover(&call).await.unwrap());
    }
    let Command::Prune { keep, limit } = command else { unreachable!("the caller listed three commands") };
    let (keep, longer) = (Millis(*keep), Millis(*keep * 2));
    let call = Prune { keep_completed: keep, keep_failed: longer, keep_pods: keep, limit: *limit };
    Answer::of(store.prune(&call).await.unwrap())
}

/// Everything a store holds, as text.
async fn contents(bed: &Bed, past: &Past) -> String {
    let (store, now) = (&*bed.store, bed.clock.now());
    let all = Search { limit: u32::MAX, ..Search::default() };
    let steps = store.search(&all).await.unwrap();
    let ids: Vec<_> = steps.iter().map(|step| step.step_id).collect();
    let got: Vec<Step> = store.get(&ids).await.unwrap().into_iter().flatten().collect();
    assert_eq!(steps, got, "{}: search and get agree", bed.name);
    let mut mine = BTreeMap::new();
    for pod in (0..PODS).map(|pod| past.pod(pod)) {
        mine.insert(pod.clone(), store.mine(&pod).await.unwrap());
    }
    let stats = store.stats().await.unwrap();
    let total: u64 = stats.counts.values().flat_map(BTreeMap::values).sum();
    let pods = store.pods().await.unwrap();
    let rows: Vec<String> = steps.into_iter().map(|step| row_text(step, now)).collect();
    format!("{total} steps: {rows:#?}\nmine {mine:?}\npaused {:?}\npods {pods:#?}", stats.paused)
}

/// A row, but for what a promotion may have changed and for how a history is spelt.
fn row_text(mut step: Step, now: Timestamp) -> String {
    let history: Vec<serde_json::Value> =
        step.errors.take().map(|errors| serde_json::from_str(&errors).unwrap()).unwrap_or_default();
    if step.state == State::Scheduled && step.available <= now {
        step.state = State::Pending;
    }
    if step.state == State::Pending {
        step.last_update = Timestamp(0);
    }
    format!("{step:?} {history:?}")
}

async fn beats(bed: &Bed) -> Vec<(PodId, Timestamp)> {
    let pods = bed.store.pods().await.unwrap();
    pods.into_iter().map(|pod| (pod.view.pod_id, pod.view.last_heartbeat)).collect()
}

impl Past {
    fn pod(&self, pod: u8) -> PodId {
        life(pod, self.lives[usize::from(pod)])
    }

    fn life_before(&self, pod: u8) -> PodId {
        life(pod, self.lives[usize::from(pod)].saturating_sub(1))
    }

    /// One of the latest steps, or one that never was.
    fn step(&self, at: u8) -> StepId {
        self.steps.iter().rev().nth(usize::from(at) % 16).copied().unwrap_or(id(0))
    }

    fn step_ids(&self, ats: &[u8]) -> Vec<StepId> {
        ats.iter().map(|&at| self.step(at)).collect()
    }

    /// One of the claims ever given; before there is any, one that never was.
    fn claim(&self, at: u16) -> Claim {
        let never = Claim { step_id: id(0), claim_id: claim_id(u64::MAX) };
        // The latest are the likeliest to live still.
        let back = usize::from(at) % self.claims.len().clamp(1, 8);
        self.claims.iter().rev().nth(back).copied().unwrap_or(never)
    }
}

fn finish(past: &Past, at: u16, end: End) -> Finish {
    let outcome = match end {
        End::Complete => complete(),
        End::Retry(delay) => retry(delay),
        End::Fail => fail(),
        End::Snooze(delay) => Outcome::Snooze { delay: Millis(delay) },
        End::Crash => Outcome::Crash { error: error("killed"), max_crashes: 1 },
        End::Cancel => Outcome::Cancel { error: Some(error("stopped")) },
        End::BadEntry => Outcome::Fail { error: ErrorEntry { json: "[1]".into() } },
    };
    Finish { claim: past.claim(at), outcome }
}

fn claim_call(demand: &Demand, n: u64) -> fleet_q::store::ClaimCall {
    let lanes = demand.lanes.iter().map(|&(task, filter, limit)| {
        let named =
            |bits: u8| (0..QUEUES).filter(move |queue| bits >> queue & 1 == 1).map(|queue| queue_name(queue).into());
        let queues = match filter {
            None => Queues::All,
            Some((bits, true)) => Queues::Except(named(bits).collect()),
            Some((bits, false)) => Queues::Only(named(bits).collect()),
        };
        Lane { tasks: names(&[&task_name(task)]), queues, limit }
    });
    let call = if demand.suspects { suspects(n, demand.limit) } else { ordinary(n, demand.limit) };
    fleet_q::store::ClaimCall { lanes: lanes.collect(), max_crashes: 1, ..call }
}

fn new_step(row: &super::command::Row, step_id: StepId) -> NewStep {
    NewStep {
        step_id,
        task: task_name(row.task).into(),
        queue: queue_name(row.queue).into(),
        priority: row.priority,
        due: row.delay.map_or(Due::Now, |delay| Due::In(Millis(delay))),
        unique_key: row.key.map(|key| format!("key-{key}").into()),
        ..step(0)
    }
}

fn life(pod: u8, number: u32) -> PodId {
    PodId::from(format!("pod-{pod}-{number:08}").as_str())
}

fn queue_name(queue: u8) -> String {
    format!("queue-{queue}")
}

fn task_name(task: u8) -> String {
    format!("task-{task}")
}
