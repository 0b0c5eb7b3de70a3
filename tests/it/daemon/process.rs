//! Runs `seatwatch run` as a process of its own, with an ear where systemd would listen.
//!
//! Nothing here sleeps for luck: whoever expects something waits until it is so, and a daemon that
//! ends meanwhile, or never gets there, fails the test with what it wrote. Nothing is left behind.

use std::cell::RefCell;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seatwatch::organization::OrganizationId;
use seatwatch::simulator::{Fault, Route, When};
use serde_json::Value;

use crate::world::{World, in_words, whole_lines};

/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What connections may keep open while nobody uses them: four to the database with three files
/// each, and some to Codecov. How many there are at a moment is no news; only what is left behind
/// again and again is.
pub(super) const IDLE_DESCRIPTORS: usize = 20;

/// A daemon that runs. Dropped, it is killed.
pub(super) struct Running {
    child: RefCell<Child>,
    ear: Ear,
    log: PathBuf,
}

/// Listens where systemd would, all the time: who tells it something waits until there is room.
struct Ear {
    path: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    fn listen(path: PathBuf) -> Self {
        fs::remove_file(&path).ok();
        let socket = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let written = Arc::clone(&heard);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = socket.recv(&mut buffer) {
                let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
                written.lock().unwrap().push(message);
            }
        });
        Self { path, heard, thread: Some(thread) }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // Nothing at all is the end. Where a test has failed, its directory is gone already.
        let socket = UnixDatagram::unbound().unwrap();
        if socket.send_to(&[], &self.path).is_ok() {
            self.thread.take().unwrap().join().unwrap();
        }
    }
}

impl World {
    /// Starts the daemon; it is ready when this returns.
    pub(super) fn daemon(&self) -> Running {
        self.daemon_with(|_| {})
    }

    /// The same with another environment or user.
    pub(super) fn daemon_with(&self, prepare: impl FnOnce(&mut Command)) -> Running {
        let mut command = self.command(&["run"]);
        for name in ["RUNTIME_DIRECTORY", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"] {
            command.env_remove(name);
        }
        prepare(&mut command);
        self.launch(command)
    }

    /// The same with another config.
    pub(super) fn daemon_of(&self, config: &str) -> Running {
        self.launch(self.command_with(config, &["run"]))
    }

    pub(super) fn launch(&self, mut command: Command) -> Running {
        let (log, ear) = (self.path("daemon.log"), self.path("notify.sock"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command.env("NOTIFY_SOCKET", &ear).stdout(Stdio::null()).stderr(file);
        let ear = Ear::listen(ear);
        let running = Running { child: RefCell::new(command.spawn().unwrap()), ear, log };
        running.until_heard("READY=1");
        running
    }

    /// Adds a schedule that names a second of a year: what is to be synced has to be asked for.
    pub(super) fn rarely(self) -> Self {
        self.with_config("schedule: \"0 0 29 2 *\"")
    }

    /// Adds a schedule that names every second.
    pub(super) fn every_second(self) -> Self {
        self.with_config("schedule: \"* * * * * *\"")
    }

    /// Watches another organization of GitHub, with a token of its own.
    pub(super) fn watching(self, owner: &str, members: &str) -> Self {
        self.members_of(owner, members);
        let token = self.edit(|world, _| {
            let organization = world.organization(&github(owner));
            world.issue_token(owner, organization)
        });
        self.write_token_to(&format!("{owner}-token"), &token);
        self.with_other(&format!(
            "{{ service: github, owner: {owner}, token_file: {owner}-token }}"
        ))
    }

    /// Sets the members of another organization.
    pub(super) fn members_of(&self, owner: &str, members: &str) {
        self.edit(|world, _| {
            let organization = world.organization(&github(owner));
            world.set_members(organization, members);
        });
    }

    /// The whole lines of the file so far as `event member`, one a line.
    pub(super) fn told_so_far(&self) -> String {
        words(&whole_events(&self.path("events.ndjson")))
    }

    /// Lets the list of an organization hang until it is calm again.
    pub(super) fn hang(&self, organization: &str) {
        let when = When::always().on(Route::Users).organization(organization.parse().unwrap());
        self.simulator.fault(when, Fault::Hang);
    }
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().unwrap()), signal).unwrap();
    }

    /// Waits until `look` sees something, and returns it.
    #[track_caller]
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            let ended = self.child.borrow_mut().try_wait().unwrap();
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            assert_eq!(ended, None, "waiting for {what}, the daemon ended:\n{}", log());
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}:\n{}", log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the file of the world tells exactly this.
    #[track_caller]
    pub(super) fn until_told(&self, world: &World, told: &str) {
        let mut last = String::new();
        let what = format!("`{told}`");
        self.until(&what, || {
            last = world.told_so_far();
            assert!(told.starts_with(&last), "{last} instead of {told}");
            (last == told).then_some(())
        });
    }

    /// Waits until Codecov has had so many requests.
    #[track_caller]
    pub(super) fn until_asked(&self, world: &World, requests: u64) {
        let what = format!("request {requests}");
        self.until(&what, || (world.simulator.requests() >= requests).then_some(()));
    }

    /// Lets the list of an organization hang, and waits until a sync is in the middle of it. There
    /// is no other until it is over.
    #[track_caller]
    pub(super) fn until_hung(&self, world: &World, organization: &str) {
        world.hang(organization);
        let before = world.simulator.requests();
        let list = format!("/{organization}/users/");
        self.until(&format!("a sync of {organization}"), || {
            let log = world.simulator.log();
            let mut new = log.iter().filter(|request| request.number > before);
            new.find(|request| request.target.contains(&list)).map(drop)
        });
    }

    /// Waits until the daemon tells systemd something that begins so, after what was waited for
    /// last; returns it.
    #[track_caller]
    pub(super) fn until_heard(&self, beginning: &str) -> String {
        self.until(beginning, || {
            let mut heard = self.ear.heard.lock().unwrap();
            let index = heard.iter().position(|message| message.starts_with(beginning))?;
            heard.drain(..=index).next_back()
        })
    }

    /// Everything that systemd was told and nobody has waited for.
    pub(super) fn heard(&self) -> Vec<String> {
        self.ear.heard.lock().unwrap().clone()
    }

    /// What the daemon has written of itself, and those before it in this world.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for a line of the log that contains all of these.
    #[track_caller]
    pub(super) fn until_logged(&self, parts: &[&str]) {
        let has = |line: &str| parts.iter().all(|part| line.contains(part));
        self.until(&parts.join(" … "), || self.log().lines().any(has).then_some(()));
    }

    /// Waits for the end.
    #[track_caller]
    pub(super) fn end(self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.borrow_mut().try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop, which must end well; returns what it wrote.
    #[track_caller]
    pub(super) fn stop(self) -> String {
        let log = self.log.clone();
        self.signal(Signal::SIGTERM);
        assert_eq!(self.end().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
        fs::read_to_string(log).unwrap()
    }

    /// Ends it without a chance to tidy up.
    pub(super) fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.end();
    }

    /// How many descriptors it has open.
    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// A number of `/proc/PID/status`, such as `Threads` or `VmRSS` (in kB).
    pub(super) fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.borrow_mut();
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn github(owner: &str) -> OrganizationId {
    format!("github/{owner}").parse().unwrap()
}

/// The events of a file that is being written: its whole lines.
pub(super) fn whole_events(path: &Path) -> Vec<Value> {
    whole_lines(path).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Events as `event member`, one a line.
pub(super) fn words(events: &[Value]) -> String {
    events.iter().map(|event| in_words(event) + "\n").collect()
}
