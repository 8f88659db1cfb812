//! Says what went wrong in a store, by kinds that callers act on. Retries nothing.

use thiserror::Error as ThisError;

use crate::rules::step::StepId;

pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A call that failed as a whole.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The store is away or busy; nothing of the call happened. Worth another try.
    #[error("the store cannot be reached: {message}")]
    Unavailable {
        message: String,
        #[source]
        cause: Option<Cause>,
    },
    /// No answer came: the call may have happened or not. Never re-send blindly.
    #[error("the store gave no answer, the outcome is unknown: {message}")]
    Unknown {
        message: String,
        #[source]
        cause: Option<Cause>,
    },
    /// The URL, the path or the rights are wrong; another try will not help.
    #[error("{message}")]
    Config {
        message: String,
        #[source]
        cause: Option<Cause>,
    },
    #[error("{}: {mend}", of_schema(*.found, *.min_compatible, *.speaks))]
    Schema { found: u32, min_compatible: u32, speaks: u32, mend: &'static str },
    #[error("the store is closed")]
    Stopped,
    /// A defect of fleet-q or a damaged database.
    #[error("unexpected answer of the store: {message}")]
    Internal {
        message: String,
        #[source]
        cause: Option<Cause>,
    },
}

impl Error {
    pub fn unavailable(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { message: message.into(), cause: Some(cause.into()) }
    }

    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown { message: message.into(), cause: None }
    }

    pub fn config(message: impl Into<String>) -> Self {
        Self::Config { message: message.into(), cause: None }
    }

    pub fn internal(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Internal { message: message.into(), cause: Some(cause.into()) }
    }

    /// Whether the call may have taken effect.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Whether waiting may help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unknown { .. })
    }
}

/// What is wrong with a schema, as a clause that a mend can follow.
fn of_schema(found: u32, min_compatible: u32, speaks: u32) -> String {
    match found {
        0 => "the database lacks the tables that this fleet-q needs".into(),
        _ if found < speaks => format!("the database has schema version {found}, this fleet-q needs {speaks}"),
        _ => format!(
            "the database has schema version {found}, which needs code of at least version {min_compatible}; this fleet-q speaks {speaks}"
        ),
    }
}

/// Why one row of a batch was not stored, while its neighbours were.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Refusal {
    #[error("step {holder} already holds the unique key {key:?}")]
    UniqueConflict { key: String, holder: StepId },
    #[error("the database refused the row: {message}")]
    BadData { message: String },
}
