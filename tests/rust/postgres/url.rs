//! What is done with a URL: where it leads, and that no refusal repeats its password. How it is read is tested beside its reader.

use std::io::{Read, Write};
use std::net::TcpListener;

use fleet_q::rules::time::Millis;
use fleet_q::store::postgres::{PostgresOptions, PostgresStore, place};
use fleet_q::store::{Error, Store};

use super::options;

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
    assert!(matches!(error, Error::Config { .. }) && error.to_string().contains("sslmode=disable"), "{error}");
    assert_eq!(serving.join().unwrap(), b"", "nothing was said in the clear");
}
