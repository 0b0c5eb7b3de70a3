//! The file at the configured path: opened, made, or refused with words that help.
//!
//! A regular file is the only thing that is ever opened: a FIFO would block, a device would do
//! whatever it does, and a link could lead anywhere. Everything else is told by its kind.
//! Knows nothing of what is in it.

use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::{AccessFlags, faccessat};
use seatwatch_sdk::io_reason;

/// Readable for the owner's group (log shippers), writable for the owner only.
const MODE: u32 = 0o640;

/// Opens the file for a delivery; creates it where there is none.
///
/// The name of an empty file is synced to disk before it gets its first event: whoever finds
/// events in a file can rely on its name.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    let file = match existing(path)? {
        Some(file) => file,
        None => create(path).map_err(|error| explain(path, "cannot create", &error))?,
    };
    let length = file.metadata().map_err(|error| explain(path, "cannot read", &error))?.len();
    if length == 0 {
        let synced = File::open(directory(path)).and_then(|directory| directory.sync_all());
        synced.map_err(|error| explain(path, "cannot sync the directory of", &error))?;
    }
    Ok(file)
}

/// Tells whether [`open`] could create the file, without creating it.
pub(crate) fn check_creatable(path: &Path) -> Result<(), String> {
    // Reading is for the sync of the directory.
    let rights = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    let access = fs::metadata(directory(path)).and_then(|metadata| {
        if !metadata.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(faccessat(AT_FDCWD, directory(path), rights, AtFlags::AT_EACCESS)?)
    });
    access.map_err(|error| explain(path, "cannot create", &error))
}

/// What happened to the file and what to do about it.
pub(crate) fn explain(path: &Path, what: &str, error: &io::Error) -> String {
    let directory = directory(path).display();
    let hint = match error.kind() {
        ErrorKind::NotFound => format!("create the directory `{directory}`"),
        ErrorKind::NotADirectory => {
            format!("make `{directory}` a directory, or set another `path`")
        }
        ErrorKind::PermissionDenied => {
            format!("let the user that seatwatch runs as read and write it and `{directory}`")
        }
        ErrorKind::ReadOnlyFilesystem => format!(
            "remount it for writing, or allow `{directory}` in the unit with `ReadWritePaths=`"
        ),
        ErrorKind::StorageFull => "free some space".to_owned(),
        ErrorKind::QuotaExceeded => "free some space or raise the quota".to_owned(),
        ErrorKind::FileTooLarge => "rotate the file, or raise the limit on file sizes".to_owned(),
        _ => "look into the system log for what is wrong with the file system".to_owned(),
    };
    format!("{what} `{}`: {}; {hint}", path.display(), io_reason(error))
}

/// The file, unless there is none.
pub(crate) fn existing(path: &Path) -> Result<Option<File>, String> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(explain(path, "cannot open", &error)),
    };
    refuse(path, kind)?;
    let opened = options().open(path).and_then(|file| Ok((file.metadata()?.file_type(), file)));
    match opened {
        Ok((kind, file)) => refuse(path, kind).map(|()| Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(explain(path, "cannot open", &error)),
    }
}

/// Makes the file, with [`MODE`] whatever the umask is.
fn create(path: &Path) -> io::Result<File> {
    let file = options().create_new(true).mode(MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_all()?;
    Ok(file)
}

/// For reading the end and appending. Between the look at the path and the call, somebody may put
/// something else there: it is not followed, does not block and becomes no terminal of ours.
fn options() -> OpenOptions {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).append(true).custom_flags(flags.bits());
    options
}

fn refuse(path: &Path, kind: FileType) -> Result<(), String> {
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_symlink() => "a symbolic link",
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(format!("`{}` is {what}: set `path` to a regular file", path.display()))
}

/// Where the file's name is kept.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
