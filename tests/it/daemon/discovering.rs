//! Organizations that come and go while the daemon runs.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch::simulator::{Fault, Route, When};

use super::by_hand::ByHand;
use super::pages::Looker;
use crate::api_faults::self_signed;
use crate::discover::{ALL, config, join, leave, told, world};
use crate::tls::write_secret;
use crate::world::World;

/// Synced seldom: what happens, happens because somebody asks for it, or is new.
fn rarely(world: &World) -> String {
    config(world, &format!("schedule: \"0 0 1 1 *\"\n{ALL}"))
}

#[test]
fn a_new_organization_is_taken_up_and_the_others_are_not_disturbed() {
    let world = world();
    let text = rarely(&world);
    let daemon = world.daemon_of(&text);
    daemon.until("the first baseline", || told(&world).contains("acme baselined").then_some(()));

    join(&world, "beta", "bob! cat*");
    world.asked();
    let synced = world.ran(&mut world.command_with(&text, &["sync"])).ok();
    assert!(synced.stdout.contains("github/acme"), "{}", synced.shown());
    daemon.until("the second baseline", || told(&world).contains("beta baselined").then_some(()));
    daemon.until_logged(&["discovered", "github/beta"]);
    assert_eq!(told(&world), "acme baselined\nbeta baselined\n");
    // One sync that somebody asked for, and none because of the newcomer.
    let asked = world.asked();
    let of_acme = asked.iter().filter(|target| target.starts_with("users/")).count();
    assert_eq!(of_acme, 1, "{asked:?}");

    // The next sync by hand knows it by its name.
    let both = world.ran(&mut world.command_with(&text, &["sync", "github/beta"])).ok();
    assert!(both.stdout.contains("github/beta"), "{}", both.shown());
    daemon.stop();
}

#[test]
fn a_restart_without_network_watches_what_was_known() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    let text = rarely(&world);
    let daemon = world.daemon_of(&text);
    daemon
        .until("both baselines", || (told(&world).matches("baselined").count() == 2).then_some(()));
    daemon.stop();

    let dead = text.replace(&world.simulator.base_url(), "http://127.0.0.1:9");
    let daemon = world.daemon_of(&dead);
    daemon.until_heard("STATUS=2 organizations");
    daemon.until_logged(&["cannot look up which organizations there are", "service=github"]);
    let shown = world.ran(&mut world.command_with(&dead, &["status"])).ok().shown();
    assert!(shown.contains("github/beta"), "{shown}");
    assert!(shown.contains("discover on github: failing since"), "{shown}");
    assert!(!told(&world).contains("vanished"));
    daemon.stop();
}

#[test]
fn what_vanished_is_told_once_by_a_daemon_too() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    let text = rarely(&world);
    let daemon = world.daemon_of(&text);
    daemon
        .until("both baselines", || (told(&world).matches("baselined").count() == 2).then_some(()));
    leave(&world, "beta");
    for _ in 0..3 {
        let before = world.simulator.log().len();
        world.ran(&mut world.command_with(&text, &["sync", "--format", "json"]));
        // Each of these lets the daemon look, beside the syncs.
        daemon.until("a look at the listing", || {
            let log = world.simulator.log();
            let mut since = log.iter().skip(before);
            since.any(|request| request.target.contains("/github/?")).then_some(())
        });
    }
    daemon.until("the news", || told(&world).contains("organization_vanished").then_some(()));
    let looker = Looker::of(daemon);
    let overview = looker.page("/");
    assert!(overview.contains("name it in <code>exclude</code> of its rule"), "{overview}");
    looker.leave();
    assert_eq!(told(&world).matches("beta organization_vanished\n").count(), 1);
    let shown = world.ran(&mut world.command_with(&text, &["status"])).ok().shown();
    assert!(shown.contains("github/beta: not in the token's listing since"), "{shown}");
}

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

/// How often the listing was asked for since this was last called.
fn looks(world: &World) -> usize {
    world.asked().iter().filter(|target| target.starts_with("github/?")).count()
}

#[test]
fn the_listing_is_looked_up_every_hour() {
    let world = world();
    let daemon = ByHand::start(world.path("seatwatch.yaml"), &rarely(&world), at("10:00:00"));
    // Who is new is due at the next beat.
    let baselined = |number| {
        daemon.until("a baseline", || {
            daemon.pass(TimeDelta::seconds(1));
            (told(&world).matches("baselined").count() == number).then_some(())
        });
    };
    baselined(1);
    assert_eq!(looks(&world), 1);

    join(&world, "beta", "bob! cat*");
    daemon.wait_for(at("10:59:59"));
    assert_eq!(looks(&world), 0);
    baselined(2);
    assert_eq!(looks(&world), 1);
    let metrics = daemon.get("/metrics");
    let success = "seatwatch_discover_last_success_timestamp_seconds{service=\"github\"} ";
    let success = metrics.lines().find_map(|line| line.strip_prefix(success)).unwrap();
    assert!(success.parse::<i64>().unwrap() >= at("11:00:00").timestamp(), "{success}");
    assert!(metrics.contains("seatwatch_org_up{org=\"beta\",service=\"github\"} 1"), "{metrics}");
    assert!(metrics.contains("seatwatch_discover_failures_total{service=\"github\"} 0"));

    // Refused, it is counted, and asked again in an hour.
    world.simulator.fault(When::always().on(Route::Owners), Fault::Html);
    daemon.wait_for(daemon.now() + TimeDelta::hours(1));
    daemon.until("the failure", || {
        daemon.pass(TimeDelta::seconds(1));
        let failed = "seatwatch_discover_failures_total{service=\"github\"} 1";
        daemon.get("/metrics").contains(failed).then_some(())
    });
    daemon.stop();
}

#[test]
fn a_rule_that_goes_takes_what_it_found_along_and_one_that_comes_looks_at_once() {
    let world = world();
    join(&world, "beta", "bob! cat*");
    let named = config(&world, "schedule: \"0 0 1 1 *\"\norganizations: [github/acme]\n");
    let daemon = world.daemon_of(&named);
    daemon.until("the first baseline", || told(&world).contains("acme baselined").then_some(()));

    let reload = |text: &str| world.ran(&mut world.command_with(text, &["reload"])).ok().stdout;
    let both = format!("{named}{ALL}");
    assert_eq!(reload(&both), "reloaded: settings: changed discover\n");
    daemon.until("the second baseline", || told(&world).contains("beta baselined").then_some(()));
    assert_eq!(reload(&both), "reloaded: nothing changed\n");
    let gone = reload(&named);
    assert!(gone.contains("organizations: removed github/beta\n"), "{gone}");
    daemon.stop();
    assert_eq!(told(&world), "acme baselined\nbeta baselined\n");
}

/// Somebody is in the middle of writing it: what they write is taken over when they say so.
#[test]
fn what_is_found_is_watched_whatever_the_files_of_the_config_hold_by_now() {
    let world = world();
    let text = format!("{}http: {{ web_config_file: web.yml }}\n", rarely(&world));
    let text = text.replace("codecov: { ", "codecov: { ca_file: ca.pem, ");
    write_secret(&world.path("web.yml"), "{}\n");
    let (_, certificate) = self_signed();
    fs::write(world.path("ca.pem"), certificate).unwrap();
    let daemon = world.daemon_of(&text);
    daemon.until("the first baseline", || told(&world).contains("acme baselined").then_some(()));
    join(&world, "beta", "bob! cat*");
    write_secret(&world.path("web.yml"), "basic_auth_users: {\n");
    fs::write(world.path("ca.pem"), "-----BEGIN CERT").unwrap();
    world.ran(&mut world.command_with(&text, &["sync"])).ok();
    daemon.until("the second baseline", || told(&world).contains("beta baselined").then_some(()));
    daemon.stop();
}
