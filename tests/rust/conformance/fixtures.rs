//! Spells what cases need in one line: ids by number, steps with defaults, one pod's calls.

use std::sync::Arc;

use fleet_q::rules::election::{PodStatus, PodView};
use fleet_q::rules::recovery::DeathTiming;
use fleet_q::rules::state::State;
use fleet_q::rules::step::{Claim, ClaimId, PodId, StepId};
use fleet_q::rules::time::{Millis, Timestamp};
use fleet_q::store::{
    Accepted, Beat, ClaimCall, ClaimKind, Content, Cycle, CycleReply, Due, Enqueue, ErrorEntry, Finish, Lane, NewStep,
    Outcome, Pulse, Queues, Refusal, Registration, Step, Store, Verdict,
};

use super::bed::Bed;

/// Where the database's clock stands when a case begins.
pub const T0: Timestamp = Timestamp(1_700_000_000_000);
/// The claim of steps that were forced into `claimed` or a final state.
pub const FORCED: ClaimId = ClaimId([0xfc; 16]);
/// The holder of steps that were forced into `claimed`.
pub const NOBODY: &str = "nobody-00000000";
/// No steps, by number.
pub const NONE: [u64; 0] = [];
pub const MAX_CRASHES: u32 = 3;
pub const TIMING: DeathTiming = DeathTiming { heartbeat_interval: Millis(3000), dead_pod_threshold: Millis(15_000) };

/// The step number `n`; ids sort as their numbers do.
pub fn id(n: u64) -> StepId {
    StepId::v7(n, [0; 10])
}

/// The claim number `n`.
pub fn claim_id(n: u64) -> ClaimId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ClaimId::v4(bytes)
}

pub fn claim(step: u64, n: u64) -> Claim {
    Claim { step_id: id(step), claim_id: claim_id(n) }
}

/// A plain step, due now: `NewStep { priority: 5, ..step(1) }`.
pub fn step(n: u64) -> NewStep {
    NewStep {
        step_id: id(n),
        task: "work".into(),
        queue: "default".into(),
        priority: 0,
        payload: Content::json(&b"{\"args\":[],\"kwargs\":{}}"[..]),
        max_retries: 3,
        due: Due::Now,
        timeout: None,
        unique_key: None,
        tags: Vec::new(),
    }
}

/// The row a plain step has when it was stored at `now`.
pub fn row(new: &NewStep, now: Timestamp) -> Step {
    let available = match new.due {
        Due::Now => now,
        Due::In(delay) => now + delay,
        Due::At(moment) => moment.max(now),
    };
    Step {
        step_id: new.step_id,
        task: Arc::clone(&new.task),
        queue: Arc::clone(&new.queue),
        state: if available > now { State::Scheduled } else { State::Pending },
        priority: new.priority,
        payload: new.payload.clone(),
        retry_count: 0,
        max_retries: new.max_retries,
        crash_count: 0,
        claimed_by: None,
        claim_id: None,
        created: now,
        available,
        claimed: None,
        last_update: now,
        finished: None,
        timeout: new.timeout,
        result: None,
        errors: None,
        progress: None,
        unique_key: new.unique_key.clone(),
        tags: new.tags.clone(),
        cancel_requested: false,
    }
}

/// The row after `pod` claimed it.
pub fn held(row: Step, pod: &PodId, n: u64, now: Timestamp) -> Step {
    Step {
        state: State::Claimed,
        claimed_by: Some(pod.clone()),
        claim_id: Some(claim_id(n)),
        claimed: Some(now),
        last_update: now,
        ..row
    }
}

pub fn error(message: &str) -> ErrorEntry {
    ErrorEntry { json: format!("{{\"kind\":\"error\",\"message\":\"{message}\"}}").into() }
}

/// How that error stands in a history, as JSON.
pub fn noted(message: &str, at: Timestamp) -> serde_json::Value {
    serde_json::json!({"kind": "error", "message": message, "ts": at.0})
}

pub fn history(step: &Step) -> Vec<serde_json::Value> {
    step.errors.as_deref().map(|errors| serde_json::from_str(errors).unwrap()).unwrap_or_default()
}

/// The row without its history, which compares as JSON, not as text.
pub fn bare(step: Step) -> Step {
    Step { errors: None, ..step }
}

pub fn complete() -> Outcome {
    Outcome::Complete { result: Some(Content::json(&b"42"[..])) }
}

pub fn retry(delay_ms: u64) -> Outcome {
    Outcome::Retry { error: error("again"), delay: Millis(delay_ms) }
}

pub fn fail() -> Outcome {
    Outcome::Fail { error: error("for good") }
}

pub fn crash() -> Outcome {
    Outcome::Crash { error: error("killed"), max_crashes: MAX_CRASHES }
}

/// One outcome of each kind.
pub fn outcomes() -> [Outcome; 6] {
    let snooze = Outcome::Snooze { delay: Millis(1000) };
    // The crash last: it makes its step due again at once.
    [complete(), retry(1000), fail(), snooze, Outcome::Cancel { error: None }, crash()]
}

pub fn names(names: &[&str]) -> Arc<[Arc<str>]> {
    names.iter().map(|&name| Arc::from(name)).collect()
}

pub fn lane(limit: u32) -> Lane {
    Lane { tasks: names(&["work"]), queues: Queues::All, limit }
}

pub fn only(queues: &[&str], limit: u32) -> Lane {
    Lane { queues: Queues::Only(names(queues).to_vec()), ..lane(limit) }
}

/// A demand for `limit` ordinary steps of any queue, under claim number `n`.
pub fn ordinary(n: u64, limit: u32) -> ClaimCall {
    ClaimCall {
        claim_id: claim_id(n),
        limit,
        lanes: vec![lane(limit)],
        max_crashes: MAX_CRASHES,
        kind: ClaimKind::Ordinary,
    }
}

pub fn suspects(n: u64, limit: u32) -> ClaimCall {
    ClaimCall { kind: ClaimKind::Suspect, ..ordinary(n, limit) }
}

pub fn asks(pod: &PodId, demand: ClaimCall) -> Cycle {
    Cycle { pod: pod.clone(), finishes: vec![], releases: vec![], demand: Some(demand) }
}

pub fn registration(name: &str) -> Registration {
    Registration { pod_id: name.into(), can_lead: true, meta: "{\"host\":\"here\"}".into() }
}

pub fn beat_of(pod: &PodId) -> Beat {
    Beat {
        pod_id: pod.clone(),
        status: PodStatus::Up,
        can_lead: true,
        meta: None,
        timing: TIMING,
        max_crashes: MAX_CRASHES,
    }
}

impl Bed {
    pub fn now(&self) -> Timestamp {
        use fleet_q::store::clock::DatabaseClock;
        self.clock.now()
    }

    pub async fn try_enqueue(&self, steps: Vec<NewStep>) -> Vec<Result<Accepted, Refusal>> {
        self.store.enqueue(&Enqueue { steps, hand_off: None }).await.unwrap()
    }

    /// Stores steps that must be taken as they are.
    pub async fn enqueue(&self, steps: Vec<NewStep>) {
        let expected = vec![Ok(Accepted::Stored); steps.len()];
        assert_eq!(self.try_enqueue(steps).await, expected);
    }

    pub async fn pod(&self, name: &str) -> PodId {
        self.store.register(&registration(name)).await.unwrap();
        name.into()
    }

    pub async fn ask(&self, pod: &PodId, demand: ClaimCall) -> CycleReply {
        self.store.cycle(&asks(pod, demand)).await.unwrap()
    }

    /// Claims and answers which steps, by number, in the order given.
    pub async fn claim(&self, pod: &PodId, demand: ClaimCall) -> Vec<u64> {
        numbers(self.ask(pod, demand).await.claims.iter().map(|claimed| claimed.claim.step_id))
    }

    pub async fn finish(&self, pod: &PodId, claim: Claim, outcome: Outcome) -> Verdict {
        let finishes = vec![Finish { claim, outcome }];
        let call = Cycle { pod: pod.clone(), finishes, releases: vec![], demand: None };
        self.store.cycle(&call).await.unwrap().verdicts.remove(0)
    }

    pub async fn release(&self, pod: &PodId, claim: Claim) -> Verdict {
        let call = Cycle { pod: pod.clone(), finishes: vec![], releases: vec![claim], demand: None };
        self.store.cycle(&call).await.unwrap().released.remove(0)
    }

    pub async fn get(&self, n: u64) -> Step {
        self.store.get(&[id(n)]).await.unwrap().remove(0).expect("the step is stored")
    }

    pub async fn state(&self, n: u64) -> State {
        self.get(n).await.state
    }

    pub async fn beat(&self, pod: &PodId) -> Pulse {
        self.store.beat(&beat_of(pod)).await.unwrap()
    }

    /// Lets time pass while these pods beat in time.
    pub async fn beat_for(&self, pods: &[&PodId], total: Millis) {
        let mut left = total;
        while left > Millis::ZERO {
            let pace = left.min(TIMING.heartbeat_interval);
            self.clock.advance(pace);
            left = left - pace;
            for pod in pods {
                self.beat(pod).await;
            }
        }
    }

    pub async fn view(&self, pod: &PodId) -> PodView {
        let pods = self.store.pods().await.unwrap();
        pods.into_iter().map(|pod| pod.view).find(|view| view.pod_id == *pod).expect("the pod has a row")
    }
}

pub fn numbers(ids: impl IntoIterator<Item = StepId>) -> Vec<u64> {
    let millis = |id: StepId| id.0[..6].iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    ids.into_iter().map(millis).collect()
}

/// The ids of everything stored, by number.
pub async fn stored(store: &dyn Store) -> Vec<u64> {
    let all = fleet_q::store::Search { limit: u32::MAX, ..Default::default() };
    let mut numbers = numbers(store.search(&all).await.unwrap().iter().map(|step| step.step_id));
    numbers.reverse();
    numbers
}
