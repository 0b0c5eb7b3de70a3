//! Whether the daemon may write where it will.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};
use seatwatch_sdk::io_reason;

use super::Found;
use crate::exit::Exit;

/// The state directory, which is ours or is not there yet.
pub(super) fn state(path: &Path) -> Found {
    let shown = path.display();
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.mode() & 0o777,
        Err(_) if path.is_symlink() => {
            let message = format!("`{shown}` is a link to a place that is not there");
            return Found::bad(Exit::CannotCreate, message, "make the directory that it leads to");
        }
        Err(_) => return absent(path),
    };
    if let Err(found) = writable(path) {
        return found;
    }
    if mode & 0o022 != 0 {
        let message = format!("`{shown}` can be written by others: mode {mode:04o}");
        return Found::warning(message, format!("`chmod 700 {shown}`"));
    }
    Found::Good(format!("{shown}, mode {mode:04o}"))
}

/// It would be made at the first start, in the nearest directory that there is.
fn absent(path: &Path) -> Found {
    let shown = path.display();
    let parent = path.ancestors().skip(1).find(|parent| parent.symlink_metadata().is_ok());
    match parent.map(writable) {
        Some(Ok(())) => Found::Good(format!("{shown}, which the first start makes")),
        Some(Err(Found::Bad(failure))) => Found::bad(
            Exit::CannotCreate,
            format!("`{shown}` is absent and cannot be made: {}", failure.message),
            "make it for the user of the daemon with mode 0700; under systemd, `StateDirectory=` \
             does so",
        ),
        Some(Err(found)) => found,
        None => Found::bad(
            Exit::CannotCreate,
            format!("`{shown}` is absent and cannot be made"),
            "`state_dir` must be an absolute path",
        ),
    }
}

/// Whether files can be made in a directory.
pub(super) fn writable(path: &Path) -> Result<(), Found> {
    let shown = path.display();
    let bad = |error: &io::Error| {
        let reason = io_reason(error);
        let message = format!("`{shown}` cannot be written: {reason}");
        let hint = format!("check the owner, the mode and the mount of `{shown}`");
        Found::bad(Exit::CannotCreate, message, hint)
    };
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(bad(&io::ErrorKind::NotADirectory.into()));
        }
        Ok(_) => {}
        Err(error) => return Err(bad(&error)),
    }
    let access = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(AT_FDCWD, path, access, AtFlags::AT_EACCESS).map_err(|error| bad(&error.into()))
}
