//! The one thread that writes.
//!
//! SQLite has one writer at a time anyway; a thread that owns the connection makes the order
//! plain, keeps blocking calls away from the async workers, and lets a change run to its end
//! even when the one who asked for it is gone.
//!
//! Changes that wait while another is made are committed together with it: most of the time of a
//! small change is its fsync. Each is still whole or not at all, and nobody hears of a change
//! before it is on the disk.

use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior, ffi};
use tokio::sync::{OwnedRwLockReadGuard, mpsc, oneshot, watch};

use super::{LogState, Tx, View};

/// How many changes may wait before those who ask for more have to wait, too; and how many are
/// committed together at most.
const QUEUE: usize = 64;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    log: watch::Sender<LogState>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `log` is how the log stands.
    pub(super) fn start(mut connection: Connection, log: LogState) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let log = watch::Sender::new(log);
        let told = log.clone();
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            while let Some(first) = queue.blocking_recv() {
                serve(&mut connection, first, &mut queue, &told);
            }
        })?;
        Ok(Self { jobs: Some(jobs), log, thread: Some(thread) })
    }

    /// Runs `change` in a transaction and commits it, unless it fails. The gate stays `open` until
    /// then.
    ///
    /// Not cancel-safe in the usual sense: once it is queued, the change is made even if nobody
    /// waits for the answer.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        open: OwnedRwLockReadGuard<()>,
        change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Asked { change: Some(change), made: None, answer, _open: open });
        let jobs = self.jobs.as_ref().expect("the queue is open until the writer is dropped");
        assert!(jobs.send(job).await.is_ok(), "the thread runs until the queue closes");
        answered.await.expect("the thread answers every job")
    }

    /// Watches how the log stands, as it is committed.
    pub(super) fn follow_log(&self) -> watch::Receiver<LogState> {
        self.log.subscribe()
    }
}

impl Drop for Writer {
    /// Lets the changes that are queued end, so that the database is closed in good order.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was already reported by the panic hook.
            drop(thread.join());
        }
    }
}

/// A change that somebody waits for.
trait Job: Send {
    /// Makes the change in the transaction that is open; an error says that it was not made whole.
    fn make(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Tells whoever waits, now that the transaction is committed or lost.
    fn answer(self: Box<Self>, committed: &rusqlite::Result<()>);
}

struct Asked<C, T> {
    change: Option<C>,
    made: Option<rusqlite::Result<T>>,
    answer: oneshot::Sender<rusqlite::Result<T>>,
    /// With the job and not with whoever asked: it is made also where they are gone.
    _open: OwnedRwLockReadGuard<()>,
}

impl<C, T> Job for Asked<C, T>
where
    C: FnOnce(&Tx<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn make(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let change = self.change.take().expect("a change is made once");
        let made = self.made.insert(change(&Tx(View(connection))));
        made.as_ref().map(drop).map_err(copy)
    }

    fn answer(self: Box<Self>, committed: &rusqlite::Result<()>) {
        let result = match (self.made, committed) {
            // Its own failure says more than what became of the others.
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(copy(error)),
            (made, Ok(())) => made.expect("what was not made is not committed"),
        };
        // Nobody waits any more: the change is made all the same.
        drop(self.answer.send(result));
    }
}

/// Makes and commits a change and those that are queued behind it, then tells everybody.
fn serve(
    connection: &mut Connection,
    first: Box<dyn Job>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    log: &watch::Sender<LogState>,
) {
    let mut group = vec![first];
    let committed = commit_together(connection, &mut group, queue).map(|state| {
        log.send_if_modified(|known| std::mem::replace(known, state) != state);
    });
    for job in group {
        job.answer(&committed);
    }
}

/// Returns how the log stands then. An error means that nothing of the group was committed.
fn commit_together(
    connection: &mut Connection,
    group: &mut Vec<Box<dyn Job>>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
) -> rusqlite::Result<LogState> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let first = group.first_mut().expect("a group begins with a change");
    // If it fails there is nothing to keep, so it needs no savepoint.
    first.make(&transaction)?;
    while group.len() < QUEUE
        && let Ok(next) = queue.try_recv()
    {
        group.push(next);
        let next = group.last_mut().expect("it was just pushed");
        let savepoint = transaction.savepoint()?;
        match next.make(&savepoint) {
            Ok(()) => savepoint.commit()?,
            Err(error) => {
                savepoint.finish().ok();
                // Some failures, such as a full disk, take the whole transaction with them.
                if transaction.is_autocommit() {
                    return Err(error);
                }
            }
        }
    }
    let state = View(&transaction).log_state()?;
    transaction.commit()?;
    Ok(state)
}

/// The same error once more, for each of those whom it concerns.
fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    let code = error.sqlite_error().copied();
    let code = code.unwrap_or_else(|| ffi::Error::new(ffi::SQLITE_ABORT));
    rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
}

#[cfg(test)]
mod tests;
