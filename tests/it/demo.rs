//! `seatwatch demo` plays the whole story with a real daemon, answers commands from another
//! terminal meanwhile, and leaves nothing behind.

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A demo that runs in a temporary folder of its own.
struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    tmp: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let mut child = seatwatch()
            .arg("demo")
            .args(arguments)
            .env("TMPDIR", tmp.path())
            .env("TZ", "UTC")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, tmp }
    }

    /// Reads on until a line has all of these words, and returns what was read.
    fn until(&mut self, words: &[&str]) -> String {
        let mut story = String::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            story.push_str(&line);
            story.push('\n');
            if words.iter().all(|word| line.contains(word)) {
                return story;
            }
        }
        panic!("ended without a line of {words:?}: {story}");
    }

    /// The config that commands in another terminal are told to use.
    fn config(&self) -> PathBuf {
        let mut folders = self.tmp.path().read_dir().unwrap();
        folders.next().unwrap().unwrap().path().join("seatwatch.yaml")
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// How it ends, without a word of complaint or a file left, and what it says until then.
    fn end(mut self) -> (ExitStatus, String) {
        let rest = self.lines.by_ref().map(|line| line.unwrap() + "\n").collect();
        let status = self.wait();
        (status, rest)
    }

    fn wait(&mut self) -> ExitStatus {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "");
        let status = self.child.wait().unwrap();
        assert_eq!(self.tmp.path().read_dir().unwrap().count(), 0, "something is left");
        status
    }
}

fn seatwatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
    command.env_remove("FAILPOINTS").env_remove("RUST_LOG");
    command
}

/// What a command in another terminal says, and how it ends.
fn beside(config: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = seatwatch().arg("--config").arg(config).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Commands from another terminal work meanwhile: what changes something is done by its daemon.
#[test]
fn a_demo_plays_the_story_and_ends_on_ctrl_c() {
    let mut demo = Demo::start(&[]);
    let introduction = demo.until(&["— the first rosters"]);
    let config = demo.config();
    assert!(introduction.contains("in a browser: http://127.0.0.1:"), "{introduction}");
    assert!(introduction.contains(&format!("--config {} status", config.display())));

    demo.until(&["github/acme", "baselined", "12 members, 8 seats, 1 admin"]);
    let (code, roster) = beside(&config, &["roster", "github/acme"]);
    assert!(code == Some(0) && roster.contains("dana-dubois"), "{roster}");

    demo.until(&["github/acme", "seat_limit_reached", "10 of 10 seats in use"]);
    demo.until(&["github/acme", "seat_gained", "dana-dubois", "seats 8 → 10"]);
    demo.until(&["gitlab/example-group", "seat_lost", "fay-farkas", "seats 6 → 5"]);
    let (code, sync) = beside(&config, &["sync", "github/acme"]);
    assert!(code == Some(0) && sync.contains("10 of 10 seats"), "{sync}");

    demo.until(&["github/acme", "renamed", "fay-farkas → night-owl"]);
    demo.until(&["github/umbrella", "roster_held", "8 of 16 members would leave"]);
    demo.until(&["$ ", "approve github/umbrella"]);
    demo.until(&["github/umbrella", "roster_released", "approved"]);
    demo.until(&["github/umbrella", "left", "olga-okafor"]);
    demo.until(&["sync_failing", "server_error, 1 failure"]);
    demo.until(&["it is back"]);
    demo.until(&["gitlab/example-group", "left", "emil-eklund"]);
    // After the story comes whatever comes to mind.
    demo.until(&["— g"]);

    demo.signal(Signal::SIGINT);
    let (status, summary) = demo.end();
    assert_eq!(status.code(), Some(0));
    assert!(summary.contains("3 baselined, 3 sync_failing, 3 sync_recovered"), "{summary}");
}

#[test]
fn a_demo_ends_by_itself_with_a_summary() {
    let (status, story) = Demo::start(&["--for", "10s"]).end();
    assert_eq!(status.code(), Some(0), "{story}");
    assert!(story.contains("— the end, after "), "{story}");
    let last = story.lines().last().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["specversion"], "1.0", "{story}");
    assert!(!story.contains('\u{1b}'), "colours for nobody: {story}");
}

/// The terminal is closed, or `| head` has seen enough.
#[test]
fn a_demo_that_nobody_watches_ends_and_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    demo.until(&["— the first rosters"]);
    demo.signal(Signal::SIGHUP);
    assert_eq!(demo.end().0.code(), Some(0));

    let mut demo = Demo::start(&[]);
    demo.until(&["A made-up Codecov"]);
    let Demo { mut child, lines, tmp } = demo;
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(tmp.path().read_dir().unwrap().count(), 0, "something is left");
}
