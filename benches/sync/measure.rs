//! Runs a command and tells what it cost.
//!
//! Between the bench and the command stands a small process that has no other child: the kernel
//! then tells CPU time and peak memory of the command alone.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::server::Counts;
use crate::shared::strace;

/// One run of a command.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mib: f64,
}

/// What was noted of all runs of one command.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) samples: Vec<Sample>,
    pub(crate) fsyncs: Option<u64>,
    pub(crate) rows: u64,
    pub(crate) counts: Counts,
}

/// A new directory on a real disk, where an fsync costs what it does.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Nanoseconds on a clock that all processes share.
pub(crate) fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    u64::try_from(Duration::from(now).as_nanos()).unwrap()
}

/// Runs a command once more, and adds what it cost.
pub(crate) fn timed(tally: &mut Tally, command: &[String]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--role", "measure"])
        .args(command)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}");
    tally.samples.push(serde_json::from_slice(&output.stdout).unwrap());
}

/// The process in between.
pub(crate) fn measure(command: &[&str]) {
    let start = Instant::now();
    run(&mut Command::new(command[0]), &command[1..]);
    let wall = start.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let cpu_micros = (usage.user_time() + usage.system_time()).num_microseconds();
    #[expect(clippy::cast_precision_loss, reason = "nothing here is that large")]
    let sample = Sample {
        wall_ms: wall.as_secs_f64() * 1e3,
        cpu_ms: cpu_micros as f64 / 1e3,
        peak_mib: usage.max_rss() as f64 / 1024.0,
    };
    println!("{}", serde_json::to_string(&sample).unwrap());
}

/// Runs a command under `strace` and counts its fsyncs; none where there is no `strace`.
pub(crate) fn fsync_counter() -> Option<fn(&mut Tally, &[String])> {
    if !strace::is_there() {
        return None;
    }
    Some(|tally, command| {
        let directory = directory();
        let log = directory.path().join("strace");
        run(&mut strace::into(&log), command);
        tally.fsyncs = Some(strace::fsyncs(&log).len() as u64);
    })
}

fn run(command: &mut Command, arguments: &[impl AsRef<std::ffi::OsStr>]) {
    let status = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "{command:?}");
}
