//! Says everything that is wrong with the settings, at once. Shows no secret.

use std::fmt;

use super::redact::redact;
use super::schema::{Form, Kind, PREFIX, SCHEMA, Setting};

/// One thing that is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's keyword; for an unknown one, as it was given.
    pub setting: String,
    /// The variable that sets it.
    pub variable: String,
    /// The value as given; `None` for secrets and where the value is not what is wrong.
    pub value: Option<String>,
    pub wrong: String,
    pub mend: String,
}

/// Everything that is wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    pub(super) fn of(setting: &Setting, value: &str, wrong: String, mend: String) -> Self {
        let value = match setting.kind {
            Kind::Secret => None,
            Kind::Text(Form::Url) => Some(redact(value)),
            Kind::Text(Form::Name | Form::Identifier | Form::Path)
            | Kind::Count { .. }
            | Kind::Seconds { .. }
            | Kind::Bytes { .. }
            | Kind::Fraction
            | Kind::Flag
            | Kind::Choice(_)
            | Kind::QueueCaps => Some(value.to_owned()),
        };
        Self { setting: setting.keyword(), variable: setting.variable(), value, wrong, mend }
    }

    /// The value stays unsaid: behind a mistyped name there may be a secret.
    pub(super) fn unknown_keyword(keyword: &str) -> Self {
        let mend = match suggestion(keyword) {
            Some(setting) => format!("did you mean {}?", setting.keyword()),
            None => format!("the settings are {}", all_keywords()),
        };
        let variable = format!("{PREFIX}{}", keyword.to_ascii_uppercase());
        Self { setting: keyword.to_owned(), variable, value: None, wrong: "is no setting".to_owned(), mend }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.setting, self.variable)?;
        if let Some(value) = &self.value {
            write!(f, " = {value:?}")?;
        }
        write!(f, " {}: {}", self.wrong, self.mend)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.0.len() == 1 { "problem" } else { "problems" };
        write!(f, "{} {noun} with the settings:", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl std::error::Error for Problems {}

/// What to say about a variable of ours that sets nothing. It may be meant for another version, so
/// it stops nobody.
pub(super) fn unknown_variable(variable: &str) -> String {
    match suggestion(variable) {
        Some(setting) => format!("{variable} sets nothing: did you mean {}?", setting.variable()),
        None => format!("{variable} sets nothing: fleet-q has no such setting"),
    }
}

fn all_keywords() -> String {
    let keywords: Vec<String> = SCHEMA.iter().map(Setting::keyword).collect();
    keywords.join(", ")
}

/// The setting whose name is nearest, if it is near: one edit for every three letters.
fn suggestion(given: &str) -> Option<&'static Setting> {
    let upper = given.to_ascii_uppercase();
    let name = upper.strip_prefix(PREFIX).unwrap_or(&upper);
    if name.len() > 64 {
        return None;
    }
    let near = SCHEMA.iter().map(|setting| (edits(name, setting.name), setting));
    let (distance, setting) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= setting.name.len() / 3).then_some(setting)
}

/// Levenshtein's distance.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.chars().count()]
}
