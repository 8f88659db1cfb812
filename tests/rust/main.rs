//! One binary of integration tests; each module says what it holds.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod sqlite;
