//! Writes out what somebody with more rights runs in psql: the migration, and the grants. Runs neither.

use super::connection::Connections;
use super::errors::internal;
use super::sql::{Statements, prefix, quoted, schematized};
use crate::store::error::{Error, Result};
use crate::store::migrate::History;
use crate::store::types::Script;

/// Any number that no other program of the database is likely to lock: "fleet-q".
const LOCK: i64 = 0x0066_6c65_6574_2d71;

pub(super) async fn script(
    db: &Connections,
    schema: Option<&str>,
    history: History,
    script: &Script,
) -> Result<String> {
    match script {
        Script::Migration { from } => Ok(migration(&db.sql, schema, history, *from)),
        Script::Grants { role } => grants(db, schema, role).await,
    }
}

/// One transaction under the lock that pods take: piped into psql, it is done whole or not at all.
fn migration(sql: &Statements, schema: Option<&str>, history: History, from: u32) -> String {
    let speaks = history.speaks();
    let mut pending = history.pending(from).peekable();
    if pending.peek().is_none() {
        return format!("-- fleet-q: nothing to do; version {from} is not below {speaks}.\n");
    }
    let mut parts = vec![
        format!("-- fleet-q: from schema version {from} to {speaks}, whole or not at all."),
        include_str!("sql/begin.sql").trim_end().to_owned(),
        lock(sql),
    ];
    parts.extend(schema.filter(|_| from == 0).map(create_schema));
    parts.extend(pending.map(|step| schematized(step.sql, schema).trim_end().to_owned()));
    parts.push(include_str!("sql/commit.sql").to_owned());
    parts.join("\n\n")
}

async fn grants(db: &Connections, schema: Option<&str>, role: &str) -> Result<String> {
    if role.is_empty() || role.len() > 63 || role.contains('\0') {
        return Err(Error::config("a role has a name of 1 to 63 bytes"));
    }
    let home = match schema {
        Some(name) => name.to_owned(),
        None => home(db).await?,
    };
    let role = quoted(role);
    let usage = include_str!("sql/grant_schema.sql").replace("/*name*/public", &quoted(&home));
    let rows = schematized(include_str!("sql/grant_tables.sql"), Some(&home));
    Ok([usage, rows].join("").replace("/*role*/public", &role))
}

/// The schema by name, where the connection's own is used.
async fn home(db: &Connections) -> Result<String> {
    let found = db.read(&[db.call(&db.sql.home).with("step_tracker", format!("{}step_tracker", prefix(None)))]).await?;
    let row = found.iter().flatten().next().ok_or_else(|| internal("one row was expected"))?;
    let home: Option<String> = row.try_get("home")?;
    home.ok_or_else(|| Error::config("the connection's search_path names no schema that is there: set SCHEMA"))
}

/// Takes the lock until the end of the transaction.
pub(super) fn lock(sql: &Statements) -> String {
    format!("{};", sql.migrate_lock.call(None).number("key_literal", LOCK).spelled().0.trim_end_matches(';'))
}

pub(super) fn create_schema(name: &str) -> String {
    include_str!("sql/create_schema.sql").replace("/*name*/public", &quoted(name)).trim_end().to_owned()
}
