//! A report that is made again is the same to the byte, whatever has happened since.

use seatwatch::simulator::{Fault, Person};

use super::{Pack, quiet};
use crate::discover;
use crate::world::{ACME, World};

/// Makes a report twice, once before and once after something happened.
#[track_caller]
fn check(world: &World, arguments: &[&str], meanwhile: impl FnOnce()) -> Pack {
    let [first, second] = [0, 1].map(|number| format!("pack-{number}"));
    let first = Pack::of(world, &first, arguments);
    meanwhile();
    assert_eq!(Pack::of(world, &second, arguments).all(), first.all());
    first
}

/// A sync that failed, and once more for the same reason, but with other words.
#[test]
fn what_a_later_failure_says_is_not_in_it() {
    let world = quiet();
    let status = |status| Fault::Status { status, retry_after: None };
    world.fault(status(500)).sync_at("2026-01-05T20:00:00Z").calm();
    let pack =
        check(&world, &[ACME, "--from", "2026-01-05", "--to", "2026-01-05T20:30:00Z"], || {
            world.fault(status(502)).sync_at("2026-01-05T21:00:00Z");
        });
    insta::assert_snapshot!(pack.read("syncs.csv").lines().last().unwrap(), @"github/acme,failed,server_error,,2026-01-05T20:00:00.000Z,2026-01-05T20:00:00.000Z,,");
    insta::assert_snapshot!(pack.words("github/acme", "Seats in use"), @"
    github/acme
    Nothing is known before 2026-01-05 09:00: what is called the beginning here is that time.
    The last roster was read at 2026-01-05 19:00.
    At both ends
    | At the beginning | At the end | Came | Went |
    Members | 2 | 3 | 1 | 0 |
    Seats in use | 1 | 1 | 0 | 0 |
    Admins | 1 | 1 | 0 | 0 |
    When nobody looked
    Between these times, no roster was taken over: who came and went again within one was never seen, and what changed is known only as of its end
    From | To | Why |
    2026-01-05 19:00 | 2026-01-05 20:30 | syncs failed (server_error) |
    ");
}

/// The address of who has no name is known while the roster is the last one, and no longer.
#[test]
fn what_is_known_of_the_present_alone_is_not_in_it() {
    let world = World::start("ann*!");
    world.edit(|world, acme| {
        let nobody = Person::default().email("gone@example.com");
        let nobody = world.add_person("github".parse().unwrap(), nobody);
        world.seat(acme, nobody);
    });
    world.sync_at("2026-01-05T09:00:00Z");
    let list = world.path("people.csv");
    std::fs::write(&list, "email\nann@example.com\n").unwrap();
    let list = list.to_str().unwrap();
    let arguments =
        [ACME, "--from", "2026-01-05", "--to", "2026-01-05T09:30:00Z", "--compare", list];
    let pack = check(&world, &arguments, || {
        world.sync_at("2026-01-05T10:00:00Z");
    });
    assert!(pack.read("comparison.csv").contains("cannot_tell"));
}

/// An organization that a rule finds later was not watched then.
#[test]
fn an_organization_that_was_found_later_is_not_in_it() {
    let world = discover::world();
    let config = discover::config(&world, discover::ALL);
    let sync = || world.ran(&mut world.command_with(&config, &["sync"])).ok();
    sync();
    let mut known = world.command_with(&config, &["roster", ACME, "--format", "json"]);
    let known: serde_json::Value = serde_json::from_slice(&known.output().unwrap().stdout).unwrap();
    let to = known[0]["known_since"].as_str().unwrap().to_owned();
    let report = |name: &str| {
        let folder = world.path(name);
        let arguments =
            ["report", "--all", "--from", &to, "--to", &to, "-o", folder.to_str().unwrap()];
        let said = world.ran(&mut world.command_with(&config, &arguments)).ok().stdout;
        Pack { folder, said }
    };
    let before = report("before");
    discover::join(&world, "beta", "bob!");
    sync();
    let after = report("after");
    assert_eq!(after.all(), before.all());
    assert!(after.said.contains("github/acme") && !after.said.contains("beta"), "{}", after.said);
}
