//! Sends a transaction and reads its answers: everything travels at once. Decides neither where nor how often.

use deadpool_postgres::Object;
use futures_util::future::join_all;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::sql::{Call, Spelled};

/// The rows of each statement of a transaction.
pub(super) type Answers = Vec<Vec<Row>>;

/// One round trip: everything is sent before the first answer is awaited, so that a caller who gives
/// up leaves no transaction open. The first error in order is the one that matters: it spoils the rest.
pub(super) async fn transaction(client: &Client, begin: &str, calls: &[Call<'_>]) -> Result<Answers, Error> {
    let spelled: Vec<_> = calls.iter().map(Call::spelled).collect();
    let statements = spelled.iter().map(|(text, values)| client.query_typed(text, values));
    between(client, begin, statements).await
}

/// As [`transaction`], with statements that this connection keeps under a name: the first time, each costs a round trip
/// more, and then it is neither read nor planned again. One alone needs no `begin`: it is a transaction of its own.
pub(super) async fn prepared(line: &Object, begin: &str, calls: &[Call<'_>]) -> Result<Answers, Error> {
    let spelled: Vec<_> = calls.iter().map(Call::spelled).collect();
    let mut known = Vec::with_capacity(calls.len());
    for (text, values) in &spelled {
        let kinds: Vec<Type> = values.iter().map(|(_, kind)| kind.clone()).collect();
        known.push(line.prepare_typed_cached(text, &kinds).await?);
    }
    let bare: Vec<Vec<_>> = spelled.iter().map(values).collect();
    let mut statements = known.iter().zip(&bare).map(|(statement, values)| line.query(statement, values));
    match (statements.next(), statements.len()) {
        (Some(only), 0) => Ok(vec![only.await?]),
        (first, _) => between(line, begin, first.into_iter().chain(statements)).await,
    }
}

fn values<'c>((_, values): &Spelled<'c>) -> Vec<&'c (dyn tokio_postgres::types::ToSql + Sync)> {
    values.iter().map(|(value, _)| *value).collect()
}

async fn between(
    client: &Client,
    begin: &str,
    statements: impl Iterator<Item = impl Future<Output = Result<Vec<Row>, Error>>>,
) -> Result<Answers, Error> {
    let begin = client.batch_execute(begin);
    let commit = client.batch_execute(include_str!("sql/commit.sql"));
    // Polled in this order at first, and a request is sent when it is first polled.
    let (opened, answers, committed) = tokio::join!(biased; begin, join_all(statements), commit);
    opened?;
    let rows = answers.into_iter().collect::<Result<Answers, _>>()?;
    committed?;
    Ok(rows)
}
