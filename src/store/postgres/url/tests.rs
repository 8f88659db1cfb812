//! What each URL comes to, in surroundings that the test makes up.

use std::collections::BTreeMap;
use std::io;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::surroundings::{Kept, Surroundings};
use super::{Address, read};
use crate::store::postgres::durability::Durability;
use crate::store::postgres::tls::{Roots, Trust};

/// A machine of the test's own: variables by name, files by path.
#[derive(Default)]
struct Machine {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<&'static str, (&'static str, Kept)>,
}

impl Surroundings for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &str) -> io::Result<(String, Kept)> {
        let (text, kept) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(((*text).to_owned(), *kept))
    }

    fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }
}

fn bare() -> Machine {
    Machine { variables: BTreeMap::from([("USER", "me"), ("HOME", "/home/me")]), files: BTreeMap::new() }
}

fn with(variables: &[(&'static str, &'static str)]) -> Machine {
    let mut machine = bare();
    machine.variables.extend(variables.iter().copied());
    machine
}

fn keeping(path: &'static str, text: &'static str, kept: Kept) -> Machine {
    let mut machine = bare();
    machine.files.insert(path, (text, kept));
    machine
}

fn understood(url: &str, machine: &Machine) -> Address {
    read(url, "fleet-q pod", machine).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str, machine: &Machine) -> String {
    match read(url, "fleet-q pod", machine) {
        Ok(address) => panic!("{url} was taken: {address:?}"),
        Err(error) => error.to_string(),
    }
}

/// `user:password@host:port,…/database`, as the driver is told.
fn shown(address: &Address) -> String {
    let config = &address.config;
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let mut hosts: Vec<String> = config.get_hosts().iter().map(name).collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let places: Vec<String> =
        hosts.iter().zip(config.get_ports()).map(|(host, port)| format!("{host}:{port}")).collect();
    let password = config.get_password().map(|word| format!(":{}", String::from_utf8_lossy(word))).unwrap_or_default();
    let user = config.get_user().unwrap_or("?");
    format!("{user}{password}@{}/{}", places.join(","), config.get_dbname().unwrap_or("?"))
}

#[test]
fn places_and_names_are_read_as_libpq_reads_them() {
    for (url, expected) in [
        ("postgresql://", "me@localhost:5432/?"),
        ("postgresql://db.example/work", "me@db.example:5432/work"),
        ("postgres://u:p@db.example:6000/work", "u:p@db.example:6000/work"),
        ("postgresql://u:p%40%2F%3A%20w@db/work", "u:p@/: w@db:5432/work"),
        ("postgresql://u:p@ss@db/work", "u:p@ss@db:5432/work"),
        ("postgresql://us%3Aer@db/na%2Fme%20x", "us:er@db:5432/na/me x"),
        ("postgresql://a:1,b:2,c/work", "me@a:1,b:2,c:5432/work"),
        ("postgresql://a,b/work?port=7", "me@a:7,b:7/work"),
        ("postgresql://[::1]:6000,[2001:db8::2]/work", "me@::1:6000,2001:db8::2:5432/work"),
        ("postgresql:///work?host=/run/pg&port=6000", "me@/run/pg:6000/work"),
        ("postgresql://%2Frun%2Fpg:6000/work", "me@/run/pg:6000/work"),
        ("postgresql://ignored/work?host=a,b&user=v&password=q%26r&dbname=other", "v:q&r@a:5432,b:5432/other"),
        ("postgresql://?hostaddr=10.0.0.1,::1", "me@10.0.0.1:5432,::1:5432/?"),
        ("postgresql://:6000/work", "me@localhost:6000/work"),
    ] {
        assert_eq!(shown(&understood(url, &bare())), expected, "{url}");
    }
}

#[test]
fn variables_stand_in_for_what_the_url_leaves_open() {
    let all = [
        ("PGHOST", "there"),
        ("PGPORT", "6000"),
        ("PGUSER", "she"),
        ("PGPASSWORD", "word"),
        ("PGDATABASE", "data"),
        ("PGAPPNAME", "mine"),
        ("PGTARGETSESSIONATTRS", "read-write"),
    ];
    for (url, expected) in [
        ("postgresql://", "she:word@there:6000/data"),
        ("postgresql://u:p@db:1/work", "u:p@db:1/work"),
        ("postgresql://db/work", "she:word@db:6000/work"),
        ("postgresql://?hostaddr=10.0.0.1", "she:word@10.0.0.1:6000/data"),
    ] {
        let address = understood(url, &with(&all));
        assert_eq!(shown(&address), expected, "{url}");
        assert_eq!(address.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(address.config.get_application_name(), Some("mine"));
    }
    let socket = keeping("/var/run/postgresql/.s.PGSQL.5432", "", Kept::Open);
    assert_eq!(shown(&understood("postgresql:///work", &socket)), "me@/var/run/postgresql:5432/work");
}

#[test]
fn server_is_told_the_pod_unless_it_is_told_a_name() {
    let name = |url| understood(url, &bare()).config.get_application_name().map(str::to_owned);
    assert_eq!(name("postgresql://db/work").as_deref(), Some("fleet-q pod"));
    assert_eq!(name("postgresql://db/work?application_name=other%20name").as_deref(), Some("other name"));
}

#[test]
fn several_hosts_mean_the_one_that_may_be_written() {
    for (url, expected) in [
        ("postgresql://a/work", TargetSessionAttrs::Any),
        ("postgresql://a,b/work", TargetSessionAttrs::ReadWrite),
        ("postgresql://a,b/work?target_session_attrs=any", TargetSessionAttrs::Any),
        ("postgresql://a/work?target_session_attrs=primary", TargetSessionAttrs::ReadWrite),
    ] {
        assert_eq!(understood(url, &bare()).config.get_target_session_attrs(), expected, "{url}");
    }
}

#[test]
fn server_elsewhere_is_verified_and_one_on_this_machine_need_not_be() {
    let named = |roots| (SslMode::Require, Trust::SignedAndNamed(roots));
    let file = |path: &str| Roots::File(path.into());
    let open = |mode| (mode, Trust::Anybody);
    for (url, expected) in [
        ("postgresql://db/work", named(Roots::System)),
        ("postgresql://10.0.0.1/work", named(Roots::System)),
        ("postgresql://db/work?sslrootcert=system", named(Roots::System)),
        ("postgresql://db/work?sslrootcert=/ca.crt", named(file("/ca.crt"))),
        ("postgresql://localhost,db/work", named(Roots::System)),
        ("postgresql://localhost/work?hostaddr=10.0.0.1", named(Roots::System)),
        ("postgresql://localhost/work", open(SslMode::Prefer)),
        ("postgresql://127.0.0.9,[::1]/work", open(SslMode::Prefer)),
        ("postgresql://db/work?hostaddr=127.0.0.1", open(SslMode::Prefer)),
        ("postgresql:///work?host=/run/pg", open(SslMode::Prefer)),
        ("postgresql://localhost/work?sslmode=verify-full", named(Roots::System)),
        ("postgresql://db/work?sslmode=disable", open(SslMode::Disable)),
        ("postgresql://db/work?sslmode=prefer", open(SslMode::Prefer)),
        ("postgresql://db/work?sslmode=require", open(SslMode::Require)),
        ("postgresql://db/work?ssl=true", open(SslMode::Require)),
        (
            "postgresql://db/work?sslmode=require&sslrootcert=/ca.crt",
            (SslMode::Require, Trust::Signed(file("/ca.crt"))),
        ),
        (
            "postgresql://db/work?sslmode=verify-ca&sslrootcert=/ca.crt",
            (SslMode::Require, Trust::Signed(file("/ca.crt"))),
        ),
    ] {
        let address = understood(url, &bare());
        assert_eq!((address.config.get_ssl_mode(), address.trust), expected, "{url}");
    }
    let mode = |url, machine: &Machine| understood(url, machine).trust;
    assert_eq!(mode("postgresql://db/work", &with(&[("PGSSLMODE", "require")])), Trust::Anybody);
    let at_home = keeping("/home/me/.postgresql/root.crt", "", Kept::Open);
    let own = file("/home/me/.postgresql/root.crt");
    assert_eq!(mode("postgresql://db/work", &at_home), Trust::SignedAndNamed(own));
}

#[test]
fn password_file_is_matched_as_libpq_matches_it() {
    const FILE: &str = "# a comment:*:*:*:no\n\nshort:line\nother:5432:work:me:wrong\ndb:5432:work:you:wrong\n\
                        db:6000:*:me:by port\n*:*:odd\\:na\\\\me:*:e\\:sc\\\\aped:tail\n/run/pg:*:*:me:by folder\n\
                        localhost:*:*:me:here\n10.0.0.1:*:*:*:by address\ndb:*:*:*:last\ndb:*:*:*:too late\r\n";
    let machine = keeping("/home/me/.pgpass", FILE, Kept::Private);
    for (url, expected) in [
        ("postgresql://db:6000/work", Some("by port")),
        ("postgresql://db/work", Some("last")),
        ("postgresql://db/odd%3Ana%5Cme", Some("e:sc\\aped")),
        ("postgresql:///work?host=/run/pg", Some("by folder")),
        ("postgresql:///work?host=/var/run/postgresql", Some("here")),
        ("postgresql://?hostaddr=10.0.0.1", Some("by address")),
        ("postgresql://a,db/work", Some("last")),
        ("postgresql://elsewhere/work", None),
        ("postgresql://me:given@db/work", Some("given")),
    ] {
        let address = understood(url, &machine);
        let found = address.config.get_password().map(|word| String::from_utf8_lossy(word).into_owned());
        assert_eq!(found.as_deref(), expected, "{url}");
    }
}

#[test]
fn password_file_that_others_may_read_is_not_used() {
    let machine = keeping("/etc/pass", "db:*:*:*:secret", Kept::Open);
    let elsewhere = understood("postgresql://other/work?passfile=/etc/pass", &machine);
    assert_eq!(elsewhere.config.get_password(), None, "it says nothing of this host");
    let open = refused("postgresql://db/work?passfile=/etc/pass", &machine);
    assert_eq!(open, "the password file /etc/pass may be read by others: chmod 600 /etc/pass");
    let missing = refused("postgresql://db/work?passfile=/no/such", &machine);
    assert!(missing.contains("/no/such cannot be read"), "{missing}");
    let two = keeping("/home/me/.pgpass", "a:*:*:*:secret\nb:*:*:*:hidden", Kept::Private);
    let differ = refused("postgresql://a,b/work", &two);
    assert!(differ.contains("different passwords") && !differ.contains("secret"), "{differ}");
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    for (url, why) in [
        ("postgresql://u:secret@db/work?sslmode=verify-ca", "sslrootcert"),
        ("postgresql://u:secret@db/work?sslmode=require&sslrootcert=system", "sslmode=verify-full"),
        ("postgresql://u:secret@db/work?sslmode=allow", "sslmode is disable, prefer"),
        ("postgresql://u:secret@db/work?sslcert=me.crt", "sslkey"),
        ("postgresql://u:secret@db/work?gssencmode=require", "gssencmode"),
        ("postgresql://u:secret@db/work?target_session_attrs=standby", "fleet-q writes"),
        ("postgresql://u:secret@db/work?target_session_attrs=secret", "`target_session_attrs`"),
        ("postgresql://u:secret@db/work?keepalives=secret", "`keepalives`"),
        ("postgresql://u:secret@db/work?listen=secret", "listen is on or off"),
        ("postgresql://u:secret@db/work?durability=secret", "durability is checked or unchecked"),
        ("postgresql://u:secret@db:port/work", "`port`"),
        ("postgresql://u:secret@db:0/work", "`port`"),
        ("postgresql://u:secret@[::1/work", "host"),
        ("postgresql://u:secret@a,b/work?port=1,2,3", "unequal numbers"),
        ("postgresql://u:secret@a,b/work?hostaddr=10.0.0.1", "unequal numbers"),
        ("postgresql://u:secret@a,b/work?hostaddr=10.0.0.1,", "some hosts only"),
        ("postgresql://u:secret%zz@db/work", "password"),
        ("postgresql://u:secret%00@db/work", "password"),
        ("postgresql://u:sec/ret@db/work", "`port`"),
    ] {
        let error = refused(url, &bare());
        assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
    }
}

#[test]
fn durability_is_checked_unless_the_url_says_that_nothing_matters() {
    let durability = |url| understood(url, &bare()).durability;
    assert_eq!(durability("postgresql://db/work"), Durability::Checked);
    assert_eq!(durability("postgresql://db/work?durability=unchecked"), Durability::Unchecked);
}

#[test]
fn password_is_not_in_what_is_shown_for_debugging() {
    let address = understood("postgresql://u:secret@db/work?password=secret", &bare());
    assert!(!format!("{address:?}").contains("secret"));
}
