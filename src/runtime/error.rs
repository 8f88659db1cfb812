//! Says what went wrong for a caller of the client, by kinds Python maps one to one.

use thiserror::Error as ThisError;

use crate::rules::state::State;
use crate::rules::step::StepId;
use crate::store;

pub type Result<T, E = ClientError> = std::result::Result<T, E>;

#[derive(Debug, ThisError)]
pub enum ClientError {
    /// The store stayed away for `connect_timeout`. With `unknown`, the steps may be stored all the
    /// same: enqueue again with the same ids (`step_id=`) to be safe.
    #[error("{message}")]
    StoreUnavailable { message: String, step_ids: Vec<StepId>, unknown: bool },
    #[error("step {holder} already holds the unique key {key:?}; wait for it, cancel it, or use another key")]
    UniqueConflict { key: String, holder: StepId },
    /// The database would not take a row.
    #[error("the database refused the step: {message}")]
    BadData { message: String },
    #[error(
        "the payload has {bytes} bytes, the limit is {limit} (FLEET_Q_PAYLOAD_LIMIT); store the data elsewhere and pass a reference"
    )]
    PayloadTooLarge { bytes: u64, limit: u64 },
    /// A name, key, delay or number is not what a store can hold.
    #[error("{message}")]
    Invalid { message: String },
    #[error("{message}")]
    Config { message: String },
    #[error("{message}")]
    SchemaMismatch { message: String },
    #[error("no step {step_id} is stored; it was never enqueued here, or has been pruned")]
    StepNotFound { step_id: StepId },
    #[error("step {step_id} is {state}, and only a failed step can be replayed")]
    StepNotFailed { step_id: StepId, state: State },
    #[error("step {step_id} was not final after {waited_s:.1} s")]
    ResultTimeout { step_id: StepId, waited_s: f64 },
    #[error("fleet-q is stopped: {what}")]
    Stopped { what: &'static str },
    #[error("{message}")]
    Internal { message: String },
}

impl ClientError {
    /// Translates a failed call that concerned these steps.
    pub fn from_store(error: &store::Error, step_ids: &[StepId]) -> Self {
        let message = with_causes(error);
        match error {
            store::Error::Unavailable { .. } => {
                Self::StoreUnavailable { message, step_ids: step_ids.to_vec(), unknown: false }
            }
            store::Error::Unknown { .. } => {
                Self::StoreUnavailable { message, step_ids: step_ids.to_vec(), unknown: true }
            }
            store::Error::Config { .. } => Self::Config { message },
            store::Error::Schema { .. } => Self::SchemaMismatch { message },
            store::Error::Stopped => Self::Stopped { what: "its store is closed" },
            store::Error::Internal { .. } => Self::Internal { message },
        }
    }
}

/// An error's message with the messages of its causes, none twice.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
