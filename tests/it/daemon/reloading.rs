//! Another config while the daemon runs.

use std::fs;

use nix::sys::signal::Signal;
use seatwatch::clock::{Clock as _, SystemClock};
use serde_json::Value;

use super::process::whole_events;
use crate::api_faults::self_signed;
use crate::world::{ACME, World};

const BETA: &str = "github/beta";

fn with_beta(world: World) -> World {
    world.watching("beta", "zoe! yan")
}

#[test]
fn a_reload_says_what_changed() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    reloaded: nothing changed
    ");

    let world = with_beta(world).with_other_sink("new: { type: file, path: new.ndjson }");
    let world = world.with_organization("schedule: \"@daily\"");
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    reloaded: organizations: added github/beta; changed github/acme
    reloaded: sinks: added new
    ");
    // Whoever is new is synced at once.
    daemon.until_logged(&["synced", BETA, "members=2"]);
    // What the new sink has not taken when it goes would be told; this ends when it has.
    world.run(&["sync", BETA]).ok();

    let mut world = world.without_others().without_other_sinks();
    world.reset_config("max_concurrent_syncs: 1");
    insta::assert_snapshot!(world.run(&["reload", "--format", "json"]).shown(), @r#"
    [
      {
        "change": "organizations: removed github/beta"
      },
      {
        "change": "sinks: removed new"
      },
      {
        "change": "settings: changed max_concurrent_syncs"
      }
    ]
    "#);
    daemon.stop();
}

/// It is taken over all the same.
#[test]
fn what_may_not_be_meant_is_said_at_a_reload_too() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    let world = world.with_sink("organizations: [\"gitlab/*\"]");
    insta::assert_snapshot!(world.run(&["reload"]).ok().shown(), @"
    reloaded: sinks: changed events
    warning: [DIR]/seatwatch.yaml:14:21: sinks.events.organizations[0]: `gitlab/*` matches none of the organizations
    ");
    daemon.until_logged(&["WARN", "the config may not be what is meant", "`gitlab/*`"]);
    daemon.stop();
}

#[test]
fn a_broken_config_leaves_the_daemon_as_it_was() {
    let mut world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    for broken in ["schedul: \"@daily\"\nretention: soon", "splay: [", "heartbeat: never"] {
        world.reset_config(broken);
        let ran = world.run(&["reload"]);
        assert_eq!(ran.code, Some(78), "{}", ran.shown());
        daemon.signal(Signal::SIGHUP);
        daemon.until_logged(&["WARN", "config not reloaded: the old one stays"]);
    }
    world.reset_config("schedul: \"@daily\"\nretention: soon");
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:14:1: schedul: `schedul` is not a known key
    hint: did you mean `schedule`?

    error: [DIR]/seatwatch.yaml:15:12: retention: `soon` is not a duration: expected number at 0
    hint: write a number and a unit: `90s`, `15m`, `24h`, `14d`

    the daemon goes on with the config that it had
    exit code 78
    ");
    // Of a file that cannot even be read, nobody knows where its daemon is.
    world.reset_config("schedule:\t\"@daily\"\n  retention: 1d");
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @"
    error: [DIR]/seatwatch.yaml:15:3: not valid YAML: while parsing a block mapping, did not find expected key
    hint: look for an open bracket or quote, or a `:` that needs quotes

    no daemon was asked: one that runs goes on with the config that it had
    exit code 78
    ");
    // The old schedule goes on.
    world.members("ann* bob! cat");
    daemon.until_told(&world, "baselined\njoined cat\n");

    world.reset_config("schedule: \"@yearly\"");
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    reloaded: organizations: changed github/acme
    ");
    daemon.stop();
}

#[test]
fn the_state_directory_cannot_move_while_the_daemon_runs() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    let moved = world.config().replace("state_dir: state", "state_dir: elsewhere");
    let link = |from, to| std::os::unix::fs::symlink(world.path(from), world.path(to)).unwrap();
    link("state", "elsewhere");
    let ran = world.ran(&mut world.command_with(&moved, &["reload"]));
    insta::assert_snapshot!(ran.shown(), @r"
    error: `state_dir` cannot change from `[DIR]/state` to `[DIR]/elsewhere` while running
    hint: restart the daemon to move it

    the daemon goes on with the config that it had
    exit code 78
    ");
    daemon.stop();
}

#[test]
fn an_organization_that_is_taken_out_while_it_is_synced_is_dropped() {
    let world = with_beta(World::start("ann* bob!").every_second());
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\nbaselined\n");
    daemon.until_hung(&world, BETA);
    let last = SystemClock.now();
    world.members_of("beta", "zoe! yan xia");
    let world = world.without_others();
    world.run(&["reload"]).ok();
    world.calm().members("ann* bob! cat");
    daemon.until_told(&world, "baselined\nbaselined\njoined cat\n");

    // Put back, it seems to be at rest until it is synced, and the gap is told.
    let world = world.with_other(
        "{ owner: beta, service: github, token_file: beta-token, schedule: \"@yearly\" }",
    );
    world.run(&["reload"]).ok();
    let state = |world: &World| {
        let rows = world.run(&["status", "--format", "json"]).ok().rows();
        rows.iter().find(|row| row["organization"] == BETA).unwrap()["state"].clone()
    };
    assert_eq!(state(&world), "connected");
    let again = SystemClock.now();
    world.run(&["sync", BETA]).ok();
    daemon.until_told(&world, "baselined\nbaselined\njoined cat\njoined xia\n");
    let events = whole_events(&world.path("events.ndjson"));
    let time = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
    let told = events.last().unwrap();
    assert!(time(&told["data"]["since"]).unwrap() <= last, "{told}");
    assert!(time(&told["time"]).unwrap() >= again, "{told}");
    daemon.stop();
}

/// Its sync is dropped before it shows that the organization stays: it begins anew.
#[test]
fn a_reload_that_fails_lets_who_would_have_been_taken_out_sync_again() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    daemon.until_hung(&world, ACME);
    // What hangs goes on to.
    world.calm().members("ann* bob! cat");
    let database = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let config = world.config();
    let other = config.replace("owner: acme", "owner: beta");
    insta::assert_snapshot!(world.ran(&mut world.command_with(&other, &["reload"])).shown(), @"
    error: [DIR]/state/seatwatch.db: another program keeps it locked
    hint: find who has it open: `fuser [DIR]/state/seatwatch.db`; then run the command again

    the daemon goes on with the config that it had
    exit code 75
    ");
    database.execute_batch("ROLLBACK").unwrap();
    daemon.until_told(&world, "baselined\njoined cat\n");
    daemon.stop();
}

/// A person waits for a sync of an organization that is taken out meanwhile.
#[test]
fn who_waits_for_an_organization_that_is_taken_out_is_told() {
    let world = with_beta(World::start("ann* bob!").rarely());
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\nbaselined\n");
    let before = world.simulator.requests();
    world.hang(BETA);
    let mut command = world.command(&["sync", BETA]);
    let asking = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    daemon.until_asked(&world, before + 1);
    let world = world.without_others();
    world.run(&["reload"]).ok();
    let output = asking.wait_with_output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: github/beta: not synced: the daemon does not watch it, or is stopping
    hint: if it is new in the config, run `seatwatch reload`
    ");
    assert_eq!(output.status.code(), Some(75));
    assert!(world.calm().run(&["sync", ACME]).code == Some(0));
    daemon.stop();
}

/// Erasing an organization ends with the file being written anew, for minutes where it is large. The
/// loop does not wait for that.
#[test]
fn while_the_file_is_written_anew_the_old_config_stays() {
    let world = with_beta(World::start("ann* bob!").rarely());
    let daemon = world.daemon_with(|command| {
        command.env("FAILPOINTS", "store:purge=sleep(5000)");
    });
    daemon.until_told(&world, "baselined\nbaselined\n");
    let world = world.without_others();
    world.run(&["reload"]).ok();
    let mut erasing = world.command(&["org", "forget", BETA, "--yes"]).spawn().unwrap();
    daemon.until("the erasure", || (world.count_rows("organizations") == 1).then_some(()));
    let refused = world.run(&["reload"]);
    insta::assert_snapshot!(refused.stderr, @r"
    error: the database is being written anew, which takes its time
    hint: try again when that is done: `seatwatch org forget` began it

    the daemon goes on with the config that it had
    ");
    assert_eq!(refused.code, Some(75));
    assert!(super::receiving::get(&daemon, "/-/healthy").starts_with("HTTP/1.0 200"));
    assert!(erasing.wait().unwrap().success());
    world.run(&["reload"]).ok();
    daemon.stop();
}

/// A reload takes up another authority, also under the same name.
#[test]
fn an_authority_can_be_renewed() {
    let ((base_url, certificate), (_, another)) = (self_signed(), self_signed());
    let mut world = World::start("ann").rarely().with_codecov("ca_file: ca.pem");
    world.set_base_url(&base_url);
    fs::write(world.path("ca.pem"), another).unwrap();
    let daemon = world.daemon();
    let reload = || world.run(&["reload"]).ok().stdout;
    assert!(world.sync().stderr.contains("github/acme: tls: no trusted connection"));
    assert_eq!(reload(), "reloaded: nothing changed\n");
    fs::write(world.path("ca.pem"), certificate).unwrap();
    assert_eq!(reload(), "reloaded: settings: changed codecov\n");
    assert!(world.sync().stderr.contains("github/acme: bad_response"));
    daemon.stop();
}
