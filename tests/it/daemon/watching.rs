//! Organizations are synced at once, then on their schedule; never too many and never twice.

use std::process::Stdio;
use std::time::Duration;

use seatwatch::simulator::{Fault, When};
use serde_json::json;

use super::process::whole_events;
use super::receiving::metrics;
use crate::world::World;

#[test]
fn the_first_sync_comes_at_once_and_is_a_quiet_baseline() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    daemon.until_logged(&["INFO", "synced", "github/acme", "baseline", "members=2"]);
    daemon.stop();
}

#[test]
fn a_change_is_told_by_the_next_scheduled_sync() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    world.members("bob! cat");
    daemon.until_told(&world, "baselined\nleft ann\nseat_lost ann\njoined cat\n");
    world.members("bob! cat*");
    daemon.until_told(&world, "baselined\nleft ann\nseat_lost ann\njoined cat\nseat_gained cat\n");
    daemon.stop();
}

/// What was committed before stays where it is; the sink goes on behind it.
#[test]
fn a_restart_goes_on_where_it_was() {
    let world = World::start("ann* bob!").every_second();
    for (members, told) in [
        ("ann* bob!", "baselined\n"),
        ("ann* bob! cat", "baselined\njoined cat\n"),
        ("ann* bob!", "baselined\njoined cat\nleft cat\n"),
    ] {
        world.members(members);
        let daemon = world.daemon();
        daemon.until_told(&world, told);
        daemon.stop();
    }
}

fn slow(world: &World, millis: u64) {
    world.simulator.fault(When::always(), Fault::Late(Duration::from_millis(millis)));
}

#[test]
fn no_more_syncs_run_at_a_time_than_the_config_allows() {
    let mut world = World::start("ann* bob!").rarely().with_config("max_concurrent_syncs: 2");
    for number in 0..6 {
        world = world.watching(&format!("org-{number}"), "cat! dan");
    }
    slow(&world, 100);
    let daemon = world.daemon();
    daemon.until_told(&world, &"baselined\n".repeat(7));
    assert_eq!(world.simulator.most_at_once(), 2);
    daemon.stop();
}

/// The schedule wants a sync every second, people ask for more, and each takes longer.
#[test]
fn syncs_of_one_organization_never_overlap() {
    let world = World::start("ann* bob!").every_second();
    slow(&world, 400);
    let daemon = world.daemon();
    let asking = || world.command(&["sync"]).stdout(Stdio::null()).spawn().unwrap();
    for mut asking in [asking(), asking(), asking()] {
        assert!(asking.wait().unwrap().success());
    }
    daemon.until_asked(&world, world.simulator.requests() + 4);
    assert_eq!(world.simulator.most_at_once(), 1);
    assert_eq!(world.told_so_far(), "baselined\n");
    daemon.stop();
}

#[test]
fn a_heartbeat_says_how_everything_stands() {
    let world = World::start("ann* bob!").rarely().with_config("heartbeat: \"* * * * * *\"");
    let daemon = world.daemon();
    let connected = json!({ "connected": 1, "held": 0, "failing": 0, "new": 0 });
    let event = daemon.until("a heartbeat after the first sync", || {
        let events = whole_events(&world.path("events.ndjson"));
        let is_meant = |event: &&serde_json::Value| {
            event["data"]["event"] == "heartbeat"
                && event["data"]["details"]["organizations"] == connected
        };
        events.iter().find(is_meant).cloned()
    });
    assert_eq!(event["source"], "/seatwatch/test");
    assert_eq!(event["data"]["organization"], json!(null));
    assert_eq!(event["data"]["details"]["dead_letters"], 0);
    assert!(metrics(&daemon).contains("\nseatwatch_heartbeat_next_timestamp_seconds 1"));
    daemon.stop();
}
