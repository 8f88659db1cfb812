//! What a look at a real server finds, each thing provoked for real: rights, settings, sessions, slots, indexes.

use fleet_q::rules::diagnosis::facts::{Examination, Fact, Source};
use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Enqueue, Migrate, Store};
use tokio_postgres::{Client, NoTls};

use super::server::Server;
use super::{Schema, fresh, options, server};
use crate::conformance::fixtures::step;

/// A connection of somebody else.
async fn somebody(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// The server's URL for another role, which has no password here.
fn url_of(server: &Server, role: &str) -> String {
    let joint = if server.url.contains('?') { '&' } else { '?' };
    format!("{}{joint}options=-c%20role%3D{role}", server.url)
}

async fn seen(store: &PostgresStore) -> Examination {
    store.examine().await.unwrap()
}

/// A role that ends with the guard, and the schema it may look into.
struct Role<'a>(&'a Schema, String);

impl<'a> Role<'a> {
    fn new(schema: &'a Schema, name: &str) -> Self {
        let role = format!("{}_{name}", schema.name);
        schema.execute(&format!("create role {role}"));
        Self(schema, role)
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.0.execute(&format!("drop owned by {}", self.1));
        self.0.execute(&format!("drop role {}", self.1));
    }
}

#[tokio::test]
async fn fresh_schema_lacks_nothing_and_the_server_is_described() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "whole");
    open().migrate(Migrate::Apply).await.unwrap();
    let seen = seen(&open()).await;
    let found = seen.server.known().unwrap();
    assert!(found.version.starts_with("PostgreSQL ") && found.number.unwrap() >= 130_000, "{found:?}");
    assert!(!found.read_only && found.marks.is_empty(), "{found:?}");
    let rights = seen.rights.known().unwrap();
    assert!(
        rights.may_use_schema && rights.may_create && rights.owns_tables && rights.missing.is_empty(),
        "{rights:?}"
    );
    let settings: Vec<&str> = seen.settings.known().unwrap().iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!(settings, ["autovacuum", "fsync", "full_page_writes", "synchronous_commit", "track_counts"]);
    let tables = seen.tables.known().unwrap();
    assert_eq!((tables.len(), tables.iter().all(|table| table.autovacuum)), (2, true), "{tables:?}");
    assert!(seen.indexes.known().unwrap().len() >= 8);
    let room = &seen.rooms.known().unwrap()[0];
    assert!(room.used >= 1 && room.limit > room.used, "{room:?}");
    assert_eq!(seen.file, Fact::Absent);
}

#[tokio::test]
async fn server_without_tables_is_examined_and_left_as_it_is() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "bare");
    let first = seen(&open()).await;
    assert_eq!(first.schema.known().unwrap().tables, Vec::<String>::new());
    assert_eq!((&first.orphans, &first.waiting), (&Fact::Absent, &Fact::Absent));
    assert!(first.rights.known().unwrap().may_create);
    assert_eq!(seen(&open()).await.schema, first.schema, "a look creates nothing");
}

#[tokio::test]
async fn index_that_is_gone_and_one_that_is_invalid_are_told_with_their_mend() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "index");
    open().migrate(Migrate::Apply).await.unwrap();
    schema.execute("drop index SCHEMA.step_claimed");
    schema.execute("update pg_index set indisvalid = false where indexrelid = 'SCHEMA.step_blocked'::regclass");
    let first = seen(&open()).await;
    let found = first.schema.known().unwrap();
    assert_eq!(found.invalid_indexes, [format!("{}.step_blocked", schema.name)]);
    let [gone] = &found.missing_indexes[..] else { panic!("{found:?}") };
    assert_eq!(gone.name, "step_claimed");
    // What the doctor says is run as it stands.
    schema.execute(&gone.create);
    schema.execute(&format!("reindex index concurrently {}", found.invalid_indexes[0]));
    let mended = seen(&open()).await;
    let mended = mended.schema.known().unwrap();
    assert_eq!((mended.missing_indexes.len(), mended.invalid_indexes.len()), (0, 0), "{mended:?}");
}

#[tokio::test]
async fn unlogged_table_and_switched_off_autovacuum_are_told() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "relopt");
    open().migrate(Migrate::Apply).await.unwrap();
    schema.execute("alter table SCHEMA.step_tracker set unlogged");
    schema.execute("alter table SCHEMA.step_tracker set (autovacuum_enabled = off)");
    let seen = seen(&open()).await;
    assert_eq!(seen.schema.known().unwrap().unlogged, [format!("{}.step_tracker", schema.name)]);
    let swept: Vec<bool> = seen.tables.known().unwrap().iter().map(|table| table.autovacuum).collect();
    assert_eq!(swept, [true, false]);
}

#[tokio::test]
async fn dead_rows_are_counted() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "dead");
    let store = open();
    store.migrate(Migrate::Apply).await.unwrap();
    schema.execute("alter table SCHEMA.step_tracker set (autovacuum_enabled = off)");
    store.enqueue(&Enqueue { steps: (1..=50).map(step).collect(), hand_off: None }).await.unwrap();
    let client = somebody(&server.url).await;
    let table = format!("\"{}\".step_tracker", schema.name);
    client.batch_execute(&format!("update {table} set priority = priority + 1")).await.unwrap();
    // The statistics of a session reach the others at the latest when it asks for that.
    client.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
    client.batch_execute("select 1").await.unwrap();
    let seen = seen(&store).await;
    let table = &seen.tables.known().unwrap()[1];
    assert!(table.dead >= 50 && table.total_bytes > 0, "{table:?}");
}

#[tokio::test]
async fn role_without_grants_learns_which_and_nothing_else_fails() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "grants");
    open().migrate(Migrate::Apply).await.unwrap();
    let role = Role::new(&schema, "r");
    schema.execute(&format!("grant select, update on SCHEMA.step_tracker to {}", role.1));
    let store = PostgresStore::open(&url_of(server, &role.1), options(Some(&schema.name))).unwrap();
    let first = seen(&store).await;
    let rights = first.rights.known().unwrap();
    let tracker = format!("{}.step_tracker", schema.name);
    let lacks = rights.missing.iter().filter(|(table, _)| *table == tracker).map(|(_, privilege)| privilege.as_str());
    assert_eq!(lacks.collect::<Vec<_>>(), ["insert", "delete"]);
    assert_eq!((rights.may_use_schema, rights.may_create, rights.owns_tables), (false, false, false));
    assert_eq!((rights.role.as_str(), rights.missing.len()), (role.1.as_str(), 6));
    let Fact::Unread(why) = &first.orphans else { panic!("{:?}", first.orphans) };
    assert!(why.contains("permission denied"), "{why}");
    assert!(first.settings.known().is_some() && first.sessions.known().is_some());
}

#[tokio::test]
async fn setting_of_the_role_is_told_with_where_it_comes_from() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "sync");
    open().migrate(Migrate::Apply).await.unwrap();
    let joint = if server.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{joint}options=-c%20synchronous_commit%3Doff", server.url);
    let seen = seen(&PostgresStore::open(&url, options(Some(&schema.name))).unwrap()).await;
    let settings = seen.settings.known().unwrap();
    let setting = settings.iter().find(|setting| setting.name == "synchronous_commit").unwrap();
    assert_eq!((setting.value.as_str(), setting.source), ("off", Source::Client));
}

#[tokio::test]
async fn idle_transaction_is_told_with_its_session() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "idle");
    let client = somebody(&format!(
        "{}{}application_name=forgotten",
        server.url,
        if server.url.contains('?') { '&' } else { '?' }
    ))
    .await;
    client.batch_execute("begin; select txid_current()").await.unwrap();
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    let seen = seen(&open()).await;
    let holders = &seen.sessions.known().unwrap().holders;
    let holder = holders.iter().find(|holder| holder.pid == i64::from(pid)).unwrap();
    assert_eq!((holder.application.as_str(), holder.idle, holder.maintenance), ("forgotten", true, false));
}

#[tokio::test]
async fn slot_that_nobody_reads_is_told() {
    let Some(server) = server::get() else { return };
    let (open, _schema) = fresh(server, "slot");
    let client = somebody(&server.url).await;
    let name = format!("doctor_{}", std::process::id());
    let make = format!("select pg_create_physical_replication_slot('{name}', true)");
    client.batch_execute(&make).await.unwrap();
    let seen = seen(&open()).await;
    client.batch_execute(&format!("select pg_drop_replication_slot('{name}')")).await.unwrap();
    let slot = seen.slots.known().unwrap().iter().find(|slot| slot.name == name).cloned().unwrap();
    assert_eq!((slot.active, slot.holds), (false, None));
}

#[tokio::test]
async fn direct_connections_have_a_server_process_each() {
    let Some(server) = server::get() else { return };
    let seen = seen(&PostgresStore::open(&server.url, options(None)).unwrap()).await;
    let backends = seen.backends.known().unwrap();
    assert_eq!((backends.first.len(), backends.second.len()), (3, 3));
    assert!(backends.first.iter().all(|pid| *pid == backends.first[0]), "{backends:?}");
    assert!(!backends.second.contains(&backends.first[0]), "{backends:?}");
}
