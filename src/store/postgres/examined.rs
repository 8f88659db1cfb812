//! Reads what a look at the server answered into facts. Asks nothing and judges nothing.

use std::collections::BTreeSet;

use serde::Deserialize;
use tokio_postgres::Row;

use super::rows::count;
use super::sql::{Statement, quoted};
use crate::rules::diagnosis::facts::{
    Held, Holder, Index, MissingIndex, Orphans, Prepared, Rights, Room, Schema, Server, Setting, Slot, Source, Standby,
    Table, Waiting,
};
use crate::rules::step::StepId;
use crate::rules::time::{Millis, Timestamp};
use crate::store::error::Result;
use crate::store::examine::indexes;
use crate::store::migrate::History;

/// What the comment on STEP_TRACKER says.
#[derive(Deserialize)]
struct Comment {
    version: u32,
    min_compatible: u32,
}

pub(super) fn server(row: &Row) -> Result<Server> {
    let number: &str = row.try_get("number")?;
    Ok(Server {
        version: row.try_get("version")?,
        number: number.parse().ok(),
        extensions: row.try_get("extensions")?,
        marks: row.try_get("marks")?,
        read_only: row.try_get("read_only")?,
        unfrozen_age: optional_number(row, "unfrozen_age")?.unwrap_or(0),
    })
}

pub(super) fn schema(name: Option<&str>, history: History, tables: &[Row], found: &[Row]) -> Result<Schema> {
    let mut schema =
        Schema { name: name.map(quoted).unwrap_or_default(), speaks: history.speaks(), ..Schema::default() };
    for row in tables {
        let table: String = row.try_get("table_name")?;
        if row.try_get("unlogged")? {
            schema.unlogged.push(row.try_get("name")?);
        }
        if table == "step_tracker" {
            let comment: Option<&str> = row.try_get("comment")?;
            match comment.map(serde_json::from_str::<Comment>) {
                Some(Ok(said)) => (schema.version, schema.min_compatible) = (said.version, said.min_compatible),
                Some(Err(_)) | None => schema.foreign = true,
            }
        }
        schema.tables.push(table);
    }
    let mut there = BTreeSet::new();
    for row in found {
        there.insert(row.try_get::<_, String>("index_name")?);
        if !row.try_get::<_, bool>("valid")? {
            schema.invalid_indexes.push(row.try_get("name")?);
        }
    }
    // What an older or newer schema has is its own affair.
    if schema.version == schema.speaks {
        schema.missing_indexes =
            promised(name, history).into_iter().filter(|index| !there.contains(&index.name)).collect();
    }
    Ok(schema)
}

/// Every index of this build's schema, made in a way that blocks nobody.
fn promised(schema: Option<&str>, history: History) -> Vec<MissingIndex> {
    let scripts: Vec<String> =
        history.0.iter().map(|step| Statement::read(step.sql, schema).call(None).spelled().0).collect();
    let mut promised = indexes(scripts.iter().map(String::as_str));
    for index in &mut promised {
        index.create = index.create.replacen("index ", "index concurrently ", 1);
    }
    promised
}

pub(super) fn rights(row: &Row, lacking: &[Row], tables: &[Row]) -> Result<Rights> {
    let missing = lacking.iter().map(|row| Ok((row.try_get("name")?, row.try_get("privilege")?)));
    let owned = tables.iter().map(|row| Ok(row.try_get("owned")?)).collect::<Result<Vec<bool>>>()?;
    Ok(Rights {
        role: row.try_get("role")?,
        schema: row.try_get("schema")?,
        may_use_schema: row.try_get("may_use")?,
        may_create: row.try_get("may_create")?,
        owns_tables: owned.iter().all(|owned| *owned),
        missing: missing.collect::<Result<_>>()?,
    })
}

pub(super) fn setting(row: &Row) -> Result<Setting> {
    let source: &str = row.try_get("source")?;
    Ok(Setting {
        name: row.try_get("name")?,
        value: row.try_get("setting")?,
        // The list is the server's, not ours.
        source: match source {
            "default" => Source::Default,
            "database" => Source::Database,
            "user" => Source::Role,
            "database user" => Source::RoleInDatabase,
            "client" | "session" => Source::Client,
            _ => Source::Server,
        },
        role: row.try_get("role")?,
        database: row.try_get("database")?,
    })
}

pub(super) fn room(row: &Row) -> Result<Room> {
    Ok(Room {
        name: row.try_get("name")?,
        used: number(row, "used")?,
        limit: number(row, "bound")?,
        mend: row.try_get("mend")?,
    })
}

pub(super) fn table(row: &Row) -> Result<Table> {
    Ok(Table {
        name: row.try_get("name")?,
        live: number(row, "live")?,
        dead: number(row, "dead")?,
        heap_bytes: number(row, "heap_bytes")?,
        index_bytes: number(row, "index_bytes")?,
        total_bytes: number(row, "total_bytes")?,
        needed_bytes: optional_number(row, "needed_bytes")?,
        autovacuum: row.try_get("autovacuum")?,
        since_vacuum: optional_number(row, "since_vacuum_ms")?.map(Millis),
    })
}

pub(super) fn index(row: &Row) -> Result<Index> {
    Ok(Index { name: row.try_get("name")?, bytes: number(row, "bytes")?, entries: number(row, "entries")? })
}

pub(super) fn holder(row: &Row) -> Result<Holder> {
    Ok(Holder {
        pid: row.try_get("pid")?,
        user: row.try_get("role")?,
        application: row.try_get("application")?,
        idle: row.try_get("idle")?,
        maintenance: row.try_get("maintenance")?,
        age: Millis(number(row, "age_ms")?),
    })
}

pub(super) fn prepared(row: &Row) -> Result<Prepared> {
    Ok(Prepared { gid: row.try_get("gid")?, owner: row.try_get("role")?, age: Millis(number(row, "age_ms")?) })
}

pub(super) fn slot(row: &Row) -> Result<Slot> {
    Ok(Slot {
        name: row.try_get("name")?,
        active: row.try_get("active")?,
        holds: optional_number(row, "holds")?,
        wal_bytes: optional_number(row, "wal_bytes")?.unwrap_or(0),
    })
}

pub(super) fn standby(row: &Row) -> Result<Standby> {
    Ok(Standby {
        application: row.try_get("application")?,
        address: row.try_get("address")?,
        holds: optional_number(row, "holds")?,
    })
}

pub(super) fn orphans(row: &Row) -> Result<Orphans> {
    Ok(Orphans { steps: number(row, "steps")?, since: row.try_get::<_, Option<i64>>("since")?.map(Timestamp) })
}

pub(super) fn waiting(row: &Row) -> Result<Waiting> {
    Ok(Waiting {
        task: row.try_get("task")?,
        queue: row.try_get("queue")?,
        steps: count(row, "steps")?.into(),
        since: Timestamp(row.try_get("since")?),
    })
}

pub(super) fn held(row: &Row) -> Result<Held> {
    Ok(Held {
        step_id: row.try_get::<_, StepId>("step_id")?.to_string(),
        task: row.try_get("task")?,
        pod: row.try_get("claimed_by")?,
        since: Timestamp(row.try_get("claimed_ts")?),
    })
}

/// Counts and sizes are not negative; a server that says so means none.
pub(super) fn number(row: &Row, column: &str) -> Result<u64> {
    Ok(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0))
}

fn optional_number(row: &Row, column: &str) -> Result<Option<u64>> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(|number| u64::try_from(number).unwrap_or(0)))
}
