//! Says what is wrong with a value that cannot be JSON, where it stands, and how to mend it.

use std::fmt::{self, Write};

use pyo3::prelude::*;
use pyo3::types::PyString;

/// One step down into a value.
#[derive(Debug)]
pub enum Place {
    Index(usize),
    Key(String),
}

impl Place {
    pub fn key(name: &str) -> Self {
        Self::Key(name.to_owned())
    }

    pub fn of(name: &Bound<'_, PyString>) -> Self {
        Self::Key(name.to_string_lossy().chars().take(KEY_SHOWN).collect())
    }
}

const KEY_SHOWN: usize = 60;
const PLACES_SHOWN: usize = 16;

#[derive(Debug)]
pub enum What {
    NotFinite(f64),
    BigInteger,
    Nul,
    Surrogate,
    KeyType(String),
    ForeignType(String),
    Cycle,
    TooDeep,
    Changed,
    TooLarge { limit: usize },
    DefaultRaised(PyErr),
}

/// A refusal. Boxed inside, because it travels up through every level of the value.
#[derive(Debug)]
pub struct Trouble(Box<Inner>);

#[derive(Debug)]
struct Inner {
    what: What,
    in_a_key: bool,
    /// Innermost first: filled while the recursion unwinds, so that success costs nothing.
    places: Vec<Place>,
    cause: Option<PyErr>,
}

impl Trouble {
    pub fn new(what: What) -> Self {
        Self(Box::new(Inner { what, in_a_key: false, places: Vec::new(), cause: None }))
    }

    #[must_use]
    pub fn inside(mut self, place: Place) -> Self {
        self.0.places.push(place);
        self
    }

    #[must_use]
    pub fn in_a_key(mut self) -> Self {
        self.0.in_a_key = true;
        self
    }

    #[must_use]
    pub fn caused_by(mut self, cause: PyErr) -> Self {
        self.0.cause.get_or_insert(cause);
        self
    }

    pub fn what(&self) -> &What {
        &self.0.what
    }

    /// The Python exception behind it, if there is one.
    pub fn into_cause(self) -> Option<PyErr> {
        match self.0.what {
            What::DefaultRaised(error) => Some(error),
            What::NotFinite(_)
            | What::BigInteger
            | What::Nul
            | What::Surrogate
            | What::KeyType(_)
            | What::ForeignType(_)
            | What::Cycle
            | What::TooDeep
            | What::Changed
            | What::TooLarge { .. } => self.0.cause,
        }
    }

    /// `$.args[0].rows[3].price`
    pub fn path(&self) -> String {
        let mut path = String::from("$");
        for place in self.0.places.iter().rev().take(PLACES_SHOWN) {
            match place {
                Place::Index(at) => write!(path, "[{at}]"),
                Place::Key(name) if is_identifier(name) => write!(path, ".{name}"),
                Place::Key(name) => write!(path, "[{name:?}]"),
            }
            .expect("a String takes every write");
        }
        if self.0.places.len() > PLACES_SHOWN {
            path.push('…');
        }
        path
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.0.in_a_key { "a key" } else { "the string" };
        let path = self.path();
        match &self.0.what {
            What::NotFinite(number) => {
                write!(f, "{path}: {} is not JSON; send None or a string instead", python_spelling(*number))
            }
            What::BigInteger => write!(f, "{path}: the integer does not fit 64 bits; send it as a string"),
            What::Nul => write!(f, "{path}: {subject} holds a NUL character, which databases refuse; remove it"),
            What::Surrogate => {
                write!(f, "{path}: {subject} holds a lone surrogate, so it is no valid Unicode; decode it properly")
            }
            What::KeyType(name) => write!(f, "{path}: a key is of type {name}; JSON objects have only string keys"),
            What::ForeignType(name) => {
                write!(f, "{path}: a value of type {name} is not JSON; send plain types or a reference to the data")
            }
            What::Cycle => write!(f, "{path}: a cycle: the value contains itself"),
            What::TooDeep => {
                write!(f, "{path}: nested deeper than {} levels; flatten the value", crate::rules::content::DEPTH_MAX)
            }
            What::Changed => write!(f, "{path}: the dict changed while it was being encoded"),
            What::TooLarge { limit } => write!(
                f,
                "{path}: here the JSON passes the limit of {limit} bytes (FLEET_Q_PAYLOAD_LIMIT); store the data elsewhere and send a reference"
            ),
            What::DefaultRaised(error) => write!(f, "{path}: cannot be turned into JSON: {error}"),
        }
    }
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn python_spelling(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
