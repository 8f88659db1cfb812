//! Takes a URL apart into libpq's parameters, percent-decoded. Judges none, and repeats none in an error.

use std::collections::BTreeMap;

use crate::store::error::{Error, Result};

/// Parameters by libpq's names.
#[derive(Clone, Default)]
pub(super) struct Given(BTreeMap<String, String>);

impl Given {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes the value from elsewhere where the URL has none.
    pub fn complete(&mut self, name: &str, elsewhere: impl FnOnce() -> Option<String>) {
        if !self.0.contains_key(name)
            && let Some(value) = elsewhere()
        {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// An empty value counts as none, as libpq has it.
    fn set(&mut self, name: &str, value: String) {
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value);
        }
    }
}

/// `scheme://[user[:password]@][host[:port],…][/database][?name=value&…]`; what the query says comes last and wins.
pub(super) fn take_apart(url: &str) -> Result<Given> {
    let (_, rest) = url.split_once("://").ok_or_else(|| broken("scheme"))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = path.split_once('/').unwrap_or((path, ""));
    // The last @: a host has none, and a password that was not encoded may.
    let (who, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let mut given = Given::default();
    given.set("user", decoded(user, "user")?);
    given.set("password", decoded(password, "password")?);
    given.set("dbname", decoded(database, "dbname")?);
    read_hosts(&mut given, hosts)?;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decoded(name, "name of a parameter")?;
        match (name.as_str(), value) {
            // As the drivers of Java spell it.
            ("ssl", "true") => given.set("sslmode", "require".into()),
            (name, value) => given.set(name, decoded(value, name)?),
        }
    }
    Ok(given)
}

/// Kept as libpq keeps them: a list of hosts and a list of ports.
fn read_hosts(given: &mut Given, text: &str) -> Result<()> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for place in text.split(',') {
        let (host, port) = match place.strip_prefix('[').map(|open| open.split_once(']')) {
            Some(Some((host, ""))) => (host, ""),
            Some(Some((host, port))) => (host, port.strip_prefix(':').ok_or_else(|| broken("host"))?),
            Some(None) => return Err(broken("host")),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        hosts.push(decoded(host, "host")?);
        ports.push(decoded(port, "port")?);
    }
    for (name, values) in [("host", hosts), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            given.set(name, values.join(","));
        }
    }
    Ok(())
}

/// `%2F` is a slash, in paths as everywhere.
fn decoded(text: &str, name: &str) -> Result<String> {
    let wrong = || Error::config(format!("the {name} of the postgresql:// URL is not percent-encoded rightly"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(wrong()) };
                bytes.push(high << 4 | low);
                tail
            }
            (b'%', _) => return Err(wrong()),
            (plain, tail) => {
                bytes.push(*plain);
                tail
            }
        };
    }
    // No server takes a NUL, and it would end the text that follows it.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(wrong)
}

fn broken(part: &str) -> Error {
    Error::config(format!("the postgresql:// URL cannot be read: its {part} is not spelled rightly"))
}
