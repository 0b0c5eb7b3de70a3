//! The one thread that writes.
//!
//! SQLite has one writer at a time anyway; a thread that owns the connection makes the order
//! plain, keeps blocking calls away from the async workers, and lets a change run to its end
//! even when the one who asked for it is gone.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::Tx;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// How many changes may wait before those who ask for more have to wait, too.
const QUEUE: usize = 64;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (jobs, queue): (SyncSender<Job>, Receiver<Job>) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || {
            for job in queue {
                job(&mut connection);
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `change` in one transaction and commits it, unless it fails.
    ///
    /// Not cancel-safe in the usual sense: once asked for, the change is made even if nobody
    /// waits for the answer.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_transaction(connection, change);
            // Nobody waits any more: the change is made all the same.
            drop(answer.send(result));
        });
        let jobs = self.jobs.clone().expect("the queue is open until the writer is dropped");
        let queued = tokio::task::spawn_blocking(move || jobs.send(job)).await;
        queued.expect("sending does not panic").expect("the thread runs until the queue closes");
        answered.await.expect("the thread answers every job")
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tx = Tx::new(transaction);
    let result = change(&tx)?;
    tx.commit()?;
    Ok(result)
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
