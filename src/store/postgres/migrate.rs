//! Brings a database to the schema this build speaks, one pod at a time, whole or not at all.
//! Refuses one that is too new, and to wait for ever.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::connection::Connections;
use super::errors::{Effect, internal, of_statement};
use super::script::{create_schema, lock};
use super::sql::{Call, quoted, schematized};
use crate::store::error::{Error, Result};
use crate::store::migrate::{History, Migration};
use crate::store::types::{Migrate, SchemaVersion};

pub(super) const HISTORY: History =
    History(&[Migration { version: 1, min_compatible: 1, sql: include_str!("migrations/0001_tables.sql") }]);

/// The longest that one statement of a migration may work, once it has its locks: building an index takes minutes.
const WORK_LIMIT: Duration = Duration::from_secs(600);

/// What the comment on STEP_TRACKER says.
#[derive(serde::Deserialize)]
struct Comment {
    version: u32,
    min_compatible: u32,
}

pub(super) async fn migrate(
    db: &Connections,
    schema: Option<&str>,
    history: History,
    mode: Migrate,
) -> Result<SchemaVersion> {
    let found = version(db, schema).await?;
    match mode {
        Migrate::CheckOnly => history.require(found).map(|()| found),
        // Nothing is locked and no right is needed where there is nothing to do.
        Migrate::Apply if found.version >= history.speaks() => history.admit(found).map(|()| found),
        Migrate::Apply => apply(db, schema, history).await,
    }
}

/// The schema version of the database, zeros without tables.
pub(super) async fn version(db: &Connections, schema: Option<&str>) -> Result<SchemaVersion> {
    let answers = db.read(&[version_call(db, schema)]).await?;
    read_version(&answers[0])
}

/// Of ten pods starting at once nine wait here for the lock, and then find nothing to do.
async fn apply(db: &Connections, schema: Option<&str>, history: History) -> Result<SchemaVersion> {
    let (client, driver) = db.connect().await?;
    let alone = Alone { client, driver, patience: db.patience() };
    alone.run(include_str!("sql/begin.sql"), "a connection").await?;
    alone.ask(&limits(db), "a connection").await?;
    alone.run(&lock(&db.sql), "the end of another migration of this database").await?;
    if let Some(name) = schema {
        let missing = db.call(&db.sql.schema_exists).with("name", quoted(name));
        // Whoever may not create schemas may still use one that is there.
        let found = alone.ask(&missing, "the schema").await?;
        if !found.first().is_some_and(|row| row.try_get("found").unwrap_or(false)) {
            alone.run(&create_schema(name), "the schema").await?;
        }
    }
    let mut reached = read_version(&alone.ask(&version_call(db, schema), "the version").await?)?;
    history.admit(reached)?;
    for step in history.pending(reached.version) {
        alone.run(&schematized(step.sql, schema), "a lock on fleet-q's tables").await?;
        reached = read_version(&alone.ask(&version_call(db, schema), "the version").await?)?;
        assert_eq!(reached, SchemaVersion { version: step.version, min_compatible: step.min_compatible });
    }
    alone.run(include_str!("sql/commit.sql"), "the commit").await?;
    Ok(reached)
}

/// A connection that serves one migration, and its bounds. Whatever ends the call cuts the connection,
/// and the server rolls back what was not committed.
struct Alone {
    client: Client,
    driver: JoinHandle<()>,
    /// How long the server waits for a lock.
    patience: Duration,
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Alone {
    async fn run(&self, text: &str, awaited: &str) -> Result<()> {
        self.bounded(self.client.batch_execute(text), awaited).await
    }

    async fn ask(&self, call: &Call<'_>, awaited: &str) -> Result<Vec<Row>> {
        let (text, values) = call.spelled();
        self.bounded(self.client.query_typed(&text, &values), awaited).await
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
        awaited: &str,
    ) -> Result<T> {
        match tokio::time::timeout(WORK_LIMIT + self.patience, call).await {
            Ok(Err(error)) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Err(self.held_up(awaited)),
            Ok(answer) => answer.map_err(of_migration),
            Err(_) => Err(Error::unknown("the migration was not answered; it is rolled back unless it was committing")),
        }
    }

    fn held_up(&self, awaited: &str) -> Error {
        let (seconds, cause) = (self.patience.as_secs_f64(), None);
        let message = format!(
            "migrating waited {seconds} s for {awaited} and changed nothing: start again when that has ended; \
             pg_locks and pg_stat_activity show who holds it"
        );
        Error::Unavailable { message, cause }
    }
}

/// A role that may not create or alter says so once, with the way out.
fn of_migration(error: tokio_postgres::Error) -> Error {
    if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return of_statement(error, Effect::Possible);
    }
    let said = error.as_db_error().map_or_else(String::new, |db| db.message().to_owned());
    Error::config(format!(
        "this role may not migrate the database ({said}): run `fleet-q migrate` as the role that owns the tables, \
         and `fleet-q migrate --grants ROLE` for this one"
    ))
}

fn limits(db: &Connections) -> Call<'_> {
    let patience = format!("{}ms", db.patience().as_millis());
    db.call(&db.sql.migrate_limits)
        .with("lock_timeout", patience.clone())
        .with("statement_timeout", format!("{}ms", WORK_LIMIT.as_millis()))
        .with("idle_timeout", patience)
}

pub(super) fn version_call<'a>(db: &'a Connections, schema: Option<&str>) -> Call<'a> {
    db.call(&db.sql.version).with("step_tracker", format!("{}step_tracker", super::sql::prefix(schema)))
}

pub(super) fn read_version(rows: &[Row]) -> Result<SchemaVersion> {
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
