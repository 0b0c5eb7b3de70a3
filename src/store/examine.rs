//! What a database is, without a trace of having looked.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::error::StoreError;
use super::{beside, directory, open_to_read, owner, prepare, schema};

/// The schema version of the database in a state directory, and the one that this program writes;
/// none where there is no database yet, or nothing in it.
///
/// Makes no file, and so does not bring home what a killed daemon left beside it.
///
/// # Errors
///
/// It is no database of ours, a newer version's, damaged, or cannot be read.
pub fn examine(state_dir: &Path) -> Result<Option<(u32, u32)>, StoreError> {
    let database = directory::database(state_dir);
    if owner(state_dir)?.is_none() || !directory::exists(&database)? {
        return Ok(None);
    }
    let connection = open(&database).map_err(|error| StoreError::sqlite(&database, error))?;
    let found = schema::version(&connection, &database)?;
    Ok((found > 0).then(|| (found, schema::known())))
}

/// Opens a database to look at it for a moment: what is read is old, or torn, once somebody begins
/// to write it.
pub(super) fn open(database: &Path) -> rusqlite::Result<Connection> {
    // Somebody writes, or did until it was killed: what is to be made beside it is there.
    if beside(database, "-wal").exists() {
        return open_to_read(database);
    }
    let mut url = Url::from_file_path(database)
        .map_err(|()| rusqlite::Error::InvalidPath(database.to_owned()))?;
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(url.as_str(), flags)?;
    prepare(&connection)?;
    Ok(connection)
}
