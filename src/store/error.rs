//! Why the store could not be read or written, and what to do about it.

use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use rusqlite::ErrorCode;

/// A failure of the state directory or of the database in it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct StoreError {
    /// The file or directory that failed.
    pub path: PathBuf,
    /// What is wrong with it. A source, so that its own cause is told, too.
    #[source]
    pub kind: StoreErrorKind,
}

/// What can be wrong with the store: as many variants as there are things to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreErrorKind {
    /// An older version of the program wrote it, and this command does not change it.
    #[error("has schema version {found}, and this version of seatwatch needs {known}")]
    Older {
        /// The version found.
        found: u32,
        /// The version that this program writes.
        known: u32,
    },
    /// Another process holds the lock of the state directory.
    #[error("in use by another seatwatch")]
    InUse,
    /// The directory belongs to somebody else.
    #[error("belongs to user `{owner}`, and this is user `{user}`")]
    WrongUser {
        /// Whose it is.
        owner: String,
        /// Who runs the program.
        user: String,
    },
    /// A file of another kind stands where the database should be.
    #[error("is not a seatwatch database")]
    NotADatabase,
    /// A newer version of the program wrote it.
    #[error("has schema version {found}, and this version of seatwatch knows up to {known}")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file that is open is no longer the one that the path names.
    #[error("was deleted or replaced while it was in use")]
    Gone,
    /// A file that was to be made is there already.
    #[error("is there already, and stays as it is")]
    Exists,
    /// No space is left.
    #[error("the disk is full")]
    Full(rusqlite::Error),
    /// No right to write, or not even to open.
    #[error("cannot be opened or written")]
    ReadOnly(#[source] rusqlite::Error),
    /// Somebody else keeps the database locked.
    #[error("another program keeps it locked")]
    Busy(rusqlite::Error),
    /// The database is damaged.
    #[error("the database is damaged")]
    Corrupt(rusqlite::Error),
    /// The directory or file cannot be made or opened.
    #[error("cannot be opened or created")]
    Open(#[source] std::io::Error),
    /// SQLite reports something else.
    #[error("cannot be read or written")]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    pub(super) fn new(path: &Path, kind: StoreErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }

    /// The directory is `owner`'s, and `user` wants to work on it.
    pub(crate) fn wrong_user(path: &Path, owner: Uid, user: Uid) -> Self {
        Self::new(
            path,
            StoreErrorKind::WrongUser { owner: user_name(owner), user: user_name(user) },
        )
    }

    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::new(path, StoreErrorKind::Open(error))
    }

    pub(super) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreErrorKind::Full(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                StoreErrorKind::ReadOnly(error)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreErrorKind::Busy(error)
            }
            Some(ErrorCode::NotADatabase) => StoreErrorKind::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => StoreErrorKind::Corrupt(error),
            _ => StoreErrorKind::Sqlite(error),
        };
        Self::new(path, kind)
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        let path = self.path.display();
        match &self.kind {
            StoreErrorKind::Older { .. } => {
                "run `seatwatch sync` once: it brings the database up to date".to_owned()
            }
            StoreErrorKind::InUse => {
                "a daemon has it until it is stopped, a sync until it has ended; another instance needs its own `state_dir`"
                    .to_owned()
            }
            StoreErrorKind::WrongUser { owner, .. } => {
                format!("run it as that user: `sudo -u {owner} seatwatch …`")
            }
            StoreErrorKind::NotADatabase => {
                format!("`state_dir` may point to the wrong place; if not, move `{path}` away")
            }
            StoreErrorKind::Newer { .. } => {
                "install the newer seatwatch again, or restore a backup from before it".to_owned()
            }
            StoreErrorKind::Gone => {
                format!("stop seatwatch, put `{path}` or a backup of it back, and start it again")
            }
            StoreErrorKind::Exists => "name another file, or move it away".to_owned(),
            StoreErrorKind::Full(_) => {
                "free some space; nothing was lost, the next run goes on".to_owned()
            }
            StoreErrorKind::ReadOnly(_) | StoreErrorKind::Open(_) => {
                format!("check the owner, the mode and the mount of `{path}`")
            }
            StoreErrorKind::Busy(_) => {
                format!("find who has it open: `fuser {path}`; then run the command again")
            }
            StoreErrorKind::Corrupt(_) => {
                format!("move `{path}` and the files beside it away, and restore a backup")
            }
            StoreErrorKind::Sqlite(_) => {
                "check the disk; nothing was committed, the next run tries again".to_owned()
            }
        }
    }
}

/// The name of a user, or the number of one who has none.
pub(crate) fn user_name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("#{uid}"), |user| user.name)
}
