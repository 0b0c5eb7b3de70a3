//! Backs the store up while another process may write it.

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, InterruptHandle};
use tempfile::{Builder, NamedTempFile};

use super::error::{StoreError, StoreErrorKind};
use super::{Reader, open_to_read, schema};

/// What a backup has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The size of the file.
    pub bytes: u64,
    /// Organizations that are known.
    pub organizations: u64,
    /// Events that are kept.
    pub events: u64,
}

impl Reader {
    /// Whether there is a database at all; if not, every answer is that of an empty one.
    pub fn is_empty(&self) -> bool {
        // An in-memory database has no file.
        self.lock().path().is_none_or(str::is_empty)
    }

    /// A way to end a backup early, from another thread.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.lock().get_interrupt_handle()
    }

    /// Writes what is committed now to a new file, for its owner alone: a database of the same
    /// kind, without free space, which a state directory can begin with.
    ///
    /// The file appears when it is whole, checked and on the disk; before that it has another
    /// name, in the same directory.
    ///
    /// # Errors
    ///
    /// The file exists, the disk is full, or one of the two files cannot be read or written.
    pub fn back_up(&self, file: &Path) -> Result<Backup, StoreError> {
        let exists = || StoreError::new(file, StoreErrorKind::Exists);
        let failed = |error| StoreError::io(file, error);
        if file.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // The error alone: the name of the file that was to be says nothing.
        let copy = Builder::new()
            .prefix(".seatwatch-backup-")
            .tempfile_in(directory)
            .map_err(|error| StoreError::io(directory, error.kind().into()))?;
        let path =
            copy.path().to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let written = self.lock().execute("VACUUM INTO ?1", [path]);
        written.map_err(|error| StoreError::sqlite(self.or_target(file, &error), error))?;
        let backup =
            examine(&copy).map_err(|error| StoreError { path: file.to_owned(), ..error })?;
        copy.as_file().sync_all().map_err(failed)?;
        crash_point!("backup:written");
        copy.persist_noclobber(file).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => failed(error.error),
        })?;
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| StoreError::io(directory, error))?;
        Ok(backup)
    }

    /// Which of the two files an error is about: damage is the old one's, and a lack of space or
    /// of a right the new one's.
    fn or_target<'a>(&'a self, target: &'a Path, error: &rusqlite::Error) -> &'a Path {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => &self.database,
            _ => target,
        }
    }
}

/// Opens the copy as a store is opened, looks whether it is sound, and counts what is in it.
fn examine(copy: &NamedTempFile) -> Result<Backup, StoreError> {
    let path = copy.path();
    let failed = |error| StoreError::sqlite(path, error);
    let connection = open_to_read(path).map_err(failed)?;
    schema::check(&connection, path)?;
    let count = |sql| connection.query_row(sql, [], |row| row.get(0)).map_err(failed);
    check(&connection).map_err(failed)?;
    Ok(Backup {
        bytes: copy.as_file().metadata().map_err(|error| StoreError::io(path, error))?.len(),
        organizations: count("SELECT count(*) FROM organizations")?,
        events: count("SELECT count(*) FROM log")?,
    })
}

fn check(connection: &Connection) -> rusqlite::Result<()> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(verdict)))
}
