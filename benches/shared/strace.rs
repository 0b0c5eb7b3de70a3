//! Counts fsyncs with `strace`, where that is installed.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether there is one; says so if not.
pub(crate) fn is_there() -> bool {
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    let is_there = version.is_ok_and(|status| status.success());
    if !is_there {
        println!("no strace here: fsyncs are not counted");
    }
    is_there
}

/// The beginning of a command line, after which the command comes whose fsyncs go into `log`.
pub(crate) fn into(log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-o"]);
    strace.arg(log).arg("--");
    strace
}

/// The fsyncs in a log, a line each, with the path of the file.
pub(crate) fn fsyncs(log: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).unwrap();
    // A call that another thread interrupts is two lines, and only the first one names the file.
    log.lines().filter(|line| line.contains("sync(")).map(str::to_owned).collect()
}
