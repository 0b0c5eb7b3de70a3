//! What a plugin says, and what that does to a delivery.

use std::time::Duration;

use seatwatch_sdk::samples::events;
use seatwatch_sdk::{Failure, Outcome};

use crate::world::{World, is_gone, until};

/// What becomes of a delivery of three events to a plugin that behaves like that.
async fn delivered(mode: &str) -> String {
    let mut world = World::bad(mode);
    let text = format!("{mode}: {}", world.delivered().await);
    world.drop_sink();
    world.all_gone().await;
    text
}

#[tokio::test]
async fn every_way_to_answer_has_its_outcome() {
    let mut texts = Vec::new();
    for mode in [
        "well",
        "slow start",
        "two at once",
        "too few",
        "too many",
        "nothing",
        "no number",
        "retry",
        "reject",
        "disable",
        "rubbish",
        "another delivery",
        "flood stderr",
    ] {
        texts.push(delivered(mode).await);
    }
    insta::assert_snapshot!(texts.join("\n"), @"
    well: Accepted
    slow start: Accepted
    two at once: Prefix { accepted: 2 }
    too few: Prefix { accepted: 2 }
    too many: 0 accepted, retry: `python3` accepted 4 events of a delivery of 3
    nothing: 0 accepted, retry: `python3` took nothing and gave no reason
    no number: 0 accepted, retry: `python3` sent a `result` that is none: missing field `accepted`
    retry: 1 accepted, retry after 5s: `python3` says: busy
    reject: 1 accepted, reject: `python3` says: no such user
    disable: 0 accepted, disable: `python3` says: the chat is gone
    rubbish: Accepted
    another delivery: Accepted
    flood stderr: Accepted
    ");
}

#[tokio::test]
async fn every_way_to_fail_has_its_reason() {
    let mut texts = Vec::new();
    for mode in [
        "die before ready",
        "exit 78",
        "refuse",
        "protocol 2",
        "no events",
        "half a ready",
        "die in mid-delivery",
        "close stdout",
        "half a line",
        "flood without line ends",
    ] {
        texts.push(delivered(mode).await);
    }
    insta::assert_snapshot!(texts.join("\n"), @r"
    die before ready: 0 accepted, retry: `python3` exited with code 1; its last words: no such module: requests
    exit 78: 0 accepted, disable: `python3` exited with code 78; its last words: the URL is missing; that code says that its configuration is wrong
    refuse: 0 accepted, disable: `python3` refuses its configuration: `urls[0]`: not a URL
    protocol 2: 0 accepted, disable: `python3` speaks protocol 2, and seatwatch 1: update the older of them
    no events: 0 accepted, retry: `python3` says that it takes no events: `max_events` is 0
    half a ready: 0 accepted, retry: `python3` sent a `ready` that is none: missing field `protocol`
    die in mid-delivery: 0 accepted, retry: `python3` was killed by SIGSEGV; its last words: Traceback: \u{1b}[31mconnection lost
    close stdout: 0 accepted, retry: `python3` closed its standard output without being asked to
    half a line: 0 accepted, retry: `python3` exited with code 0
    flood without line ends: 0 accepted, retry: `python3` wrote a line of more than 1048576 bytes to its standard output
    ");
}

/// After the time that the outcome names, the plugin and all that it does is gone.
#[tokio::test]
async fn no_answer_in_time_is_the_end_of_a_plugin() {
    let mut texts = Vec::new();
    for mode in ["hang at hello", "hang at deliver", "flood", "read nothing"] {
        let mut world = World::bad(mode);
        if mode != "hang at hello" {
            assert_eq!(world.check().await, Ok(())); // The start takes its own time.
        }
        let outcome = world.deliver_within(3, 1, Duration::from_secs(5)).await;
        texts.push(format!("{mode}: {}", world.text(&outcome)));
        world.all_gone().await;
    }
    insta::assert_snapshot!(texts.join("\n"), @"
    hang at hello: 0 accepted, retry: `python3` was not ready within 5 s and was killed
    hang at deliver: 0 accepted, retry: `python3` gave no result within 5 s and was killed
    flood: 0 accepted, retry: `python3` gave no result within 5 s and was killed
    read nothing: 0 accepted, retry: `python3` gave no result within 5 s and was killed
    ");
}

/// Of events of 400 kB each, two fit into a line.
#[tokio::test]
async fn a_delivery_is_cut_to_fit_into_a_line() {
    let mut world = World::bad("well");
    let mut events = events(4);
    for (event, bytes) in events.iter_mut().zip([400_000, 400_000, 400_000, 1_100_000]) {
        event.data.details = Some("x".repeat(bytes).into());
    }
    let time = Duration::from_secs(30);
    assert_eq!(world.deliver_events(&events, 1, time).await, Outcome::Prefix { accepted: 2 });
    assert_eq!(world.deliver_events(&events[2..], 1, time).await, Outcome::Prefix { accepted: 1 });
    let outcome = world.deliver_events(&events[3..], 1, time).await;
    assert_eq!(
        world.text(&outcome),
        "0 accepted, reject: `python3` cannot be given the event: \
         it takes more than a line of 1048576 bytes"
    );
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    assert_eq!(world.pids().len(), 1, "one start was enough");
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_another() {
    let mut world = World::bad("late");
    assert_eq!(world.check().await, Ok(()));
    assert_retried(&world.deliver_within(3, 1, Duration::from_secs(3)).await);
    assert_eq!(world.deliver_within(2, 2, Duration::from_secs(30)).await, Outcome::Accepted);
    assert_eq!(world.lines("seen"), ["d 1 3", "d 2 2"]);
    assert_eq!(world.pids().len(), 2);
}

#[tokio::test]
async fn a_dropped_delivery_kills_the_plugin_and_the_next_starts_another() {
    let mut world = World::bad("late");
    assert_eq!(world.check().await, Ok(()));
    let seen = world.directory().join("seen");
    tokio::select! {
        outcome = world.deliver(3) => panic!("{outcome:?}"),
        () = until("it has the delivery", || seen.exists()) => {}
    }
    assert_eq!(world.deliver(3).await, Outcome::Accepted);
    assert_eq!(world.lines("seen"), ["d 1 3", "d 1 3"]);
    assert_eq!(world.pids().len(), 2);
    assert!(is_gone(world.pids()[0]), "there were two at once");
}

/// All of it is tried again, when the dispatcher thinks fit.
#[track_caller]
fn assert_retried(outcome: &Outcome) {
    let retry = matches!(
        outcome,
        Outcome::Partial { accepted: 0, then: Failure::Retry { after: None, .. } }
    );
    assert!(retry, "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_logged_and_skipped() {
    let mut world = World::bad("rubbish");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    insta::assert_snapshot!(world.logged().join("\n"), @r#"
    the plugin wrote something to stdout that is no message; skipped line="hello, world"
    the plugin wrote something to stdout that is no message; skipped line="[1, 2]"
    the plugin wrote something to stdout that is no message; skipped line="{\"no\": \"type\"}"
    the plugin sent a message of an unknown type; skipped type="of_a_later_version"
    "#);
    let mut world = World::bad("another delivery");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    insta::assert_snapshot!(world.logged().join("\n"), @r#"
    the plugin answered what was not asked; skipped type="result"
    the plugin answered what was not asked; skipped type="pong"
    "#);
}

#[tokio::test]
async fn a_flood_fills_neither_the_log_nor_memory() {
    let mut world = World::bad("flood stderr");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let logged = world.logged();
    assert_eq!(logged.len(), 100);
    assert!(logged.iter().all(|line| line.chars().count() < 1100));
}

#[tokio::test]
async fn a_plugin_that_has_ended_is_started_again() {
    let mut world = World::bad("exit after each");
    for _ in 0..3 {
        assert_eq!(world.deliver(2).await, Outcome::Accepted);
    }
    assert_eq!(world.pids().len(), 3);

    let mut world = World::bad("die once");
    assert_retried(&world.deliver(2).await);
    assert_eq!(world.deliver(2).await, Outcome::Accepted);
    assert_eq!(world.pids().len(), 2);
}

#[tokio::test]
async fn check_asks_the_plugin() {
    let mut world = World::bad("well");
    assert_eq!(world.check().await, Ok(()));
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    assert_eq!(world.check().await, Ok(()));
    assert_eq!(world.pids().len(), 1, "it was not started again");
    assert_eq!(world.lines("seen"), ["d 1 1"]);

    let mut texts = Vec::new();
    for mode in ["cannot deliver", "die at check", "refuse"] {
        let failure = World::bad(mode).check().await.unwrap_err();
        texts.push(format!("{mode}: {failure:?}"));
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    cannot deliver: Retry { after: None, reason: "`python3` says: no route to the chat" }
    die at check: Retry { after: None, reason: "`python3` exited with code 4" }
    refuse: Disable { reason: "`python3` refuses its configuration: `urls[0]`: not a URL" }
    "#);
}
