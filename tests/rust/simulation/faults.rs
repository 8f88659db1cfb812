//! The network between one pod and the store: it delays, refuses, and loses replies after the
//! store has done the work. What truly happened in the store goes to the checker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fleet_q::rules::crowd::Rings;
use fleet_q::rules::diagnosis::facts::Examination;
use fleet_q::rules::step::{Claim, PodId, StepId};
use fleet_q::rules::time::Timestamp;
use fleet_q::store::*;
use tokio::sync::watch;

use super::checker::Checker;
use super::defects::Defect;
use super::seeded::Seeded;

/// How bad the network is, in percent of calls.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub refused: u64,
    pub reply_lost: u64,
    pub delay_ms_max: u64,
}

impl Weather {
    pub const FINE: Self = Self { refused: 0, reply_lost: 0, delay_ms_max: 5 };
    pub const STORM: Self = Self { refused: 5, reply_lost: 5, delay_ms_max: 60 };
}

/// Shared by all links, so that a scenario can turn the weather for everybody.
#[derive(Debug)]
pub struct Sky {
    weather: Mutex<Weather>,
    /// One for each link, rung in order: one channel for all would wake its waiters in an order of its own.
    bells: Mutex<Vec<watch::Sender<Rings>>>,
    strike: Mutex<bool>,
    /// The call whose next reply is lost.
    deaf: Mutex<Option<&'static str>>,
}

impl Sky {
    pub fn new(weather: Weather) -> Arc<Self> {
        Arc::new(Self {
            weather: Mutex::new(weather),
            bells: Mutex::default(),
            strike: Mutex::default(),
            deaf: Mutex::default(),
        })
    }

    pub fn turn(&self, weather: Weather) {
        *self.weather.lock().expect("no panic under the sky") = weather;
    }

    /// The next call that carries an outcome panics.
    pub fn strike(&self) {
        *self.strike.lock().expect("no panic under the sky") = true;
    }

    /// The store does the next call of this name, and its reply is lost.
    pub fn lose_reply(&self, call: &'static str) {
        *self.deaf.lock().expect("no panic under the sky") = Some(call);
    }

    fn loses(&self, call: &'static str) -> bool {
        self.deaf.lock().expect("no panic under the sky").take_if(|deaf| *deaf == call).is_some()
    }

    /// Whether that has happened.
    pub fn has_lost_it(&self) -> bool {
        self.deaf.lock().expect("no panic under the sky").is_none()
    }

    fn strikes(&self, call: &Cycle) -> bool {
        let mut strike = self.strike.lock().expect("no panic under the sky");
        let hit = *strike && !call.finishes.is_empty();
        *strike &= !hit;
        hit
    }

    fn bell(&self) -> watch::Receiver<Rings> {
        let (bell, heard) = watch::channel(Rings::default());
        self.bells.lock().expect("no panic under the sky").push(bell);
        heard
    }

    /// Passes the store's wake-ups on to every link.
    pub async fn ring(self: Arc<Self>, mut wakes: watch::Receiver<Rings>) {
        while wakes.changed().await.is_ok() {
            let mut bells = self.bells.lock().expect("no panic under the sky");
            bells.retain(|bell| !bell.is_closed());
            let rings = *wakes.borrow_and_update();
            for bell in bells.iter() {
                bell.send_replace(rings);
            }
        }
    }

    fn now(&self) -> Weather {
        *self.weather.lock().expect("no panic under the sky")
    }
}

/// How often which call of the store was made.
pub type Calls = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// One pod's way to the store.
#[derive(Debug)]
pub struct Link {
    pub store: Arc<dyn Store>,
    pub sky: Arc<Sky>,
    pub draws: Arc<Seeded>,
    pub checker: Arc<Checker>,
    pub defect: Defect,
    /// While true no call gets through.
    pub cut: Arc<Mutex<bool>>,
    pub calls: Calls,
}

impl Link {
    async fn outbound(&self, call: &'static str) -> Result<()> {
        *self.calls.lock().expect("no panic on the line").entry(call).or_default() += 1;
        let weather = self.sky.now();
        tokio::time::sleep(Duration::from_millis(self.draws.within(0, weather.delay_ms_max + 1))).await;
        let cut = *self.cut.lock().expect("no panic on the line");
        if cut || self.draws.chance(weather.refused) {
            return Err(Error::Unavailable { message: "the line is dead".into(), cause: None });
        }
        Ok(())
    }

    async fn inbound<T>(&self, answer: T) -> Result<T> {
        let weather = self.sky.now();
        tokio::time::sleep(Duration::from_millis(self.draws.within(0, weather.delay_ms_max + 1))).await;
        if self.draws.chance(weather.reply_lost) {
            return Err(Error::unknown("the reply was lost"));
        }
        Ok(answer)
    }
}

macro_rules! through {
    ($self:ident, $me:ident.store.$method:ident($($argument:expr)?)) => {{
        $self.outbound(stringify!($method)).await?;
        let answer = $me.store.$method($($argument)?).await?;
        $self.inbound(answer).await
    }};
}

#[async_trait]
impl Store for Link {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn migrate(&self, mode: Migrate) -> Result<SchemaVersion> {
        through!(self, self.store.migrate(mode))
    }

    async fn schema(&self) -> Result<Schema> {
        through!(self, self.store.schema())
    }

    async fn now(&self) -> Result<Timestamp> {
        through!(self, self.store.now())
    }

    async fn enqueue(&self, call: &Enqueue) -> Result<Vec<Result<Accepted, Refusal>>> {
        self.outbound("enqueue").await?;
        let rows = self.store.enqueue(call).await?;
        self.checker.saw_hand_off(call, &rows);
        let answer = self.inbound(rows).await;
        if let (Ok(rows), Some(terms)) = (&answer, &call.hand_off) {
            self.checker.was_handed(call, rows, terms.claim_id);
        }
        answer
    }

    async fn cycle(&self, call: &Cycle) -> Result<CycleReply> {
        self.outbound("cycle").await?;
        assert!(!self.sky.strikes(call), "a planted panic");
        let reply = self.store.cycle(&self.defect.tamper(call, &self.checker)).await?;
        self.checker.saw_cycle(call, &reply);
        let answer = self.inbound(reply).await;
        if let Ok(reply) = &answer {
            self.checker.delivered(&reply.claims);
        }
        answer
    }

    async fn mine(&self, pod: &PodId) -> Result<Vec<Claim>> {
        let mine: Vec<Claim> = through!(self, self.store.mine(pod))?;
        Ok(self.defect.hide_strangers(mine, &self.checker))
    }

    async fn progress(&self, reports: &[ProgressReport]) -> Result<()> {
        through!(self, self.store.progress(reports))
    }

    async fn cancel(&self, ids: &[StepId]) -> Result<Vec<CancelVerdict>> {
        through!(self, self.store.cancel(ids))
    }

    async fn replay(&self, ids: &[StepId]) -> Result<Vec<ReplayVerdict>> {
        through!(self, self.store.replay(ids))
    }

    async fn failures(&self, call: &Failures) -> Result<Vec<Failed>> {
        through!(self, self.store.failures(call))
    }

    async fn purge(&self, ids: &[StepId]) -> Result<Vec<PurgeVerdict>> {
        through!(self, self.store.purge(ids))
    }

    async fn get(&self, ids: &[StepId]) -> Result<Vec<Option<Step>>> {
        through!(self, self.store.get(ids))
    }

    async fn search(&self, filter: &Search) -> Result<Vec<Step>> {
        through!(self, self.store.search(filter))
    }

    async fn stats(&self) -> Result<Stats> {
        through!(self, self.store.stats())
    }

    async fn examine(&self) -> Result<Examination> {
        through!(self, self.store.examine())
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        through!(self, self.store.pods())
    }

    async fn register(&self, pod: &Registration) -> Result<()> {
        self.outbound("register").await?;
        self.store.register(pod).await?;
        if self.sky.loses("register") {
            return Err(Error::unknown("the reply was lost"));
        }
        self.inbound(()).await
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        through!(self, self.store.beat(beat))
    }

    async fn retire(&self, pod: &PodId) -> Result<()> {
        through!(self, self.store.retire(pod))
    }

    async fn mark_dead(&self, call: &MarkDead) -> Result<Vec<PodId>> {
        through!(self, self.store.mark_dead(call))
    }

    async fn recover(&self, call: &Recover) -> Result<Vec<Recovered>> {
        self.outbound("recover").await?;
        let recovered = self.store.recover(call).await?;
        self.checker.saw_recovery(&recovered);
        if !recovered.is_empty() && self.sky.loses("recover") {
            return Err(Error::unknown("the reply was lost"));
        }
        self.inbound(recovered).await
    }

    async fn prune(&self, call: &Prune) -> Result<Pruned> {
        through!(self, self.store.prune(call))
    }

    async fn control(&self, command: &Control) -> Result<()> {
        through!(self, self.store.control(command))
    }

    fn wake_ups(&self) -> watch::Receiver<Rings> {
        self.sky.bell()
    }

    fn pass_on(&self, steps: u64) {
        self.store.pass_on(steps);
    }

    async fn close(&self) {}
}
