//! Brings a database to the schema this build speaks, one pod at a time. Refuses one that is too new.

use deadpool_postgres::Object;
use serde::Deserialize;

use super::connection::Connections;
use super::errors::{Effect, MEND_MISSING, internal, of_statement};
use super::sql::{Call, Statement, quoted};
use crate::store::error::{Error, Result};
use crate::store::types::{Migrate, SchemaVersion};

/// The schema version this build writes.
pub(super) const SPEAKS: u32 = 1;

/// Any number that no other program of the database is likely to lock: "fleet-q".
const LOCK: i64 = 0x0066_6c65_6574_2d71;

struct Migration {
    version: u32,
    min_compatible: u32,
    sql: &'static str,
}

/// Append-only; each is safe while pods of `min_compatible` run, and ends by writing the table's comment.
const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, min_compatible: 1, sql: include_str!("migrations/0001_tables.sql") }];

/// What the comment on STEP_TRACKER says.
#[derive(Deserialize)]
struct Comment {
    version: u32,
    min_compatible: u32,
}

/// The text of every migration, in order.
pub(super) fn scripts() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.iter().map(|migration| migration.sql)
}

pub(super) async fn migrate(db: &Connections, schema: Option<&str>, mode: Migrate) -> Result<SchemaVersion> {
    let lent = db.lend().await?;
    let found = version(db, &lent, schema).await?;
    refuse_newer(found)?;
    match mode {
        Migrate::CheckOnly if found.version < SPEAKS => Err(mismatch(found, MEND_MISSING)),
        Migrate::Apply if found.version < SPEAKS => {
            let applied = apply(db, &lent, schema).await;
            if applied.is_err() {
                // Its transaction may still be open; it ends with the connection.
                drop(Object::take(lent));
            }
            applied
        }
        Migrate::CheckOnly | Migrate::Apply => Ok(found),
    }
}

/// Of ten pods starting at once nine wait here, and then find nothing to do.
async fn apply(db: &Connections, lent: &Object, schema: Option<&str>) -> Result<SchemaVersion> {
    batch(lent, include_str!("sql/begin.sql")).await?;
    ask(lent, &db.call(&db.sql.migrate_lock).with("key", LOCK)).await?;
    create_schema(db, lent, schema).await?;
    let found = version(db, lent, schema).await?;
    refuse_newer(found)?;
    let mut reached = found;
    for step in MIGRATIONS.iter().filter(|step| step.version > found.version) {
        let text = Statement::read(step.sql, schema).call(None).spelled().0;
        batch(lent, &text).await?;
        reached = SchemaVersion { version: step.version, min_compatible: step.min_compatible };
    }
    batch(lent, include_str!("sql/commit.sql")).await?;
    Ok(reached)
}

/// Asked first, for whoever may not create schemas may still use one that is there.
async fn create_schema(db: &Connections, lent: &Object, schema: Option<&str>) -> Result<()> {
    let Some(schema) = schema else { return Ok(()) };
    let rows = ask(lent, &db.call(&db.sql.schema_exists).with("name", quoted(schema))).await?;
    if rows.first().map(|row| row.try_get("found")).transpose()? == Some(true) {
        return Ok(());
    }
    batch(lent, &include_str!("sql/create_schema.sql").replace("/*name*/public", &quoted(schema))).await
}

async fn version(db: &Connections, lent: &Object, schema: Option<&str>) -> Result<SchemaVersion> {
    let table = schema.map_or("step_tracker".to_owned(), |schema| format!("{}.step_tracker", quoted(schema)));
    let rows = ask(lent, &db.call(&db.sql.version).with("step_tracker", table)).await?;
    let row = rows.first().ok_or_else(|| internal("one row was expected"))?;
    let (comment, found): (Option<&str>, bool) = (row.try_get("version")?, row.try_get("found")?);
    match comment.map(serde_json::from_str::<Comment>) {
        Some(Ok(said)) => Ok(SchemaVersion { version: said.version, min_compatible: said.min_compatible }),
        None if !found => Ok(SchemaVersion { version: 0, min_compatible: 0 }),
        Some(Err(_)) | None => Err(Error::config(
            "there is a table step_tracker that fleet-q did not make (its comment tells no version): name another SCHEMA",
        )),
    }
}

async fn ask(lent: &Object, call: &Call<'_>) -> Result<Vec<tokio_postgres::Row>> {
    let (text, values) = call.spelled();
    lent.query_typed(&text, &values).await.map_err(|e| of_statement(e, Effect::None))
}

async fn batch(lent: &Object, text: &str) -> Result<()> {
    lent.batch_execute(text).await.map_err(|e| of_statement(e, Effect::Possible))
}

fn refuse_newer(found: SchemaVersion) -> Result<()> {
    if found.min_compatible > SPEAKS {
        return Err(mismatch(found, "upgrade fleet-q in this process, or use another database"));
    }
    Ok(())
}

fn mismatch(found: SchemaVersion, mend: &'static str) -> Error {
    Error::Schema { found: found.version, min_compatible: found.min_compatible, speaks: SPEAKS, mend }
}
