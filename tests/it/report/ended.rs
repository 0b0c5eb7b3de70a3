//! Reports that are told to end, and such as are killed.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{files, quiet};
use crate::world::{ACME, World, until};

/// What reports have left beside the folders that they were to write.
fn left(world: &World) -> Vec<String> {
    let mut names = files(&world.path(""));
    names.retain(|name| name.starts_with(".seatwatch-report-"));
    names
}

/// A report into the folder `pack`, with something happening once all of it is written.
fn report(world: &World, what_happens: &str) -> Command {
    let folder = world.path("pack");
    let mut command = world.command(&["report", ACME, "-o", folder.to_str().unwrap()]);
    command.env("FAILPOINTS", format!("report:written={what_happens}"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn one_that_is_told_to_end_leaves_nothing() {
    let world = quiet();
    let mut child = report(&world, "sleep(2000)").spawn().unwrap();
    until(&mut child, || !left(&world).is_empty());
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "");
    insta::assert_snapshot!(String::from_utf8_lossy(&ended.stderr), @"error: interrupted: nothing was written");
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(left(&world), [""; 0]);
    assert!(!world.path("pack").exists());
}

/// The next one takes away what was left, but nothing of one that still writes.
#[test]
fn what_a_killed_one_has_left_goes_with_the_next() {
    let world = quiet();
    assert_eq!(report(&world, "return").output().unwrap().status.code(), None);
    let killed = left(&world);
    assert_eq!(killed.len(), 1);
    let mut writing = report(&world, "sleep(600000)").spawn().unwrap();
    until(&mut writing, || left(&world) != killed && left(&world).len() == 1);
    let written = world.path(&left(&world)[0]).join("manifest.json");
    until(&mut writing, || written.exists());
    report(&world, "off").output().unwrap();
    assert!(world.path("pack/report.html").exists() && written.exists());
    assert_eq!(left(&world).len(), 1);
    writing.kill().unwrap();
    writing.wait().unwrap();
    std::fs::remove_dir_all(world.path("pack")).unwrap();
    report(&world, "off").output().unwrap();
    assert_eq!(left(&world), [""; 0]);
}
