//! What a URL leaves to the process: variables, the home folder, sockets. A trait, so that tests have their own.

use std::fs;
use std::io;
use std::path::Path;

use super::passfile::SOCKET_FOLDERS;

/// Who may read a file beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kept {
    Private,
    Open,
}

/// What comes from outside the URL, as libpq takes it.
pub(in super::super) trait Surroundings {
    /// An empty variable counts as unset.
    fn variable(&self, name: &str) -> Option<String>;

    /// A plain file's text, and who may read it.
    fn file(&self, path: &str) -> io::Result<(String, Kept)>;

    fn exists(&self, path: &str) -> bool;

    /// A path in the user's home folder.
    fn in_home(&self, name: &str) -> Option<String> {
        self.variable("HOME").map(|home| format!("{home}/{name}"))
    }

    /// Where a server of this machine answers, for a URL that names no host.
    fn default_host(&self, port: u16) -> String {
        let socket = SOCKET_FOLDERS.into_iter().find(|folder| self.exists(&format!("{folder}/.s.PGSQL.{port}")));
        socket.unwrap_or("localhost").to_owned()
    }
}

/// The process's own.
#[derive(Debug)]
pub(in super::super) struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn file(&self, path: &str) -> io::Result<(String, Kept)> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        Ok((fs::read_to_string(path)?, kept(&found)))
    }

    fn exists(&self, path: &str) -> bool {
        Path::new(path).exists()
    }
}

#[cfg(unix)]
fn kept(found: &fs::Metadata) -> Kept {
    use std::os::unix::fs::PermissionsExt as _;
    let shared = found.permissions().mode() & 0o077;
    if shared == 0 { Kept::Private } else { Kept::Open }
}

/// Elsewhere the folders of users are private by themselves, and libpq does not look either.
#[cfg(not(unix))]
fn kept(_found: &fs::Metadata) -> Kept {
    Kept::Private
}
