//! A promise to settle one `asyncio.Future`. It cannot be forgotten: dropped unsettled (a panic,
//! a runtime that stopped), it settles the future with an error.

use pyo3::prelude::*;

use super::answers::{Answer, Outcome};
use super::bridge::{Item, Sender};
use super::crossing::Crossing;
use crate::runtime::ClientError;

/// A future and what it is to hold.
#[derive(Debug)]
pub struct Settled {
    pub event_loop: Py<PyAny>,
    pub future: Py<PyAny>,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub struct Reply {
    bridge: Sender,
    owed: Option<(Py<PyAny>, Py<PyAny>)>,
}

impl Reply {
    pub fn new(bridge: Sender, event_loop: Py<PyAny>, future: Py<PyAny>) -> Self {
        Self { bridge, owed: Some((event_loop, future)) }
    }

    pub fn settle(mut self, outcome: Result<Answer, ClientError>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Result<Answer, ClientError>) {
        if let Some((event_loop, future)) = self.owed.take() {
            let settle = Item::Settle(Settled { event_loop, future, outcome: Outcome(outcome) });
            if let Err(unsent) = self.bridge.send(settle) {
                // The bridge ended between the check that the engine is open and here. Its workers ended before it,
                // so this is the caller's own thread; without an interpreter nobody waits.
                Python::try_attach(|py| Crossing::new(py).carry(vec![unsent.0]));
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.owed.is_some() {
            self.send(Err(unanswered(std::thread::panicking())));
        }
    }
}

/// What a caller learns whose call ended without an answer.
pub fn unanswered(panicked: bool) -> ClientError {
    if panicked {
        return ClientError::Internal { message: "a defect of fleet-q ended the call; the panic is on stderr".into() };
    }
    ClientError::Stopped { what: "it was closed while the call was under way" }
}
