//! Whom a connection trusts, shown on a server of the test's own: it speaks TLS with a certificate made here, and
//! notes whether the client went on to say who it is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use fleet_q::store::postgres::PostgresStore;
use fleet_q::store::{Error, Store};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;

use super::options;

/// An authority, and a certificate of its for `localhost`, or for another name.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `sslrootcert=` with the authority's own certificate.
    fn trusted(&self) -> String {
        format!("sslrootcert={}", self.file("ca.crt").display())
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// What a client did after it had asked for TLS.
#[derive(Debug, PartialEq)]
enum Heard {
    /// It went away, and nobody learnt its name.
    Nothing,
    /// It said who it is, encrypted.
    Greeting,
    /// It did not ask for TLS.
    Clear,
}

/// Serves one connection with TLS, as far as the greeting, and refuses it there.
fn serve(config: Arc<ServerConfig>) -> (u16, JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || hear(listener.accept().unwrap().0, config)))
}

fn hear(mut client: TcpStream, config: Arc<ServerConfig>) -> Heard {
    let mut request = [0; 8];
    client.read_exact(&mut request).unwrap();
    if request != [0, 0, 0, 8, 4, 210, 22, 47] {
        return Heard::Clear;
    }
    client.write_all(b"S").unwrap();
    let tls = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, client);
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return Heard::Nothing;
    }
    let mut greeting = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut greeting).unwrap();
    let refusal = b"SFATAL\0VFATAL\0C28000\0Mthis test knows nobody\0\0";
    stream.write_all(&[b"E", &u32::try_from(refusal.len() + 4).unwrap().to_be_bytes()[..], refusal].concat()).unwrap();
    stream.flush().unwrap();
    Heard::Greeting
}

/// Connects to `localhost` by `host` and these parameters; what the store said and the server heard.
async fn meet(config: Arc<ServerConfig>, host: &str, parameters: &str) -> (Error, Heard) {
    let (port, serving) = serve(config);
    let url = format!("postgresql://u:secret@{host}:{port}/db?{parameters}&hostaddr=127.0.0.1");
    let error = PostgresStore::open(&url, options(None)).unwrap().now().await.unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    (error, serving.join().unwrap())
}

#[tokio::test]
async fn certificate_is_asked_for_as_much_as_the_url_says() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let trusted = ours.trusted();
    for (host, server, parameters, heard) in [
        ("localhost", ours.server("localhost"), format!("sslmode=verify-full&{trusted}"), Heard::Greeting),
        ("localhost", ours.server("elsewhere"), format!("sslmode=verify-full&{trusted}"), Heard::Nothing),
        ("localhost", ours.server("elsewhere"), format!("sslmode=verify-ca&{trusted}"), Heard::Greeting),
        ("localhost", ours.server("elsewhere"), format!("sslmode=require&{trusted}"), Heard::Greeting),
        ("localhost", theirs.server("localhost"), format!("sslmode=verify-full&{trusted}"), Heard::Nothing),
        ("localhost", theirs.server("localhost"), format!("sslmode=verify-ca&{trusted}"), Heard::Nothing),
        ("localhost", theirs.server("localhost"), "sslmode=require".into(), Heard::Greeting),
        ("localhost", theirs.server("localhost"), "sslmode=prefer".into(), Heard::Greeting),
        ("localhost", theirs.server("localhost"), "sslmode=verify-full".into(), Heard::Nothing),
        ("localhost", theirs.server("localhost"), "sslmode=disable".into(), Heard::Clear),
        ("localhost", theirs.server("localhost"), String::new(), Heard::Greeting),
    ] {
        assert_eq!(meet(server, host, &parameters).await.1, heard, "{parameters}");
    }
}

#[tokio::test]
async fn what_is_not_trusted_is_told_at_once_with_the_way_out() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let full = format!("sslmode=verify-full&{}", ours.trusted());
    for (server, way_out) in
        [(theirs.server("localhost"), "sslrootcert=/path"), (ours.server("other"), "sslmode=verify-ca")]
    {
        let (error, _) = meet(server, "localhost", &full).await;
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        assert!(error.to_string().contains(way_out), "{error}");
    }
}

#[tokio::test]
async fn server_elsewhere_is_verified_without_being_asked() {
    let ours = Authority::new();
    // An address of this machine that is not the loopback's would do; the judgement itself is in the URL's own tests.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn({
        let config = ours.server("0.0.0.0");
        move || hear(listener.accept().unwrap().0, config)
    });
    let url = format!("postgresql://u:secret@0.0.0.0:{port}/db");
    let error = PostgresStore::open(&url, options(None)).unwrap().now().await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }) && error.to_string().contains("sslrootcert="), "{error:?}");
    assert_eq!(serving.join().unwrap(), Heard::Nothing);
}

#[tokio::test]
async fn certificate_of_ours_is_shown_where_it_is_asked_for() {
    let ours = Authority::new();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["fleet-q".to_owned()]).unwrap().signed_by(&key, &ours.issuer).unwrap();
    std::fs::write(ours.file("own.crt"), own.pem()).unwrap();
    std::fs::write(ours.file("own.key"), key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ours.issuer.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let asks = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let server = KeyPair::generate().unwrap();
    let shown = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&server, &ours.issuer).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(asks.build().unwrap())
        .with_single_cert(vec![shown.der().clone()], PrivateKeyDer::try_from(server.serialize_der()).unwrap());
    let config = Arc::new(config.unwrap());
    let full = format!("sslmode=verify-full&{}", ours.trusted());
    let (crt, key) = (ours.file("own.crt"), ours.file("own.key"));
    let own = format!("{full}&sslcert={}&sslkey={}", crt.display(), key.display());
    assert_eq!(meet(Arc::clone(&config), "localhost", &own).await.1, Heard::Greeting);
    assert_eq!(meet(config, "localhost", &full).await.1, Heard::Nothing);
    for missing in ["sslrootcert=/no/such.crt", "sslmode=verify-full&sslcert=/no/such.crt&sslkey=/no/such.key"] {
        let url = format!("postgresql://u:secret@db/work?{missing}");
        let refused = PostgresStore::open(&url, options(None)).unwrap_err().to_string();
        assert!(refused.contains("/no/such.crt") || refused.contains("/no/such.key"), "{refused}");
    }
}
