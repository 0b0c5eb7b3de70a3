//! What tells two files apart.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use seatwatch_sdk::open_at_once;
use sha2::{Digest as _, Sha256};

/// How large a file is, and the SHA-256 of what is in it, in hexadecimal digits. Waits for nobody
/// who may write to it.
///
/// # Errors
///
/// It cannot be read.
pub fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash) = (open_at_once(path)?, Sha256::new());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What it is, others find out: whoever asks for a report must not wait for a writer.
    #[test]
    fn a_named_pipe_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(digest(&pipe).unwrap().0, 0);
    }
}
