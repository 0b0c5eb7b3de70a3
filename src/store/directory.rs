//! The state directory: made when absent, owned by one user, written by one process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::Uid;

use super::error::{StoreError, StoreErrorKind};

const LOCK: &str = "lock";
const DATABASE: &str = "seatwatch.db";

/// How often, and after what pause, a taken lock is tried again.
const LOOKS: u32 = 30;
const LOOK: Duration = Duration::from_millis(10);

/// The database file in a state directory.
pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// Whether there is a database file; something else in its place is an error. Whoever opened a
/// named pipe would wait for ever.
pub(super) fn exists(database: &Path) -> Result<bool, StoreError> {
    match fs::metadata(database) {
        Ok(metadata) if metadata.is_dir() => {
            Err(StoreError::io(database, std::io::ErrorKind::IsADirectory.into()))
        }
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(StoreError::io(database, std::io::Error::other("not a regular file"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io(database, error)),
    }
}

/// Makes the database file where it is absent: for us alone, in a directory that others may enter
/// too. SQLite gives the files beside it the same mode.
pub(super) fn create(database: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).custom_flags(OFlag::O_NONBLOCK.bits());
    let made = options.open(database);
    made.map(drop).map_err(|error| StoreError::io(database, error))
}

/// Which file a path named when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that the path names now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A state directory that only this process writes, until the value is dropped.
#[derive(Debug)]
pub struct LockedDirectory {
    path: PathBuf,
    /// Holds the lock as long as it is open, also over a crash.
    lock: File,
}

impl Drop for LockedDirectory {
    /// Closing is not enough: a program that is being started has copies of all our open files
    /// until it runs, and the lock would last as long as they do.
    fn drop(&mut self) {
        self.lock.unlock().ok(); // Where it fails, closing has to do.
    }
}

impl LockedDirectory {
    /// Makes the directory (mode 0700) if it is absent, and takes its lock.
    ///
    /// # Errors
    ///
    /// It belongs to another user, is in use by another process, or cannot be made or opened.
    pub fn lock(path: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::io(path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        owned_by_us(path)?;
        let file = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&file)
            .map_err(|error| StoreError::io(&file, error))?;
        match take(&lock) {
            Ok(()) => Ok(Self { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(path, StoreErrorKind::InUse)),
            Err(TryLockError::Error(error)) => Err(StoreError::io(&file, error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes the lock, past those who only look whether it is taken: each look lasts an instant, and
/// must not keep a sync from starting.
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            done => return done,
        }
    }
    lock.try_lock()
}

/// Whether some process holds the lock of a state directory now.
pub fn is_locked(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    // Not even a named pipe in its place keeps us waiting.
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let Ok(lock) = options.open(path.join(LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The user that a state directory belongs to; none where there is no directory yet.
///
/// # Errors
///
/// The path exists but cannot be looked at, or is no directory.
pub fn owner(path: &Path) -> Result<Option<Uid>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Some(Uid::from_raw(metadata.uid()))),
        Ok(_) => Err(StoreError::io(path, std::io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

fn owned_by_us(path: &Path) -> Result<(), StoreError> {
    let user = Uid::effective();
    match owner(path)? {
        Some(owner) if owner != user => Err(StoreError::wrong_user(path, owner, user)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_ends_with_its_owner_even_if_the_file_stays_open() {
        let directory = tempfile::tempdir().unwrap();
        let lock = || LockedDirectory::lock(directory.path());
        let locked = lock().unwrap();
        let _copy = locked.lock.try_clone().unwrap();
        assert!(matches!(lock().unwrap_err().kind, StoreErrorKind::InUse));
        drop(locked);
        lock().unwrap();
    }
}
