//! The folder in which a pack is written before it gets its place.
//!
//! It is full of names, so it must not stay where a process was killed in the middle of its work.
//! Whoever writes in one holds a lock on it, which ends with the process: one that is not locked
//! and has something in it was left behind, and the next report beside it takes it away.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::TempDir;

/// What the names of all of them begin with.
const PREFIX: &str = ".seatwatch-report-";

/// A folder that nobody else can look into. It goes when this is dropped.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: TempDir,
    /// Says that somebody works here.
    _lock: File,
}

impl Workplace {
    /// Makes one in a folder that is there.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(PREFIX).permissions(Permissions::from_mode(0o700));
        // Without the path, which is none that anybody has asked for.
        let folder = builder.tempdir_in(parent).map_err(|error| io::Error::from(error.kind()))?;
        let lock = File::open(folder.path())?;
        // Where nothing can be locked, nobody else can lock it either, and it is left alone.
        lock.lock().ok();
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives it its place, where nothing may be.
    pub(super) fn become_folder(self, folder: &Path) -> io::Result<()> {
        fs::rename(self.path(), folder)?;
        // It is elsewhere now: nothing is there to be removed.
        drop(self.folder.keep());
        Ok(())
    }
}

/// Takes away what others have left in a folder, as far as that can be done.
pub(super) fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_one(&entry.file_name()) && is_left(&path).unwrap_or(false) {
            fs::remove_dir_all(path).ok();
        }
    }
}

fn is_one(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

/// Whether somebody has worked in a folder of ours and nobody does any more. In one that is empty,
/// somebody may be about to.
fn is_left(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() || metadata.uid() != nix::unistd::geteuid().as_raw() {
        return Ok(false);
    }
    let folder = File::open(path)?;
    let is_free = folder.try_lock().is_ok();
    Ok(is_free && fs::read_dir(path)?.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_without_a_path_that_nobody_named() {
        let error = Workplace::make(Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "entity not found");
    }
}
