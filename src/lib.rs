//! The map of fleet-q: **rules decide · stores remember · the runtime acts · python speaks.**
//!
//! Arrows: `python → runtime → store → rules`. Everyone may know rules; rules know nobody.

pub mod rules;

#[cfg(feature = "store")]
pub mod store;

#[cfg(feature = "runtime")]
pub mod runtime;

#[cfg(feature = "python")]
mod python;
