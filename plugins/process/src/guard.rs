//! The process between us and a plugin, which leaves nothing behind when either of us ends.
//!
//! It is our own executable, started again: it starts the plugin in a process group of its own,
//! hands it its own standard input, output and error, and waits. Whatever the plugin forks and
//! leaves alone becomes a child of the guard (`PR_SET_CHILD_SUBREAPER`, prctl(2)), also if it went
//! into another group or session. So "all that there is" is the guard's children, until none is
//! left.
//!
//! Only the daemon holds the other end of the standard input. When that is closed, on purpose or
//! because the daemon was killed, the guard sees the pipe hang up, and ends the plugin: 5 seconds,
//! TERM, 5 seconds, KILL; sooner if there is no daemon any more. A signal at our death
//! (`PR_SET_PDEATHSIG`) would be less: it comes when the *thread* ends that started the guard.
//!
//! A single thread and no runtime. Knows nothing of the protocol, and reads not a byte of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, getppid};
use seatwatch_sdk::io_reason;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};

/// How long a plugin has between the end of its input and TERM, and again until KILL.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The same when the daemon is gone: nobody waits for an answer any more.
const GRACE_OF_ORPHANS: Duration = Duration::from_secs(2);

/// How often the guard looks around while it ends a plugin.
const TICK: Duration = Duration::from_millis(50);

/// Asks a guard to kill everything at once.
pub(crate) const KILL_NOW: Signal = Signal::SIGUSR1;

static COMMAND: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says how to start the guard: a program and arguments that lead to [`run`], such as
/// `/proc/self/exe plugin-guard`. What is to be guarded comes after them.
///
/// The first call counts. Without it, plugins are started directly: they still end when the sink
/// does, but what they fork may stay.
pub fn set_guard(command: Vec<OsString>) {
    // A second one could only differ in tests, which share a process.
    let _already_set = COMMAND.set(command);
}

/// How to start a program: under the guard, if there is one.
pub(crate) fn command(program: &std::path::Path) -> (Command, bool) {
    match COMMAND.get().map(Vec::as_slice) {
        Some([guard, arguments @ ..]) => {
            let mut command = Command::new(guard);
            command.args(arguments).arg("--").arg(program);
            (command, true)
        }
        _ => (Command::new(program), false),
    }
}

/// Is the guard of the program that the arguments name (after `--`, if there is one), until
/// nothing is left of it. Ends as it has ended: with the same code, or by the same signal.
///
/// Must be called before the process has started any thread or has children.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().skip_while(|argument| argument == "--");
    let Some(program) = arguments.next() else { return complain("no program to guard", 64) };
    let started = Signals::new().and_then(|signals| {
        prctl::set_child_subreaper(true)?;
        Ok((signals, Command::new(&program).args(arguments).process_group(0).spawn()))
    });
    match started {
        Err(error) => complain(&format!("cannot guard a program: {}", io_reason(&error)), 71),
        Ok((_, Err(error))) => {
            let program = program.display();
            complain(&format!("cannot start `{program}`: {}", io_reason(&error)), 126)
        }
        Ok((signals, Ok(child))) => {
            let pid = Pid::from_raw(child.id().cast_signed());
            match let_go_of_output() {
                Ok(()) => end_as(Guard::new(pid).watch(&signals)),
                Err(error) => {
                    Guard::new(pid).kill();
                    complain(&format!("cannot guard a program: {}", io_reason(&error)), 71)
                }
            }
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "there is no log here: the daemon reads it as the plugin's"
)]
fn complain(what: &str, code: u8) -> ExitCode {
    eprintln!("{what}");
    ExitCode::from(code)
}

/// The daemon is to see the end of what the plugin writes also while the guard is there.
fn let_go_of_output() -> io::Result<()> {
    let nothing = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&nothing)?;
    dup2_stderr(&nothing)?;
    Ok(())
}

/// Signals that are waited for together with other things.
struct Signals {
    children: UnixStream,
    end: UnixStream,
    kill: UnixStream,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let pipe = |signals: &[i32]| {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            for signal in signals {
                signal_hook::low_level::pipe::register(*signal, theirs.try_clone()?)?;
            }
            io::Result::Ok(ours)
        };
        Ok(Self {
            children: pipe(&[SIGCHLD])?,
            end: pipe(&[SIGTERM, SIGINT, SIGHUP])?,
            kill: pipe(&[SIGUSR1])?,
        })
    }
}

/// Whether there was a signal since this was asked last.
fn came(mut signal: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    let mut any = false;
    while signal.read(&mut bytes).is_ok_and(|count| count > 0) {
        any = true;
    }
    any
}

/// How far the end of a plugin has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Its input has ended.
    Leaving {
        since: Instant,
    },
    /// It was asked to end.
    Asked {
        since: Instant,
    },
    /// It, or what it has left, is being killed.
    Killing,
}

struct Guard {
    program: Pid,
    daemon: Pid,
    phase: Phase,
    /// How the program ended, once it has.
    status: Option<WaitStatus>,
}

impl Guard {
    fn new(program: Pid) -> Self {
        Self { program, daemon: getppid(), phase: Phase::Running, status: None }
    }

    /// Waits until nothing is left, and ends what does not end by itself.
    fn watch(mut self, signals: &Signals) -> Option<WaitStatus> {
        while self.reap() {
            let hung_up = self.wait(signals);
            came(&signals.children);
            self.advance(hung_up, came(&signals.end), came(&signals.kill));
            if self.status.is_some() && children().is_none() {
                break; // What it has left cannot be found without /proc, and may never end.
            }
        }
        self.status
    }

    /// Takes note of who has ended. False once there is nobody any more.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return true,
                Ok(status) if status.pid() == Some(self.program) => self.status = Some(status),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Waits for a signal, for the end of the input, or for the time to look again. Tells whether
    /// the input has ended.
    fn wait(&self, signals: &Signals) -> bool {
        let stdin = io::stdin();
        let mut all = [&signals.children, &signals.end, &signals.kill]
            .map(|signal| PollFd::new(signal.as_fd(), PollFlags::POLLIN))
            .to_vec();
        let running = self.phase == Phase::Running && self.status.is_none();
        let timeout = if running {
            // What is in the pipe is the plugin's: only its end is asked for, and only once,
            // because it would be told without end.
            all.push(PollFd::new(stdin.as_fd(), PollFlags::empty()));
            PollTimeout::NONE
        } else {
            PollTimeout::try_from(TICK).expect("it is a few milliseconds")
        };
        // An interruption is a signal, which has left its mark in a pipe.
        let _interrupted = poll(&mut all, timeout);
        running && all.last().and_then(PollFd::any).unwrap_or(false)
    }

    fn advance(&mut self, hung_up: bool, end: bool, kill: bool) {
        let now = Instant::now();
        let grace = if getppid() == self.daemon { GRACE } else { GRACE_OF_ORPHANS };
        let is_over = |since| now.duration_since(since) >= grace;
        self.phase = match self.phase {
            _ if kill || self.status.is_some() => Phase::Killing,
            Phase::Running if end => self.ask(now),
            Phase::Running if hung_up => Phase::Leaving { since: now },
            Phase::Leaving { since } if end || is_over(since) => self.ask(now),
            Phase::Asked { since } if is_over(since) => Phase::Killing,
            same => same,
        };
        if self.phase == Phase::Killing {
            self.kill();
        }
    }

    fn ask(&self, now: Instant) -> Phase {
        // Where there is no such group any more, there is nobody to ask.
        let _gone = signal::killpg(self.program, Signal::SIGTERM);
        Phase::Asked { since: now }
    }

    /// Kills all that are our children now. Their own children become ours by that.
    fn kill(&self) {
        if self.status.is_none() {
            let _gone = signal::killpg(self.program, Signal::SIGKILL);
        }
        // Nobody else waits for them, so that each number is still theirs.
        for child in children().unwrap_or_default() {
            let _gone = signal::kill(child, Signal::SIGKILL);
        }
    }
}

/// Our children, as `proc_pid_children(5)` lists them, if it does. Somebody who comes or goes just
/// now may be missing; there is always another round.
fn children() -> Option<Vec<Pid>> {
    let children = fs::read_to_string("/proc/thread-self/children").ok()?;
    let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    Some(pids.map(Pid::from_raw).collect())
}

/// Ends as the program did.
fn end_as(status: Option<WaitStatus>) -> ExitCode {
    match status {
        Some(WaitStatus::Exited(_, code)) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Some(WaitStatus::Signaled(_, signal, _)) => {
            // The program has left its own core dump, if any is wanted.
            let _best_effort = prctl::set_dumpable(false);
            let _ends_us = signal_hook::low_level::emulate_default_handler(signal as i32);
            ExitCode::from(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX))
        }
        // Nothing can end otherwise, and somebody else's reaping would be ours.
        _ => ExitCode::FAILURE,
    }
}
