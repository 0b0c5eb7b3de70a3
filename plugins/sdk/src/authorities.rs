//! Whom to believe on a machine that has no store of certificates.

use std::sync::Once;

use rustls_pki_types::CertificateDer;

/// Builds something that trusts the authorities that Mozilla trusts, as they were when this was built
/// (<https://docs.rs/webpki-root-certs>). Where that works, says in the log, once, that they age.
///
/// Only for a machine that trusts nobody: what its owner has added or taken out counts first.
///
/// # Errors
///
/// Those of `build`.
pub fn with_bundled_authorities<T, E>(
    build: impl FnOnce(&'static [CertificateDer<'static>]) -> Result<T, E>,
) -> Result<T, E> {
    static TOLD: Once = Once::new();
    let trusting = build(webpki_root_certs::TLS_SERVER_ROOT_CERTS)?;
    TOLD.call_once(|| {
        tracing::warn!(
            "this machine has no store of CA certificates: trusting those built into seatwatch, \
             which age with it"
        );
    });
    Ok(trusting)
}
