//! Decides whom a connection trusts, as `sslmode` says. Refuses what it cannot hold to, rather than trusting more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::{Error, Result};

/// What is asked of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Encrypted at most: `disable`, `prefer`, `require`, as libpq has them.
    Anybody,
    /// Signed by a root: `verify-ca`.
    Signed(Roots),
    /// And made out to the host: `verify-full`.
    SignedAndNamed(Roots),
}

/// Whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    File(PathBuf),
    /// The machine's own list, with what its administrator added.
    System,
}

/// The files with which this side shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

pub(super) fn connector(trust: &Trust, identity: Option<&Identity>) -> Result<MakeRustlsConnect> {
    // Chosen here, not by a process-wide default that another library may have set.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::config(format!("TLS: {e}")))?;
    let builder = match trust {
        Trust::SignedAndNamed(roots) => builder.with_root_certificates(trusted(roots)?),
        Trust::Anybody | Trust::Signed(_) => {
            let verifier = Lenient { chain: chain(trust, &provider)?, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let shown = certificates("sslcert", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable("sslkey", key, &e))?;
            builder.with_client_auth_cert(shown, key).map_err(|e| unusable("sslcert", certificate, &e))?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn chain(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    match trust {
        Trust::Anybody => Ok(None),
        Trust::Signed(roots) | Trust::SignedAndNamed(roots) => {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted(roots)?), Arc::clone(provider));
            builder.build().map(Some).map_err(|e| Error::config(format!("TLS: {e}")))
        }
    }
}

fn trusted(roots: &Roots) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::File(file) => {
            for certificate in certificates("sslrootcert", file)? {
                store.add(certificate).map_err(|e| unusable("sslrootcert", file, &e))?;
            }
        }
        Roots::System => {
            // A machine's list may hold what no verifier understands; the others count.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(Error::config(NO_ROOTS));
            }
        }
    }
    Ok(store)
}

const NO_ROOTS: &str = "this machine trusts no certificate authority, so the database server's certificate cannot be \
                        verified: install the package ca-certificates, name a file by sslrootcert=/path/to/root.crt, \
                        or choose a weaker sslmode=";

fn certificates(parameter: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let found = read.map_err(|e| unusable(parameter, file, &e))?;
    if found.is_empty() {
        return Err(unusable(parameter, file, &"it holds no certificate"));
    }
    Ok(found)
}

fn unusable(parameter: &str, file: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::config(format!("{parameter} {}: {why}", file.display()))
}

/// What to do when the server is not trusted or has no TLS; `None` for what is no matter of TLS.
pub(super) fn mend(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|cause| match rustls_error(cause) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Some(
            "connect by a name in the server's certificate, or add sslmode=verify-ca with its sslrootcert= to the URL",
        ),
        Some(rustls::Error::InvalidCertificate(_)) => Some(
            "name the certificate of the server's authority by sslrootcert=/path/to/root.crt in the URL, \
             or trust the network between and say so by sslmode=require",
        ),
        // The driver has this as a text only.
        Some(_) | None if cause.to_string() == "server does not support TLS" => {
            Some("turn TLS on there, or trust the network between and say so by sslmode=disable in the URL")
        }
        Some(_) | None => None,
    })
}

fn rustls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref();
    error.downcast_ref().or_else(inner)
}

/// Checks the chain where one is asked for, and never the name.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
