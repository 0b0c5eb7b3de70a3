//! What an author of a plugin is told about it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use seatwatch_process::ExternalSettings;
use seatwatch_process::testing::{Candidate, Grade, Patience, run};
use seatwatch_sdk::Origin;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{plugin, prepare};

/// What is found about a plugin, a promise a line.
async fn found(name: &str, arguments: &[&str], config: Value) -> String {
    prepare();
    let directory: TempDir = tempfile::tempdir().unwrap();
    let mut settings = config;
    settings["env"] = json!({"WORLD": directory.path()});
    let candidate = Candidate {
        program: plugin(name),
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        settings: serde_json::from_value::<ExternalSettings>(settings).unwrap(),
    };
    let origin = Origin { directory: directory.path(), ..Origin::default() };
    // As long as seatwatch waits, except where a plugin would have us wait for nothing.
    let mut patience = Patience::default();
    match arguments {
        ["hang at hello"] => patience.hello = Duration::from_secs(1),
        ["no pong"] => patience.pong = Duration::from_secs(4),
        ["ignore the end"] => patience.exit = Duration::from_secs(3),
        _ => {}
    }
    let findings = run(&candidate, &origin, patience).await;
    let lines = findings.iter().map(|finding| {
        let grade = match finding.grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Failed => "FAILED",
            Grade::Skipped => "skipped",
        };
        format!("{grade:7} {}: {}", finding.promise, finding.seen)
    });
    // Where the sources of this test lie decides about the first one.
    lines.skip(1).collect::<Vec<_>>().join("\n")
}

macro_rules! assert_found {
    ($found:expr, @$expected:literal) => {
        let found = $found;
        insta::with_settings!({filters => vec![(r"after \d\.\d s", "after [TIME]")]}, {
            insta::assert_snapshot!(found, @$expected);
        });
    };
}

#[tokio::test]
async fn a_program_that_others_may_change_is_pointed_out() {
    prepare();
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("plugin");
    // By another process: a program cannot be started while somebody has it open for writing,
    // and what other tests fork just now would.
    let copied = Command::new("cp").arg(plugin("good.py")).arg(&program).status().unwrap();
    assert!(copied.success());
    for (mode, expected) in [(0o755, Grade::Ok), (0o775, Grade::Warning), (0o777, Grade::Warning)] {
        fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        let settings = json!({"path": directory.path().join("events")});
        let candidate = Candidate {
            program: program.clone(),
            arguments: Vec::new(),
            settings: serde_json::from_value::<ExternalSettings>(settings).unwrap(),
        };
        let findings = run(&candidate, &Origin::default(), Patience::default()).await;
        assert_eq!(findings[0].grade, expected, "{mode:o}");
        // One that everybody may change is not even started.
        let ready = if mode == 0o777 { Grade::Failed } else { Grade::Ok };
        assert_eq!(findings[1].grade, ready, "{mode:o}: {}", findings[1].seen);
    }
}

#[tokio::test]
async fn a_good_plugin_keeps_every_promise() {
    let path = tempfile::NamedTempFile::new().unwrap();
    assert_found!(found("good.py", &[], json!({"path": path.path()})).await, @"
    ok      is ready within 10 s of hello: good 1.0 was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: `max_events` is 50
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    ok      takes events with strange names: it accepted 32 events
    ok      takes a repeated delivery: it accepted 32 events
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    ok      takes as many events at once as it says: it accepted 50 events
    ok      answers what it was asked, and nothing else: every answer fits its question
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
}

#[tokio::test]
async fn a_plugin_that_refuses_its_settings_is_tried_no_further() {
    assert_found!(found("good.py", &[], json!({})).await, @r#"
    FAILED  is ready within 10 s of hello: it refuses these settings: `path`: there is no path to write to; give it others with `--settings '{"KEY": …}'`
    skipped speaks protocol 1: it never got ready
    skipped says how many events it takes at once: it never got ready
    skipped answers a ping: it never got ready
    skipped answers a check: it never got ready
    skipped takes an event: it never got ready
    skipped takes events with strange names: it never got ready
    skipped takes a repeated delivery: it never got ready
    skipped ignores fields that it does not know: it never got ready
    skipped ignores messages that it does not know: it never got ready
    skipped takes as many events at once as it says: it never got ready
    skipped answers what it was asked, and nothing else: it never got ready
    skipped exits with code 0 within 5 s of shutdown: it never got ready
    skipped exits within 5 s of the end of its input: it never got ready
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    "#);
}

#[tokio::test]
async fn a_plugin_that_never_gets_ready_is_tried_no_further() {
    assert_found!(found("bad.py", &["hang at hello"], json!({})).await, @"
    FAILED  is ready within 10 s of hello: no `ready` came within 1 s
    skipped speaks protocol 1: it never got ready
    skipped says how many events it takes at once: it never got ready
    skipped answers a ping: it never got ready
    skipped answers a check: it never got ready
    skipped takes an event: it never got ready
    skipped takes events with strange names: it never got ready
    skipped takes a repeated delivery: it never got ready
    skipped ignores fields that it does not know: it never got ready
    skipped ignores messages that it does not know: it never got ready
    skipped takes as many events at once as it says: it never got ready
    skipped answers what it was asked, and nothing else: it never got ready
    skipped exits with code 0 within 5 s of shutdown: it never got ready
    skipped exits within 5 s of the end of its input: it never got ready
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["die before ready"], json!({})).await, @"
    FAILED  is ready within 10 s of hello: instead of answering `ready`, it exited with code 1; its last words: no such module: requests
    skipped speaks protocol 1: it never got ready
    skipped says how many events it takes at once: it never got ready
    skipped answers a ping: it never got ready
    skipped answers a check: it never got ready
    skipped takes an event: it never got ready
    skipped takes events with strange names: it never got ready
    skipped takes a repeated delivery: it never got ready
    skipped ignores fields that it does not know: it never got ready
    skipped ignores messages that it does not know: it never got ready
    skipped takes as many events at once as it says: it never got ready
    skipped answers what it was asked, and nothing else: it never got ready
    skipped exits with code 0 within 5 s of shutdown: it never got ready
    skipped exits within 5 s of the end of its input: it never got ready
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: 1 × a log line: `no such module: requests`
    ");
}

#[tokio::test]
async fn every_broken_promise_is_told() {
    assert_found!(found("bad.py", &["too many"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    FAILED  takes an event: it accepted 2 events of a delivery of 1
    FAILED  takes events with strange names: it accepted 33 events of a delivery of 32
    FAILED  takes a repeated delivery: it accepted 33 events of a delivery of 32
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    FAILED  takes as many events at once as it says: it accepted 1001 events of a delivery of 1000
    ok      answers what it was asked, and nothing else: every answer fits its question
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["another delivery"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    FAILED  takes an event: instead of `result` of `seatwatch-test-1`, it answered that of `another`
    FAILED  takes events with strange names: instead of `result` of `seatwatch-test-2`, it answered that of `another`
    FAILED  takes a repeated delivery: instead of `result` of `seatwatch-test-2`, it answered that of `another`
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    FAILED  takes as many events at once as it says: instead of `result` of `seatwatch-test-3`, it answered that of `another`
    FAILED  answers what it was asked, and nothing else: 4 × an answer that nobody asked for: `result`, `result`, `result`, `result`
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["reject"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    warning takes events with strange names: it accepted 1 of 32 events and rejected the next for good: it says: no such user
    warning takes a repeated delivery: it accepted 1 of 32 events and rejected the next for good: it says: no such user
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    warning takes as many events at once as it says: it accepted 1 of 1000 events and rejected the next for good: it says: no such user
    ok      answers what it was asked, and nothing else: every answer fits its question
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
}

#[tokio::test]
async fn a_silent_and_a_stubborn_plugin_are_found_out() {
    assert_found!(found("bad.py", &["no pong"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    FAILED  answers a ping: no `pong` came within 4 s
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    ok      takes events with strange names: it accepted 32 events
    ok      takes a repeated delivery: it accepted 32 events
    FAILED  ignores fields that it does not know: no `pong` came within 4 s
    FAILED  ignores messages that it does not know: no `pong` came within 4 s
    ok      takes as many events at once as it says: it accepted 1000 events
    ok      answers what it was asked, and nothing else: every answer fits its question
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["exit 1 at shutdown"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    ok      takes events with strange names: it accepted 32 events
    ok      takes a repeated delivery: it accepted 32 events
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    ok      takes as many events at once as it says: it accepted 1000 events
    ok      answers what it was asked, and nothing else: every answer fits its question
    FAILED  exits with code 0 within 5 s of shutdown: it exited with code 1
    ok      exits within 5 s of the end of its input: it exited with code 0
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["ignore the end"], json!({})).await, @"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    ok      takes events with strange names: it accepted 32 events
    ok      takes a repeated delivery: it accepted 32 events
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    ok      takes as many events at once as it says: it accepted 1000 events
    ok      answers what it was asked, and nothing else: every answer fits its question
    FAILED  exits with code 0 within 5 s of shutdown: it was still running after 3 s
    FAILED  exits within 5 s of the end of its input: it was still running after 3 s
    ok      writes nothing but messages to its standard output: nothing else
    ok      what it wrote to its standard error: nothing
    ");
    assert_found!(found("bad.py", &["rubbish"], json!({})).await, @r#"
    ok      is ready within 10 s of hello: a plugin without a name was ready after [TIME]
    ok      speaks protocol 1: `protocol` is 1
    ok      says how many events it takes at once: no `max_events`: it gets as many as fit into a line of 1 MiB
    ok      answers a ping: `pong` with the same number
    ok      answers a check: it could deliver
    ok      takes an event: it accepted 1 event
    ok      takes events with strange names: it accepted 32 events
    ok      takes a repeated delivery: it accepted 32 events
    ok      ignores fields that it does not know: `pong` with the same number
    ok      ignores messages that it does not know: `pong` with the same number
    ok      takes as many events at once as it says: it accepted 1000 events
    ok      answers what it was asked, and nothing else: every answer fits its question
    ok      exits with code 0 within 5 s of shutdown: it did
    ok      exits within 5 s of the end of its input: it exited with code 0
    warning writes nothing but messages to its standard output: 16 × something else, which seatwatch logs and skips: `hello, world`, `[1, 2]`, `{"no": "type"}`, `a message of type of_a_later_version`, `hello, world` and so on
    ok      what it wrote to its standard error: nothing
    "#);
}
