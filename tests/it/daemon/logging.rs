//! What the daemon says of itself: one line a sync, and no flood while something fails.

use regex::Regex;
use seatwatch::simulator::{Fault, RetryAfter, When};
use serde_json::Value;

use crate::world::World;

/// The log without what differs from run to run.
fn filtered(log: &str) -> String {
    let mut log = log.to_owned();
    for (differs, word) in [
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z +", ""),
        (r"listen=[0-9.:]+", "listen=[ADDR]"),
        (r"took_ms=\d+", "took_ms=[MS]"),
        (r"http://[0-9.:]+", "http://[ADDR]"),
    ] {
        log = Regex::new(differs).unwrap().replace_all(&log, word).into_owned();
    }
    log
}

/// The syncs that failed, as far as the log tells of them.
fn failures(log: &str) -> String {
    let told = log.lines().filter(|line| line.contains("sync failed"));
    let fields = Regex::new("reason=.* failures=[0-9]+").unwrap();
    told.map(|line| fields.find(line).unwrap().as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_sync_is_a_line_and_a_failure_is_told_at_powers_of_two() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    world.simulator.fault(When::always(), Fault::EmptyList);
    for _ in 0..5 {
        world.run(&["sync"]);
    }
    world.calm().members("ann* bob! cat");
    world.run(&["sync"]);
    let log = daemon.stop();
    let log = log.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(filtered(&log), @r#"
    INFO started organizations=1 sinks=1 listen=[ADDR]
    INFO synced organization=github/acme outcome="baselined" members=2 seats=1 admins=1 events="baselined 1" requests=3 took_ms=[MS]
    WARN sync failed organization=github/acme outcome="failed" reason="empty" failures=1 requests=1 took_ms=[MS] error="Codecov lists no members of `github/acme`" hint="the owner may be a person's user name, whose list is always empty: name the organization instead"
    WARN sync failed organization=github/acme outcome="failed" reason="empty" failures=2 requests=1 took_ms=[MS] error="Codecov lists no members of `github/acme`" hint="the owner may be a person's user name, whose list is always empty: name the organization instead"
    WARN sync failed organization=github/acme outcome="failed" reason="empty" failures=4 requests=1 took_ms=[MS] error="Codecov lists no members of `github/acme`" hint="the owner may be a person's user name, whose list is always empty: name the organization instead"
    INFO synced again organization=github/acme outcome="changed" members=3 seats=1 admins=1 events="sync_recovered 1, joined 1" requests=2 took_ms=[MS] failures=5
    INFO stopping
    INFO stopped
    "#);
}

/// Whoever mends one thing and meets the next does not wait for a power of two to hear of it.
#[test]
fn a_failure_for_another_reason_is_told_at_once() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let refused = Fault::Status { status: 401, retry_after: None };
    for (fault, times) in [(Fault::EmptyList, 4), (refused, 3)] {
        world.calm().fault(fault);
        for _ in 0..times {
            world.run(&["sync"]);
        }
    }
    insta::assert_snapshot!(failures(&daemon.stop()), @r#"
    reason="empty" failures=1
    reason="empty" failures=2
    reason="empty" failures=4
    reason="token_refused" failures=5
    "#);
}

/// A server that wants to be left alone for hours is not asked meanwhile: nothing fails once more.
#[test]
fn a_sync_that_is_postponed_is_no_failure() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let retry_after = Some(RetryAfter::Seconds(7200));
    world.fault(Fault::Status { status: 429, retry_after });
    for _ in 0..3 {
        let ran = world.run(&["sync"]);
        assert!(ran.stderr.contains("rate_limited"), "{}", ran.shown());
    }
    insta::assert_snapshot!(failures(&daemon.stop()), @r#"reason="rate_limited" failures=1"#);
}

#[test]
fn machines_get_an_object_a_line() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon_with(|command| {
        command.args(["--log-format", "json"]);
    });
    daemon.until_told(&world, "baselined\n");
    daemon.until_logged(&["synced"]);
    let log = daemon.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, ["started", "synced", "stopping", "stopped"]);
    let synced = &lines[1];
    assert_eq!(synced["level"], "INFO");
    assert_eq!(synced["organization"], "github/acme");
    assert_eq!((&synced["members"], &synced["seats"]), (&Value::from(2), &Value::from(1)));
    assert!(synced["timestamp"].as_str().unwrap().ends_with('Z'), "{synced}");
}

/// What a server says stands in the log as it can be shown, on the line where it belongs.
#[test]
fn nobody_writes_a_line_of_their_own_into_the_log() {
    let world = World::start("ann* bob!").rarely();
    world.fault(Fault::Body("\u{1b}[2J\nINFO synced everything is well".into()));
    let daemon = world.daemon();
    daemon.until_logged(&["WARN", "sync failed"]);
    let log = daemon.stop();
    assert!(!log.contains('\u{1b}'), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("INFO synced everything")), "{log}");
}
