//! `seatwatch demo` shows the story, and leaves nothing behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn a_demo_begins_by_itself_and_ends_on_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_seatwatch"))
        .arg("demo")
        .env("TMPDIR", directory.path())
        .env_remove("FAILPOINTS")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let story: Vec<String> =
        lines.by_ref().take_while(|line| !line.contains("somebody leaves")).collect();
    let story = story.join("\n");
    for part in ["github/umbrella  40 members", "baselined", "seat_gained    dana-dubois"] {
        assert!(story.contains(part), "{part}: {story}");
    }
    kill(Pid::from_raw(demo.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let mut errors = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((demo.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
    assert_eq!(directory.path().read_dir().unwrap().count(), 0, "something is left");
}

#[test]
fn a_demo_ends_by_itself_with_a_summary() {
    let demo = Command::new(env!("CARGO_BIN_EXE_seatwatch"))
        .args(["demo", "--for", "3s"])
        .env_remove("FAILPOINTS")
        .output()
        .unwrap();
    let story = String::from_utf8(demo.stdout).unwrap();
    assert_eq!(demo.status.code(), Some(0), "{story}");
    let last = story.lines().last().unwrap();
    assert!(last.starts_with(r#"{"specversion":"1.0""#), "{story}");
    assert!(story.contains("events in the file sink after"), "{story}");
}
