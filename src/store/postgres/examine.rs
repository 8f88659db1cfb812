//! Looks at a server with a doctor's eyes, on two connections that end with the look.
//!
//! Each question is a transaction of its own that only reads: what is refused costs no other answer.

use deadpool_postgres::Object;
use tokio_postgres::{Client, Row};

use super::connection::Connections;
use super::errors::{Effect, internal, of_statement};
use super::examined;
use super::round_trip::transaction;
use super::sql::{Call, Statement};
use crate::rules::diagnosis::facts::{Backends, Examination, Fact, Rights, Schema, Sessions};
use crate::store::error::{Error, Result};
use crate::store::examine::{DUE_SEEN, TOLD};
use crate::store::migrate::History;

/// How often each of the two connections is asked who answers it.
const BACKEND_ROUNDS: usize = 3;

/// One look: the connection it uses, and where the tables are.
struct Look<'a> {
    db: &'a Connections,
    client: Object,
    schema: Option<&'a str>,
    history: History,
}

pub(super) async fn examine(db: &Connections, schema: Option<&str>, history: History) -> Result<Examination> {
    let look = Look { db, client: db.lend().await?, schema, history };
    let told = |statement| db.call(statement).number("told_literal", i64::from(TOLD));
    let waiting = told(&db.sql.examine_waiting).number("seen_literal", i64::from(DUE_SEEN));
    let schema: Fact<Schema> = look.schema().await.into();
    let has_tables = schema.known().is_none_or(|schema| schema.tables.len() == 2);
    let mut seen = Examination {
        server: look.one(db.call(&db.sql.examine_server), examined::server).await,
        schema,
        rights: look.rights().await.into(),
        settings: look.rows(db.call(&db.sql.examine_settings), examined::setting).await,
        rooms: look.rows(db.call(&db.sql.examine_rooms), examined::room).await,
        backends: look.backends().await.into(),
        tables: look.rows(look.placed(&db.sql.examine_sizes), examined::table).await,
        indexes: look.rows(look.placed(&db.sql.examine_indexes), examined::index).await,
        sessions: look.sessions().await.into(),
        prepared: look.rows(told(&db.sql.examine_prepared), examined::prepared).await,
        slots: look.rows(told(&db.sql.examine_slots), examined::slot).await,
        standbys: look.rows(told(&db.sql.examine_standbys), examined::standby).await,
        file: Fact::Absent,
        orphans: look.one(db.call(&db.sql.examine_orphans), examined::orphans).await,
        waiting: look.rows(waiting, examined::waiting).await,
        held: look.rows(told(&db.sql.examine_held), examined::held).await,
    };
    if !has_tables {
        (seen.orphans, seen.waiting, seen.held) = (Fact::Absent, Fact::Absent, Fact::Absent);
    }
    // What was asked last may still be busy; nobody else gets this connection.
    drop(Object::take(look.client));
    Ok(seen)
}

impl Look<'_> {
    /// The answer of one statement, read row by row.
    async fn rows<T>(&self, call: Call<'_>, read: fn(&Row) -> Result<T>) -> Fact<Vec<T>> {
        self.ask(call).await.and_then(|rows| rows.iter().map(read).collect()).into()
    }

    async fn one<T>(&self, call: Call<'_>, read: fn(&Row) -> Result<T>) -> Fact<T> {
        let row = |rows: Vec<Row>| rows.first().map_or_else(|| Err(internal("one row was expected")), read);
        self.ask(call).await.and_then(row).into()
    }

    async fn schema(&self) -> Result<Schema> {
        let tables = self.ask(self.placed(&self.db.sql.examine_tables)).await?;
        let indexes = self.ask(self.placed(&self.db.sql.examine_indexes)).await?;
        examined::schema(self.schema, self.history, &tables, &indexes)
    }

    async fn rights(&self) -> Result<Rights> {
        let rights = self.ask(self.placed(&self.db.sql.examine_rights)).await?;
        let lacking = self.ask(self.placed(&self.db.sql.examine_grants)).await?;
        let tables = self.ask(self.placed(&self.db.sql.examine_tables)).await?;
        let rights = rights.first().ok_or_else(|| internal("one row was expected"))?;
        examined::rights(rights, &lacking, &tables)
    }

    async fn sessions(&self) -> Result<Sessions> {
        let told = self.db.call(&self.db.sql.examine_sessions).number("told_literal", i64::from(TOLD));
        let holders = self.ask(told).await?.iter().map(examined::holder).collect::<Result<_>>()?;
        let hidden = self.ask(self.db.call(&self.db.sql.examine_hidden)).await?;
        let hidden = hidden.first().map(|row| examined::number(row, "hidden")).transpose()?.unwrap_or(0);
        Ok(Sessions { holders, hidden })
    }

    /// In turn over two open connections, outside of transactions: only a pooler gives both one server process.
    async fn backends(&self) -> Result<Backends> {
        let (second, _driver) = self.db.connect().await?;
        let mut seen = Backends::default();
        for _ in 0..BACKEND_ROUNDS {
            seen.first.push(self.backend(&self.client).await?);
            seen.second.push(self.backend(&second).await?);
        }
        Ok(seen)
    }

    async fn backend(&self, client: &Client) -> Result<i32> {
        let call = self.db.call(&self.db.sql.backend);
        let (text, values) = call.spelled();
        let row = client.query_typed_one(&text, &values).await.map_err(|e| of_statement(e, Effect::None))?;
        Ok(row.try_get("backend")?)
    }

    fn placed<'s>(&'s self, statement: &'s Statement) -> Call<'s> {
        self.db.call(statement).with("schema", self.schema)
    }

    /// One statement in one transaction, in one round trip, within the server's limit and ours.
    async fn ask(&self, call: Call<'_>) -> Result<Vec<Row>> {
        let begin = self.db.opening(&self.db.sql.begin_look);
        let asked = transaction(&self.client, &begin, std::slice::from_ref(&call));
        match tokio::time::timeout(self.db.patience(), asked).await {
            Ok(answer) => Ok(answer.map_err(|e| of_statement(e, Effect::None))?.pop().unwrap_or_default()),
            Err(late) => Err(Error::unavailable("no answer in time", late)),
        }
    }
}
