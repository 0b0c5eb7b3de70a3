//! How often the daemon waits for the disk, counted with `strace` where that is installed.

use crate::case::SINK;
use crate::daemon;
use crate::instance::Instance;
use crate::shared::strace;

/// Fsyncs of one run, and what it delivered meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fsyncs {
    pub(crate) deliveries: u64,
    /// Of the log that the database writes ahead: each transaction has one.
    pub(crate) wal: u64,
    /// Of the database itself, when what was written ahead is brought home: one of the WAL goes
    /// before it.
    pub(crate) database: u64,
    /// Of anything else: the file that a sink writes.
    pub(crate) others: u64,
}

impl Fsyncs {
    /// How many transactions were committed, those of the start among them.
    pub(crate) fn transactions(self) -> u64 {
        self.wal.saturating_sub(self.database)
    }
}

/// Delivers the whole log to [`SINK`].
pub(crate) fn count(instance: &Instance) -> Fsyncs {
    let log = instance.output("strace");
    let daemon = daemon::start_under(strace::into(&log), instance);
    daemon.drained(SINK);
    let deliveries = daemon.deliveries(SINK).accepted;
    daemon.stop();
    let calls = strace::fsyncs(&log);
    let of = |end: &str| calls.iter().filter(|call| call.contains(end)).count() as u64;
    let (wal, database) = (of("/seatwatch.db-wal>"), of("/seatwatch.db>"));
    Fsyncs { deliveries, wal, database, others: calls.len() as u64 - wal - database }
}
