//! Finds the password of a connection in libpq's password file, `host:port:database:user:password` a line.
//! Refuses a file that others may read, and never repeats what is in it.

use super::parts::Given;
use super::surroundings::{Kept, Surroundings};
use super::{DEFAULT_PORT, Place};
use crate::store::error::{Error, Result};

/// Where libpq builds look for a socket; such a host is called `localhost` in the file.
pub(super) const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// What the file says for these places, which must be the same for all it knows.
pub(super) fn password(given: &Given, places: &[Place], around: &impl Surroundings) -> Result<Option<String>> {
    let named = given.get("passfile");
    let Some(path) = named.map(str::to_owned).or_else(|| around.in_home(".pgpass")) else { return Ok(None) };
    let (text, kept) = match around.file(&path) {
        Ok(found) => found,
        Err(_) if named.is_none() => return Ok(None),
        Err(error) => return Err(Error::config(format!("the password file {path} cannot be read: {error}"))),
    };
    let user = given.get("user").unwrap_or_default();
    let database = given.get("dbname").unwrap_or(user);
    let found = |place: &Place| {
        let (host, port) = (host_in_file(place), place.port.to_string());
        text.lines().find_map(|line| answer(line, &[&host, &port, database, user]))
    };
    let mut passwords: Vec<String> = places.iter().filter_map(found).collect();
    passwords.dedup();
    match (passwords.pop(), kept) {
        (None, _) => Ok(None),
        (Some(_), Kept::Open) => {
            Err(Error::config(format!("the password file {path} may be read by others: chmod 600 {path}")))
        }
        (Some(_), Kept::Private) if !passwords.is_empty() => Err(Error::config(format!(
            "the password file {path} has different passwords for the hosts of the URL; fleet-q takes one: give them one role and password"
        ))),
        (Some(password), Kept::Private) => Ok(Some(password)),
    }
}

fn host_in_file(place: &Place) -> String {
    match (&place.host, place.address) {
        (Some(host), _) if SOCKET_FOLDERS.contains(&host.as_str()) => "localhost".into(),
        (Some(host), _) => host.clone(),
        (None, Some(address)) => address.to_string(),
        (None, None) => format!("localhost:{DEFAULT_PORT}"),
    }
}

/// The password of a line whose fields match; `*` matches everything, `\` takes the next character as it is.
fn answer(line: &str, wanted: &[&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    for wanted in wanted {
        let (raw, field, tail) = field(rest);
        rest = tail?;
        if raw != "*" && field != *wanted {
            return None;
        }
    }
    let (_, password, _) = field(rest);
    Some(password)
}

/// The next field as it stands and as it is meant, and what follows its colon.
fn field(text: &str) -> (&str, String, Option<&str>) {
    let mut meant = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            ':' => return (&text[..at], meant, Some(&text[at + 1..])),
            '\\' => meant.push(letters.next().map_or('\\', |(_, escaped)| escaped)),
            plain => meant.push(plain),
        }
    }
    (text, meant, None)
}
