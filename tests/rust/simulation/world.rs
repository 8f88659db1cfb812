//! A world: one store, some pods, a producer, and a log of all that happened, in virtual time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fleet_q::rules::config;
use fleet_q::rules::step::StepId;
use fleet_q::rules::time::Millis;
use fleet_q::runtime::events::{Event, Events};
use fleet_q::runtime::spawn::{BoxFuture, Spawner};
use fleet_q::runtime::{Client, Fleet, Parts, Pod, Request};
use fleet_q::store::journal::Local;
use fleet_q::store::memory::MemoryStore;
use fleet_q::store::{Content, Due, Step, Store};
use tokio::task::AbortHandle;

use super::body::{Bodies, Runs};
use super::checker::Checker;
use super::defects::Defect;
use super::faults::{Calls, Link, Sky, Weather};
use super::seeded::{Seeded, VirtualClock};

/// Longer than any night.
const KEEP_FAILED_S: u64 = 1_000_000;

/// A process' tasks, so that it can be killed.
#[derive(Debug, Default)]
pub struct Process(Mutex<Vec<AbortHandle>>);

impl Process {
    fn spawn(&self, future: BoxFuture) {
        self.0.lock().expect("no panic while spawning").push(tokio::spawn(future).abort_handle());
    }

    fn kill(&self) {
        self.0.lock().expect("no panic while killing").drain(..).for_each(|task| task.abort());
    }
}

impl Spawner for Process {
    fn work(&self, future: BoxFuture) {
        self.spawn(future);
    }

    fn beats(&self, future: BoxFuture) {
        self.spawn(future);
    }
}

/// One simulated pod and its line to the store.
pub struct SimPod {
    pub fleet: Fleet,
    pub pod: Pod,
    pub cut: Arc<Mutex<bool>>,
    pub calls: Calls,
    pub local: Arc<dyn Local>,
    process: Arc<Process>,
    bodies: Arc<Bodies>,
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub draws: Arc<Seeded>,
    pub sky: Arc<Sky>,
    pub checker: Arc<Checker>,
    pub runs: Runs,
    pub accepted: Vec<StepId>,
    pub pods: Vec<SimPod>,
    pub marked_dead: Arc<Mutex<Vec<String>>>,
    clock: VirtualClock,
    /// For how long pods that are added from now on keep what failed or was cancelled.
    pub keep_failed_s: u64,
    defect: Defect,
    log: Arc<Mutex<String>>,
    producer: Fleet,
    born: u32,
}

impl World {
    pub fn new(seed: u64, defect: Defect) -> Self {
        let (draws, clock) = (Seeded::new(seed), VirtualClock::start());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(clock)));
        let (checker, sky) = (Arc::new(Checker::default()), Sky::new(Weather::FINE));
        tokio::spawn(sky.clone().ring(store.wake_ups()));
        let link = Arc::new(Link {
            store: store.clone(),
            sky: sky.clone(),
            draws: draws.clone(),
            checker: checker.clone(),
            defect,
            cut: Arc::default(),
            calls: Arc::default(),
        });
        let parts = Parts {
            store: link,
            local: defect.local(),
            clock: Arc::new(clock),
            draws: draws.clone(),
            events: Events::default(),
            spawner: Arc::new(Process::default()),
        };
        Self {
            producer: Fleet::new(settings("producer", KEEP_FAILED_S), parts),
            store,
            draws,
            sky,
            checker,
            runs: Runs::default(),
            accepted: Vec::new(),
            pods: Vec::new(),
            marked_dead: Arc::default(),
            clock,
            keep_failed_s: KEEP_FAILED_S,
            defect,
            log: Arc::default(),
            born: 0,
        }
    }

    /// Starts one more pod for every task; a start that the weather foils is tried again.
    pub async fn add_pod(&mut self) {
        self.add_pod_for(None).await;
    }

    /// Starts one more pod, for this task alone if one is named.
    pub async fn add_pod_for(&mut self, only: Option<&'static str>) {
        self.born += 1;
        let (process, cut) = (Arc::new(Process::default()), Arc::<Mutex<bool>>::default());
        let calls = Calls::default();
        let link = Arc::new(Link {
            store: self.store.clone(),
            sky: self.sky.clone(),
            draws: self.draws.clone(),
            checker: self.checker.clone(),
            defect: self.defect,
            cut: cut.clone(),
            calls: calls.clone(),
        });
        let (events, local) = (Events::default(), self.defect.local());
        self.record(&events);
        let parts = Parts {
            store: link,
            local: local.clone(),
            clock: Arc::new(self.clock),
            draws: self.draws.clone(),
            events,
            spawner: process.clone(),
        };
        let fleet = Fleet::new(settings(&format!("pod{}", self.born), self.keep_failed_s), parts);
        let bodies = Bodies::new(self.draws.clone(), self.runs.clone(), only);
        if let Ok(pod) = fleet.start(bodies.clone()).await {
            tokio::spawn(die_when_told(process.clone(), bodies.clone()));
            self.pods.push(SimPod { fleet, pod, cut, calls, local, process, bodies });
        } else {
            process.kill();
        }
    }

    fn record(&self, events: &Events) {
        let (mut heard, log, clock) = (events.subscribe(), self.log.clone(), self.clock);
        let marked = self.marked_dead.clone();
        tokio::spawn(async move {
            while let Ok(event) = heard.recv().await {
                if let Event::MarkedDead { pods, .. } = &event {
                    marked.lock().expect("no panic in the log").extend(pods.iter().map(ToString::to_string));
                }
                let mut log = log.lock().expect("no panic in the log");
                writeln!(log, "{:>8} {event:?}", clock.elapsed().0).expect("a string takes all");
            }
        });
    }

    /// The process dies at once: no farewell, no report.
    pub fn kill(&mut self, index: usize) -> SimPod {
        let dead = self.pods.remove(index);
        dead.process.kill();
        dead.bodies.kill();
        dead
    }

    /// Enqueues `count` steps; those that were accepted are held against the store at the end.
    pub async fn enqueue(&mut self, count: u64) {
        let requests = (0..count).map(|_| self.request()).collect();
        // A pod that enqueues may keep what it can run at once.
        let among = self.draws.within(0, 2 * self.pods.len() as u64 + 1);
        let inside = usize::try_from(among).ok().and_then(|index| self.pods.get(index));
        let client = inside.map_or(&self.producer, |pod| &pod.fleet).client().clone();
        if let Ok(answers) = client.enqueue(requests).await {
            self.accepted.extend(answers.into_iter().flatten());
        }
    }

    /// Enqueues one step of this task in fine weather.
    pub async fn enqueue_one(&mut self, task: &str, edit: impl FnOnce(&mut Request)) -> StepId {
        let mut request = self.request_of(task);
        edit(&mut request);
        let mut answers = self.producer.client().enqueue(vec![request]).await.expect("the weather is fine");
        let id = answers.pop().expect("one answer").expect("a good request");
        self.accepted.push(id);
        id
    }

    /// A plain request for this task, due now.
    pub fn request_of(&self, task: &str) -> Request {
        Request { task: task.into(), due: Due::Now, timeout: None, ..self.request() }
    }

    pub async fn step(&self, id: StepId) -> Step {
        self.store.get(&[id]).await.expect("the store itself is well").pop().flatten().expect("it was accepted")
    }

    pub fn runs_of(&self, id: StepId) -> u32 {
        self.runs.lock().expect("no body panics").get(&id).copied().unwrap_or(0)
    }

    pub fn client(&self) -> &Client {
        self.producer.client()
    }

    fn request(&self) -> Request {
        let delayed = self.draws.chance(20);
        Request {
            step_id: None,
            task: if self.draws.chance(25) { "heavy".into() } else { "quick".into() },
            queue: if self.draws.chance(30) { "mail".into() } else { "default".into() },
            priority: i32::try_from(self.draws.within(0, 3)).expect("small"),
            payload: Content::json(b"{\"args\":[],\"kwargs\":{}}".to_vec()),
            max_retries: None,
            due: if delayed { Due::In(Millis(self.draws.within(1, 5000))) } else { Due::Now },
            timeout: self.draws.chance(10).then_some(Millis(400)),
            unique_key: None,
            tags: Vec::new(),
        }
    }

    pub async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Waits in fine weather until every accepted step is final, at most ten minutes.
    pub async fn settle(&self) {
        self.sky.turn(Weather::FINE);
        for _ in 0..600 {
            let found = self.store.get(&self.accepted).await.expect("the store itself is well");
            if found.iter().flatten().all(|step| step.state.is_final()) {
                return;
            }
            self.pass(1000).await;
        }
    }

    pub async fn verdict(&self) -> Vec<String> {
        let found = self.store.get(&self.accepted).await.expect("the store itself is well");
        let runs: BTreeMap<StepId, u32> = self.runs.lock().expect("no body panics").clone();
        self.checker.verdict(&self.accepted, &found, &runs)
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("no panic in the log").clone()
    }
}

/// A killer's process goes down with everything in it.
async fn die_when_told(process: Arc<Process>, bodies: Arc<Bodies>) {
    bodies.dying.notified().await;
    process.kill();
    bodies.kill();
}

fn settings(name: &str, keep_failed_s: u64) -> config::Config {
    let keep = keep_failed_s.to_string();
    let keywords = [("url", "memory://"), ("pod_id", name), ("max_retries", "6"), ("keep_failed", &keep)];
    let keywords = keywords.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    config::resolve(&keywords, &BTreeMap::new()).expect("these settings are valid")
}
