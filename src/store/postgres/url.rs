//! Reads a Postgres URL as libpq spells it. Refuses parameters it would have to ignore; repeats no value.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::durability::Durability;
use super::tls::Trust;
use crate::store::error::{Error, Result};

/// Where to connect, whom to trust, and whether to hold a connection that listens.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub config: Config,
    pub trust: Trust,
    pub listen: bool,
    pub durability: Durability,
}

/// What the driver knows by the same name and meaning; the rest is ours or refused.
const DRIVERS: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "application_name",
    "connect_timeout",
    "target_session_attrs",
    "load_balance_hosts",
    "channel_binding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "tcp_user_timeout",
    "sslnegotiation",
    "options",
];

/// What comes from outside the URL, as libpq takes it.
pub(super) trait Surroundings {
    fn variable(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug)]
pub(super) struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

pub(super) fn read(url: &str, around: &impl Surroundings) -> Result<Address> {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut kept, mut mode, mut root, mut listen) = (Vec::new(), None, None, true);
    let mut durability = Durability::Checked;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "sslmode" => mode = Some(value.to_owned()),
            "sslrootcert" => root = Some(PathBuf::from(unescaped(value)?)),
            "listen" => listen = switch(value)?,
            "durability" => durability = checked(value)?,
            _ if DRIVERS.contains(&name) => kept.push(parameter),
            _ => return Err(unknown(name)),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    // The driver's message names the parameter that is wrong, never a value.
    let mut config: Config =
        format!("{place}{query}").parse().map_err(|e: tokio_postgres::Error| Error::config(message(&e)))?;
    complete(&mut config, around);
    let (ssl_mode, trust) = security(mode.or_else(|| around.variable("PGSSLMODE")).as_deref(), root, around)?;
    config.ssl_mode(ssl_mode);
    Ok(Address { config, trust, listen, durability })
}

fn message(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the postgresql:// URL cannot be read{cause}")
}

/// Who connects, where the URL leaves it open.
fn complete(config: &mut Config, around: &impl Surroundings) {
    if config.get_application_name().is_none() {
        config.application_name("fleet-q");
    }
    if let (None, Some(password)) = (config.get_password(), around.variable("PGPASSWORD")) {
        config.password(password);
    }
    if let (None, Some(user)) = (config.get_user(), around.variable("PGUSER").or_else(|| around.variable("USER"))) {
        config.user(user);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(around.variable("PGHOST").unwrap_or_else(|| "localhost".into()));
    }
}

fn security(mode: Option<&str>, root: Option<PathBuf>, around: &impl Surroundings) -> Result<(SslMode, Trust)> {
    let root = root.or_else(|| around.variable("PGSSLROOTCERT").map(PathBuf::from));
    let needs_root = |root: Option<PathBuf>, mode: &str| match root {
        Some(file) if file.as_os_str() == "system" => {
            Err(Error::config("sslrootcert=system is not supported: name the file with the trusted certificates"))
        }
        Some(file) => Ok(file),
        None => Err(Error::config(format!(
            "sslmode={mode} needs the file with the trusted certificates: add sslrootcert=/path/to/root.crt"
        ))),
    };
    match mode.unwrap_or("prefer") {
        "disable" => Ok((SslMode::Disable, Trust::Anybody)),
        "prefer" => Ok((SslMode::Prefer, Trust::Anybody)),
        // As libpq has it: with a root given, `require` checks like `verify-ca`.
        "require" => Ok((SslMode::Require, root.map_or(Trust::Anybody, Trust::Signed))),
        "verify-ca" => Ok((SslMode::Require, Trust::Signed(needs_root(root, "verify-ca")?))),
        "verify-full" => Ok((SslMode::Require, Trust::SignedAndNamed(needs_root(root, "verify-full")?))),
        _ => Err(Error::config("the URL parameter sslmode is disable, prefer, require, verify-ca or verify-full")),
    }
}

fn switch(value: &str) -> Result<bool> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Error::config("the URL parameter listen is on or off")),
    }
}

fn checked(value: &str) -> Result<Durability> {
    match value {
        "checked" => Ok(Durability::Checked),
        "unchecked" => Ok(Durability::Unchecked),
        _ => Err(Error::config("the URL parameter durability is checked or unchecked")),
    }
}

/// `%2F` is a slash, in paths as everywhere.
fn unescaped(text: &str) -> Result<String> {
    let broken = || Error::config("the URL parameter sslrootcert is not percent-encoded rightly");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (bytes, rest) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let pair = [*high, *low];
                let digits = std::str::from_utf8(&pair).map_err(|_| broken())?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
                (bytes, tail)
            }
            (b'%', _) => return Err(broken()),
            (plain, tail) => {
                bytes.push(*plain);
                (bytes, tail)
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

fn unknown(name: &str) -> Error {
    Error::config(format!("the URL parameter {name:?} is not supported for postgresql://"))
}
