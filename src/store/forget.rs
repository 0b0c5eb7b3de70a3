//! Erases one organization: every row that is about it, and every trace in the file.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Organization, Store, StoreError, Tx, View, prepare};

/// What was erased of an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Members that it ever had.
    pub members: u64,
    /// Events of the log.
    pub events: u64,
    /// Dead letters, of all sinks.
    pub dead_letters: u64,
}

impl View<'_> {
    /// What there is to erase of an organization.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn forgettable(&self, organization: Organization) -> rusqlite::Result<Forgotten> {
        let count = |sql| {
            let mut statement = self.0.prepare_cached(sql)?;
            statement.query_row([organization.0], |row| row.get(0))
        };
        Ok(Forgotten {
            members: count("SELECT next_member - 1 FROM organizations WHERE id = ?1")?,
            events: count("SELECT count(*) FROM log WHERE organization = ?1")?,
            dead_letters: count("SELECT count(*) FROM dead_letters WHERE organization = ?1")?,
        })
    }

    /// Whether an organization was erased and may have left traces in the file.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn purge_is_due(&self) -> rusqlite::Result<bool> {
        self.0.prepare_cached("SELECT 1 FROM meta WHERE name = 'purge'")?.exists([])
    }
}

impl Tx<'_> {
    /// Erases an organization. Its number is never used again, and lanes that have its events
    /// before them find fewer.
    ///
    /// What is deleted is overwritten, too; [`Store::purge`] finds the rest.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn forget(&self, organization: Organization) -> rusqlite::Result<Forgotten> {
        let forgotten = self.forgettable(organization)?;
        self.note_erasure()?;
        self.0.0.pragma_update(None, "secure_delete", true)?;
        let erased = [
            "DELETE FROM log WHERE organization = ?1",
            "DELETE FROM past_states WHERE organization = ?1",
            "DELETE FROM states WHERE organization = ?1",
            "DELETE FROM runs WHERE organization = ?1",
            "DELETE FROM discovered WHERE (service, owner) IN
             (SELECT service, owner FROM organizations WHERE id = ?1)",
            // All the others go with it.
            "DELETE FROM organizations WHERE id = ?1",
        ]
        .iter()
        .try_for_each(|sql| self.0.0.execute(sql, [organization.0]).map(drop));
        // Also after a failure: the connection makes all other changes, too.
        self.0.0.pragma_update(None, "secure_delete", false)?;
        erased?;
        self.0.0.execute("REPLACE INTO meta VALUES ('purge', 1)", [])?;
        Ok(forgotten)
    }
}

impl Store {
    /// Whether the file is written anew now, or is about to be: changes wait.
    pub fn is_purging(&self) -> bool {
        self.gate.try_read().is_err()
    }

    /// Writes the file anew, without the free space in which something deleted may still stand,
    /// and empties the WAL. Every change waits meanwhile; so much space again is needed.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or somebody reads all the time. What is stored is as it
    /// was, and [`View::purge_is_due`] still says so.
    pub async fn purge(&self) -> Result<(), StoreError> {
        let alone = Arc::clone(&self.gate).write_owned().await;
        self.check_identity()?;
        let database = self.database.clone();
        let purged = tokio::task::spawn_blocking(move || {
            // Also if nobody waits any more, until it is through.
            let _alone = alone;
            crash_point!("store:purge");
            purge(&database).map_err(|error| StoreError::sqlite(&database, error))
        });
        purged.await.expect("SQLite does not panic")
    }
}

fn purge(database: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(database)?;
    prepare(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A copy of all of it would be much for the memory.
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.execute("VACUUM", [])?;
    let (busy, _, _): (bool, i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if busy {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    connection.execute("DELETE FROM meta WHERE name = 'purge'", []).map(drop)
}

#[cfg(test)]
mod tests;
