//! Holds what kinds of values settings take. Reads none.

/// What a value is, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Text(Form),
    /// A text that is never shown.
    Secret,
    Count {
        min: u32,
        max: u32,
    },
    /// Seconds with fractions, or a number with `ms`, `s`, `m`, `h` or `d`.
    Seconds {
        min_ms: u64,
        max_ms: u64,
    },
    /// Bytes, or a number with `KiB`, `MiB` or `GiB`.
    Bytes {
        min: u64,
        max: u64,
    },
    /// Above 0, at most 1.
    Fraction,
    Flag,
    Choice(&'static [&'static str]),
    /// `default=10,llm=4`.
    QueueCaps,
}

/// What a text may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `scheme://…`, of a scheme in [`SCHEMES`](super::schema::SCHEMES).
    Url,
    /// Visible ASCII without quotes and backslashes, at most 200 characters: it becomes part of ids.
    Name,
    /// A plain SQL identifier: it becomes part of statements.
    Identifier,
    Path,
}
