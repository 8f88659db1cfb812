//! Acts. The loops of a pod and the client, over `dyn Store`, `Local`, `Clock`, `Draws`, `Handler`
//! and one `Event` broadcast. Refuses SQL and Python.

mod claiming;
pub mod client;
pub mod clock;
mod core;
mod cycle;
mod dead_letters;
mod desk;
pub mod doctor;
mod ending;
mod enqueuer;
pub mod error;
pub mod events;
mod fence;
pub mod fleet;
mod gate;
mod hand_off;
pub mod handler;
pub mod health;
mod heartbeat_loop;
pub mod lanes;
mod leader_loop;
mod lifecycle;
mod meta;
mod pace;
pub mod pod;
mod reconcile;
mod retry;
mod sightings;
pub mod spawn;
mod stakes;
mod waiter;
mod watchdog;
mod work_loop;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use client::{Client, Request};
pub use error::ClientError;
pub use fleet::{Fleet, Parts};
pub use pod::Pod;

/// Locks, also after a panic elsewhere: what these locks guard is valid between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
