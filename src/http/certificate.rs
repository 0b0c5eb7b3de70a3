//! The certificate that is served, over its renewals.
//!
//! Whoever renews it (certbot, an ACME client) writes files and tells nobody. So they are looked at
//! before a handshake, though not before each, and read where they have changed. What cannot be
//! used is told once, and the certificate of before stays.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::UnixTime;

use crate::config::{Certificate, CertificateError, CertificateFiles};

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Gives every handshake the certificate of that moment.
#[derive(Debug)]
pub(super) struct Served {
    files: CertificateFiles,
    certificate: RwLock<Certificate>,
    seen: Mutex<Seen>,
}

/// What is known of the files.
#[derive(Debug)]
struct Seen {
    /// When they were last looked at.
    at: Instant,
    /// As they were when the certificate was read that is served.
    used: Stamps,
    /// As they were when it was last told that they cannot be used.
    refused: Option<Stamps>,
}

/// What changes whenever a file does, of both files; none of one that is not there.
type Stamps = [Option<[i64; 6]>; 2];

impl Served {
    /// Reads the files. Blocks.
    pub(super) fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        // Looked at first: what changes while they are read is seen the next time.
        let seen = Seen { at: Instant::now(), used: stamps(files), refused: None };
        let certificate = RwLock::new(files.read()?);
        Ok(Self { files: files.clone(), certificate, seen: Mutex::new(seen) })
    }

    /// Until when the certificate is valid.
    pub(super) fn not_after(&self) -> DateTime<Utc> {
        self.certificate.read().unwrap_or_else(PoisonError::into_inner).not_after
    }

    /// Takes up a certificate that has been renewed.
    pub(super) async fn follow(self: &Arc<Self>) {
        if self.is_due() {
            let served = Arc::clone(self);
            let looked = tokio::task::spawn_blocking(move || served.look());
            if let Err(error) = looked.await {
                tracing::error!(%error, "cannot look at the certificate, a mistake in seatwatch");
            }
        }
    }

    /// Whether it is time for a look, and nobody is at it.
    fn is_due(&self) -> bool {
        match self.seen.try_lock() {
            Ok(seen) => seen.at.elapsed() >= LOOK_EVERY,
            // Where a file system hangs, one who looks is enough.
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Poisoned(seen)) => seen.into_inner().at.elapsed() >= LOOK_EVERY,
        }
    }

    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.elapsed() < LOOK_EVERY {
            return;
        }
        seen.at = Instant::now();
        let stamps = stamps(&self.files);
        if seen.used == stamps {
            return;
        }
        // What cannot be read now may be read the next time, so it is tried again, and told once.
        let is_told = seen.refused == Some(stamps);
        let (file, not_after) = (&self.files.certificate, self.not_after());
        match self.files.read() {
            Ok(new) if has_ended(new.not_after) && !has_ended(not_after) => {
                seen.refused = Some(stamps);
                if !is_told {
                    tracing::warn!(
                        certificate = %file, %not_after, ended = %new.not_after,
                        "the new certificate is not valid any more: the old one stays"
                    );
                }
            }
            Ok(new) => {
                (seen.used, seen.refused) = (stamps, None);
                let not_after = new.not_after;
                *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!(certificate = %file, %not_after, "the certificate has been renewed");
            }
            Err(error) => {
                seen.refused = Some(stamps);
                if !is_told {
                    tracing::warn!(
                        certificate = %file, %not_after, %error, hint = error.hint,
                        "the new certificate cannot be used: the old one stays"
                    );
                }
            }
        }
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificate = self.certificate.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&certificate.key))
    }
}

/// By the clock that clients, too, hold certificates against.
fn has_ended(not_after: DateTime<Utc>) -> bool {
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    not_after.timestamp() < now
}

fn stamps(files: &CertificateFiles) -> Stamps {
    [&files.certificate, &files.key].map(|file| stamp(file.path()?))
}

/// Follows links: those who renew certificates like to swap one.
fn stamp(path: &Path) -> Option<[i64; 6]> {
    let file = fs::metadata(path).ok()?;
    let inode = file.ino().cast_signed();
    let size = file.size().cast_signed();
    Some([inode, size, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}
