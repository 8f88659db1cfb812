//! What every dialect's examination shares: how far it looks, and which indexes the migrations promise.
//! Asks no database.

use crate::rules::diagnosis::facts::MissingIndex;

/// Due steps that are looked at, next in turn first: a backlog of millions is not counted for a look.
pub(super) const DUE_SEEN: u32 = 10_000;
/// Kinds of due steps, and claimed steps, that are told.
pub(super) const TOLD: u32 = 20;

/// The indexes that a schema has after these migrations, each with the statement that makes it.
pub(super) fn indexes<'a>(migrations: impl IntoIterator<Item = &'a str>) -> Vec<MissingIndex> {
    let mut indexes: Vec<MissingIndex> = Vec::new();
    for statement in migrations.into_iter().flat_map(statements) {
        let mut words = statement.split_whitespace().filter(|word| !["unique", "if", "not", "exists"].contains(word));
        match (words.next(), words.next(), words.next()) {
            (Some("create"), Some("index"), Some(name)) => {
                indexes.push(MissingIndex { name: name.to_owned(), create: format!("{statement};") });
            }
            (Some("drop"), Some("index"), Some(name)) => indexes.retain(|index| index.name != bare(name)),
            _ => {}
        }
    }
    indexes
}

/// The statements of a script, each on one line, without comments.
fn statements(script: &str) -> Vec<String> {
    let lines = script.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
    let text = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    text.split(';').map(|statement| statement.trim().to_owned()).filter(|statement| !statement.is_empty()).collect()
}

/// The name without its schema.
fn bare(name: &str) -> &str {
    name.rsplit(['.', '/']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{MissingIndex, indexes};

    #[test]
    fn the_indexes_of_all_migrations_are_found_without_those_that_were_dropped() {
        let first = "-- Lay down.\ncreate table t (a int);\ncreate index t_a\non t (a)  -- why\nwhere a > 0;\ncreate unique index t_b on t (b);";
        let second = "drop index /*schema*/t_b;";
        let names = |indexes: Vec<MissingIndex>| indexes.into_iter().map(|index| index.name).collect::<Vec<_>>();
        assert_eq!(names(indexes([first])), ["t_a", "t_b"]);
        let kept = indexes([first, second]);
        assert_eq!(kept.len(), 1);
        assert!(kept[0].create.ends_with(" index t_a on t (a) where a > 0;"), "{kept:?}");
    }
}
