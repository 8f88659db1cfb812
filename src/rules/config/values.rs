//! Decides whether a text is a value of its kind, and which. Knows no setting's meaning.

use std::collections::BTreeMap;

use super::StoreKind;
use super::schema::{Form, Kind, SCHEMES};
use crate::rules::content;
use crate::rules::demand::OTHERS;
use crate::rules::time::Millis;

/// Why a text is not a value, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub wrong: String,
    pub mend: String,
}

fn wrong<T>(wrong: impl Into<String>, mend: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { wrong: wrong.into(), mend: mend.into() })
}

pub(super) fn count(text: &str, min: u32, max: u32) -> Result<u32, Wrong> {
    let mend = || format!("give {}", Kind::Count { min, max });
    match text.trim().parse::<i128>() {
        Ok(number) => match u32::try_from(number).ok().filter(|count| (min..=max).contains(count)) {
            Some(count) => Ok(count),
            None => wrong("is out of bounds", mend()),
        },
        Err(_) => wrong("is not a whole number", mend()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "the largest bound is ten years, 2^39 ms")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds, compared before")]
pub(super) fn seconds(text: &str, min_ms: u64, max_ms: u64) -> Result<Millis, Wrong> {
    let mend = || format!("give {}", Kind::Seconds { min_ms, max_ms });
    let Some((number, unit)) = number_and_unit(text) else { return wrong("is not a number of seconds", mend()) };
    let factor = match unit {
        "" | "s" => 1000.0,
        "ms" => 1.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return wrong(format!("has the unknown unit {unit:?}"), mend()),
    };
    let ms = (number * factor).round();
    if (min_ms as f64..=max_ms as f64).contains(&ms) {
        Ok(Millis(ms as u64))
    } else {
        wrong("is out of bounds", mend())
    }
}

#[allow(clippy::cast_precision_loss, reason = "the largest bound is 2^50")]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds, compared before")]
pub(super) fn bytes(text: &str, min: u64, max: u64) -> Result<u64, Wrong> {
    let mend = || format!("give {}", Kind::Bytes { min, max });
    let Some((number, unit)) = number_and_unit(text) else { return wrong("is not a number of bytes", mend()) };
    let factor = match unit {
        "" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return wrong(format!("has the unknown unit {unit:?}"), mend()),
    };
    let bytes = number * factor;
    if bytes.fract() == 0.0 && (min as f64..=max as f64).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        wrong("is out of bounds or not whole", mend())
    }
}

pub(super) fn fraction(text: &str) -> Result<f64, Wrong> {
    match text.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        Ok(_) => wrong("is out of bounds", format!("give {}", Kind::Fraction)),
        Err(_) => wrong("is not a number", format!("give {}", Kind::Fraction)),
    }
}

pub(super) fn flag(text: &str) -> Result<bool, Wrong> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => wrong("is neither true nor false", "give true or false"),
    }
}

/// The choice as the schema spells it, whatever case it came in.
pub(super) fn choice(text: &str, choices: &[&'static str]) -> Result<&'static str, Wrong> {
    match choices.iter().find(|choice| choice.eq_ignore_ascii_case(text.trim())) {
        Some(choice) => Ok(choice),
        None => wrong("is no choice", format!("give one of {}", choices.join(", "))),
    }
}

pub(super) fn queue_caps(text: &str) -> Result<BTreeMap<String, u32>, Wrong> {
    let mend = "give queue=cap pairs such as default=10,llm=4; * stands for all queues not named";
    let mut caps = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((queue, cap)) = pair.rsplit_once('=').map(|(queue, cap)| (queue.trim(), cap)) else {
            return wrong(format!("has the part {pair:?} without a cap"), mend);
        };
        let cap = count(cap, 0, 10_000)
            .or_else(|cause| wrong(format!("has a cap in {pair:?} that {}", cause.wrong), mend))?;
        if queue != OTHERS {
            content::check_queue_name(queue).or_else(|cause| wrong(format!("has a bad name: {cause}"), mend))?;
        }
        if caps.insert(queue.to_owned(), cap).is_some() {
            return wrong(format!("names the queue {queue:?} twice"), mend);
        }
    }
    Ok(caps)
}

pub(super) fn text(text: &str, form: Form) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return wrong("is empty", "give a value, or leave it out");
    }
    if text.chars().any(char::is_control) {
        return wrong("has a control character", "remove it; a stray line end is the usual one");
    }
    match form {
        Form::Url => store_kind(text).map(|_| ())?,
        Form::Name => name(text)?,
        Form::Identifier => identifier(text)?,
        Form::Path => {}
    }
    Ok(text.to_owned())
}

pub(super) fn secret(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return wrong(
            "is empty or has a control character",
            "give a line of text; a stray line end is the usual fault",
        );
    }
    Ok(text.to_owned())
}

/// Which store a URL opens.
pub(super) fn store_kind(url: &str) -> Result<StoreKind, Wrong> {
    let mend = || {
        let examples: Vec<&str> = SCHEMES.iter().map(|(_, _, example)| *example).collect();
        format!("give one of {}", examples.join(" · "))
    };
    let Some((scheme, rest)) = url.split_once("://") else { return wrong("has no scheme", mend()) };
    let Some((_, kind, _)) = SCHEMES.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(scheme)) else {
        return wrong("has an unknown scheme", mend());
    };
    let place = rest.split('?').next().unwrap_or(rest);
    match kind {
        StoreKind::Sqlite if place == ":memory:" || place.strip_prefix('/').is_some_and(|path| !path.is_empty()) => {}
        StoreKind::Sqlite => {
            return wrong("names no file", "give sqlite:///path, with three slashes, or sqlite://:memory:");
        }
        // A Postgres URL may leave the place to libpq's variables and defaults.
        StoreKind::Snowflake if place.is_empty() => return wrong("names no host", mend()),
        StoreKind::Memory | StoreKind::Postgres | StoreKind::Snowflake => {}
    }
    Ok(*kind)
}

fn name(text: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '`');
    if text.len() <= content::NAME_CHARS_MAX && text.chars().all(fits) {
        return Ok(());
    }
    wrong("cannot be part of a pod's id", format!("give {}", Form::Name))
}

fn identifier(text: &str) -> Result<(), Wrong> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && text.len() <= 63 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    wrong("is no plain SQL name", format!("give {}", Form::Identifier))
}

/// Splits `"1.5 h"` into `(1.5, "h")`; `None` unless a finite number leads.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let parsed = number.trim_end().parse::<f64>().ok().filter(|n| n.is_finite())?;
    Some((parsed, &text[number.len()..]))
}
