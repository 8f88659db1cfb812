//! Decides how much a connection is encrypted and whom it trusts: as `sslmode` says; where nothing is said,
//! verified, unless the server is on this machine. `docs/decisions/0007-tls-verified-by-default.md`.

use std::path::PathBuf;

use tokio_postgres::config::SslMode;

use super::Place;
use super::parts::Given;
use super::surroundings::Surroundings;
use crate::store::error::{Error, Result};
use crate::store::postgres::tls::{Identity, Roots, Trust};

pub(super) fn decide(given: &Given, places: &[Place], around: &impl Surroundings) -> Result<(SslMode, Trust)> {
    let home = around.in_home(".postgresql/root.crt").filter(|path| around.exists(path));
    let roots = match given.get("sslrootcert") {
        Some("system") => Some(Roots::System),
        Some(path) => Some(Roots::File(PathBuf::from(path))),
        None => home.map(|path| Roots::File(PathBuf::from(path))),
    };
    match (given.get("sslmode"), roots) {
        (None, None | Some(Roots::File(_))) if places.iter().all(Place::is_here) => {
            Ok((SslMode::Prefer, Trust::Anybody))
        }
        (None | Some("verify-full"), roots) => {
            Ok((SslMode::Require, Trust::SignedAndNamed(roots.unwrap_or(Roots::System))))
        }
        (Some("disable" | "prefer" | "require" | "verify-ca"), Some(Roots::System)) => Err(Error::config(
            "sslrootcert=system trusts every public authority, so the host's name must be checked too: use sslmode=verify-full",
        )),
        (Some("disable"), _) => Ok((SslMode::Disable, Trust::Anybody)),
        (Some("prefer"), _) => Ok((SslMode::Prefer, Trust::Anybody)),
        // As libpq has it: with a root given, `require` checks like `verify-ca`.
        (Some("require"), roots) => Ok((SslMode::Require, roots.map_or(Trust::Anybody, Trust::Signed))),
        (Some("verify-ca"), Some(roots)) => Ok((SslMode::Require, Trust::Signed(roots))),
        (Some("verify-ca"), None) => Err(Error::config(
            "sslmode=verify-ca needs the file with the trusted certificates: add sslrootcert=/path/to/root.crt",
        )),
        (Some(_), _) => {
            Err(Error::config("the URL parameter sslmode is disable, prefer, require, verify-ca or verify-full"))
        }
    }
}

/// The certificate and key of this side: both or none.
pub(super) fn identity(given: &Given) -> Result<Option<Identity>> {
    match (given.get("sslcert"), given.get("sslkey")) {
        (Some(certificate), Some(key)) => {
            Ok(Some(Identity { certificate: PathBuf::from(certificate), key: PathBuf::from(key) }))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Error::config("sslcert and sslkey belong together: give both files")),
    }
}

/// A parameter that is one of two words.
pub(super) fn switch(given: &Given, name: &str, [yes, no]: [&str; 2], otherwise: bool) -> Result<bool> {
    match given.get(name) {
        None => Ok(otherwise),
        Some(value) if value == yes => Ok(true),
        Some(value) if value == no => Ok(false),
        Some(_) => Err(Error::config(format!("the URL parameter {name} is {yes} or {no}"))),
    }
}
