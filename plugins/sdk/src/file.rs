//! Files that a configuration names: read whole, without waiting and within bounds.
//!
//! A path may be mistyped, and lead anywhere: a named pipe would keep its reader waiting until
//! somebody writes to it, a device might never end.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::io_reason;

/// Far more than all authorities of this world take.
const MOST_CERTIFICATE_BYTES: u64 = 16 * 1024 * 1024;

/// Why a file cannot be used.
///
/// As a text, it is the end of a sentence that begins with the file: `is not a regular file`.
#[derive(Debug)]
pub enum FileError {
    /// It is not there, or we may not read it.
    Unreadable(io::Error),
    /// It is a directory, a named pipe, a device.
    NotRegular,
    /// It is larger than what it should be can be.
    TooLarge {
        /// How large it might be.
        most_bytes: u64,
    },
    /// It holds something that begins like a certificate and is none.
    NotPem,
    /// It holds no certificate.
    NoCertificate,
}

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", io_reason(error)),
            Self::NotRegular => f.write_str("is not a regular file"),
            Self::TooLarge { most_bytes } => match most_bytes / (1024 * 1024) {
                0 => write!(f, "is larger than {} KiB", most_bytes / 1024),
                mebibytes => write!(f, "is larger than {mebibytes} MiB"),
            },
            Self::NotPem => f.write_str("is not in PEM form"),
            Self::NoCertificate => f.write_str("holds no certificate"),
        }
    }
}

/// Reads a regular file of at most `most_bytes`. Blocks, but waits for nobody.
///
/// # Errors
///
/// It cannot be read, is something else, or is larger.
pub fn read_file(path: &Path, most_bytes: u64) -> Result<Vec<u8>, FileError> {
    let (file, _) = open(path)?;
    read(file, most_bytes)
}

/// Reads the certificates in a file in PEM form, at least one. What else is in it is skipped.
///
/// # Errors
///
/// It cannot be read, or there is no certificate in it.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let pem = read_file(path, MOST_CERTIFICATE_BYTES)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| FileError::NotPem)?;
    if certificates.is_empty() { Err(FileError::NoCertificate) } else { Ok(certificates) }
}

/// Opens for reading whatever is there, without waiting: the opening of a named pipe would last
/// until somebody writes to it. What it is can be asked of what is open, so that nobody can put
/// something else there in between.
///
/// # Errors
///
/// It is not there, or we may not read it.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Opens a regular file, whose metadata are those of the very file that is open.
pub(crate) fn open(path: &Path) -> Result<(File, Metadata), FileError> {
    let file = open_at_once(path).map_err(FileError::Unreadable)?;
    let metadata = file.metadata().map_err(FileError::Unreadable)?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(FileError::NotRegular) }
}

/// Reads what is open to its end.
pub(crate) fn read(file: File, most_bytes: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(FileError::Unreadable)?;
    let is_larger = u64::try_from(bytes.len()).is_ok_and(|bytes| bytes > most_bytes);
    if is_larger { Err(FileError::TooLarge { most_bytes }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_no_file_of_that_size_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        fs::write(path("small"), [0; 1024]).unwrap();
        fs::write(path("large"), [0; 1025]).unwrap();
        let told = |name: &str| read_file(&path(name), 1024).map_err(|error| error.to_string());
        assert_eq!(told("small"), Ok(vec![0; 1024]));
        let refused =
            ["large", "pipe", "", "missing", "small/x"].map(|name| told(name).unwrap_err());
        insta::assert_snapshot!(refused.join("\n"), @"
        is larger than 1 KiB
        is not a regular file
        is not a regular file
        cannot be read: no such file or directory
        cannot be read: not a directory
        ");
        assert!(matches!(read_file("/dev/zero".as_ref(), 1024), Err(FileError::NotRegular)));
    }

    #[test]
    fn certificates_are_found_among_other_things() {
        let pem = |label: &str, text: &str| {
            format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
        };
        let certificate = pem("CERTIFICATE", "AAAA");
        let key = pem("PRIVATE KEY", "AAAB");
        let count = |content: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), content).unwrap();
            let certificates = read_certificates(file.path()).map_err(|error| error.to_string())?;
            assert!(certificates.iter().all(|it| it.as_ref() == [0, 0, 0]));
            Ok(certificates.len())
        };
        assert_eq!(count(&format!("Mine:\n{certificate}{key}{certificate}")), Ok(2));
        for (content, refused) in [
            ("", "holds no certificate"),
            ("junk", "holds no certificate"),
            (&key, "holds no certificate"),
            (&pem("CERTIFICATE", "*"), "is not in PEM form"),
        ] {
            assert_eq!(count(content), Err(refused.to_owned()));
        }
    }
}
