//! What tells two files apart.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// How large a file is, and the SHA-256 of what is in it, in hexadecimal digits.
///
/// # Errors
///
/// It cannot be read.
pub fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let (mut bytes, mut part) = (0, vec![0; 64 * 1024]);
    loop {
        let length = file.read(&mut part)?;
        let Some(read) = part.get(..length).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        bytes += read.len() as u64;
    }
    let mut digits = String::new();
    for byte in hash.finalize() {
        write!(digits, "{byte:02x}").expect("a string takes all that is written to it");
    }
    Ok((bytes, digits))
}
