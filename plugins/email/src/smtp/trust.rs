//! Whom to believe that they are the server: the machine's authorities, and those of `ca_file`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use lettre::transport::smtp::client::{
    Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Far more than all authorities of this world take.
const LARGEST_CA_FILE: u64 = 16 * 1024 * 1024;

/// How to encrypt a connection to the server of that name. May block.
///
/// A machine without a store of certificates trusts Mozilla's, which are built in.
pub(super) fn parameters(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let extra = ca_file.map(read).transpose()?.unwrap_or_default();
    let builder = || TlsParameters::builder(host.to_owned());
    with(builder(), &extra).build().or_else(|_| {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        let bundled = with(builder().certificate_store(CertificateStore::None), bundled);
        with(bundled, &extra)
            .build()
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
    let unreadable = |error: io::Error| unusable(&format!("cannot be read: {error}"));
    let metadata = path.metadata().map_err(unreadable)?;
    // Opening a FIFO would wait for somebody to write to it.
    if !metadata.is_file() {
        return Err(unusable("is not a regular file"));
    }
    let mut pem = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST_CA_FILE).read_to_end(&mut pem).map_err(unreadable)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| unusable("is not in PEM form"))?;
    if certificates.is_empty() {
        return Err(unusable("holds no certificate"));
    }
    let mut store = RootCertStore::empty();
    let trusted = certificates.iter().try_for_each(|it| store.add(it.clone()));
    trusted.map_err(|error| unusable(&format!("holds a certificate of no use: {error}")))?;
    Ok(certificates)
}
