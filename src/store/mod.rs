//! All SQL: the rosters and their history, runs, the log of events, and the lanes' cursors.
//!
//! One process writes, under the lock of the state directory, through one thread (but for the
//! time in which the file is written anew, when that waits); any number read. A change is one
//! transaction (WAL, `synchronous=FULL`): before it, nothing happened; after it, nothing can be
//! lost.
//!
//! The store keeps what it is told. It knows neither Codecov nor sinks, and decides nothing.

mod copy;
mod directory;
mod discovered;
mod error;
mod examine;
mod forget;
mod health;
mod holds;
mod lanes;
mod letters;
mod listing;
mod log;
mod organizations;
mod past;
mod rosters;
mod runs;
mod schema;
mod sums;
mod trim;
mod vitals;
mod writer;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeZone as _, Utc};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{RwLock, watch};
use url::Url;

pub use copy::Backup;
use directory::Identity;
pub use directory::{LockedDirectory, is_locked, owner};
pub use discovered::{Discovered, Lookups};
pub(crate) use error::user_name;
pub use error::{StoreError, StoreErrorKind};
pub use examine::examine;
pub use forget::Forgotten;
pub use health::{Answer, Health, Proof};
pub use holds::{Approval, Hold};
pub use lanes::{Cut, Failed, Lane, Lost};
pub use letters::{DeadLetter, KeptLetter, Letters};
pub use listing::{Having, Life, Listed, Newest, Wanted};
pub use log::{Appender, History, LogState, Logged, NewEvent};
pub use organizations::{Carried, Organization, SecretKey};
pub use past::{PastMember, PastRoster, Since};
pub use rosters::RosterState;
pub use runs::{Failure, NewRun, Outcome, Run, RunNumber};
pub use sums::Sums;
pub use trim::{Claim, Trim, Trimmed};
pub use vitals::Vitals;
use writer::Writer;

/// So many connections for reading are kept open while nobody reads.
const IDLE_READERS: usize = 4;

/// The state of one instance, open for reading and writing.
#[derive(Debug)]
pub struct Store {
    database: PathBuf,
    identity: Identity,
    /// Connections for reading that are not in use now. Closed before the writer's: the last one
    /// brings the WAL home, and only a connection that writes can.
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    /// Open for every change, and closed while the file is written anew.
    gate: Arc<RwLock<()>>,
    /// Dropped last: until then nobody else writes.
    _directory: LockedDirectory,
}

impl Store {
    /// Opens the database in a state directory; makes it or brings it up to date where needed.
    ///
    /// # Errors
    ///
    /// It is no database, a newer version's, damaged, or cannot be opened or written.
    pub fn open(directory: LockedDirectory) -> Result<Self, StoreError> {
        let database = directory::database(directory.path());
        let failed = |error| StoreError::sqlite(&database, error);
        directory::create(&database)?;
        let mut connection = Connection::open(&database).map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        schema::recognize(&connection, &database)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        schema::migrate(&mut connection, &database)?;
        let identity = Identity::of(&database);
        let identity = identity.map_err(|error| StoreError::io(&database, error))?;
        let log = View(&connection).log_state().map_err(failed)?;
        let writer = Writer::start(connection, log);
        let writer = writer.map_err(|error| StoreError::io(&database, error))?;
        Ok(Self {
            database,
            identity,
            readers: Mutex::default(),
            writer,
            gate: Arc::default(),
            _directory: directory,
        })
    }

    /// Makes one change, whole or not at all. It is on the disk when this returns, and shares the
    /// way there with others that were asked for at the same time.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or the file is not the one that was opened; nothing was
    /// changed.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let open = Arc::clone(&self.gate).read_owned().await;
        self.check_identity()?;
        let result = self.writer.write(open, change).await;
        result.map_err(|error| StoreError::sqlite(&self.database, error))
    }

    /// Watches how the log stands: it changes whenever events came or went.
    pub fn follow_log(&self) -> watch::Receiver<LogState> {
        self.writer.follow_log()
    }

    /// Reads as [`read`](Self::read) does, where it may take its time: on a thread that nothing
    /// else waits for. Comes to its end even if nobody waits for the answer any more.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_aside<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&View<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || store.read(question));
        read.await.expect("SQLite does not panic")
    }

    /// Reads from one consistent view of what is committed. Blocks: for what is short.
    ///
    /// # Errors
    ///
    /// The disk or the database failed, or the file is not the one that was opened.
    pub fn read<T>(
        &self,
        question: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let failed = |error| StoreError::sqlite(&self.database, error);
        self.check_identity()?;
        let idle = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        let mut connection = match idle {
            Some(connection) => connection,
            None => open_to_read(&self.database).map_err(failed)?,
        };
        let answer = view(&mut connection, question).map_err(failed);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS
        {
            readers.push(connection);
        }
        answer
    }
}

impl Store {
    /// Refuses to go on where somebody deleted or replaced the file: what went into the old one
    /// would be lost at the next start, and what connections opened since then is another one.
    fn check_identity(&self) -> Result<(), StoreError> {
        match Identity::of(&self.database) {
            Ok(found) if found == self.identity => Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io(&self.database, error))
            }
            _ => Err(StoreError::new(&self.database, StoreErrorKind::Gone)),
        }
    }
}

/// The state of one instance, for those who only look at it. Needs no lock.
#[derive(Debug)]
pub struct Reader {
    database: PathBuf,
    connection: Mutex<Connection>,
}

impl Reader {
    /// Opens the database in a state directory, which another process may be writing. Where there
    /// is none yet, or nothing in it, nothing is made, and the answers are those of an empty one.
    ///
    /// # Errors
    ///
    /// It is of another version, or cannot be read.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_by(directory, open_to_read)
    }

    /// The same for a moment, and without a trace: SQLite makes no file beside the database.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn glance(directory: &Path) -> Result<Self, StoreError> {
        Self::open_by(directory, examine::open)
    }

    fn open_by(
        directory: &Path,
        open: fn(&Path) -> rusqlite::Result<Connection>,
    ) -> Result<Self, StoreError> {
        let database = directory::database(directory);
        let failed = |error| StoreError::sqlite(&database, error);
        let exists = owner(directory)?.is_some() && directory::exists(&database)?;
        let found = exists.then(|| open(&database).map_err(failed)).transpose()?;
        let connection = match found {
            Some(connection) if !schema::is_blank(&connection, &database)? => {
                schema::check(&connection, &database)?;
                connection
            }
            _ => {
                let mut connection = Connection::open_in_memory().map_err(failed)?;
                prepare(&connection).map_err(failed)?;
                schema::migrate(&mut connection, &database)?;
                connection
            }
        };
        Ok(Self { database, connection: Mutex::new(connection) })
    }

    /// Reads from one consistent view of what is committed.
    ///
    /// # Errors
    ///
    /// The disk or the database failed.
    pub fn read<T>(
        &self,
        question: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        view(&mut self.lock(), question).map_err(|error| StoreError::sqlite(&self.database, error))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A question that panicked has changed nothing: the connection only reads.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is committed, at one moment.
#[derive(Debug)]
pub struct View<'a>(&'a Connection);

/// A change that is being made: reads see it, nobody else does yet.
#[derive(Debug)]
pub struct Tx<'a>(View<'a>);

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.0
    }
}

fn view<T>(
    connection: &mut Connection,
    question: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction()?;
    question(&View(&transaction))
}

fn open_to_read(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    prepare(&connection)?;
    match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        // A database in WAL mode wants a file beside it, also to be read. Where none can be made
        // (a read-only mount, a restored backup) and nobody has left one, nobody writes either.
        Err(error) if is_read_only(&error) && !beside(database, "-wal").exists() => {
            let mut url = Url::from_file_path(database).map_err(|()| error)?;
            url.set_query(Some("immutable=1"));
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(url.as_str(), flags)?;
            prepare(&connection)?;
            Ok(connection)
        }
        // Whatever else is wrong, those who ask will hear of it.
        _ => Ok(connection),
    }
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

/// One of the files that SQLite keeps beside a database.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What every connection needs. Other programs may look into the file: wait for them a while.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    listing::add_functions(connection)
}

fn millis(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis()
}

/// The time that a column of milliseconds says; one that no calendar has is out of range.
fn time(millis: i64) -> rusqlite::Result<DateTime<Utc>> {
    let time = Utc.timestamp_millis_opt(millis).single();
    time.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, millis))
}

fn maybe_time(millis: Option<i64>) -> rusqlite::Result<Option<DateTime<Utc>>> {
    millis.map(time).transpose()
}

/// An error for a column whose text says nothing that we know.
fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
}
