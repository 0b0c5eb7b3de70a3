//! One writer at a time: two would tear each other's lines.
//!
//! Keeps out another sink on the same path, another process, and what is still at work of a sink
//! that a reload replaced. Advisory: log shippers and rotation do not notice.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::Path;

use nix::errno::Errno;

use crate::place::explain;

/// A file that nobody else of us writes to.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// Locks the file, or says who may have it. Does not wait.
    pub(crate) fn new(path: &Path, file: File) -> Result<Self, String> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(format!(
                "`{}` is being written by somebody else; if this does not pass, look for another \
                 sink or process with the same `path`",
                path.display()
            )),
            // Some network file systems have no locks. Then the administrator's care must do.
            Err(TryLockError::Error(error))
                if error.kind() == ErrorKind::Unsupported
                    || error.raw_os_error() == Some(Errno::ENOLCK as i32) =>
            {
                Ok(Self(file))
            }
            Err(TryLockError::Error(error)) => Err(explain(path, "cannot lock", &error)),
        }
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    /// Closing is not enough: a plugin that is being started has copies of all our open files
    /// until it runs, and the lock would last as long as they do.
    fn drop(&mut self) {
        self.0.unlock().ok(); // Where it fails, closing has to do.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_ends_with_its_owner_even_if_the_file_stays_open() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lock = || Locked::new(file.path(), file.reopen().unwrap());
        let locked = lock().unwrap();
        let _copy = locked.try_clone().unwrap();
        assert!(lock().unwrap_err().contains("somebody else"));
        drop(locked);
        lock().unwrap();
    }
}
