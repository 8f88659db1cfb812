//! Reads a Postgres URL as libpq spells it, with what surrounds the process where the URL leaves it open.
//! Refuses parameters it would have to ignore; repeats no value.

mod parts;
mod passfile;
mod surroundings;
#[cfg(test)]
mod tests;
mod trust;

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

pub(super) use self::surroundings::{Process, Surroundings};
use super::durability::Durability;
use super::tls::{Identity, Trust};
use crate::store::error::{Error, Result};

/// Where to connect, whom to trust, and what is ours alone.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub config: Config,
    pub trust: Trust,
    /// Who we are, where the server asks for a certificate.
    pub identity: Option<Identity>,
    /// Whether to hold a connection that listens.
    pub listen: bool,
    pub durability: Durability,
}

/// What the driver knows by the same name and meaning.
const DRIVERS: &[&str] = &[
    "connect_timeout",
    "load_balance_hosts",
    "channel_binding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "tcp_user_timeout",
    "sslnegotiation",
];

/// The rest of what libpq knows and we keep, with the variable that stands in for it.
const VARIABLES: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("dbname", "PGDATABASE"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

const OURS: &[&str] = &["listen", "durability"];

const DEFAULT_PORT: u16 = 5432;

/// One of the places to try, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// A name, an address, or the folder of a unix socket.
    host: Option<String>,
    /// Where the name need not be looked up.
    address: Option<IpAddr>,
    port: u16,
}

impl Place {
    /// Whether nothing between here and there could listen.
    fn is_here(&self) -> bool {
        let host = self.host.as_deref().unwrap_or_default();
        match (self.address.or_else(|| host.parse().ok()), host) {
            (Some(address), _) => address.is_loopback(),
            (None, name) => name.starts_with('/') || name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// `program` is who the server is told we are, unless the URL or `PGAPPNAME` says otherwise.
pub(super) fn read(url: &str, program: &str, around: &impl Surroundings) -> Result<Address> {
    let mut given = parts::take_apart(url)?;
    for name in given.names() {
        let known = DRIVERS.contains(&name) || OURS.contains(&name) || VARIABLES.iter().any(|(own, _)| *own == name);
        if !known {
            return Err(Error::config(format!("the URL parameter {name:?} is not supported for postgresql://")));
        }
    }
    // Each names the place; the variable of one must not be mixed with the other from the URL.
    let names_a_server = given.get("host").is_some() || given.get("hostaddr").is_some();
    for (name, variable) in VARIABLES {
        if !(names_a_server && ["host", "hostaddr"].contains(name)) {
            given.complete(name, || around.variable(variable));
        }
    }
    given.complete("user", || around.variable("USER").or_else(|| around.variable("LOGNAME")));
    let places = places(&given, around)?;
    let mut config = driver_settings(&given)?;
    locate(&mut config, &places);
    introduce(&mut config, &given, &places, program, around)?;
    choose_server(&mut config, given.get("target_session_attrs"), places.len())?;
    let (ssl_mode, trust) = trust::decide(&given, &places, around)?;
    config.ssl_mode(ssl_mode);
    let listen = trust::switch(&given, "listen", ["on", "off"], true)?;
    let checked = trust::switch(&given, "durability", ["checked", "unchecked"], true)?;
    let durability = if checked { Durability::Checked } else { Durability::Unchecked };
    Ok(Address { config, trust, identity: trust::identity(&given)?, listen, durability })
}

/// Hosts, addresses and ports side by side.
fn places(given: &parts::Given, around: &impl Surroundings) -> Result<Vec<Place>> {
    let list = |name| given.get(name).map(|value| value.split(',').map(str::to_owned).collect::<Vec<_>>());
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port").unwrap_or_default());
    let count = hosts.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    let fits = |given: &Option<Vec<String>>| given.as_ref().is_none_or(|given| given.len() == count);
    if !fits(&hosts) || !fits(&addresses) || (ports.len() > 1 && ports.len() != count) {
        return Err(Error::config("the postgresql:// URL names unequal numbers of hosts, addresses and ports"));
    }
    let place = |n: usize| -> Result<Place> {
        let port = match ports.get(n).or(ports.first()).map_or("", String::as_str) {
            "" => DEFAULT_PORT,
            port => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| unreadable("port"))?,
        };
        let address = match addresses.as_ref().map(|given| given[n].as_str()) {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| unreadable("hostaddr"))?),
        };
        let host = hosts.as_ref().map(|given| given[n].clone()).filter(|host| !host.is_empty());
        let host = if host.is_none() && address.is_none() { Some(around.default_host(port)) } else { host };
        Ok(Place { host, address, port })
    };
    let places = (0..count).map(place).collect::<Result<Vec<_>>>()?;
    if places.iter().any(|place| place.address.is_some()) && places.iter().any(|place| place.address.is_none()) {
        return Err(Error::config("the postgresql:// URL gives hostaddr for some hosts only"));
    }
    Ok(places)
}

fn driver_settings(given: &parts::Given) -> Result<Config> {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
    let spelled: Vec<String> =
        DRIVERS.iter().filter_map(|name| given.get(name).map(|value| format!("{name}='{}'", quoted(value)))).collect();
    // The driver's message names the parameter that is wrong, never a value.
    spelled.join(" ").parse().map_err(|error: tokio_postgres::Error| {
        use std::error::Error as _;
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Error::config(format!("the postgresql:// URL cannot be read{cause}"))
    })
}

fn locate(config: &mut Config, places: &[Place]) {
    for place in places {
        if let Some(address) = place.address {
            config.hostaddr(address);
        }
        if let Some(host) = &place.host {
            config.host(host);
        }
        config.port(place.port);
    }
}

/// Says who connects: user, password, database, program.
fn introduce(
    config: &mut Config,
    given: &parts::Given,
    places: &[Place],
    program: &str,
    around: &impl Surroundings,
) -> Result<()> {
    config.application_name(given.get("application_name").unwrap_or(program));
    for (value, set) in [
        (given.get("user"), Config::user as fn(&mut Config, String) -> &mut Config),
        (given.get("dbname"), Config::dbname),
        (given.get("options"), Config::options),
    ] {
        if let Some(value) = value {
            set(config, value.to_owned());
        }
    }
    let password = match given.get("password") {
        Some(password) => Some(password.to_owned()),
        None => passfile::password(given, places, around)?,
    };
    if let Some(password) = password {
        config.password(password);
    }
    Ok(())
}

/// A queue writes: of several hosts it takes the one that lets it.
fn choose_server(config: &mut Config, asked: Option<&str>, hosts: usize) -> Result<()> {
    config.target_session_attrs(match asked {
        None if hosts > 1 => TargetSessionAttrs::ReadWrite,
        None | Some("any") => TargetSessionAttrs::Any,
        Some("read-write" | "primary") => TargetSessionAttrs::ReadWrite,
        Some("read-only" | "standby" | "prefer-standby") => {
            return Err(Error::config("fleet-q writes: target_session_attrs is any, read-write or primary"));
        }
        Some(_) => return Err(unreadable("target_session_attrs")),
    });
    Ok(())
}

fn unreadable(parameter: &str) -> Error {
    Error::config(format!("the postgresql:// URL cannot be read: invalid value for option `{parameter}`"))
}
