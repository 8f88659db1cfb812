//! What Postgres alone can show: migrations of many pods, bad rows, wake-ups, refusals of the URL.

mod bad_rows;
mod examine;
mod floors;
mod gate;
mod migrations;
mod plans;
mod races;
mod roles;
pub mod server;
mod sessions;
mod tls;
mod upgrades;
mod url;
mod wake_ups;

use fleet_q::rules::time::Millis;
use fleet_q::store::postgres::{PostgresOptions, PostgresStore};

use server::Server;

/// A handle on a schema that nobody has migrated, and that is dropped with the guard.
pub fn fresh(server: &'static Server, name: &str) -> (impl Fn() -> PostgresStore, Schema) {
    let schema = format!("t_{}_{name}", std::process::id());
    let own = schema.clone();
    let open = move || PostgresStore::open(&server.store_url, options(Some(&own))).unwrap();
    (open, Schema { server, name: schema })
}

pub fn options(schema: Option<&str>) -> PostgresOptions {
    PostgresOptions {
        schema: schema.map(str::to_owned),
        pod_name: None,
        work_connections: 1,
        connect_timeout: Millis(10_000),
        statement_timeout: Millis(10_000),
        clock: None,
    }
}

pub struct Schema {
    pub server: &'static Server,
    pub name: String,
}

impl Schema {
    pub fn execute(&self, sql: &str) -> u64 {
        self.server.execute(sql.replace("SCHEMA", &format!("\"{}\"", self.name)))
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.execute("drop schema if exists SCHEMA cascade");
    }
}
