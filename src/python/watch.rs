//! Watches whether the event loop turns, and finds the line that holds it up.
//!
//! The watch runs on a worker and never attaches: its clock goes on while some C code holds the GIL.

use std::sync::Arc;
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::bridge::{Item, Sender};
use super::target::Target;
use crate::runtime::clock::Clock;

const PING_EVERY: Duration = Duration::from_millis(500);

/// Pings the loop for as long as the bridge is there, and tells the gate how late it answers.
pub async fn run(target: Arc<Target>, bridge: Sender, clock: Arc<dyn Clock>) {
    let mut pongs = target.pongs.subscribe();
    for token in 1_u64.. {
        let sent = clock.monotonic();
        if bridge.send(Item::Ping(Arc::clone(&target), token)).is_err() {
            return;
        }
        target.note_stands_at(None);
        let mut stood = false;
        while tokio::time::timeout(PING_EVERY, pongs.wait_for(|seen| *seen >= token)).await.is_err() {
            stood = true;
            tell(&target, &*clock, sent);
            // The answer to this look is told with the next round, should the loop still stand.
            if bridge.send(Item::Inspect(Arc::clone(&target))).is_err() {
                return;
            }
        }
        // After a blockage the next ping says at once how the loop is now.
        if !stood {
            tell(&target, &*clock, sent);
            tokio::time::sleep(PING_EVERY).await;
        }
    }
}

fn tell(target: &Target, clock: &dyn Clock, sent: crate::rules::time::Monotonic) {
    if let Some(gate) = target.gate() {
        gate.loop_lag(clock.monotonic().since(sent), target.stands_at());
    }
}

/// `shrink at /app/images.py:41 in load`: the tasks on the loop and the line it executes.
/// `None` if it waits for events, as a loop should.
pub fn where_it_stands(py: Python<'_>, target: &Target) -> Option<String> {
    // Looking is best effort; a frame that is gone is no error.
    let line = line_of_thread(py, target.thread).ok().flatten()?;
    let tasks = target.tasks_on_loop().join(", ");
    Some(if tasks.is_empty() { line } else { format!("{tasks} at {line}") })
}

fn line_of_thread(py: Python<'_>, thread: u64) -> PyResult<Option<String>> {
    static FRAMES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let frames = FRAMES.import(py, "sys", "_current_frames")?.call0()?;
    let frame = frames.call_method1(intern!(py, "get"), (thread,))?;
    if frame.is_none() {
        return Ok(None);
    }
    let code = frame.getattr(intern!(py, "f_code"))?;
    let file: String = code.getattr(intern!(py, "co_filename"))?.extract()?;
    let name: String = code.getattr(intern!(py, "co_name"))?.extract()?;
    if file.ends_with("selectors.py") {
        return Ok(None);
    }
    let line: Option<u32> = frame.getattr(intern!(py, "f_lineno"))?.extract()?;
    Ok(Some(format!("{file}:{} in {name}", line.unwrap_or(0))))
}
