//! Spells calls with the values a small task has. Sends none.

use std::sync::Arc;

use fleet_q::rules::election::PodStatus;
use fleet_q::rules::recovery::DeathTiming;
use fleet_q::rules::step::{Claim, ClaimId, PodId, StepId};
use fleet_q::rules::time::Millis;
use fleet_q::store::{Beat, ClaimCall, ClaimKind, Content, Due, Finish, Lane, NewStep, Outcome, Queues, Registration};

const PAYLOAD: &[u8] = br#"{"args":[1],"kwargs":{}}"#;
const TIMING: DeathTiming = DeathTiming { heartbeat_interval: Millis(3000), dead_pod_threshold: Millis(15_000) };
const MAX_CRASHES: u32 = 3;

pub fn tasks() -> Arc<[Arc<str>]> {
    Arc::from([Arc::from("noop")])
}

pub fn step(step_id: StepId) -> NewStep {
    NewStep {
        step_id,
        task: "noop".into(),
        queue: "default".into(),
        priority: 0,
        payload: Content::json(PAYLOAD),
        max_retries: 3,
        due: Due::Now,
        timeout: None,
        unique_key: None,
        tags: Vec::new(),
    }
}

pub fn demand(claim_id: ClaimId, limit: u32) -> ClaimCall {
    let lanes = vec![Lane { tasks: tasks(), queues: Queues::All, limit }];
    ClaimCall { claim_id, limit, lanes, max_crashes: MAX_CRASHES, kind: ClaimKind::Ordinary }
}

pub fn completed(claim: Claim) -> Finish {
    Finish { claim, outcome: Outcome::Complete { result: Some(Content::json(&b"null"[..])) } }
}

pub fn registration(pod: &str) -> Registration {
    Registration { pod_id: pod.into(), can_lead: true, meta: "{\"host\":\"here\"}".into() }
}

pub fn beat(pod: &PodId) -> Beat {
    Beat {
        pod_id: pod.clone(),
        status: PodStatus::Up,
        can_lead: true,
        meta: None,
        timing: TIMING,
        max_crashes: MAX_CRASHES,
    }
}
