//! Owns the pool of work connections, and finds out whether a pooler stands before the server.
//!
//! A session of our own may keep state: statements by name, with plans that outlive a call, and settings that would else
//! travel with each transaction. Nobody asks a pooler for that: it would leave our state to strangers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::QueueMode;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{of_connecting, of_pool, refuses_settings};
use super::sql::Statement;
use crate::store::error::{Error, Result};

/// What a session of our own is told when it begins, beside the limit of its statements.
const OWN: &str = include_str!("own.conf");

pub(super) struct Lines {
    plain: Config,
    tls: MakeRustlsConnect,
    size: usize,
    connect_timeout: Duration,
    statement_timeout: Duration,
    pool: Mutex<Option<Pool>>,
    /// Held by whoever finds out what stands before the server.
    seeking: tokio::sync::Mutex<()>,
    /// Whether statements may be kept by name.
    keeps: AtomicBool,
    closed: AtomicBool,
}

impl Lines {
    /// Connects to nothing yet.
    pub fn new(
        plain: Config,
        tls: MakeRustlsConnect,
        size: usize,
        connect_timeout: Duration,
        statement_timeout: Duration,
    ) -> Self {
        let (pool, seeking) = (Mutex::default(), tokio::sync::Mutex::default());
        let (keeps, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { plain, tls, size, connect_timeout, statement_timeout, pool, seeking, keeps, closed }
    }

    /// A connection of the pool. The first call finds out what stands before the server, and so does the first one after
    /// somebody there took offence at our settings: a pooler may come in between at any time.
    pub async fn lend(&self, line: &Statement) -> Result<Object> {
        let pool = match self.pool() {
            Some(pool) => pool,
            None => self.seek(line).await?,
        };
        pool.get().await.map_err(|error| {
            if matches!(&error, PoolError::Backend(error) if refuses_settings(error)) {
                self.found().take();
            }
            of_pool(error)
        })
    }

    pub fn keeps(&self) -> bool {
        self.keeps.load(Ordering::Relaxed)
    }

    /// A statement that was kept is not there, or another stands under its name: somebody shares our sessions.
    pub fn keep_no_more(&self) {
        self.keeps.store(false, Ordering::Relaxed);
    }

    pub fn close(&self) {
        let found = self.found();
        self.closed.store(true, Ordering::Release);
        if let Some(pool) = &*found {
            pool.close();
        }
    }

    fn pool(&self) -> Option<Pool> {
        self.found().clone()
    }

    fn found(&self) -> MutexGuard<'_, Option<Pool>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn seek(&self, line: &Statement) -> Result<Pool> {
        let _one = self.seeking.lock().await;
        if let Some(pool) = self.pool() {
            return Ok(pool);
        }
        let pool = self.reach(line).await?;
        let mut found = self.found();
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Stopped);
        }
        Ok(found.insert(pool).clone())
    }

    async fn reach(&self, line: &Statement) -> Result<Pool> {
        let own = self.own();
        let config = match tokio::time::timeout(self.connect_timeout, self.is_own(&own, line)).await {
            Ok(answer) => {
                let is_own = answer?;
                self.keeps.store(is_own, Ordering::Relaxed);
                if is_own { own } else { self.plain.clone() }
            }
            Err(late) => return Err(Error::unavailable("no connection in time", late)),
        };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, self.tls.clone(), recycling);
        let within = Some(self.connect_timeout);
        let pool = Pool::builder(manager)
            .max_size(self.size)
            .queue_mode(QueueMode::Lifo)
            .timeouts(Timeouts { wait: within, create: within, recycle: within })
            .runtime(Runtime::Tokio1);
        pool.build().map_err(|e| Error::config(e.to_string()))
    }

    /// The URL's own options stand first: of two the last one counts.
    fn own(&self) -> Config {
        let ms = self.statement_timeout.as_millis();
        let limits = ["statement_timeout", "idle_in_transaction_session_timeout"].map(|name| format!("{name}={ms}"));
        let settings = OWN.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).chain(limits);
        let mut options = self.plain.get_options().unwrap_or_default().to_owned();
        for setting in settings {
            options.push_str(" -c ");
            options.push_str(&setting.replace(' ', "\\ "));
        }
        let mut own = self.plain.clone();
        own.options(options);
        own
    }

    /// Whether a session has the settings it was begun with. Poolers refuse them, or leave them out.
    async fn is_own(&self, own: &Config, line: &Statement) -> Result<bool> {
        let (client, driver) = match own.connect(self.tls.clone()).await {
            Ok((client, connection)) => (client, tokio::spawn(async move { drop(connection.await) })),
            Err(error) if refuses_settings(&error) => return Ok(false),
            Err(error) => return Err(of_connecting(error)),
        };
        let told = told(&client, line).await;
        drop(client);
        // It is gone before the pool connects: we never hold more than we said.
        drop(driver.await);
        told
    }
}

async fn told(client: &Client, line: &Statement) -> Result<bool> {
    let rows = client.query_typed(&line.call(None).spelled().0, &[]).await.map_err(of_connecting)?;
    Ok(rows.first().is_some_and(|row| row.get::<_, Option<&str>>("line") == Some("own")))
}
