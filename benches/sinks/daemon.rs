//! seatwatch as its users run it, from its start until a lane has nothing left before it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cost::{self, Cost};
use crate::instance::Instance;

const PROGRAM: &str = env!("CARGO_BIN_EXE_seatwatch");

/// How often a lane is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// Whatever takes longer is stuck.
const LONGEST: Duration = Duration::from_secs(120);

/// A daemon that runs. It ends with this.
pub(crate) struct Daemon<'a> {
    instance: &'a Instance,
    /// The daemon, or what runs it.
    process: Child,
    pid: Pid,
    start: Instant,
}

/// What became of the deliveries of a sink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deliveries {
    pub(crate) accepted: u64,
    pub(crate) to_retry: u64,
}

/// Starts the daemon of an instance.
pub(crate) fn start(instance: &Instance) -> Daemon<'_> {
    let start = Instant::now();
    let process = spawn(Command::new(PROGRAM), instance);
    Daemon { instance, pid: pid(process.id()), process, start }
}

/// Starts it under a program that is given its command line.
pub(crate) fn start_under(mut wrapper: Command, instance: &Instance) -> Daemon<'_> {
    let start = Instant::now();
    wrapper.arg(PROGRAM);
    let process = spawn(wrapper, instance);
    let id = process.id();
    let child = loop {
        if let Some(child) = daemon_among_children(id) {
            break child;
        }
        assert!(start.elapsed() < LONGEST, "it does not start");
        std::thread::sleep(LOOK);
    };
    Daemon { instance, process, pid: pid(child), start }
}

/// The program may have other children, and the daemon is another program before it is itself.
fn daemon_among_children(id: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let mut children = children.split_whitespace().filter_map(|child| child.parse().ok());
    children.find(|child: &u32| {
        let program = fs::read_link(format!("/proc/{child}/exe"));
        program.is_ok_and(|program| program == Path::new(PROGRAM))
    })
}

fn spawn(mut command: Command, instance: &Instance) -> Child {
    let told = File::create(instance.output("told")).unwrap();
    command.arg("--config").arg(instance.config()).arg("run");
    command.env_remove("RUNTIME_DIRECTORY").env_remove("NOTIFY_SOCKET");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).spawn().unwrap()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap())
}

impl Daemon<'_> {
    /// Waits until a sink has the whole log behind it; returns what it took from the start on.
    pub(crate) fn drained(&self, sink: &str) -> Cost {
        let (reader, lane) = (self.instance.reader(), self.instance.lane(sink));
        let end = self.instance.events as u64;
        self.wait_until(|| Instance::cursor(&reader, sink, &lane) >= end);
        let cost = Cost { wall: self.start.elapsed(), cpu: cost::cpu_of(self.pid) };
        // The metrics are told a moment after that.
        self.wait_until(|| self.metric("sink_queue_events", &format!("sink=\"{sink}\"")) == 0);
        cost
    }

    fn wait_until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            assert!(self.start.elapsed() < LONGEST, "it is stuck");
            std::thread::sleep(LOOK);
        }
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        cost::peak_mib_of(self.pid)
    }

    /// What became of the deliveries of a sink.
    pub(crate) fn deliveries(&self, sink: &str) -> Deliveries {
        let retry = format!("reason=\"retry\",sink=\"{sink}\"");
        Deliveries {
            accepted: self.metric("sink_deliveries_total", &format!("sink=\"{sink}\"")),
            to_retry: self.metric("sink_delivery_failures_total", &retry),
        }
    }

    /// What its metrics say; 0 where they have no such series.
    fn metric(&self, name: &str, labels: &str) -> u64 {
        let address = self.instance.address;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        let mut metrics = String::new();
        stream.read_to_string(&mut metrics).unwrap();
        let series = format!("seatwatch_{name}{{{labels}}}");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Ends it as an operator would.
    pub(crate) fn stop(mut self) {
        kill(self.pid, Signal::SIGTERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Daemon<'_> {
    /// Where the bench broke off.
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            kill(self.pid, Signal::SIGKILL).ok();
            drop(self.process.wait());
        }
    }
}
