//! Whom to believe that they are the server: the machine's authorities, and those of `ca_file`.

use std::path::Path;

use lettre::transport::smtp::client::{
    Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use seatwatch_sdk::{read_certificates, with_bundled_authorities};

/// How to encrypt a connection to the server of that name. May block.
///
/// A machine without a store of certificates trusts Mozilla's, which are built in.
pub(super) fn parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let extra = ca_file.map(read).transpose()?.unwrap_or_default();
    let builder = || TlsParameters::builder(host.to_owned());
    with(builder(), &extra).build().or_else(|_| {
        let alone = builder().certificate_store(CertificateStore::None);
        with_bundled_authorities(|bundled| with(with(alone, bundled), &extra).build())
            .map_err(|error| format!("no certificate of `{host}` can be checked: {error}"))
    })
}

fn with(builder: TlsParametersBuilder, trusted: &[CertificateDer<'_>]) -> TlsParametersBuilder {
    let trusted = trusted.iter().filter_map(|it| Certificate::from_der(it.to_vec()).ok());
    trusted.fold(builder, TlsParametersBuilder::add_root_certificate)
}

/// The certificates in a file, at least one, each of which can be trusted.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |what: &str| format!("`{}` {what}", path.display());
    let certificates = read_certificates(path).map_err(|error| unusable(&error.to_string()))?;
    let mut store = RootCertStore::empty();
    let trusted = certificates.iter().try_for_each(|it| store.add(it.clone()));
    trusted.map_err(|error| unusable(&format!("holds a certificate of no use: {error}")))?;
    Ok(certificates)
}
