//! The state directory: made when absent, owned by one user, written by one process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Uid, User};

use super::error::{StoreError, StoreErrorKind};

const LOCK: &str = "lock";
const DATABASE: &str = "seatwatch.db";

/// How often the lock is tried, and the pause between: [`is_locked`] holds it for an instant.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The database file in a state directory.
pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// A state directory that only this process writes, until the value is dropped.
#[derive(Debug)]
pub struct LockedDirectory {
    path: PathBuf,
    /// Holds the lock as long as it is open, also over a crash.
    _lock: File,
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
            .open(&file)
            .map_err(|error| StoreError::io(&file, error))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(StoreError::io(&file, error)),
            }
        }
        Err(StoreError::new(path, StoreErrorKind::InUse))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether some process holds the lock of a state directory now.
pub fn is_locked(path: &Path) -> bool {
    let Ok(lock) = File::open(path.join(LOCK)) else { return false };
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
        Some(owner) if owner != user => {
            let kind = StoreErrorKind::WrongUser { owner: name(owner), user: name(user) };
            Err(StoreError::new(path, kind))
        }
        _ => Ok(()),
    }
}

fn name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("#{uid}"), |user| user.name)
}
