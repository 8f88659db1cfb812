//! Owns the hint that there may be new work: our own writes at once, other processes' by `notify` and
//! one connection that listens. Promises nothing; polling is the safety net. Who looks is `rules::crowd`'s.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;

use super::connection::Connections;
use super::errors::{Effect, of_connecting, of_statement};
use crate::rules::crowd::Rings;
use crate::store::error::{Error, Result};

/// How soon a listener that lost its connection seeks another.
const RELISTEN_EVERY: Duration = Duration::from_secs(3);

/// The first notification goes at once, and what follows it so soon goes in the next one: whoever enqueues one step
/// after the other pays for a commit each, not for two, and wakes nobody for each.
const TELL_EVERY: Duration = Duration::from_millis(5);

/// As many steps as nobody counted: every pod looks.
pub(super) const EVERYBODY: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct Wakes {
    hint: Arc<watch::Sender<Rings>>,
    untold: Arc<Untold>,
    listens: AtomicBool,
    /// Whether to hold a connection that listens; through a pooler in transaction mode there is none to hold.
    listen: bool,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    tells: AtomicBool,
}

/// News for other processes that is not sent yet; what gathers meanwhile goes in one notification.
#[derive(Debug, Default)]
struct Untold {
    steps: AtomicU64,
    some: Notify,
}

impl Wakes {
    pub fn new(listen: bool) -> Self {
        Self {
            hint: Arc::new(watch::Sender::default()),
            untold: Arc::default(),
            listens: AtomicBool::new(false),
            listen,
            tasks: Mutex::default(),
            tells: AtomicBool::new(false),
        }
    }

    /// New work is committed: wakes this process at once, the others a round trip later.
    pub fn bump(&self, db: &Arc<Connections>, schema: Option<&str>, steps: u64) {
        self.hint.send_modify(Rings::urge);
        self.tell(db, schema, steps);
    }

    /// Tells the other processes alone.
    pub fn tell(&self, db: &Arc<Connections>, schema: Option<&str>, steps: u64) {
        if !self.listen {
            return;
        }
        if !self.tells.swap(true, Ordering::AcqRel) {
            self.spawn(tell(Arc::clone(db), schema.map(str::to_owned), Arc::clone(&self.untold)));
        }
        self.untold.steps.fetch_add(steps, Ordering::AcqRel);
        self.untold.some.notify_one();
    }

    /// Starts the listener the first time. Outside a runtime there are only our own writes.
    pub fn subscribe(&self, db: &Arc<Connections>, schema: Option<&str>) -> watch::Receiver<Rings> {
        let receiver = self.hint.subscribe();
        if self.listen && tokio::runtime::Handle::try_current().is_ok() && !self.listens.swap(true, Ordering::AcqRel) {
            self.spawn(listen(Arc::clone(db), schema.map(str::to_owned), Arc::clone(&self.hint)));
        }
        receiver
    }

    pub fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(tokio::spawn(task));
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends one notification at a time, and not before [`TELL_EVERY`] after the one before; a failed one is not missed,
/// for the others poll.
async fn tell(db: Arc<Connections>, schema: Option<String>, untold: Arc<Untold>) {
    loop {
        untold.some.notified().await;
        let steps = i64::try_from(untold.steps.swap(0, Ordering::AcqRel)).unwrap_or(i64::MAX);
        let notify = db.call(&db.sql.notify).with("schema", schema.as_deref()).with("steps", steps);
        drop(db.try_write_by_key(&[notify]).await);
        tokio::time::sleep(TELL_EVERY).await;
    }
}

async fn listen(db: Arc<Connections>, schema: Option<String>, hint: Arc<watch::Sender<Rings>>) {
    loop {
        // What ended it is of no use here: another try follows, and work is found by polling.
        drop(listen_once(&db, schema.as_deref(), &hint).await);
        tokio::time::sleep(RELISTEN_EVERY).await;
    }
}

/// Listens until the connection ends.
async fn listen_once(db: &Connections, schema: Option<&str>, hint: &watch::Sender<Rings>) -> Result<()> {
    let (client, mut driver) = db.config.connect(db.tls.clone()).await.map_err(of_connecting)?;
    let hear = async {
        while let Some(message) = poll_fn(|context| driver.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(told)) => {
                    let (steps, lot) = read(told.payload(), told.process_id());
                    hint.send_modify(|rings| rings.tell(steps, lot));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    };
    let subscribe = async {
        let call = db.call(&db.sql.channel).with("schema", schema);
        let (text, values) = call.spelled();
        let failed = |e| of_statement(e, Effect::None);
        let row = client.query_typed_one(&text, &values).await.map_err(failed)?;
        let channel: &str = row.try_get("channel")?;
        client
            .batch_execute(&include_str!("sql/listen.sql").replace("/*channel*/fleet_q", channel))
            .await
            .map_err(failed)?;
        // What came before we listened was not heard.
        hint.send_modify(Rings::urge);
        std::future::pending::<Result<(), Error>>().await
    };
    tokio::select! {
        () = hear => Ok(()),
        failed = subscribe => failed,
    }
}

/// How many steps a notification tells of, and its lot. Who says nothing, by plain SQL or as an older version, may mean
/// one step or many: who finds many passes it on.
fn read(payload: &str, teller: i32) -> (u64, u64) {
    let told = payload.split_once(' ').and_then(|(steps, lot)| Some((steps.parse().ok()?, lot.parse().ok()?)));
    told.unwrap_or((1, u64::from(teller.unsigned_abs())))
}
