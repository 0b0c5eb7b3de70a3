//! Syncs that are in each other's way, and syncs that are told to end.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seatwatch::store::{Reader, is_locked};
use serde_json::Value;

use crate::ledger::{listed, stored};
use crate::receivers::{Hook, Says};
use crate::world::{ACME, World};

/// A sync that Codecov keeps waiting, in the middle of its list.
struct Waiting {
    child: Child,
    /// Lets Codecov answer.
    gate: Sender<()>,
}

impl Waiting {
    /// Starts a sync and returns once it has asked for the list.
    fn start(world: &World) -> Self {
        let (gate, open) = channel();
        let asked = hold_answers(world, open);
        let mut command = world.command(&["sync"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        asked.recv_timeout(Duration::from_secs(60)).unwrap();
        Self { child, gate }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn end(self) -> String {
        let Output { status, stdout, stderr } = self.child.wait_with_output().unwrap();
        let code = status.code().map_or("killed".to_owned(), |code| format!("exit code {code}"));
        // Nobody may be waiting any more.
        self.gate.send(()).ok();
        format!("{}{}{code}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    }
}

/// Says when the next request has come, and answers no request before the gate is opened once.
fn hold_answers(world: &World, open: Receiver<()>) -> Receiver<()> {
    let (came, asked) = channel();
    let mut gate = Some((came, open));
    world.simulator.before_request(move |_, _| {
        if let Some((came, open)) = gate.take() {
            came.send(()).unwrap();
            // A sender that is gone is a gate that is open.
            open.recv().ok();
        }
    });
    asked
}

#[test]
fn a_second_sync_is_refused_and_does_not_disturb_the_first() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.members("ann* bob! cat");
    let first = Waiting::start(&world);

    insta::assert_snapshot!(world.sync().shown(), @r"
    error: [DIR]/state: in use by another seatwatch
    hint: a daemon has it until it is stopped, a sync until it has ended; another instance needs its own `state_dir`
    exit code 75
    ");
    // Who only reads is not kept waiting.
    assert_eq!(stored(&world).len(), 2);
    assert_eq!(state(&world), "syncing");

    first.gate.send(()).unwrap();
    insta::assert_snapshot!(first.end(), @r"
    github/acme  3 members (+1)  1 seat  1 admin
      joined         cat
    exit code 0
    ");
    assert_eq!(world.told(), "baselined\njoined cat\n");
    assert_eq!(state(&world), "connected");
}

/// What `seatwatch status` says of the organization.
fn state(world: &World) -> Value {
    world.run(&["status", "--format", "json"]).rows()[0]["state"].clone()
}

/// Nothing is under way any more, although nobody could say so.
#[test]
fn a_killed_sync_does_not_seem_to_go_on() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    let sync = Waiting::start(&world);
    sync.signal(Signal::SIGKILL);
    assert_eq!(sync.end(), "killed");
    assert_eq!(state(&world), "connected");
}

/// Runs syncs while somebody looks at the state directory all the time; all must end well.
fn sync_while(world: &World, syncs: usize, look: impl Fn(&Path) + Sync) {
    let (directory, done) = (world.state_dir(), AtomicBool::new(false));
    let ran: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                look(&directory);
            }
        });
        let ran = (0..syncs).map(|_| world.sync()).collect();
        done.store(true, Ordering::Relaxed);
        ran
    });
    for ran in ran {
        ran.ok();
    }
}

/// `status` asks whether a sync is under way. That is no reason to refuse one.
#[test]
fn who_asks_for_the_lock_keeps_no_sync_out() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    sync_while(&world, 10, |directory| {
        is_locked(directory);
    });
}

/// The database is made step by step, and who reads can come between any two.
#[test]
fn who_reads_does_not_disturb_the_first_sync() {
    for _ in 0..10 {
        let world = World::start("ann* bob!");
        sync_while(&world, 1, |directory| drop(Reader::open(directory).unwrap()));
    }
}

#[test]
fn a_sync_that_is_told_to_end_commits_nothing() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let world = World::start("ann* bob!");
        world.sync().ok();
        world.members("bob!");
        let sync = Waiting::start(&world);
        sync.signal(signal);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sync.end(), @r"
            error: interrupted: syncs that had not ended committed nothing
            exit code 130
            ");
        }
        assert_eq!(stored(&world).len(), 2);
        assert_eq!(world.told(), "baselined\n");

        world.sync().ok();
        assert_eq!(stored(&world), listed(&world));
        assert_eq!(world.told(), "baselined\nleft ann\nseat_lost ann\n");
    }
}

/// What was committed is told of as such, and who has not been told of it is named.
#[test]
fn a_sync_that_is_told_to_end_while_it_delivers_says_what_stays_queued() {
    let world = World::start("ann* bob!");
    let hook = Hook::start(&world.runtime);
    hook.says(Says::KeepsAndHangs);
    let siem = format!("siem: {{ type: webhook, url: \"{}\" }}", hook.url());
    let world = world.with_other_sink(&siem);
    let mut command = world.command(&["sync"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let queued = || world.run(&["outbox", "list", "--format", "csv"]).ok().stdout.lines().count();
    // A header, and the one that waits.
    while hook.events().is_empty() || queued() != 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for the delivery");
    }
    let sync = Waiting { child, gate: channel().0 };
    sync.signal(Signal::SIGINT);
    insta::assert_snapshot!(sync.end(), @"
    github/acme  2 members  1 seat  1 admin  baseline
      baselined
    sink siem: 1 event stays queued
    error: interrupted during the delivery: all syncs had ended, and what they found is committed
    hint: what is queued is delivered by the next `seatwatch sync`
    exit code 130
    ");
    hook.says(Says::Status(200));
    world.sync().ok();
    assert_eq!(hook.once().len(), 1, "it comes under the same id");
}

/// Also the very first one leaves nothing that looks like a roster.
#[test]
fn a_first_sync_that_is_told_to_end_leaves_no_baseline() {
    let world = World::start("ann* bob!");
    let sync = Waiting::start(&world);
    sync.signal(Signal::SIGINT);
    sync.end();
    insta::assert_snapshot!(world.run(&["roster", ACME]).shown(), @r"
    error: github/acme: no roster was read yet
    hint: run `seatwatch sync github/acme`
    exit code 65
    ");
    assert_eq!(world.told(), "");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\n");
}
