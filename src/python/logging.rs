//! Carries log records from Rust's threads to Python's `logging`, without ever waiting for it: a
//! bounded queue that the bridge empties. What does not fit is dropped and counted.
//!
//! One queue per process: a forked child, whose copy of the parent's has no reader, makes its own.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Once, OnceLock};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const RECORDS_BUFFERED: usize = 4096;
const RECORDS_PER_CROSSING: usize = 256;

#[derive(Debug)]
struct Record {
    level: Level,
    /// `fleet_q.<area>`
    logger: &'static str,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

#[derive(Debug, IntoPyObject)]
enum Value {
    Text(String),
    Integer(i64),
    Natural(u64),
    Number(f64),
    Flag(bool),
}

type Inbox = mpsc::Receiver<Record>;

/// A link of the chain of queues: the last one is this process's.
#[derive(Debug)]
struct Queue {
    pid: u32,
    sender: mpsc::Sender<Record>,
    inbox: Arc<Mutex<Inbox>>,
    dropped: AtomicU64,
    of_a_child: OnceLock<Box<Queue>>,
}

impl Queue {
    fn new() -> Self {
        let (sender, inbox) = mpsc::channel(RECORDS_BUFFERED);
        let inbox = Arc::new(Mutex::new(inbox));
        Self { pid: std::process::id(), sender, inbox, dropped: AtomicU64::new(0), of_a_child: OnceLock::new() }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceLock<Queue> = OnceLock::new();
        let mut queue = FIRST.get_or_init(Self::new);
        while queue.pid != std::process::id() {
            queue = queue.of_a_child.get_or_init(|| Box::new(Self::new()));
        }
        queue
    }

    fn push(&self, record: Record) {
        if self.sender.try_send(record).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The most verbose level any engine of this process asked for.
static VERBOSITY: AtomicU8 = AtomicU8::new(0);

/// Sends what this crate logs to Python from now on; `level` is one of Python's names.
pub fn install(level: &str) {
    static INSTALLED: Once = Once::new();
    VERBOSITY.fetch_max(verbosity_named(level), Ordering::Relaxed);
    INSTALLED.call_once(|| {
        // This library's own `tracing` has no other subscriber; should it have one, that one stays.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(ToPython));
    });
}

fn verbosity_named(level: &str) -> u8 {
    match level.to_ascii_uppercase().as_str() {
        "CRITICAL" | "ERROR" => 1,
        "WARNING" | "WARN" => 2,
        "DEBUG" => 4,
        "TRACE" => 5,
        _ => 3,
    }
}

fn verbosity_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Python's number for a level.
fn number_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG | Level::TRACE => 10,
    }
}

struct ToPython;

impl<S: Subscriber> Layer<S> for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Sometimes, not always: a later engine may ask for more.
        if metadata.target().starts_with("fleet_q") { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        verbosity_of(*metadata.level()) <= VERBOSITY.load(Ordering::Relaxed)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (message, fields) = (fields.message, fields.rest);
        Queue::of_this_process().push(Record { level: *metadata.level(), logger: metadata.target(), message, fields });
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").expect("a String takes every write");
        } else {
            self.rest.push((field.name(), Value::Text(format!("{value:?}"))));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.rest.push((field.name(), Value::Text(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.rest.push((field.name(), Value::Integer(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.rest.push((field.name(), Value::Natural(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.rest.push((field.name(), Value::Number(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.rest.push((field.name(), Value::Flag(value)));
    }
}

/// The reading end, held by one bridge of the process at a time.
#[derive(Debug)]
pub struct Drain {
    held: Option<OwnedMutexGuard<Inbox>>,
    records: Vec<Record>,
}

pub fn drain() -> Drain {
    Drain { held: None, records: Vec::new() }
}

impl Drain {
    /// Returns when there are records to write. Cancelling it loses none.
    pub async fn ready(&mut self) {
        if self.held.is_none() {
            self.held = Some(Arc::clone(&Queue::of_this_process().inbox).lock_owned().await);
        }
        if let Some(inbox) = &mut self.held {
            // The sender is static, so the channel never closes.
            inbox.recv_many(&mut self.records, RECORDS_PER_CROSSING).await;
        }
    }

    /// Hands what gathered to Python's loggers.
    pub fn write(&mut self, py: Python<'_>) {
        while let Some(Ok(record)) = self.held.as_mut().map(|inbox| inbox.try_recv()) {
            self.records.push(record);
            if self.records.len() >= RECORDS_PER_CROSSING {
                break;
            }
        }
        for record in self.records.drain(..) {
            // A handler that raises must not keep the next record from being written.
            if let Err(error) = write(py, record) {
                error.write_unraisable(py, None);
            }
        }
        let dropped = Queue::of_this_process().dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(target: "fleet_q.bridge", dropped, "log records were dropped: Python took them too slowly");
        }
    }
}

/// The fields travel as one attribute of the record, `fleet_q`, a dict.
fn write(py: Python<'_>, record: Record) -> PyResult<()> {
    let logger = py.import(intern!(py, "logging"))?.call_method1(intern!(py, "getLogger"), (record.logger,))?;
    let level = number_of(record.level);
    if !logger.call_method1(intern!(py, "isEnabledFor"), (level,))?.is_truthy()? {
        return Ok(());
    }
    let fields = PyDict::new(py);
    for (name, value) in record.fields {
        fields.set_item(name, value)?;
    }
    let extra = PyDict::new(py);
    extra.set_item(intern!(py, "fleet_q"), fields)?;
    let made = logger.call_method1(
        intern!(py, "makeRecord"),
        (record.logger, level, "fleet_q._core", 0, &record.message, py.None(), py.None(), "", extra),
    )?;
    logger.call_method1(intern!(py, "handle"), (made,))?;
    Ok(())
}
