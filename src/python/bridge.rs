//! Owns the one thread of ours that ever attaches to Python. Everything that goes to Python gathers
//! here, crosses in one attach, and wakes each event loop once per batch.
//!
//! Refuses logic: it converts, calls `call_soon_threadsafe`, and lets go. It ends quietly when the
//! interpreter does, and a closed loop or a panic in a batch ends nothing.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, mpsc as blocking};
use std::thread::ThreadId;
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use super::crossing::{Crossing, PANICKED};
use super::logging::{self, Drain};
use super::reply::Settled;
use super::target::Target;
use crate::runtime::handler::{Job, Slot, StopReason};
use crate::runtime::spawn::Threads;

/// How much crosses in one attach; the rest waits for the next, so that Python gets its turn.
const BATCH_MAX: usize = 1024;

/// How long outstanding awaitables may take to settle once everything behind them has stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Something for Python.
#[derive(Debug)]
pub enum Item {
    Settle(Settled),
    Deliver(Arc<Target>, Vec<Job>),
    Stop(Arc<Target>, Vec<(Slot, StopReason)>),
    /// Asks the target's event loop to say that it turns.
    Ping(Arc<Target>, u64),
    /// Asks which line the target's event loop stands at.
    Inspect(Arc<Target>),
    Quit,
}

pub type Sender = mpsc::UnboundedSender<Item>;

/// The way to the bridge's thread. Dropping it lets the thread run until it is told to quit.
#[derive(Debug)]
pub struct Bridge {
    items: Sender,
    handle: Handle,
    thread: ThreadId,
    ending: Arc<AtomicBool>,
    ended: Mutex<blocking::Receiver<()>>,
}

impl Bridge {
    /// Starts the thread, which also stops `threads` when its own time has come.
    pub fn start(threads: Arc<Threads>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (items, inbox) = mpsc::unbounded_channel();
        let (end, ended) = blocking::channel();
        let ending = Arc::new(AtomicBool::new(false));
        let life = Life { inbox, threads, ending: Arc::clone(&ending), batch: Vec::new(), drain: logging::drain() };
        let thread = std::thread::Builder::new().name("fleet-q-bridge".into()).spawn(move || {
            life.run(runtime);
            // Nobody may be waiting any more.
            let _ = end.send(());
        })?;
        Ok(Self { items, handle, thread: thread.thread().id(), ending, ended: Mutex::new(ended) })
    }

    pub fn sender(&self) -> Sender {
        self.items.clone()
    }

    /// The runtime of the bridge's own thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether the caller is the bridge's thread, which must not wait for itself. Python's garbage
    /// collector may finalize anything on any thread.
    pub fn is_here(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// Whether what is spawned from now on may never be polled. What was spawned before the caller asked is
    /// waited for if the answer is no.
    pub fn is_ending(&self) -> bool {
        fence(Ordering::SeqCst);
        self.ending.load(Ordering::SeqCst)
    }

    pub fn quit(&self) {
        // It may have ended by itself, with the interpreter.
        let _ = self.items.send(Item::Quit);
    }

    /// Waits, without the GIL, until the thread is at its end.
    pub fn wait_for_end(&self, at_most: Duration) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Late or not, the caller goes on: this is the last act before exit.
        let _ = ended.recv_timeout(at_most);
    }
}

/// The thread's own state.
struct Life {
    inbox: mpsc::UnboundedReceiver<Item>,
    threads: Arc<Threads>,
    ending: Arc<AtomicBool>,
    batch: Vec<Item>,
    drain: Drain,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Next {
    Goes,
    Quits,
    /// The interpreter is going away; nobody is left to tell.
    Gone,
}

impl Life {
    fn run(mut self, runtime: Runtime) {
        let why = runtime.block_on(self.serve());
        // Stopping the workers drops what still runs there, and with it every reply that is owed:
        // each of those says so to its future, which is what the last words carry over.
        self.threads.stop();
        self.ending.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if why == Next::Quits {
            runtime.block_on(self.last_words());
        }
        runtime.shutdown_background();
    }

    async fn serve(&mut self) -> Next {
        loop {
            tokio::select! {
                _ = self.inbox.recv_many(&mut self.batch, BATCH_MAX) => {}
                () = self.drain.ready() => {}
            }
            match self.cross() {
                Next::Goes => {}
                end @ (Next::Quits | Next::Gone) => return end,
            }
        }
    }

    /// Settles what the end of the workers left unsettled, and writes the last log records.
    async fn last_words(&mut self) {
        let settle = async {
            while Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        // A future that will not settle must not keep the process.
        let _ = tokio::time::timeout(LAST_WORDS, settle).await;
        // Whoever has something to say after this settles it by themselves.
        self.inbox.close();
        while let Some(item) = self.inbox.recv().await {
            self.batch.push(item);
        }
        self.cross();
    }

    fn cross(&mut self) -> Next {
        let batch = std::mem::take(&mut self.batch);
        let quits = batch.iter().any(|item| matches!(item, Item::Quit));
        let drain = &mut self.drain;
        let crossing = AssertUnwindSafe(|| {
            Python::try_attach(|py| {
                Crossing::new(py).carry(batch);
                drain.write(py);
            })
        });
        match catch_unwind(crossing) {
            Ok(None) => Next::Gone,
            Ok(Some(())) if quits => Next::Quits,
            Ok(Some(())) => Next::Goes,
            Err(_) => {
                tracing::error!(target: "fleet_q.bridge", "{PANICKED}");
                if quits { Next::Quits } else { Next::Goes }
            }
        }
    }
}
