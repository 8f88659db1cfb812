//! What a URL may ask for, and that a refusal repeats no password.

use std::io::{Read, Write};
use std::net::TcpListener;

use fleet_q::rules::time::Millis;
use fleet_q::store::postgres::{PostgresOptions, PostgresStore, place};
use fleet_q::store::{Error, Store};

use super::options;

#[test]
fn urls_as_libpq_spells_them_are_read() {
    for url in [
        "postgresql://u:secret@host/db",
        "postgres://u@host:5433,other:5434/db?target_session_attrs=read-write",
        "postgresql:///db?host=/var/run/postgresql",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/db",
        "postgresql://u@host/db?sslmode=disable",
        "postgresql://u@host/db?sslmode=prefer&application_name=mine",
        "postgresql://u@host/db?sslmode=require&listen=off",
    ] {
        PostgresStore::open(url, options(None)).unwrap_or_else(|e| panic!("{url}: {e}"));
    }
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    for (url, why) in [
        ("postgresql://u:secret@host/db?sslmode=verify-full", "sslrootcert"),
        ("postgresql://u:secret@host/db?sslmode=verify-ca", "sslrootcert"),
        ("postgresql://u:secret@host/db?sslmode=verify-full&sslrootcert=system", "not supported"),
        ("postgresql://u:secret@host/db?sslmode=verify-full&sslrootcert=/no/such.crt", "/no/such.crt"),
        ("postgresql://u:secret@host/db?sslmode=allow", "sslmode"),
        ("postgresql://u:secret@host/db?sslcert=me.crt", "sslcert"),
        ("postgresql://u:secret@host/db?gssencmode=require", "gssencmode"),
        ("postgresql://u:secret@host:port/db", "cannot be read"),
    ] {
        let error = PostgresStore::open(url, options(None)).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
    }
}

#[test]
fn place_is_the_database_not_who_connects() {
    let mine = place("postgresql://me:secret@host:5433/db?sslmode=disable").unwrap();
    assert_eq!(mine, place("postgresql://you@host:5433/db?application_name=x").unwrap());
    assert_ne!(mine, place("postgresql://me@host:5433/other").unwrap());
    assert!(!mine.contains("secret"));
}

#[tokio::test]
async fn server_that_is_away_is_unavailable_in_time_and_without_secrets() {
    let quick = PostgresOptions { connect_timeout: Millis(2000), ..options(None) };
    // Port 1 of this machine: nobody listens there.
    let store = PostgresStore::open("postgresql://u:secret@127.0.0.1:1/db", quick).unwrap();
    for error in [store.now().await.unwrap_err(), store.stats().await.unwrap_err()] {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

/// A server that has no TLS; answers what it is sent after it has said so.
fn plain_server() -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 8]).unwrap();
        client.write_all(b"N").unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        rest
    });
    (port, serving)
}

#[tokio::test]
async fn required_tls_is_not_given_up_where_the_server_has_none() {
    let (port, serving) = plain_server();
    let url = format!("postgresql://u:secret@127.0.0.1:{port}/db?sslmode=require");
    let error = PostgresStore::open(&url, options(None)).unwrap().now().await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    assert_eq!(serving.join().unwrap(), b"", "nothing was said in the clear");
}
