//! Seats that are paid for: a word when they run out, one each time.

use chrono::TimeDelta;
use insta::assert_snapshot;
use itertools::Itertools as _;
use seatwatch::clock::{Clock as _, SystemClock};

use crate::world::World;

/// So many of six members have a seat.
fn seated(seats: usize) -> String {
    let members = ["boss!", "m1", "m2", "m3", "m4", "m5"];
    let cast = members.iter().enumerate();
    let cast = cast.map(|(index, name)| format!("{name}{}", if index < seats { "*" } else { "" }));
    cast.collect::<Vec<_>>().join(" ")
}

/// The alarms of one more sync.
fn alarms(world: &World, told: &mut usize) -> String {
    world.sync().ok();
    let events = world.events();
    let words: Vec<&str> = events[*told..]
        .iter()
        .filter_map(|event| event["data"]["event"].as_str())
        .filter(|event| event.starts_with("seat_limit"))
        .collect();
    *told = events.len();
    words.join(" ")
}

/// The seats in use over a few syncs, and what is said at each.
#[track_caller]
fn check(seats: &str, steps: &[(usize, &str)]) {
    let world = World::start(&seated(steps[0].0)).with_organization(&format!("seats: {seats}"));
    let mut told = 0;
    for (index, (used, expected)) in steps.iter().enumerate() {
        world.members(&seated(*used));
        assert_eq!(alarms(&world, &mut told), *expected, "{seats}, step {index}: {used} seats");
    }
}

const NEAR: &str = "seat_limit_near";
const REACHED: &str = "seat_limit_reached";
const BOTH: &str = "seat_limit_near seat_limit_reached";

#[test]
fn an_alarm_is_told_once_and_armed_again_two_seats_below() {
    let absolute = "{ limit: 5, warn_at: 4 }";
    check(absolute, &[(3, ""), (4, NEAR), (5, REACHED), (6, ""), (5, "")]);
    check(absolute, &[(4, NEAR), (3, ""), (4, ""), (2, ""), (4, NEAR)]);
    check(absolute, &[(5, BOTH), (4, ""), (5, ""), (3, ""), (5, REACHED)]);
    check(absolute, &[(6, BOTH)]);
    check("{ limit: 5, warn_at: 80% }", &[(3, ""), (4, NEAR), (5, REACHED)]);
    // Nine tenths of six are five and a half seats.
    check("{ limit: 6 }", &[(4, ""), (5, ""), (6, BOTH)]);
    check("{ limit: 7 }", &[(6, "")]);
}

#[test]
fn the_alarm_says_how_many_seats_there_are() {
    let world = World::start("ann*! bob* cat*").with_organization("seats: { limit: 3 }");
    assert_snapshot!(world.sync().ok().shown(), @r"
    github/acme  3 members  3 of 3 seats  1 admin  baseline
      baselined
      seat_limit_near
      seat_limit_reached
    ");
    assert_eq!(world.told(), "baselined\nseat_limit_near\nseat_limit_reached\n");
    assert_snapshot!(world.events()[2]["data"]["details"], @r#"{"used":3,"limit":3,"warn_at":3}"#);
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        3    3/3        –       1  [TIME]  [TIME]

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
}

/// How many seats are too many, and how they went since the first roster was read, or for 30 days.
#[test]
fn status_tells_what_is_over_the_limit_and_over_how_long_seats_changed() {
    let mut world = World::start("ann*! bob*").with_organization("seats: { limit: 1 }");
    world.sync_at(&days_ago(9)).members("ann*! bob* cat*").sync().ok();
    let row = |world: &World| {
        let table = world.run(&["status"]).ok().stdout;
        let row = table.lines().nth(1).unwrap().to_owned();
        row.split("  ").filter(|cell| !cell.is_empty()).skip(3).take(2).join(" |")
    };
    assert_eq!(row(&world), "3/1 (2 over) |+1 in 9 days");
    world = World::start("ann*!");
    world.sync_at(&days_ago(70)).members("ann*! bob*").sync_at(&days_ago(40));
    world.members("ann*! bob* cat* dan*").sync().ok();
    assert_eq!(row(&world), "4 | +2");
}

fn days_ago(days: i64) -> String {
    (SystemClock.now() - TimeDelta::days(days)).to_rfc3339()
}

#[test]
fn seats_of_rows_that_name_nobody_are_paid_for_too() {
    let world = World::start("ann*! bob* cat").with_organization("seats: { limit: 3, warn_at: 3 }");
    world.sync().ok();
    world.edit(|world, acme| {
        let service = "github".parse().unwrap();
        let nobody = world.add_person(service, seatwatch::simulator::Person::default());
        world.seat(acme, nobody);
    });
    assert_snapshot!(world.sync().ok().stdout, @r"
    github/acme  3 members  3 of 3 seats (+1)  1 admin  1 unnamed
      seat_limit_near
      seat_limit_reached
    ");
    assert_eq!(world.told(), "baselined\nseat_limit_near\nseat_limit_reached\n");
    let totals = world.events()[1]["data"]["totals"].take();
    assert_eq!((&totals["seats"], &totals["unnamed"]["seats"]), (&2.into(), &1.into()));
    assert_eq!(world.events()[1]["data"]["details"]["used"], 3);
}

#[test]
fn a_limit_that_changes_is_heeded_though_the_roster_does_not() {
    let mut world = World::start("ann*! bob* cat*").with_organization("seats: { limit: 10 }");
    world.sync().ok();
    world.reset_organization("seats: { limit: 3, warn_at: 2 }");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nseat_limit_near\nseat_limit_reached\n");
    world.sync().ok();
    // More seats were bought: both alarms are armed again.
    world.reset_organization("seats: { limit: 10 }");
    world.sync().ok();
    world.reset_organization("seats: { limit: 3, warn_at: 2 }");
    world.sync().ok();
    let again =
        "baselined\nseat_limit_near\nseat_limit_reached\nseat_limit_near\nseat_limit_reached\n";
    assert_eq!(world.told(), again);
}

#[test]
fn the_top_level_limit_holds_where_the_organization_has_none() {
    let world = World::start("ann*! bob*").with_config("seats: { limit: 2 }");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nseat_limit_near\nseat_limit_reached\n");
    let world = World::start("ann*! bob*")
        .with_config("seats: { limit: 2 }")
        .with_organization("seats: { limit: 20 }");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\n");
}

#[test]
fn a_held_roster_says_nothing_of_seats() {
    let cast: Vec<String> = (1..=20).map(|number| format!("m{number}*")).collect();
    let world =
        World::start(&cast.join(" ")).with_organization("seats: { limit: 20, warn_at: 20 }");
    world.sync().ok();
    world.members("m1* a* b* c* d* e* f* g* h* i* j* k* l* m* n* o* p* q* r* s* t* u*");
    assert_eq!(world.sync().code, Some(65));
    assert_eq!(world.told(), "baselined\nseat_limit_near\nseat_limit_reached\nroster_held\n");
}
