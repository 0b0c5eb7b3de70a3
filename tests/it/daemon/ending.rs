//! Every way in which the daemon ends, and what the next one finds.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::process::{Running, words};
use super::receiving::siem;
use crate::ledger::stored;
use crate::receivers::{Hook, Says};
use crate::world::{ACME, NOBODY, World, is_root};

/// Lets a sync hang that would find a change.
fn syncing(world: &World, daemon: &Running) {
    daemon.until_told(world, "baselined\n");
    daemon.until_hung(world, ACME);
    world.members("bob!");
}

#[test]
fn a_fetch_that_is_dropped_commits_nothing() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    syncing(&world, &daemon);
    let log = daemon.stop();
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
    assert_eq!(stored(&world).len(), 2);
    assert_eq!(world.told(), "baselined\n");
    // Nothing seems to be under way, and nothing stands in the way of the next sync.
    let status = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!(status[0]["state"], "connected");
    world.calm().sync().ok();
    assert_eq!(world.told(), "baselined\nleft ann\nseat_lost ann\n");
}

/// What a receiver has taken is noted, also where the disk takes its time to.
#[test]
fn a_delivery_under_way_gets_its_time() {
    let world = World::start("ann* bob!").rarely();
    let hook = Hook::start(&world.runtime);
    hook.says(Says::WhenLetGo);
    let world = world.with_other_sink(&siem(&hook, ""));
    let daemon = world.daemon();
    daemon.until("an attempt", || (hook.attempts().len() == 1).then_some(()));
    let database = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.signal(Signal::SIGTERM);
    daemon.until_heard("STOPPING=1");
    hook.let_go();
    daemon.until("its answer", || (hook.events().len() == 1).then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(2));
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(daemon.end().code(), Some(0));
    let log = fs::read_to_string(world.path("daemon.log")).unwrap();
    assert!(!log.contains("broken off"), "{log}");
    // Its acceptance was noted: it does not come again.
    let queued = world.run(&["status", "--format", "json"]).ok();
    assert!(!queued.shown().contains("queued\": 1"), "{}", queued.shown());
    hook.says(Says::Status(200));
    world.members("ann* bob! cat").sync().ok();
    assert_eq!(words(&hook.events()), "baselined\njoined cat\n");
    assert_eq!(hook.attempts().len(), 2, "each once");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon_with(|command| {
        // As on a machine with one core, where one task that hangs could be all that runs.
        command.env("TOKIO_WORKER_THREADS", "1");
        command.env("FAILPOINTS", "dispatch:delivered=sleep(600000)");
    });
    daemon.until_told(&world, "baselined\n");
    daemon.signal(Signal::SIGTERM);
    daemon.until_heard("STOPPING=1");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.end().code(), Some(130));
}

#[test]
fn a_killed_daemon_leaves_nothing_in_the_way_of_the_next() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    syncing(&world, &daemon);
    daemon.kill();
    let socket = world.state_dir().join("control.sock");
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    // A command finds a socket that nobody listens on, and does it by itself.
    world.calm().members("ann* bob! cat").sync().ok();

    let daemon = world.daemon();
    world.members("ann* bob!");
    daemon.until_told(&world, "baselined\njoined cat\nleft cat\n");
    daemon.stop();
    assert!(fs::symlink_metadata(&socket).is_err(), "the socket stays");
}

/// Starts a `sync` that the daemon is asked for, and ends the daemon in the middle of it.
fn asked_when_it_ended(signal: Signal) -> String {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let before = world.simulator.requests();
    world.hang(ACME);
    let mut command = world.command(&["sync"]);
    let asking = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    daemon.until_asked(&world, before + 1);
    daemon.signal(signal);
    daemon.end();
    let output = asking.wait_with_output().unwrap();
    assert!(output.stdout.is_empty());
    format!("{}exit code {:?}", String::from_utf8_lossy(&output.stderr), output.status.code())
}

#[test]
fn a_command_whose_daemon_ends_says_so() {
    insta::assert_snapshot!(asked_when_it_ended(Signal::SIGKILL), @r"
    error: the daemon ended before it had answered
    hint: its log says why; what was committed is in `seatwatch status`
    exit code Some(75)
    ");
    insta::assert_snapshot!(asked_when_it_ended(Signal::SIGTERM), @r"
    error: the daemon ended before it had answered
    hint: its log says why; what was committed is in `seatwatch status`
    exit code Some(75)
    ");
}

#[test]
fn a_second_daemon_is_refused_and_does_not_disturb_the_first() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    insta::assert_snapshot!(world.run(&["run"]).shown(), @"
    error: [DIR]/state: in use by another seatwatch
    hint: a daemon has it until it is stopped, a sync until it has ended; another instance needs its own `state_dir`
    exit code 75
    ");
    world.members("ann* bob! cat");
    daemon.until_told(&world, "baselined\njoined cat\n");
    // Its socket is still there.
    world.run(&["sync"]).ok();
    daemon.stop();
}

#[test]
fn nobody_runs_a_daemon_on_the_state_of_another_user() {
    if !is_root("to be two other users") {
        return;
    }
    let world = World::start("ann* bob!").rarely();
    world.sync().ok();
    world.give_to(NOBODY);
    let mode = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(world.path("."), 0o755);
    let ran = world.ran(world.command(&["run"]).uid(NOBODY - 1).gid(NOBODY - 1));
    insta::assert_snapshot!(ran.shown(), @r"
    error: [DIR]/state: belongs to user `nobody`, and this is user `#65533`
    hint: run it as that user: `sudo -u nobody seatwatch …`
    exit code 77
    ");

    // Root becomes that user.
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let owner = fs::metadata(format!("/proc/{}", daemon.pid())).unwrap().uid();
    assert_eq!(owner, NOBODY);
    daemon.stop();
}
