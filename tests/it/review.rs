//! What a reviewer asks: who had access on a day, since when, and what changed between two.

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, Person, When};

use crate::world::{ACME, World};

/// Three months of an organization: a quiet one, one with changes, one with trouble.
fn winter() -> World {
    let world = World::start("ann* bob! cat").with_config("timezone: Europe/Berlin");
    world.sync_at("2026-01-05T09:00:00Z").sync_at("2026-01-05T10:00:00Z");
    world.members("ann bob! cat* dan*").sync_at("2026-02-02T10:00:00Z");
    world.edit(|world, acme| {
        let nobody = world.add_person("github".parse().unwrap(), Person::default());
        world.seat(acme, nobody);
    });
    world.sync_at("2026-02-02T11:00:00Z");
    world.edit(|world, _| {
        let dan = world.find("github".parse().unwrap(), "dan").unwrap();
        world.rename(dan, "Daniel");
    });
    world.sync_at("2026-02-02T12:00:00Z");
    world.members("ann* bob! cat* Daniel*").sync_at("2026-03-02T10:00:00Z");
    world
}

#[test]
fn a_roster_is_what_it_was_on_a_day() {
    let world = winter();
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-01-31"]).ok().shown(), @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE          ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  ≤ 2026-01-05 10:00  –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                   ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  –                   –

    3 members, 1 seat, 1 admin as of 2026-01-05 11:00 CET
    ≤ it was so when the first roster was read; since when is not known
    warning: github/acme: no roster was taken over between 2026-01-05 11:00 CET and 2026-02-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-02T10:30:00Z"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  –                 –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    dan       dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 2 seats, 1 admin as of 2026-02-02 11:00 CET
    ≤ it was so when the first roster was read; since when is not known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-02"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  –                 –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    Daniel    dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 2 seats, 1 admin as of 2026-02-02 13:00 CET
    and 1 unnamed row with 1 seat
    ≤ it was so when the first roster was read; since when is not known
    ");
    assert_snapshot!(world.says(&["roster", ACME]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  2026-03-02 11:00  –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    Daniel    dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 3 seats, 1 admin as of 2026-03-02 11:00 CET
    ≤ it was so when the first roster was read; since when is not known
    ");
    let now = world.says(&["roster", ACME]).ok().stdout;
    for same in ["now", "today", "2026-03-02T10:00:00Z", "yesterday", "1h ago"] {
        let told = world.says(&["roster", ACME, "--as-of", same]).ok().stdout;
        assert_eq!(told, now, "{same}");
    }
}

#[test]
fn members_are_shown_by_what_they_have() {
    let world = winter();
    assert_snapshot!(world.says(&["roster", ACME, "--seats"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  2026-03-02 11:00  –
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    Daniel    dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    3 of 4 members as of 2026-03-02 11:00 CET
    ≤ it was so when the first roster was read; since when is not known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--disabled", "--admins"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE  ADMIN SINCE
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –           ≤ 2026-01-05 10:00

    1 of 4 members as of 2026-03-02 11:00 CET
    ≤ it was so when the first roster was read; since when is not known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--seats", "--disabled"]).shown(), @"
    error: the argument '--seats' cannot be used with '--disabled'

    Usage: seatwatch roster --seats --config <FILE> <ORG>

    For more information, try '--help'.
    exit code 64
    ");
    let rows = world.says(&["roster", ACME, "--seats", "--format", "json"]).ok().rows();
    assert_snapshot!(rows[2], @r#"{"organization":"github/acme","username":"Daniel","name":"dan","email":"dan@example.com","seat":true,"admin":false,"status":"enabled","member_since":"2026-02-02T10:00:00.000Z","seat_since":"2026-02-02T10:00:00.000Z","admin_since":null,"known_since":"2026-01-05T09:00:00.000Z"}"#);
}

#[test]
fn what_is_not_known_of_a_time_is_said() {
    let world = winter().with_other("gitlab/other");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-01-04"]).shown(), @"
    error: github/acme: nothing is known of 2026-01-04 23:59 CET
    hint: rosters are known since 2026-01-05 10:00 CET: that was the first sync
    exit code 65
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2999-01-01"]).code.unwrap(), @"64");
    assert_snapshot!(world.says(&["roster", "gitlab/other", "--as-of", "2026-02-01"]).shown(), @"
    error: gitlab/other: no roster was read yet
    hint: run `seatwatch sync gitlab/other`
    exit code 65
    ");
    assert_snapshot!(world.says(&["roster", "gitlab/nobody", "--as-of", "2026-02-01"]).shown(), @"
    error: gitlab/nobody: neither in the config nor in the store
    hint: known here: github/acme, gitlab/other
    exit code 64
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "last week"]).shown(), @"
    error: invalid value 'last week' for '--as-of <TIME>': expected a day such as `2026-11-23`, a time such as `2026-11-23T09:00:00Z`, `yesterday`, or `3d ago`

    For more information, try '--help'.
    exit code 64
    ");
    assert_snapshot!(world.says(&["roster"]).shown(), @"
    error: the following required arguments were not provided:
      <ORG>

    Usage: seatwatch roster --config <FILE> <ORG>

    For more information, try '--help'.
    exit code 64
    ");
}

#[test]
fn a_time_in_a_gap_is_told() {
    let world = winter();
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-20"]).ok().stderr, @"warning: github/acme: no roster was taken over between 2026-02-02 13:00 CET and 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that");
    world.simulator.fault(When::always(), Fault::Status { status: 500, retry_after: None });
    world.sync_at("2026-03-02T11:00:00Z").sync_at("2026-03-02T12:00:00Z");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-03-02 12:30"]).ok().stderr, @"warning: github/acme: no roster was taken over since 2026-03-02 11:00 CET (2 syncs failed (server_error)): what changed meanwhile shows only after that");
}

#[test]
fn a_time_that_the_clock_left_out_is_the_next_that_there_was() {
    let world = winter();
    world.members("ann* bob! cat*").sync_at("2026-03-29T01:00:00Z");
    let members = |time: &str| {
        world.says(&["roster", ACME, "--as-of", time, "--format", "json"]).ok().rows().len()
    };
    assert_eq!(members("2026-03-29 01:59"), 4);
    assert_eq!(members("2026-03-29 02:30"), 3);
    assert_eq!(members("2026-03-29 03:00"), 3);
}

#[test]
fn the_net_change_leaves_out_what_was_undone() {
    let world = winter();
    assert_snapshot!(world.says(&["diff", ACME, "2026-01-05T09:30:00Z", "2026-03-31"]).ok().stdout, @"
    github/acme  2026-01-05 10:30 CET → 2026-03-31 23:59 CEST
    3 → 4 members, 1 → 3 seats, 1 → 1 admin

    EVENT        MEMBER  NAME  EMAIL            DETAILS
    seat_gained  cat     cat   cat@example.com
    joined       Daniel  dan   dan@example.com
    seat_gained  Daniel  dan   dan@example.com
    ");
    assert_snapshot!(world.says(&["diff", ACME, "2026-02-02T11:30:00Z", "2026-02-02T12:30:00Z"]).ok().stdout, @"
    github/acme  2026-02-02 12:30 CET → 2026-02-02 13:30 CET
    4 → 4 members, 3 → 3 seats, 1 → 1 admin

    EVENT    MEMBER        NAME  EMAIL            DETAILS
    renamed  dan → Daniel  dan   dan@example.com
    ");
    assert_snapshot!(world.says(&["diff", ACME, "2026-03-03", "2026-03-04"]).ok().stdout, @"
    github/acme  2026-03-03 00:00 CET → 2026-03-04 23:59 CET
    4 → 4 members, 3 → 3 seats, 1 → 1 admin

    no changes
    ");
    assert_snapshot!(world.says(&["diff", ACME, "2026-03-03", "2026-03-02"]).shown(), @"
    error: 2026-03-03 00:00 CET is after 2026-03-02 23:59 CET
    hint: the earlier time comes first
    exit code 64
    ");
    assert_snapshot!(world.says(&["diff", ACME, "2026-01-01"]).shown(), @"
    error: github/acme: nothing is known of 2026-01-01 00:00 CET
    hint: rosters are known since 2026-01-05 10:00 CET: that was the first sync
    exit code 65
    ");
    let rows = world.says(&["diff", ACME, "2026-02-02T11:30:00Z", "2026-03-31", "--format", "json"]).ok().rows();
    assert_snapshot!(rows[0], @r#"{"organization":"github/acme","from":"2026-02-02T11:30:00.000Z","to":"2026-03-31T21:59:59.999Z","event":"seat_gained","username":"ann","formerly":null,"name":"ann","email":"ann@example.com","seat":true,"admin":false,"status":"enabled"}"#);
}

#[test]
fn the_history_has_a_beginning_and_an_end() {
    let world = winter();
    assert_snapshot!(world.says(&["history", ACME, "--since", "2026-02-02", "--until", "2026-02-02"]).ok().stdout, @"
    TIME                  EVENT        MEMBER        DETAILS
    2026-02-02 11:00 CET  seat_lost    ann
    2026-02-02 11:00 CET  seat_gained  cat
    2026-02-02 11:00 CET  joined       dan
    2026-02-02 11:00 CET  seat_gained  dan
    2026-02-02 13:00 CET  renamed      dan → Daniel
    ");
    assert_snapshot!(world.says(&["history", ACME, "--member", "daniel"]).ok().stdout, @"
    TIME                  EVENT        MEMBER        DETAILS
    2026-02-02 11:00 CET  joined       dan
    2026-02-02 11:00 CET  seat_gained  dan
    2026-02-02 13:00 CET  renamed      dan → Daniel
    ");
}

/// The names of the files in a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const WINTER: [&str; 4] = ["--from", "2026-01-01", "--to", "2026-03-31"];

#[test]
fn a_report_is_a_folder_with_all_of_it() {
    let world = winter().with_organization("seats: { limit: 4, price_per_seat: 12.50, currency: EUR }");
    let report = |folder: &str| {
        let arguments = [&["report", ACME, "-o", folder], &WINTER[..]].concat();
        world.says(&arguments)
    };
    let folder = world.path("pack");
    let said = report(folder.to_str().unwrap()).ok().stdout;
    let size = regex::Regex::new("[0-9.]+ KiB").unwrap();
    assert_snapshot!(size.replace(&said, "[SIZE]"), @"
    [DIR]/pack: 18 files, [SIZE], 2026-01-01 00:00 CET to 2026-03-31 23:59 CEST
      github/acme  4 members, 3 seats; 7 events, 2 gaps
    open [DIR]/pack/report.html
    ");
    assert_snapshot!(files(&folder).join("\n"), @"
    changes.csv
    changes.json
    gaps.csv
    gaps.json
    manifest.json
    members-at-end.csv
    members-at-end.json
    members-at-start.csv
    members-at-start.json
    net-changes.csv
    net-changes.json
    report.html
    seats.csv
    seats.json
    summary.csv
    summary.json
    syncs.csv
    syncs.json
    ");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_snapshot!(read("summary.csv"), @"
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps
    github/acme,,2026-01-05T09:00:00.000Z,3,4,1,3,4,1,1,37.50,EUR,2
    ");
    assert_snapshot!(read("seats.csv"), @"
    organization,time,members,seats,admins,unnamed_members,unnamed_seats,seats_used,cost,currency
    github/acme,2026-01-05T09:00:00.000Z,3,1,1,0,0,1,12.50,EUR
    github/acme,2026-02-02T10:00:00.000Z,4,2,1,0,0,2,25.00,EUR
    github/acme,2026-02-02T11:00:00.000Z,4,2,1,1,1,3,37.50,EUR
    github/acme,2026-03-02T10:00:00.000Z,4,3,1,0,0,3,37.50,EUR
    ");
    assert_snapshot!(read("gaps.csv"), @"
    organization,from,to,failed,held,missed,reasons
    github/acme,2026-01-05T10:00:00.000Z,2026-02-02T10:00:00.000Z,0,0,true,
    github/acme,2026-02-02T12:00:00.000Z,2026-03-02T10:00:00.000Z,0,0,true,
    ");
    assert_snapshot!(read("syncs.csv"), @"
    organization,outcome,reason,message,started_at,first_finished_at,last_finished_at,count,after_gap
    github/acme,baselined,,,2026-01-05T09:00:00.000Z,2026-01-05T09:00:00.000Z,2026-01-05T09:00:00.000Z,1,false
    github/acme,unchanged,,,2026-01-05T10:00:00.000Z,2026-01-05T10:00:00.000Z,2026-01-05T10:00:00.000Z,1,false
    github/acme,changed,,,2026-02-02T10:00:00.000Z,2026-02-02T10:00:00.000Z,2026-02-02T10:00:00.000Z,1,true
    github/acme,unchanged,,,2026-02-02T11:00:00.000Z,2026-02-02T11:00:00.000Z,2026-02-02T11:00:00.000Z,1,false
    github/acme,changed,,,2026-02-02T12:00:00.000Z,2026-02-02T12:00:00.000Z,2026-02-02T12:00:00.000Z,1,false
    github/acme,changed,,,2026-03-02T10:00:00.000Z,2026-03-02T10:00:00.000Z,2026-03-02T10:00:00.000Z,1,true
    ");
    assert_snapshot!(read("net-changes.csv"), @"
    organization,from,to,event,username,formerly,name,email,seat,admin,status
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,seat_gained,cat,,cat,cat@example.com,true,false,enabled
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,joined,Daniel,,dan,dan@example.com,true,false,enabled
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,seat_gained,Daniel,,dan,dan@example.com,true,false,enabled
    ");
    if let Ok(copy) = std::env::var("KEEP_REPORT") {
        std::fs::write(copy, read("report.html")).unwrap();
    }

    // The same again, to the byte.
    let again = world.path("again");
    report(again.to_str().unwrap()).ok();
    assert_eq!(files(&again), files(&folder));
    for name in files(&folder) {
        let [first, second] = [&folder, &again].map(|it| std::fs::read(it.join(&name)).unwrap());
        assert_eq!(first, second, "{name}");
    }
    let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json")).unwrap();
    assert_eq!(manifest["files"].as_array().unwrap().len(), files(&folder).len() - 1);
    assert_snapshot!(report(folder.to_str().unwrap()).shown(), @"
    error: [DIR]/pack: is not empty
    hint: name a folder that is not there yet
    exit code 73
    ");
}
