//! Owns the threads the loops run on. Knows nothing of what they do.
//!
//! Beats have an OS thread of their own, so that no amount of work can delay one.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::lock;

pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where loops run.
pub trait Spawner: Send + Sync + Debug + 'static {
    /// Runs a future that may wait behind other work.
    fn work(&self, future: BoxFuture);

    /// Runs a future that must never wait behind work.
    fn beats(&self, future: BoxFuture);
}

/// The threads of a real process.
#[derive(Debug)]
pub struct Threads {
    work: Mutex<Option<Runtime>>,
    work_handle: Handle,
    beats_handle: Handle,
    beats: Mutex<Option<(oneshot::Sender<()>, std::thread::JoinHandle<()>)>>,
}

impl Threads {
    pub fn start() -> io::Result<Arc<Self>> {
        let work = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(2)
            .thread_name("fleet-q-work")
            .enable_all()
            .build()?;
        let beats = Builder::new_current_thread().enable_all().build()?;
        let (work_handle, beats_handle) = (work.handle().clone(), beats.handle().clone());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("fleet-q-beats".into()).spawn(move || {
            // Either the stop was sent or its sender is gone; both end the thread.
            let _ = beats.block_on(stopped);
        })?;
        Ok(Arc::new(Self {
            work: Mutex::new(Some(work)),
            work_handle,
            beats_handle,
            beats: Mutex::new(Some((stop, thread))),
        }))
    }

    pub fn work_handle(&self) -> Handle {
        self.work_handle.clone()
    }

    /// Ends both, dropping what still runs. Must not be called from one of these threads.
    pub fn stop(&self) {
        if let Some(work) = lock(&self.work).take() {
            work.shutdown_timeout(std::time::Duration::from_secs(2));
        }
        if let Some((stop, thread)) = lock(&self.beats).take() {
            let _ = stop.send(());
            // A panic in there was reported by the loop's supervisor.
            let _ = thread.join();
        }
    }
}

impl Spawner for Threads {
    fn work(&self, future: BoxFuture) {
        self.work_handle.spawn(future);
    }

    fn beats(&self, future: BoxFuture) {
        self.beats_handle.spawn(future);
    }
}
