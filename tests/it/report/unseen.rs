//! What a report says of the time when nobody looked, and of what is not known any more.

use insta::assert_snapshot;
use seatwatch::simulator::Fault;

use super::Pack;
use crate::world::{ACME, World};

const MORNING: [&str; 5] = ["--all", "--from", "2026-01-05", "--to", "2026-01-05T11:30:00Z"];

const SERVER_ERROR: Fault = Fault::Status { status: 500, retry_after: None };

/// Syncs at these hours of a day, each of which finds another roster, or an error.
fn sync_hours(world: &World, hours: std::ops::Range<u32>, failing: &[u32]) {
    for hour in hours {
        world.members(if hour % 2 == 0 { "ann* bob!" } else { "ann bob!" });
        if failing.contains(&hour) {
            world.fault(SERVER_ERROR);
        }
        world.sync_at(&format!("2026-01-05T{hour:02}:00:00Z")).calm();
    }
}

/// Every sync ran; that retention has taken some makes no gap of them, and hides no later one.
#[test]
fn what_retention_has_taken_is_no_gap() {
    let world = World::start("ann bob!");
    sync_hours(&world, 9..20, &[11, 12, 17]);
    let whole =
        Pack::of(&world, "whole", &[ACME, "--from", "2026-01-05", "--to", "2026-01-05T19:30:00Z"]);
    assert_snapshot!(whole.read("gaps.csv"), @"
    organization,from,to,failed,held,missed,reasons
    github/acme,2026-01-05T10:00:00.000Z,2026-01-05T13:00:00.000Z,2,0,false,server_error
    github/acme,2026-01-05T16:00:00.000Z,2026-01-05T18:00:00.000Z,1,0,false,server_error
    ");
    world.trim_to("2026-01-05T14:30:00Z");
    let pack = Pack::of(
        &world,
        "trimmed",
        &[ACME, "--from", "2026-01-05", "--to", "2026-01-05T19:30:00Z"],
    );
    assert_snapshot!(pack.said, @"
    [DIR]/trimmed: 18 files, [SIZE], 2026-01-05 00:00 UTC to 2026-01-05 19:30 UTC
      github/acme  2 members, 0 seats; 3 events, 1 gap; known since 2026-01-05 14:30 UTC
    open [DIR]/trimmed/report.html
    ");
    assert_snapshot!(pack.read("gaps.csv"), @"
    organization,from,to,failed,held,missed,reasons
    github/acme,2026-01-05T16:00:00.000Z,2026-01-05T18:00:00.000Z,1,0,false,server_error
    ");
    let syncs = pack.read("syncs.csv").replace(&world.simulator.base_url(), "[URL]");
    assert_snapshot!(syncs, @"
    organization,outcome,reason,message,started_at,first_finished_at,last_finished_at,count
    github/acme,changed,,,2026-01-05T15:00:00.000Z,2026-01-05T15:00:00.000Z,2026-01-05T15:00:00.000Z,1
    github/acme,changed,,,2026-01-05T16:00:00.000Z,2026-01-05T16:00:00.000Z,2026-01-05T16:00:00.000Z,1
    github/acme,failed,server_error,`[URL]/api/v2/github/acme/users/?page=1&page_size=1000` answered 500 Internal Server Error,2026-01-05T17:00:00.000Z,2026-01-05T17:00:00.000Z,2026-01-05T17:00:00.000Z,1
    github/acme,unchanged,,,2026-01-05T18:00:00.000Z,2026-01-05T18:00:00.000Z,2026-01-05T18:00:00.000Z,1
    github/acme,changed,,,2026-01-05T19:00:00.000Z,2026-01-05T19:00:00.000Z,2026-01-05T19:00:00.000Z,1
    ");
    assert_snapshot!(pack.read("summary.csv"), @"
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps,gaps_known_from,syncs_known_from
    github/acme,,2026-01-05T14:30:00.000Z,2,2,1,0,,1,1,,,1,,2026-01-05T14:30:00.000Z
    ");
    assert_snapshot!(pack.words("github/acme", "Who had a seat at the end"), @"
    github/acme
    Nothing is known before 2026-01-05 14:30: what is called the beginning here is that time.
    Rosters were read up to the end.
    At both ends
    | At the beginning | At the end | Came | Went |
    Members | 2 | 2 | 0 | 0 |
    Seats in use | 1 | 0 | 1 | 2 |
    Admins | 1 | 1 | 0 | 0 |
    When nobody looked
    Between these times, no roster was taken over: who came and went again within one was never seen, and what changed is known only as of its end
    From | To | Why |
    2026-01-05 16:00 | 2026-01-05 18:00 | 1 sync failed (server_error) |
    What is known of syncs before 2026-01-05 14:30 has been taken by retention.
    Seats in use
    [CHART]Shaded: nobody looked.
    Each time that the sums changed
    Since | Members | Seats in use | Admins |
    2026-01-05 14:00 | 2 | 1 | 1 |
    2026-01-05 15:00 | 2 | 0 | 1 |
    2026-01-05 16:00 | 2 | 1 | 1 |
    2026-01-05 19:00 | 2 | 0 | 1 |
    Who was a member at the beginning
    Members: 2
    Username | Name | Email | Member since | Seat since | Admin since |
    ann | ann | ann@example.com | ≤ 2026-01-05 14:00 | ≤ 2026-01-05 14:00 | – |
    bob | bob | bob@example.com | ≤ 2026-01-05 09:00 | – | ≤ 2026-01-05 09:00 |
    ");

    // Failures up to the horizon, of which retention left the last: none is missing between them.
    let world = World::start("ann bob!");
    sync_hours(&world, 9..11, &[]);
    world.fault(SERVER_ERROR).sync_at("2026-01-05T11:00:00Z");
    world
        .calm()
        .fault(Fault::Body("{}".to_owned()))
        .sync_at("2026-01-05T12:00:00Z")
        .sync_at("2026-01-05T13:00:00Z");
    world.calm().sync_at("2026-01-05T14:00:00Z");
    world.trim_to("2026-01-05T13:30:00Z");
    let pack = Pack::of(
        &world,
        "failing",
        &[ACME, "--from", "2026-01-05", "--to", "2026-01-05T14:30:00Z"],
    );
    assert_snapshot!(pack.read("gaps.csv"), @"
    organization,from,to,failed,held,missed,reasons
    github/acme,2026-01-05T13:30:00.000Z,2026-01-05T14:00:00.000Z,,0,false,bad_response
    ");
}

/// The same minute twice would be no time at all.
#[test]
fn a_gap_within_a_minute_is_told_to_the_second() {
    let world = World::start("ann bob!");
    world.sync_at("2026-01-05T09:00:05Z");
    world.fault(SERVER_ERROR).sync_at("2026-01-05T09:00:10Z");
    world.calm().sync_at("2026-01-05T09:00:20Z");
    let past = world.says(&["roster", ACME, "--as-of", "2026-01-05T09:00:15Z"]).ok().stderr;
    assert_snapshot!(past, @"warning: github/acme: no roster was taken over between 2026-01-05 09:00:05 UTC and 2026-01-05 09:00:20 UTC (1 sync failed (server_error)): what changed meanwhile shows only after that");
    let pack = Pack::of(&world, "pack", &MORNING);
    assert_snapshot!(pack.words("From | To | Why |", "Seats in use"), @"
    From | To | Why |
    2026-01-05 09:00:05 | 2026-01-05 09:00:20 | 1 sync failed (server_error) |
    2026-01-05 09:00 | 2026-01-05 11:30 | no sync ran when one was due |
    ");
}

/// Of an instant, everything is known or nothing is.
#[test]
fn a_report_of_an_instant_may_lie_in_a_gap() {
    let world = World::start("ann bob!");
    sync_hours(&world, 9..13, &[10, 11]);
    let gaps = |at: &str| {
        let pack = Pack::of(&world, at, &[ACME, "--from", at, "--to", at]);
        let said = pack.said.lines().nth(1).unwrap().rsplit(", ").next().unwrap().to_owned();
        [said, pack.words("When nobody looked", "Seats in use")].join("\n")
    };
    assert_snapshot!(gaps("2026-01-05T11:30:00Z"), @"
    1 gap
    When nobody looked
    Between these times, no roster was taken over: who came and went again within one was never seen, and what changed is known only as of its end
    From | To | Why |
    2026-01-05 11:30:00 | 2026-01-05 11:30:00 | syncs failed (server_error) |
    ");
    assert_snapshot!(gaps("2026-01-05T12:00:00Z"), @"
    no gap
    When nobody looked
    Never: no sync that was due failed, was held or is missing.
    ");
}

/// The first syncs failed: what was before the first roster was never looked at.
#[test]
fn what_was_before_the_first_roster_is_a_gap() {
    let world = World::start("ann* bob!").with_other("github/new");
    world.fault(SERVER_ERROR);
    world.sync_at("2026-01-05T09:00:00Z").sync_at("2026-01-05T10:00:00Z");
    world.calm().sync_at("2026-01-05T11:00:00Z");
    let pack = Pack::of(&world, "pack", &MORNING);
    assert_snapshot!(pack.said, @"
    [DIR]/pack: 20 files, [SIZE], 2026-01-05 00:00 UTC to 2026-01-05 11:30 UTC
      github/acme  2 members, 1 seat; 1 event, 1 gap; known since 2026-01-05 11:00 UTC
      github/new  no roster is known of this time
    open [DIR]/pack/report.html
    ");
    assert_snapshot!(pack.read("gaps.csv"), @"
    organization,from,to,failed,held,missed,reasons
    github/acme,2026-01-05T09:00:00.000Z,2026-01-05T11:00:00.000Z,2,0,false,server_error
    github/new,2026-01-05T09:00:00.000Z,2026-01-05T11:30:00.000Z,,0,false,server_error; organization_not_found
    ");
    assert_snapshot!(pack.read("summary.csv"), @"
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps,gaps_known_from,syncs_known_from
    github/acme,,2026-01-05T11:00:00.000Z,2,2,1,1,,1,1,,,1,,
    github/new,,,,,,,,,,,,1,,
    ");
    assert_snapshot!(pack.words("Summary", "Who had a seat at the end"), @"
    Summary
    Each organization at the end
    Organization | Members | Seats in use | Admins | Cost a month | Coverage |
    github/acme |
    2 | 1 | 1 | – | known since 2026-01-05 11:00; 1 gap |
    github/new |
    no roster is known of this time | not known |
    Members are who Codecov lists. It lists whoever has a seat, also after they have left, and refreshes a membership when that person logs in: what is here is what Codecov believed. ≤ before a time means: since then, or for longer; nothing older is known.
    github/acme
    Nothing is known before 2026-01-05 11:00: what is called the beginning here is that time.
    Rosters were read up to the end.
    At both ends
    | At the beginning | At the end | Came | Went |
    Members | 2 | 2 | 0 | 0 |
    Seats in use | 1 | 1 | 0 | 0 |
    Admins | 1 | 1 | 0 | 0 |
    When nobody looked
    Between these times, no roster was taken over: who came and went again within one was never seen, and what changed is known only as of its end
    From | To | Why |
    2026-01-05 09:00 | 2026-01-05 11:00 | no roster yet, 2 syncs failed (server_error) |
    Seats in use
    [CHART]Shaded: nobody looked.
    Each time that the sums changed
    Since | Members | Seats in use | Admins |
    2026-01-05 11:00 | 2 | 1 | 1 |
    Who was a member at the beginning
    Members: 2
    Username | Name | Email | Member since | Seat since | Admin since |
    ann | ann | ann@example.com | ≤ 2026-01-05 11:00 | ≤ 2026-01-05 11:00 | – |
    bob | bob | bob@example.com | ≤ 2026-01-05 11:00 | – | ≤ 2026-01-05 11:00 |
    ");
    assert_snapshot!(pack.words("github/new", "What lies beside this page"), @"
    github/new
    No roster of this organization is known of this time; what happened stands below.
    When nobody looked
    Between these times, no roster was taken over: who came and went again within one was never seen, and what changed is known only as of its end
    From | To | Why |
    2026-01-05 09:00 | 2026-01-05 11:30 | no roster yet, syncs failed (server_error, organization_not_found) |
    All that happened
    Time | What | Who | Name | Email |
    2026-01-05 11:00 | Syncs keep failing | organization_not_found, Codecov knows no owner `github/new` |
    ");

    // Of what nothing is known of, neither is it that nothing is missing.
    let world = world.with_other("github/newest");
    let pack = Pack::of(&world, "newest", &MORNING);
    assert_snapshot!(pack.read("summary.csv"), @"
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps,gaps_known_from,syncs_known_from
    github/acme,,2026-01-05T11:00:00.000Z,2,2,1,1,,1,1,,,1,,
    github/new,,,,,,,,,,,,1,,
    github/newest,,,,,,,,,,,,,,
    ");
}
