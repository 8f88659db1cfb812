//! Group commit: concurrent callers share one insert. A call that got no answer is sent again under
//! the same ids, which the store answers `Existing`; nothing is ever stored twice.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use super::clock::{Clock, Draws};
use super::error::{ClientError, Result};
use super::events::{Event, Events};
use super::fleet::Parts;
use super::hand_off::Host;
use super::lock;
use super::retry::{until_answered, with_deadline};
use super::spawn::Spawner;
use crate::rules::config::Config;
use crate::rules::step::StepId;
use crate::rules::time::Millis;
use crate::store::{self, Accepted, Enqueue, NewStep, Refusal, Store};

/// Steps per insert.
const STEPS_MAX: usize = 5000;

type Answer = Result<Vec<Result<StepId>>>;

/// One caller's steps and where its answer goes.
#[derive(Debug)]
struct Waiting {
    steps: Vec<NewStep>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
pub(crate) struct Enqueuer {
    /// Rows with unique keys travel apart: a user's open transaction on a key must not hold up the group.
    plain: Arc<Lane>,
    unique: Arc<Lane>,
}

#[derive(Debug)]
struct Lane {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    draws: Arc<dyn Draws>,
    events: Events,
    spawner: Arc<dyn Spawner>,
    host: Arc<Host>,
    connect_timeout: Millis,
    statement_timeout: Millis,
    gathered: Mutex<Gathered>,
    nudge: Notify,
}

#[derive(Debug, Default)]
struct Gathered {
    waiting: Vec<Waiting>,
    running: bool,
    closed: bool,
}

impl Enqueuer {
    pub(crate) fn new(config: &Config, parts: &Parts, host: &Arc<Host>) -> Self {
        let lane = || Arc::new(Lane::new(config, parts, host));
        Self { plain: lane(), unique: lane() }
    }

    /// Stores these steps, and answers each in order.
    pub(crate) async fn enqueue(&self, steps: Vec<NewStep>) -> Answer {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let lane = if steps.iter().any(|step| step.unique_key.is_some()) { &self.unique } else { &self.plain };
        lane.enqueue(steps).await
    }

    pub(crate) fn close(&self) {
        for lane in [&self.plain, &self.unique] {
            lock(&lane.gathered).closed = true;
            lane.nudge.notify_one();
        }
    }
}

impl Lane {
    fn new(config: &Config, parts: &Parts, host: &Arc<Host>) -> Self {
        Self {
            store: parts.store.clone(),
            clock: parts.clock.clone(),
            draws: parts.draws.clone(),
            events: parts.events.clone(),
            spawner: parts.spawner.clone(),
            host: host.clone(),
            connect_timeout: config.connect_timeout,
            statement_timeout: config.statement_timeout,
            gathered: Mutex::default(),
            nudge: Notify::new(),
        }
    }

    async fn enqueue(self: &Arc<Self>, steps: Vec<NewStep>) -> Answer {
        let (answer, answered) = oneshot::channel();
        {
            let mut gathered = lock(&self.gathered);
            if gathered.closed {
                return Err(stopped());
            }
            gathered.waiting.push(Waiting { steps, answer });
            if !gathered.running {
                gathered.running = true;
                self.spawner.work(Box::pin(self.clone().run()));
            }
        }
        self.nudge.notify_one();
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Writes what gathered while the previous insert was under way; no timer.
    async fn run(self: Arc<Self>) {
        let _clears = ClearsWhenDropped(self.clone());
        loop {
            let group = self.take();
            if group.is_empty() {
                if lock(&self.gathered).closed {
                    return;
                }
                self.nudge.notified().await;
                continue;
            }
            self.write(group).await;
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let mut gathered = lock(&self.gathered);
        let (mut steps, mut callers) = (0, 0);
        for waiting in &gathered.waiting {
            // A caller's steps stay together, however many.
            if callers > 0 && steps + waiting.steps.len() > STEPS_MAX {
                break;
            }
            steps += waiting.steps.len();
            callers += 1;
        }
        gathered.waiting.drain(..callers).collect()
    }

    async fn write(&self, group: Vec<Waiting>) {
        let (mut steps, mut callers) = (Vec::new(), Vec::with_capacity(group.len()));
        for waiting in group {
            callers.push((waiting.steps.iter().map(|step| step.step_id).collect::<Vec<_>>(), waiting.answer));
            steps.extend(waiting.steps);
        }
        let offer = self.host.offer(&steps);
        let call = Enqueue { steps, hand_off: offer.as_ref().map(|offer| offer.terms.clone()) };
        let until = self.clock.monotonic() + self.connect_timeout;
        let timed = || with_deadline(self.statement_timeout, "enqueue", self.store.enqueue(&call));
        match until_answered(&*self.clock, &*self.draws, until, timed).await {
            Ok(rows) => {
                if let Some(offer) = offer {
                    offer.take(&call.steps, &rows);
                }
                self.answer(callers, rows);
            }
            Err(error) => fail(callers, &error),
        }
    }

    fn answer(&self, callers: Vec<(Vec<StepId>, oneshot::Sender<Answer>)>, rows: Vec<Result<Accepted, Refusal>>) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let refused = rows.iter().filter(|row| row.is_err()).count();
        self.events.emit(Event::Enqueued { steps: count(rows.len() - refused), refused: count(refused) });
        let mut rows = rows.into_iter();
        for (ids, answer) in callers {
            let own = ids.into_iter().zip(rows.by_ref()).map(|(id, row)| row.map(|_| id).map_err(refusal)).collect();
            // A caller that was cancelled no longer listens; its steps are stored all the same.
            let _ = answer.send(Ok(own));
        }
    }
}

/// If the writer dies of a panic, callers learn it and the next one starts a new writer.
struct ClearsWhenDropped(Arc<Lane>);

impl Drop for ClearsWhenDropped {
    fn drop(&mut self) {
        let mut gathered = lock(&self.0.gathered);
        gathered.running = false;
        gathered.waiting.clear();
    }
}

fn fail(callers: Vec<(Vec<StepId>, oneshot::Sender<Answer>)>, error: &store::Error) {
    for (ids, answer) in callers {
        let _ = answer.send(Err(ClientError::from_store(error, &ids)));
    }
}

fn refusal(refusal: Refusal) -> ClientError {
    match refusal {
        Refusal::UniqueConflict { key, holder } => ClientError::UniqueConflict { key, holder },
        Refusal::BadData { message } => ClientError::BadData { message },
    }
}

fn stopped() -> ClientError {
    ClientError::Stopped { what: "it was closed while this call waited" }
}
