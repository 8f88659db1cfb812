//! One FleetQ's core in one process: the client at once, a pod when asked. Connects on first use.

use std::sync::{Arc, Mutex};

use tokio::sync::Mutex as AsyncMutex;

use super::client::Client;
use super::clock::{Clock, Draws};
use super::error::{ClientError, Result};
use super::events::Events;
use super::hand_off::Host;
use super::handler::Handler;
use super::lock;
use super::pod::Pod;
use super::spawn::Spawner;
use crate::rules::config::{Config, Role};
use crate::rules::time::Millis;
use crate::store::Store;
use crate::store::journal::Local;

/// What a fleet is built from.
#[derive(Clone, Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub local: Arc<dyn Local>,
    pub clock: Arc<dyn Clock>,
    pub draws: Arc<dyn Draws>,
    pub events: Events,
    pub spawner: Arc<dyn Spawner>,
}

#[derive(Clone, Debug)]
pub struct Fleet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    parts: Parts,
    client: Client,
    /// Whose free slots this process' enqueues may use.
    host: Arc<Host>,
    /// Held while a pod starts, so that two starts cannot make two pods.
    starting: AsyncMutex<()>,
    pod: Mutex<Option<Pod>>,
}

/// How long `close` waits for the last act of a pod.
const ABANDON_LIMIT: Millis = Millis(4000);

impl Fleet {
    pub fn new(config: Config, parts: Parts) -> Self {
        let host = Arc::new(Host::default());
        let client = Client::new(config.clone(), parts.clone(), &host);
        Self(Arc::new(Inner { config, parts, client, host, starting: AsyncMutex::default(), pod: Mutex::default() }))
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn events(&self) -> &Events {
        &self.0.parts.events
    }

    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The pod that was started last, stopped or not.
    pub fn pod(&self) -> Option<Pod> {
        lock(&self.0.pod).clone()
    }

    /// Creates or checks the tables, once; a failure is tried again by the next call.
    pub async fn connect(&self) -> Result<()> {
        self.0.client.connect().await
    }

    /// Registers this process as a pod and begins to claim.
    pub async fn start(&self, handler: Arc<dyn Handler>) -> Result<Pod> {
        let _one_at_a_time = self.0.starting.lock().await;
        if self.0.config.role == Role::Producer {
            let message = "a producer runs no steps: use role=\"both\" or \"worker\" to start a pod".into();
            return Err(ClientError::Config { message });
        }
        if self.pod().is_some_and(|pod| !pod.is_stopped()) {
            let message = "this FleetQ is already started in this process".into();
            return Err(ClientError::Config { message });
        }
        self.connect().await?;
        let pod = Pod::start(self.0.config.clone(), &self.0.parts, handler).await?;
        pod.host(&self.0.host);
        *lock(&self.0.pod) = Some(pod.clone());
        Ok(pod)
    }

    /// Stops a running pod at once, then the client, the store and the local files.
    pub async fn close(&self) {
        self.0.client.close();
        if let Some(pod) = self.pod().filter(|pod| !pod.is_stopped()) {
            pod.abandon(ABANDON_LIMIT).await;
        }
        self.0.parts.store.close().await;
        self.0.parts.local.close().await;
    }
}
