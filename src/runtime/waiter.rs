//! Waits for steps to become final: one batched read for all waiters of the process.
//! Ends of this process' own pods cut the wait short; polling is what it relies on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, broadcast, oneshot};

use super::clock::Clock;
use super::error::{ClientError, Result};
use super::events::{Event, Events};
use super::fleet::Parts;
use super::lock;
use super::retry::with_deadline;
use super::spawn::Spawner;
use crate::rules::config::Config;
use crate::rules::step::StepId;
use crate::rules::time::Millis;
use crate::store::{Step, Store};

/// From the first look to the longest pause between two.
const PAUSE_MIN: Millis = Millis(10);
const PAUSE_MAX: Millis = Millis(500);

/// Ids per read.
const IDS_MAX: usize = 500;

type Answer = Result<Step>;

#[derive(Debug)]
pub(crate) struct Waiter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    events: Events,
    spawner: Arc<dyn Spawner>,
    statement_timeout: Millis,
    waiting: Mutex<Waiting>,
    nudge: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    steps: BTreeMap<StepId, Vec<oneshot::Sender<Answer>>>,
    /// Those nobody has looked at yet: they may have ended before anybody waited.
    fresh: Vec<StepId>,
    running: bool,
    closed: bool,
}

impl Waiter {
    pub(crate) fn new(config: &Config, parts: &Parts) -> Self {
        Self(Arc::new(Inner {
            store: parts.store.clone(),
            clock: parts.clock.clone(),
            events: parts.events.clone(),
            spawner: parts.spawner.clone(),
            statement_timeout: config.statement_timeout,
            waiting: Mutex::default(),
            nudge: Notify::new(),
        }))
    }

    pub(crate) async fn wait(&self, id: StepId, timeout: Option<Millis>) -> Answer {
        let began = self.0.clock.monotonic();
        let answered = self.0.enlist(id)?;
        let stopped = || Err(ClientError::Stopped { what: "it was closed while this call waited" });
        let Some(limit) = timeout else {
            return answered.await.unwrap_or_else(|_| stopped());
        };
        if let Ok(answer) = tokio::time::timeout(limit.as_duration(), answered).await {
            return answer.unwrap_or_else(|_| stopped());
        }
        let waited_s = self.0.clock.monotonic().since(began).as_secs_f64();
        Err(ClientError::ResultTimeout { step_id: id, waited_s })
    }

    pub(crate) fn close(&self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        // Their senders are dropped: every waiter learns `Stopped`.
        waiting.steps.clear();
        self.0.nudge.notify_one();
    }
}

impl Inner {
    fn enlist(self: &Arc<Self>, id: StepId) -> Result<oneshot::Receiver<Answer>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(ClientError::Stopped { what: "start() it again, or make a new FleetQ" });
        }
        waiting.steps.entry(id).or_default().push(answer);
        waiting.fresh.push(id);
        if !waiting.running {
            waiting.running = true;
            self.spawner.work(Box::pin(self.clone().run()));
        }
        drop(waiting);
        self.nudge.notify_one();
        Ok(answered)
    }

    async fn run(self: Arc<Self>) {
        let _clears = ClearsWhenDropped(self.clone());
        let mut events = self.events.subscribe();
        let mut pause = PAUSE_MIN;
        loop {
            let ids = self.ids();
            if ids.is_empty() {
                if lock(&self.waiting).closed {
                    return;
                }
                // What nobody reads would be kept for it.
                drop(events);
                self.nudge.notified().await;
                (events, pause) = (self.events.subscribe(), PAUSE_MIN);
                continue;
            }
            self.look(&ids).await;
            let quiet = self.hear_ends(pause, &mut events).await;
            pause = if quiet { Millis(pause.0 * 3 / 2).min(PAUSE_MAX) } else { PAUSE_MIN };
        }
    }

    /// Steps that somebody still waits for.
    fn ids(&self) -> Vec<StepId> {
        let mut waiting = lock(&self.waiting);
        waiting.fresh.clear();
        waiting.steps.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        waiting.steps.keys().copied().collect()
    }

    async fn look(&self, ids: &[StepId]) {
        for page in ids.chunks(IDS_MAX) {
            self.look_at(page).await;
        }
    }

    async fn look_at(&self, ids: &[StepId]) {
        let answer = with_deadline(self.statement_timeout, "get", self.store.get(ids)).await;
        // While the store is away the waiters' own timeouts decide.
        let Ok(steps) = answer else { return };
        for (id, step) in ids.iter().zip(steps) {
            match step {
                None => self.answer(*id, &Err(*id)),
                Some(step) if step.state.is_final() => self.answer(*id, &Ok(step)),
                Some(_) => {}
            }
        }
    }

    fn answer(&self, id: StepId, found: &Result<Step, StepId>) {
        for sender in lock(&self.waiting).steps.remove(&id).unwrap_or_default() {
            let answer = found.clone().map_err(|step_id| ClientError::StepNotFound { step_id });
            let _ = sender.send(answer);
        }
    }

    /// Looks at steps that end in this process until the pause is over; says whether none did.
    async fn hear_ends(&self, pause: Millis, events: &mut broadcast::Receiver<Event>) -> bool {
        let mut quiet = true;
        let pause = tokio::time::sleep(pause.as_duration());
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = &mut pause => return quiet,
                () = self.nudge.notified() => {
                    let fresh = std::mem::take(&mut lock(&self.waiting).fresh);
                    self.look(&fresh).await;
                    quiet &= fresh.is_empty();
                }
                event = events.recv() => {
                    // What is missed here, because it lagged behind, the next full look finds.
                    let more = std::iter::from_fn(|| events.try_recv().ok());
                    let ended = self.waited_for(event.into_iter().chain(more));
                    if !ended.is_empty() {
                        quiet = false;
                        self.look(&ended).await;
                    }
                }
            }
        }
    }

    fn waited_for(&self, events: impl Iterator<Item = Event>) -> Vec<StepId> {
        let waiting = lock(&self.waiting);
        let awaited = |id: &StepId| waiting.steps.contains_key(id);
        events.flat_map(|event| event.finally_ended().filter(awaited).collect::<Vec<_>>()).collect()
    }
}

/// If the reader dies of a panic, waiters learn it and the next one starts a new reader.
struct ClearsWhenDropped(Arc<Inner>);

impl Drop for ClearsWhenDropped {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.running = false;
        waiting.steps.clear();
    }
}
