//! The life of a started program: a thread that waits for its end, and the ways to bring it about.
//!
//! A thread and not a task, so that a program is waited for also while the runtime shuts down. A
//! signal can only reach a program that has not been waited for: its number cannot yet be
//! somebody else's.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::guard::{GRACE, KILL_NOW};

/// How many programs there are now.
static RUNNING: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Waits until no plugin is running any more, and nothing that one has forked.
///
/// Sinks that are dropped let their plugins end in peace, which may take ten seconds. A daemon that
/// ends before that leaves it to their guards.
pub async fn all_ended() {
    let ended = RUNNING.subscribe().wait_for(|running| *running == 0).await.map(drop);
    ended.expect("the sender is never dropped");
}

/// A program that was started.
#[derive(Clone)]
pub(crate) struct Life(Arc<Shared>);

struct Shared {
    pid: Pid,
    /// Whether the process is a guard, which ends the program by itself.
    guarded: bool,
    status: Mutex<Option<ExitStatus>>,
    ended: Condvar,
    told: watch::Sender<Option<ExitStatus>>,
}

impl Life {
    /// Waits for the end of a program in its own process group, from now on.
    pub(crate) fn of(mut child: Child, guarded: bool) -> io::Result<Self> {
        let life = Self(Arc::new(Shared {
            pid: Pid::from_raw(child.id().cast_signed()),
            guarded,
            status: Mutex::new(None),
            ended: Condvar::new(),
            told: watch::Sender::new(None),
        }));
        let waiting = life.clone();
        RUNNING.send_modify(|running| *running += 1);
        let thread = thread::Builder::new().name("plugin-end".to_owned());
        let started = thread.spawn(move || {
            waiting.wait(&mut child);
            RUNNING.send_modify(|running| *running -= 1);
        });
        if started.is_err() {
            RUNNING.send_modify(|running| *running -= 1);
        }
        started.map(|_| life)
    }

    fn wait(&self, child: &mut Child) {
        let end = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(self.0.pid), end) == Err(Errno::EINTR) {}
        let mut status = self.lock();
        if !self.0.guarded {
            // What it has forked into its group. The group is there as long as it is not reaped.
            let _gone = signal::killpg(self.0.pid, Signal::SIGKILL);
        }
        let ended = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        *status = Some(ended);
        drop(status);
        self.0.ended.notify_all();
        self.0.told.send_replace(Some(ended));
    }

    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it ended, if it has.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        *self.lock()
    }

    /// Waits for its end. Cancel-safe.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let mut told = self.0.told.subscribe();
        let status = told.wait_for(Option::is_some).await.map(|status| *status);
        status.ok().flatten().expect("the sender lives as long as we do")
    }

    /// Kills it now, and all that it has forked.
    pub(crate) fn kill(&self) {
        let Shared { pid, guarded, .. } = *self.0;
        let status = self.lock();
        if status.is_none() {
            let _gone = if guarded {
                signal::kill(pid, KILL_NOW)
            } else {
                signal::killpg(pid, Signal::SIGKILL)
            };
        }
    }

    /// Sees to its end now that it was told to end and its input is closed. Returns at once.
    pub(crate) fn let_end(&self) {
        if self.0.guarded || self.status().is_some() {
            return;
        }
        let life = self.clone();
        let thread = thread::Builder::new().name("plugin-shutdown".to_owned());
        let started = thread.spawn(move || {
            for signal in [Signal::SIGTERM, Signal::SIGKILL] {
                if life.ends_within(GRACE) {
                    break;
                }
                let status = life.lock();
                if status.is_none() {
                    let _gone = signal::killpg(life.0.pid, signal);
                }
            }
        });
        if started.is_err() {
            self.kill();
        }
    }

    fn ends_within(&self, time: Duration) -> bool {
        let status = self.lock();
        let waited = self.0.ended.wait_timeout_while(status, time, |status| status.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }
}

/// How a program ended, in words.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(Ok(signal))) => format!("was killed by {signal}"),
        (None, _) => "was killed".to_owned(),
    }
}
