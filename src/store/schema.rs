//! Numbered migrations, forward only.
//!
//! The number of the newest one stands in `user_version`. A database of a newer version is
//! refused: an older program would not know what it breaks.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, ffi};

use super::error::{StoreError, StoreErrorKind};

/// Migration `n` stands at index `n - 1`. One that was released is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
];

/// Marks our files among all SQLite databases: `swdb` in ASCII.
const APPLICATION_ID: u32 = 0x7377_6462;

/// Brings the database up to date, all at once: nobody ever sees a new one that is half made.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    if found == known() {
        return Ok(());
    }
    let apply = |connection: &mut Connection| {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for migration in MIGRATIONS.iter().skip(found as usize) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known())?;
        tx.commit()
    };
    apply(connection).map_err(|error| StoreError::sqlite(path, error))
}

/// Refuses what is somebody else's or a newer version's, without a change to it.
pub(super) fn recognize(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    version(connection, path).map(drop)
}

/// Whether it is a database of which nothing but the file was made yet: the first run is about
/// to fill it, or was killed before it did.
pub(super) fn is_blank(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    match version(connection, path) {
        Ok(found) => Ok(found == 0),
        // A rollback journal, which only who writes may play back. The very first statement, the
        // switch to WAL, is the only one that ever makes one.
        Err(error) if has_rollback_journal(&error.kind) => Ok(true),
        Err(error) => Err(error),
    }
}

fn has_rollback_journal(kind: &StoreErrorKind) -> bool {
    let StoreErrorKind::ReadOnly(error) = kind else { return false };
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_ROLLBACK)
}

/// Refuses a database that is not exactly of this program's version.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match version(connection, path)? {
        found if found < known() => {
            Err(StoreError::new(path, StoreErrorKind::Older { found, known: known() }))
        }
        _ => Ok(()),
    }
}

/// The version of a database of ours; 0 where nothing is in it yet.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    // As of one moment: somebody else may be migrating.
    let transaction = connection.unchecked_transaction();
    let connection = &*transaction.map_err(|error| StoreError::sqlite(path, error))?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let read = || Ok((pragma("user_version")?, pragma("application_id")?));
    let (found, application) = read().map_err(|error| StoreError::sqlite(path, error))?;
    let known = known();
    match application {
        APPLICATION_ID if found > known => {
            Err(StoreError::new(path, StoreErrorKind::Newer { found, known }))
        }
        APPLICATION_ID => Ok(found),
        // A new file has no mark and no table; anything else is somebody else's.
        0 if found == 0 && is_empty(connection, path)? => Ok(0),
        _ => Err(StoreError::new(path, StoreErrorKind::NotADatabase)),
    }
}

/// The version that this program writes.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("migrations are few")
}

fn is_empty(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    connection
        .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
        .map_err(|error| StoreError::sqlite(path, error))
}

/// How SQLite would go about a question, a step a line.
#[cfg(test)]
pub(super) fn plan(connection: &Connection, sql: &str) -> String {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Whatever its parameters are.
    let steps = plan.raw_query().mapped(|row| row.get::<_, String>("detail"));
    steps.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}
