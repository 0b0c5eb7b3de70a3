//! What work costs, as the kernel tells.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// How long something took, and how long processors worked on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// One run of the daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) cost: Cost,
    pub(crate) peak_mib: f64,
}

impl Cost {
    /// Of work in this process.
    pub(crate) fn of(work: impl FnOnce()) -> Self {
        let (start, before) = (Instant::now(), own_cpu());
        work();
        Self { wall: start.elapsed(), cpu: own_cpu().saturating_sub(before) }
    }
}

fn own_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(micros.try_into().unwrap())
}

/// What another process has used so far, with all its threads and without its children.
pub(crate) fn cpu_of(pid: Pid) -> Duration {
    clock_gettime(ClockId::pid_cpu_clock_id(pid).unwrap()).unwrap().into()
}

/// The most memory that a process has had at a time.
pub(crate) fn peak_mib_of(pid: Pid) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024.0
}

/// The middle one.
pub(crate) fn median<T>(all: &[T], of: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
