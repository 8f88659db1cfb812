//! Judges the server's own settings by promise P1: what was acknowledged survives a restart of the database.

use super::connection::Connections;
use super::errors::internal;
use crate::store::error::{Error, Result};

/// Whether the server's settings are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    Checked,
    /// `?durability=unchecked`: a server that may lose everything, such as one for tests.
    Unchecked,
}

/// What the settings put at risk; an error if a crash of the server may destroy the database.
pub(super) async fn cautions(db: &Connections, durability: Durability) -> Result<Vec<String>> {
    match durability {
        Durability::Unchecked => return Ok(Vec::new()),
        Durability::Checked => {}
    }
    let answers = db.read(&[db.call(&db.sql.durability)]).await?;
    let row = answers.iter().flatten().next().ok_or_else(|| internal("one row was expected"))?;
    let is_off = |name| row.try_get::<_, Option<&str>>(name).map(|value| value == Some("off"));
    if is_off("fsync")? {
        return Err(Error::config(
            "the database server runs with fsync=off: a crash may destroy every step it holds. Set fsync=on there; \
             for a server whose data may be lost, such as one for tests, add durability=unchecked to the URL",
        ));
    }
    let mut cautions = Vec::new();
    if is_off("synchronous_commit")? {
        cautions.push(format!("{COMMIT}; set it to on for this role or database"));
    }
    if is_off("full_page_writes")? {
        cautions.push(format!("{PAGES}; set it to on unless the file system never tears a page"));
    }
    Ok(cautions)
}

const COMMIT: &str = "synchronous_commit is off: a crash of the database server loses the latest steps and outcomes, \
                      though enqueue had returned";
const PAGES: &str =
    "full_page_writes is off: a crash of the database server in the middle of a write may damage its tables";
