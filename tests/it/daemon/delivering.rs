//! Sinks that come, go and change while events are on their way to them.

use std::fmt::Write as _;

use super::process::{Running, whole_events, words};
use crate::world::World;

const AUDIT: &str = "audit: { type: file, path: audit.ndjson }";

fn told_to(world: &World, file: &str) -> String {
    words(&whole_events(&world.path(file)))
}

#[track_caller]
fn until_told_to(daemon: &Running, world: &World, file: &str, told: &str) {
    daemon.until(&format!("`{told}` in {file}"), || (told_to(world, file) == told).then_some(()));
}

fn reload(world: &World) {
    world.run(&["reload"]).ok();
}

fn sync(world: &World, members: &str) {
    world.members(members).sync().ok();
}

/// Every delivery stays under way for so long after its events are in the file.
fn with_slow_deliveries(world: &World) -> Running {
    world.daemon_with(|command| {
        command.env("FAILPOINTS", "dispatch:delivered=sleep(1000)");
    })
}

#[test]
fn a_new_sink_starts_at_the_end_of_the_log() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let world = world.with_other_sink(AUDIT);
    reload(&world);
    sync(&world, "ann* bob! cat");
    until_told_to(&daemon, &world, "audit.ndjson", "joined cat\n");
    daemon.until_told(&world, "baselined\njoined cat\n");
    daemon.stop();
}

#[test]
fn a_sink_that_was_away_goes_on_where_it_was() {
    let world = World::start("ann* bob!").rarely().with_other_sink(AUDIT);
    let daemon = world.daemon();
    until_told_to(&daemon, &world, "audit.ndjson", "baselined\n");
    let world = world.without_other_sinks();
    reload(&world);
    sync(&world, "ann* bob! cat");
    daemon.until_told(&world, "baselined\njoined cat\n");
    assert_eq!(told_to(&world, "audit.ndjson"), "baselined\n");
    let world = world.with_other_sink(AUDIT);
    reload(&world);
    until_told_to(&daemon, &world, "audit.ndjson", "baselined\njoined cat\n");
    daemon.stop();
}

/// What is under way ends where it began; the rest goes where the new config says.
#[test]
fn a_sink_that_changes_in_the_middle_of_a_delivery_loses_and_repeats_nothing() {
    let world = World::start("ann* bob!").rarely().with_other_sink(AUDIT);
    let daemon = with_slow_deliveries(&world);
    until_told_to(&daemon, &world, "audit.ndjson", "baselined\n");
    let world = world.without_other_sinks();
    let world = world.with_other_sink("audit: { type: file, path: other.ndjson }");
    reload(&world);
    sync(&world, "ann* bob! cat");
    until_told_to(&daemon, &world, "other.ndjson", "joined cat\n");
    daemon.stop();
    assert_eq!(told_to(&world, "audit.ndjson"), "baselined\n");
    assert_eq!(told_to(&world, "other.ndjson"), "joined cat\n");
}

/// Its first worker has not ended when the second one is wanted.
#[test]
fn a_sink_that_comes_back_in_the_middle_of_a_delivery_loses_and_repeats_nothing() {
    let world = World::start("ann* bob!").rarely().with_other_sink(AUDIT);
    let mut world = world;
    let daemon = with_slow_deliveries(&world);
    until_told_to(&daemon, &world, "audit.ndjson", "baselined\n");
    let mut told = "baselined\n".to_owned();
    for name in ["cat", "dan", "eve"] {
        world = world.without_other_sinks();
        reload(&world);
        world = world.with_other_sink(AUDIT);
        reload(&world);
        let members = format!("ann* bob! {name}");
        sync(&world, &members);
        writeln!(told, "joined {name}").unwrap();
        sync(&world, "ann* bob!");
        writeln!(told, "left {name}").unwrap();
        daemon.until(&format!("joined {name}"), || {
            told_to(&world, "audit.ndjson").contains(&format!("joined {name}")).then_some(())
        });
    }
    until_told_to(&daemon, &world, "audit.ndjson", &told);
    daemon.stop();
    assert_eq!(told_to(&world, "audit.ndjson"), told);
    world.sync().ok();
    assert_eq!(told_to(&world, "audit.ndjson"), told);
}

/// A new filter is for what is cut from now on.
#[test]
fn a_sink_whose_filter_changes_gets_what_it_wants_from_then_on() {
    let filtered =
        |events: &str| format!("audit: {{ type: file, path: audit.ndjson, events: [{events}] }}");
    let world = World::start("ann* bob!").rarely().with_other_sink(&filtered("joined"));
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    sync(&world, "ann* bob! cat");
    sync(&world, "ann* bob!");
    let world = world.without_other_sinks().with_other_sink(&filtered("left"));
    reload(&world);
    sync(&world, "ann* bob! dan");
    sync(&world, "ann* bob!");
    until_told_to(&daemon, &world, "audit.ndjson", "joined cat\nleft dan\n");
    daemon.stop();
}

/// What is cut already is still tried, whatever the filter is by now; so it is still queued.
#[test]
fn what_a_narrower_filter_leaves_out_is_still_named_while_it_waits() {
    let lost = |more: &str| format!("lost: {{ type: file, path: missing/lost.ndjson{more} }}");
    let world = World::start("ann* bob!").rarely().with_other_sink(&lost(""));
    let daemon = world.daemon();
    daemon.until_logged(&["WARN", "lost", "delivery failed, will retry"]);
    let world = world.without_other_sinks().with_other_sink(&lost(", events: [joined]"));
    reload(&world);
    let waits = |world: &World, queued: u64| {
        let told = format!("hint: {queued} event");
        let ran = world.sync().ok();
        assert!(ran.stderr.contains(&told), "{}", ran.shown());
        let rows = world.run(&["status", "--format", "json"]).ok().rows();
        let row = rows.iter().find(|row| row["sink"] == "lost").unwrap();
        assert_eq!((&row["queued"], row["oldest_pending"].is_string()), (&queued.into(), true));
        let rows = world.run(&["outbox", "list", "--format", "json"]).ok().rows();
        assert_eq!((&rows[0]["event"], &rows[0]["queued"]), (&"baselined".into(), &queued.into()));
    };
    waits(&world, 1);
    world.members("ann* bob! cat");
    waits(&world, 2);
    let status = world.run(&["status"]).ok().stdout;
    let next = "hint: next attempt not before [TIME]; to try now: seatwatch sync\n";
    assert!(status.contains(next), "{status}");
    daemon.stop();
    waits(&world, 2);
    std::fs::create_dir(world.path("missing")).unwrap();
    world.members("ann* bob!");
    assert_eq!(world.sync().ok().stderr, "");
    assert_eq!(told_to(&world, "missing/lost.ndjson"), "baselined\njoined cat\n");
}

/// A receiver that is out of order keeps nobody waiting, and gets all of it in order.
#[test]
fn a_broken_sink_holds_up_nobody_and_gets_everything_later() {
    let lost = "lost: { type: file, path: missing/events.ndjson }";
    let world = World::start("ann* bob!").rarely().with_other_sink(lost);
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    daemon.until_logged(&["WARN", "lost", "delivery failed, will retry"]);
    sync(&world, "ann* bob! cat");
    daemon.until_told(&world, "baselined\njoined cat\n");
    std::fs::create_dir(world.path("missing")).unwrap();
    // Who asks for a sync wants everything to be tried now.
    let ran = world.sync().ok();
    assert!(!ran.shown().contains("lost"), "{}", ran.shown());
    assert_eq!(told_to(&world, "missing/events.ndjson"), "baselined\njoined cat\n");
    daemon.until_logged(&["INFO", "lost", "delivered again"]);
    daemon.stop();
}
