//! What producers call: enqueue, look, wait, cancel. Works before any pod runs; connects on first use.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::clock::StepIds;
use super::enqueuer::Enqueuer;
use super::error::{ClientError, Result};
use super::events::Event;
use super::fleet::Parts;
use super::hand_off::Host;
use super::lock;
use super::retry::{until_answered, with_deadline};
use super::waiter::Waiter;
use crate::rules::config::Config;
use crate::rules::content;
use crate::rules::step::StepId;
use crate::rules::time::{Millis, Monotonic};
use crate::store::{
    self, CancelVerdict, Content, Control, Due, Failed, Failures, Migrate, NewStep, PurgeVerdict, ReplayVerdict,
    Schema, Script, Search, Stats, Step,
};

/// One step to be, as a caller asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Given by a caller who wants to enqueue again safely; else minted here.
    pub step_id: Option<StepId>,
    pub task: Arc<str>,
    pub queue: Arc<str>,
    pub priority: i32,
    pub payload: Content,
    /// `None` takes `MAX_RETRIES`.
    pub max_retries: Option<u32>,
    pub due: Due,
    pub timeout: Option<Millis>,
    pub unique_key: Option<Arc<str>>,
    pub tags: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    parts: Parts,
    connected: OnceCell<()>,
    closed: AtomicBool,
    ids: StepIds,
    enqueuer: Enqueuer,
    waiter: Waiter,
    known_tasks: Mutex<Option<(Monotonic, BTreeSet<String>)>>,
}

/// How long the tasks of living pods are remembered.
const TASKS_KEPT: Millis = Millis(2000);

impl Client {
    pub(crate) fn new(config: Config, parts: Parts, host: &Arc<Host>) -> Self {
        let enqueuer = Enqueuer::new(&config, &parts, host);
        let waiter = Waiter::new(&config, &parts);
        Self(Arc::new(Inner {
            config,
            parts,
            connected: OnceCell::new(),
            closed: AtomicBool::new(false),
            ids: StepIds::default(),
            enqueuer,
            waiter,
            known_tasks: Mutex::default(),
        }))
    }

    /// Creates or checks the tables, once; a failure is tried again by the next call.
    pub(crate) async fn connect(&self) -> Result<()> {
        self.check_open()?;
        self.0.connected.get_or_try_init(|| self.prepare()).await?;
        Ok(())
    }

    async fn prepare(&self) -> Result<()> {
        self.beware().await?;
        if self.0.config.auto_migrate {
            return self.apply().await;
        }
        self.ask("the look at the schema", || self.0.parts.store.migrate(Migrate::CheckOnly)).await.map(drop)
    }

    /// Says once what the database's settings put at risk; refuses those that break P1.
    async fn beware(&self) -> Result<()> {
        for message in self.ask("the look at the settings", || self.0.parts.store.cautions()).await? {
            self.0.parts.events.emit(Event::StoreCaution { message });
        }
        Ok(())
    }

    async fn apply(&self) -> Result<()> {
        // Without the deadline of other calls: the store bounds its own waits here.
        let call = || self.0.parts.store.migrate(Migrate::Apply);
        let applied = until_answered(&*self.0.parts.clock, &*self.0.parts.draws, self.until(), call).await;
        applied.map(drop).map_err(|error| ClientError::from_store(&error, &[]))
    }

    /// Creates or upgrades the tables now, whatever `auto_migrate` says.
    pub async fn migrate(&self) -> Result<Schema> {
        self.check_open()?;
        self.beware().await?;
        self.apply().await?;
        self.schema().await
    }

    /// What schema the database has. Creates nothing, unlike every other call.
    pub async fn schema(&self) -> Result<Schema> {
        self.check_open()?;
        self.ask("the look at the schema", || self.0.parts.store.schema()).await
    }

    /// What a database administrator may run instead of this process.
    pub async fn script(&self, script: Script) -> Result<String> {
        self.check_open()?;
        self.ask("writing the script", || self.0.parts.store.script(&script)).await
    }

    /// Stores steps; concurrent calls share commits. A row that is refused leaves its neighbours alone.
    /// When it returns, what it accepted survives any pod's death (P1).
    pub async fn enqueue(&self, requests: Vec<Request>) -> Result<Vec<Result<StepId>>> {
        self.connect().await?;
        let checked: Vec<Result<NewStep>> = requests.into_iter().map(|request| self.check(request)).collect();
        let good: Vec<NewStep> = checked.iter().filter_map(|step| step.as_ref().ok()).cloned().collect();
        let mut stored = self.0.enqueuer.enqueue(good).await?.into_iter();
        let answer = |step: Result<NewStep>| match step {
            Ok(_) => stored.next().expect("the enqueuer answers every step"),
            Err(refusal) => Err(refusal),
        };
        Ok(checked.into_iter().map(answer).collect())
    }

    fn check(&self, request: Request) -> Result<NewStep> {
        let invalid = |problem: content::ContentProblem| ClientError::Invalid { message: problem.to_string() };
        content::check_task_name(&request.task).map_err(invalid)?;
        content::check_queue_name(&request.queue).map_err(invalid)?;
        content::check_tags(&request.tags).map_err(invalid)?;
        if let Some(key) = &request.unique_key {
            content::check_unique_key(key).map_err(invalid)?;
        }
        if let Due::In(delay) = request.due {
            content::check_delay(delay.as_secs_f64()).map_err(invalid)?;
        }
        let (bytes, limit) = (request.payload.bytes.len() as u64, self.0.config.payload_limit_bytes);
        if bytes > limit {
            return Err(ClientError::PayloadTooLarge { bytes, limit });
        }
        let mint = || self.0.ids.mint(&*self.0.parts.clock, &*self.0.parts.draws);
        Ok(NewStep {
            step_id: request.step_id.unwrap_or_else(mint),
            task: request.task,
            queue: request.queue,
            priority: request.priority,
            payload: request.payload,
            max_retries: request.max_retries.unwrap_or(self.0.config.max_retries),
            due: request.due,
            timeout: request.timeout,
            unique_key: request.unique_key,
            tags: request.tags,
        })
    }

    pub async fn get(&self, id: StepId) -> Result<Step> {
        self.connect().await?;
        let mut found = self.ask("get", || self.0.parts.store.get(std::slice::from_ref(&id))).await?;
        found.pop().flatten().ok_or(ClientError::StepNotFound { step_id: id })
    }

    /// The step once it is final. All waiters of a process share one batched read.
    pub async fn wait(&self, id: StepId, timeout: Option<Millis>) -> Result<Step> {
        self.connect().await?;
        self.0.waiter.wait(id, timeout).await
    }

    pub async fn cancel(&self, ids: Vec<StepId>) -> Result<Vec<CancelVerdict>> {
        self.connect().await?;
        self.ask("cancel", || self.0.parts.store.cancel(&ids)).await
    }

    pub async fn replay(&self, ids: Vec<StepId>) -> Result<Vec<ReplayVerdict>> {
        self.connect().await?;
        self.ask("replay", || self.0.parts.store.replay(&ids)).await
    }

    /// Puts one failed step back to `pending`, or says why not.
    pub async fn replay_one(&self, id: StepId) -> Result<()> {
        let verdict = self.replay(vec![id]).await?.pop().expect("one verdict for each id");
        match verdict {
            ReplayVerdict::Replayed => Ok(()),
            ReplayVerdict::NotFailed(state) => Err(ClientError::StepNotFailed { step_id: id, state }),
            ReplayVerdict::Unknown => Err(ClientError::StepNotFound { step_id: id }),
            ReplayVerdict::Conflict(holder) => {
                let key = self.get(id).await?.unique_key.unwrap_or_default().to_string();
                Err(ClientError::UniqueConflict { key, holder })
            }
        }
    }

    /// Failed steps without their payloads, the latest failure first.
    pub async fn failures(&self, call: Failures) -> Result<Vec<Failed>> {
        self.connect().await?;
        self.ask("failures", || self.0.parts.store.failures(&call)).await
    }

    /// Deletes failed steps. After a lost answer it asks again; what the first call deleted is then unknown.
    pub async fn purge(&self, ids: Vec<StepId>) -> Result<Vec<PurgeVerdict>> {
        self.connect().await?;
        self.ask("purge", || self.0.parts.store.purge(&ids)).await
    }

    pub async fn search(&self, filter: Search) -> Result<Vec<Step>> {
        self.connect().await?;
        self.ask("search", || self.0.parts.store.search(&filter)).await
    }

    pub async fn stats(&self) -> Result<Stats> {
        self.connect().await?;
        self.ask("stats", || self.0.parts.store.stats()).await
    }

    pub async fn pods(&self) -> Result<Vec<store::Pod>> {
        self.connect().await?;
        self.ask("pods", || self.0.parts.store.pods()).await
    }

    pub async fn control(&self, command: Control) -> Result<()> {
        let (Control::Pause { queue } | Control::Resume { queue }) = &command;
        content::check_queue_name(queue).map_err(|problem| ClientError::Invalid { message: problem.to_string() })?;
        self.connect().await?;
        self.ask("control", || self.0.parts.store.control(&command)).await
    }

    /// Tasks that some living pod says it knows; at most two seconds old.
    pub async fn known_tasks(&self) -> Result<BTreeSet<String>> {
        let now = self.0.parts.clock.monotonic();
        if let Some((_, known)) = lock(&self.0.known_tasks).as_ref().filter(|(at, _)| now.since(*at) < TASKS_KEPT) {
            return Ok(known.clone());
        }
        let living = self.pods().await?.into_iter().filter(|pod| pod.view.status.holds_claims());
        let known: BTreeSet<String> = living.flat_map(|pod| tasks_in(&pod.meta)).collect();
        *lock(&self.0.known_tasks) = Some((now, known.clone()));
        Ok(known)
    }

    /// Later calls are refused; waiting ones end with `Stopped`.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.enqueuer.close();
        self.0.waiter.close();
    }

    fn check_open(&self) -> Result<()> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(ClientError::Stopped { what: "start() it again, or make a new FleetQ" });
        }
        Ok(())
    }

    /// Calls the store until it answers, for `connect_timeout`. Only what may be sent twice.
    async fn ask<T, Fut>(&self, action: &'static str, call: impl Fn() -> Fut) -> Result<T>
    where
        Fut: Future<Output = store::Result<T>>,
    {
        let (parts, config) = (&self.0.parts, &self.0.config);
        let timed = || with_deadline(config.statement_timeout, action, call());
        let answer = until_answered(&*parts.clock, &*parts.draws, self.until(), timed).await;
        answer.map_err(|error| ClientError::from_store(&error, &[]))
    }

    /// When a call that begins now gives up.
    fn until(&self) -> Monotonic {
        self.0.parts.clock.monotonic() + self.0.config.connect_timeout
    }
}

pub(super) fn tasks_in(meta: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Meta {
        #[serde(default)]
        tasks: Vec<String>,
    }
    // A pod of another version may say something else; it then names no tasks.
    serde_json::from_str::<Meta>(meta).map(|meta| meta.tasks).unwrap_or_default()
}
