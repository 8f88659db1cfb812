//! Says in words what a setting takes and what it is when nobody gives it, for docs and help.

use std::fmt;

use super::StoreKind;
use super::schema::{Form, Kind, Preset, SCHEMES};
use crate::rules::time::Millis;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(form) => form.fmt(f),
            Self::Secret => f.write_str("a line of text, never shown"),
            Self::Count { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Seconds { min_ms, max_ms } => {
                let (min, max) = (Millis(*min_ms).as_secs_f64(), Millis(*max_ms).as_secs_f64());
                write!(f, "seconds from {min} to {max}, or a number with ms, s, m, h or d")
            }
            Self::Bytes { min, max } => write!(f, "bytes from {min} to {max}, or a number with KiB, MiB or GiB"),
            Self::Fraction => f.write_str("a number above 0 and at most 1"),
            Self::Flag => f.write_str("true or false"),
            Self::Choice(choices) => write!(f, "one of {}", choices.join(", ")),
            Self::QueueCaps => f.write_str("queue=cap pairs such as default=10,llm=4"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => {
                let examples: Vec<&str> = SCHEMES.iter().map(|(_, _, example)| *example).collect();
                write!(f, "a URL such as {}", examples.join(", "))
            }
            Self::Name => f.write_str("at most 200 ASCII letters, digits or marks, without spaces or quotes"),
            Self::Identifier => f.write_str("at most 63 letters, digits and underscores, not beginning with a digit"),
            Self::Path => f.write_str("a path"),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(meaning) => f.write_str(meaning),
            Self::Fixed(text) => f.write_str(text),
            Self::PerStore { snowflake, others } => write!(f, "{others}; on Snowflake {snowflake}"),
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Snowflake => "snowflake",
        })
    }
}
