//! How often the daemon waits for the disk, counted with `strace` where that is installed.

use std::process::{Command, Stdio};

use crate::case::SINK;
use crate::daemon;
use crate::instance::Instance;

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

pub(crate) fn can_be_counted() -> bool {
    let is_there = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    let is_there = is_there.is_ok_and(|status| status.success());
    if !is_there {
        println!("no strace here: fsyncs are not counted");
    }
    is_there
}

/// Delivers the whole log to [`SINK`].
pub(crate) fn count(instance: &Instance) -> Fsyncs {
    let log = instance.output("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-o"]);
    strace.arg(&log).arg("--");
    let daemon = daemon::start_under(strace, instance);
    daemon.drained(SINK);
    let deliveries = daemon.deliveries(SINK).accepted;
    daemon.stop();
    let log = std::fs::read_to_string(log).unwrap();
    // A call that another thread interrupts is two lines, and only the first one names the file.
    let calls = || log.lines().filter(|line| line.contains("sync("));
    let of = |end: &str| calls().filter(|line| line.contains(end)).count() as u64;
    let (wal, database) = (of("/seatwatch.db-wal>"), of("/seatwatch.db>"));
    Fsyncs { deliveries, wal, database, others: calls().count() as u64 - wal - database }
}
