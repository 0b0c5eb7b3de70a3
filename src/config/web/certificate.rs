//! The server's certificate and its private key: two files that somebody else renews.
//!
//! They are read again while the daemon runs, so this says of each problem which file it is about,
//! and knows nothing of where that was named.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use seatwatch_sdk::{SecretSource, read_certificates};

/// Where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those that lead from it to an authority.
    pub certificate: SecretSource,
    /// Its private key, which only we may read.
    pub key: SecretSource,
}

/// A certificate that can be served.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// With its key.
    pub key: Arc<CertifiedKey>,
    /// From when it is valid.
    pub not_before: DateTime<Utc>,
    /// Until when it is valid.
    pub not_after: DateTime<Utc>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct CertificateError {
    /// `cert_file` or `key_file`.
    pub key: &'static str,
    text: String,
    /// What to do.
    pub hint: String,
}

impl CertificateError {
    fn of_certificate(text: String) -> Self {
        let hint = "it must be the certificate, and then those that lead to its authority, in PEM \
                    form";
        Self { key: "cert_file", text, hint: hint.to_owned() }
    }

    /// Of one that is served, but that no client would take.
    fn of_kind(text: String) -> Self {
        let hint = "it must be of X.509 version 3, with the names in it: `openssl req` makes one with \
                    `-addext subjectAltName=…`, `openssl x509` with an `-extfile`";
        Self { key: "cert_file", text, hint: hint.to_owned() }
    }

    fn of_key(text: String, hint: impl Into<String>) -> Self {
        Self { key: "key_file", text, hint: hint.into() }
    }
}

impl CertificateFiles {
    /// Reads both, and makes sure that they belong together. Blocks.
    ///
    /// # Errors
    ///
    /// One of them cannot be read or is something else, or the key is another certificate's, or
    /// others can read it.
    pub fn read(&self) -> Result<Certificate, CertificateError> {
        let Self { certificate: file, key: key_file } = self;
        let path = file.path().unwrap_or("".as_ref());
        let certificates = read_certificates(path)
            .map_err(|error| CertificateError::of_certificate(format!("`{file}` {error}")))?;
        let valid = certificates.first().and_then(|leaf| validity(leaf));
        let (not_before, not_after) = valid.ok_or_else(|| {
            CertificateError::of_certificate(format!("`{file}` holds no X.509 certificate"))
        })?;
        let pem = key_file
            .read_lines()
            .map_err(|error| CertificateError::of_key(error.to_string(), error.hint()))?;
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).map_err(|_| {
            let text = format!("the secret `{key_file}` holds no private key");
            CertificateError::of_key(text, "it must be in PEM form, and have no passphrase")
        })?;
        match CertifiedKey::from_der(certificates, key, &ring::default_provider()) {
            Ok(key) => Ok(Certificate { key: Arc::new(key), not_before, not_after }),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                let text = format!("the secret `{key_file}` is not the key of `{file}`");
                Err(CertificateError::of_key(text, "name the two files that were made together"))
            }
            Err(Error::InvalidCertificate(reason)) => {
                Err(CertificateError::of_kind(format!("`{file}` cannot be used: {reason:?}")))
            }
            Err(error) => {
                let text = format!("the secret `{key_file}` cannot be used: {error}");
                Err(CertificateError::of_key(text, "make an ECDSA, Ed25519 or RSA key"))
            }
        }
    }
}

/// From when until when a certificate is valid.
fn validity(der: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let validity = certificate.validity();
    let [from, until] = [validity.not_before, validity.not_after]
        .map(|time| DateTime::from_timestamp(time.timestamp(), 0));
    Some((from?, until?))
}
