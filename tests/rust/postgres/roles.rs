//! What a role may do that owns nothing: everything but change tables. And what one is told that may do less.

use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Error, Migrate, Script, Store};

use super::server::Server;
use super::{Schema, fresh, options, server};
use crate::conformance::life;

/// A role that may log in and do nothing else; gone with the guard.
struct Role {
    server: &'static Server,
    name: String,
}

impl Role {
    fn new(server: &'static Server, name: &str) -> Self {
        let name = format!("r_{}_{name}", std::process::id());
        server.execute(format!("create role {name} login password 'secret'"));
        Self { server, name }
    }

    fn open(&self, schema: &Schema) -> PostgresStore {
        let (protocol, url) = self.server.url.split_once("://").unwrap();
        let place = url.split_once('@').map_or(url, |(_, server)| server);
        let url = format!("{protocol}://{}:secret@{place}", self.name);
        PostgresStore::open(&url, options(Some(&schema.name))).unwrap()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.server.execute(format!("drop owned by {}", self.name));
        self.server.execute(format!("drop role {}", self.name));
    }
}

async fn grant(server: &'static Server, text: &str) {
    let (client, driver) = tokio_postgres::connect(&server.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(driver);
    client.batch_execute(text).await.unwrap();
}

#[tokio::test]
async fn role_with_the_grants_lives_a_whole_life_and_changes_no_table() {
    let Some(server) = server::get() else { return };
    let (open, schema) = fresh(server, "granted");
    open().migrate(Migrate::Apply).await.unwrap();
    let role = Role::new(server, "app");
    let text = open().script(&Script::Grants { role: role.name.clone() }).await.unwrap();
    grant(server, &text).await;
    let app = role.open(&schema);
    app.migrate(Migrate::Apply).await.unwrap();
    let mut waits = app.wake_ups();
    waits.changed().await.unwrap();
    life::whole(&app, "a-00000001", 100).await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), waits.changed());
    told.await.expect("its own notification").unwrap();
    for sql in ["create table SCHEMA.theirs (n int)", "alter table SCHEMA.step_tracker add column n int"] {
        let forbidden = sql.replace("SCHEMA", &format!("\"{}\"", schema.name));
        let denied = server.try_execute(format!("set role {}; {forbidden}", role.name));
        assert!(denied.unwrap_err().contains("42501"), "{sql}");
    }
}

#[tokio::test]
async fn role_that_may_not_create_is_told_who_may() {
    let Some(server) = server::get() else { return };
    let (_open, schema) = fresh(server, "denied");
    let role = Role::new(server, "poor");
    let refused = role.open(&schema).migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(refused, Error::Config { .. }), "{refused:?}");
    let told = refused.to_string();
    assert!(told.contains("run `fleet-q migrate` as the role that owns") && told.contains("--grants"), "{told}");
    schema.execute("create schema SCHEMA");
    let refused = role.open(&schema).migrate(Migrate::Apply).await.unwrap_err();
    assert!(matches!(refused, Error::Config { .. }), "{refused:?}");
}

#[tokio::test]
async fn grants_name_the_schema_that_the_connection_uses() {
    let Some(server) = server::get() else { return };
    let store = PostgresStore::open(&server.url, options(None)).unwrap();
    let text = store.script(&Script::Grants { role: "odd \"name".into() }).await.unwrap();
    assert!(text.contains("grant usage on schema \"public\" to \"odd \"\"name\";"), "{text}");
    assert!(text.contains("on table \"public\".pod_health, \"public\".step_tracker to"), "{text}");
    for bad in ["", "nul\0"] {
        assert!(store.script(&Script::Grants { role: bad.into() }).await.is_err());
    }
}
