//! Events that wait for their time: `wait`, `digest`, and the pause after a failure.

use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::by_hand::ByHand;
use crate::world::World;

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

/// A daemon that syncs every second, with one sink that has these lines, and [`AT_ONCE`].
fn start(world: &World, sink: &str, time: &str) -> ByHand {
    let text =
        world.config().replace("path: events.ndjson", &format!("path: events.ndjson\n    {sink}"));
    ByHand::start(world.path("seatwatch.yaml"), &text, at(time))
}

/// The file of a sink that waits for nothing.
const AT_ONCE: &str = "at-once";

fn world() -> World {
    let world = World::start("ann* bob!").every_second();
    world.with_other_sink(&format!("prompt: {{ type: file, path: {AT_ONCE} }}"))
}

fn told(daemon: &ByHand) -> String {
    daemon.told_to("events.ndjson")
}

/// Waits until the organization was synced at the time that it is.
fn synced(daemon: &ByHand) {
    let now = daemon.now();
    daemon.until("the sync", || {
        let runs = daemon.last_runs();
        runs[0].1.as_ref().is_some_and(|(_, finished)| *finished == now).then_some(())
    });
    daemon.note_all();
}

/// The sink that waits for nothing has all of it, so the other one has had the time to.
#[track_caller]
fn nothing_more(daemon: &ByHand, all: &str, so_far: &str) {
    daemon.until(all, || (daemon.told_to(AT_ONCE) == all).then_some(()));
    // And a moment more: the two do not run in step.
    thread::sleep(Duration::from_millis(50));
    assert_eq!(told(daemon), so_far);
}

/// After a start: the sync that was missed may be under way, or be due in a moment.
#[track_caller]
fn made_up_for(daemon: &ByHand, all: &str) {
    let last = daemon.now() + TimeDelta::minutes(10);
    daemon.until(all, || {
        daemon.set(last.min(daemon.now() + TimeDelta::seconds(1)));
        (daemon.told_to(AT_ONCE) == all).then_some(())
    });
}

#[track_caller]
fn until_told(daemon: &ByHand, text: &str) {
    daemon.until(text, || (told(daemon) == text).then_some(()));
}

#[test]
fn what_comes_within_the_wait_of_the_oldest_goes_out_together() {
    let world = world();
    let daemon = start(&world, "wait: 3s", "10:00:00");
    synced(&daemon);
    world.members("ann* bob! cat");
    daemon.set(at("10:00:01"));
    synced(&daemon);
    world.members("ann* bob! cat dan");
    daemon.set(at("10:00:02"));
    synced(&daemon);
    nothing_more(&daemon, "baselined\njoined cat\njoined dan\n", "");
    // What the other one has is noted a moment after.
    daemon.until("three in the queue", || (daemon.queued() == 3).then_some(()));
    daemon.set(at("10:00:03"));
    until_told(&daemon, "baselined\njoined cat\njoined dan\n");
    // A sync that still runs would leave out the next.
    synced(&daemon);
    // The next one waits anew.
    world.members("ann* bob! cat");
    daemon.set(at("10:00:04"));
    synced(&daemon);
    daemon.set(at("10:00:06"));
    synced(&daemon);
    let so_far = "baselined\njoined cat\njoined dan\n";
    nothing_more(&daemon, &format!("{so_far}left dan\n"), so_far);
    daemon.set(at("10:00:07"));
    until_told(&daemon, "baselined\njoined cat\njoined dan\nleft dan\n");
    daemon.stop();
}

#[test]
fn a_digest_goes_out_at_its_times_only() {
    let world = world();
    let daemon = start(&world, "digest: \"30 * * * * *\"", "10:00:00");
    synced(&daemon);
    world.members("ann* bob! cat");
    daemon.set(at("10:00:29"));
    synced(&daemon);
    nothing_more(&daemon, "baselined\njoined cat\n", "");
    daemon.set(at("10:00:30"));
    until_told(&daemon, "baselined\njoined cat\n");
    synced(&daemon);
    world.members("ann* bob!");
    daemon.set(at("10:00:31"));
    synced(&daemon);
    daemon.set(at("10:01:29"));
    synced(&daemon);
    let so_far = "baselined\njoined cat\n";
    nothing_more(&daemon, &format!("{so_far}left cat\n"), so_far);
    daemon.set(at("10:01:30"));
    until_told(&daemon, "baselined\njoined cat\nleft cat\n");
    daemon.stop();
}

#[test]
fn a_digest_that_was_missed_is_made_up_for_at_the_start() {
    let world = world();
    let digest = "digest: \"0 0 8 * * *\"";
    let daemon = start(&world, digest, "07:00:00");
    synced(&daemon);
    nothing_more(&daemon, "baselined\n", "");
    daemon.stop();
    // Before its time nothing goes out, also at a start.
    world.members("ann* bob! cat");
    let daemon = start(&world, digest, "07:30:00");
    let so_far = "baselined\njoined cat\n";
    made_up_for(&daemon, so_far);
    nothing_more(&daemon, so_far, "");
    daemon.stop();
    let daemon = start(&world, digest, "09:15:00");
    until_told(&daemon, so_far);
    world.members("ann* bob!");
    let all = format!("{so_far}left cat\n");
    made_up_for(&daemon, &all);
    nothing_more(&daemon, &all, so_far);
    daemon.stop();
}

/// The pause after a failure is kept over a restart, and ends by itself.
#[test]
fn a_failed_delivery_is_tried_again_when_its_pause_is_over() {
    let world = world();
    let text = world.config().replace("path: events.ndjson", "path: missing/events.ndjson");
    let path = || world.path("seatwatch.yaml");
    let daemon = ByHand::start(path(), &text, at("10:00:00"));
    let failed = |daemon: &ByHand| {
        let metrics = daemon.get("/metrics");
        metrics.contains("failures_total{reason=\"retry\",sink=\"events\"} 1\n").then_some(())
    };
    daemon.until("the first attempt", || failed(&daemon));
    std::fs::create_dir(world.path("missing")).unwrap();
    daemon.stop();
    // Chance has made it longer or shorter.
    let pause = "UPDATE deliveries SET next_attempt_at = ?1 WHERE next_attempt_at IS NOT NULL";
    let changed = world.open_database().execute(pause, [at("10:00:30").timestamp_millis()]);
    assert_eq!(changed.unwrap(), 1);
    world.members("ann* bob! cat");
    let daemon = ByHand::start(path(), &text, at("10:00:00"));
    let all = "baselined\njoined cat\n";
    daemon.set(at("10:00:01"));
    daemon.until(all, || (daemon.told_to(AT_ONCE) == all).then_some(()));
    assert_eq!(daemon.told_to("missing/events.ndjson"), "");
    daemon.set(at("10:01:00"));
    daemon.until("the second", || (daemon.told_to("missing/events.ndjson") == all).then_some(()));
    daemon.stop();
}
