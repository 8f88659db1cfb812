//! Spells values as statements take them. Knows no statement.

use std::sync::Arc;

use serde::Serialize;

use crate::rules::time::Millis;
use crate::store::types::{Content, ERRORS_KEPT};

/// A list for `json_each`.
pub(super) fn json(list: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(list).expect("lists of text and numbers are JSON")
}

pub(super) fn json_texts(list: &[Arc<str>]) -> String {
    json(&list.iter().map(|text| &**text).collect::<Vec<_>>())
}

/// What a column says beside content: nothing, where it is what nearly all content is.
pub(super) fn content_type(content: &Content) -> Option<&str> {
    Some(&*content.content_type).filter(|kind| *kind != Content::JSON)
}

pub(super) fn errors_kept() -> i64 {
    i64::try_from(ERRORS_KEPT).expect("a small number")
}

pub(super) fn signed(duration: Millis) -> i64 {
    i64::try_from(duration.0).unwrap_or(i64::MAX)
}
