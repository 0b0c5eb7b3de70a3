//! What a reviewer asks: who had access on a day, since when, and what changed between two.

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, Person, When};

use crate::world::{ACME, World};

/// Three months of an organization: a quiet one, one with changes, one with trouble.
pub(crate) fn winter() -> World {
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
    ≤ since then, or for longer: nothing older is known
    warning: github/acme: no roster was taken over between 2026-01-05 11:00 CET and 2026-02-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-02T10:30:00Z"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  –                 –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    dan       dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 2 seats, 1 admin as of 2026-02-02 11:00 CET
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-02"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  –                 –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    Daniel    dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 2 seats, 1 admin as of 2026-02-02 13:00 CET
    and 1 unnamed row with 1 seat
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.says(&["roster", ACME]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE        ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 10:00  2026-03-02 11:00  –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                 ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-01-05 10:00  2026-02-02 11:00  –
    Daniel    dan   dan@example.com  2026-02-02 11:00    2026-02-02 11:00  –

    4 members, 3 seats, 1 admin as of 2026-03-02 11:00 CET
    ≤ since then, or for longer: nothing older is known
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
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--disabled", "--admins"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE  ADMIN SINCE
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –           ≤ 2026-01-05 10:00

    1 of 4 members as of 2026-03-02 11:00 CET
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--seats", "--disabled"]).shown(), @"
    error: seatwatch roster: `--seats` cannot be given with `--disabled`
    hint: `seatwatch roster --help` shows what there is
    exit code 64
    ");
    let rows = world.says(&["roster", ACME, "--seats", "--format", "json"]).ok().rows();
    assert_snapshot!(rows[2], @r#"{"organization":"github/acme","username":"Daniel","name":"dan","email":"dan@example.com","seat":true,"admin":false,"status":"enabled","member_since":"2026-02-02T10:00:00.000Z","seat_since":"2026-02-02T10:00:00.000Z","admin_since":null,"known_since":"2026-01-05T09:00:00.000Z"}"#);
}

#[test]
fn what_is_not_known_of_a_time_is_said() {
    let world = winter().with_other("gitlab/other");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-01-04"]).shown(), @"
    error: github/acme: nothing is known of 2026-01-04 23:59:59 CET
    hint: rosters are known since 2026-01-05 10:00:00 CET: that was the first sync
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
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "last week"]).shown(), @r#"
    error: seatwatch roster: `--as-of` cannot be `last week`
    hint: write a day such as `2026-11-23`, a time such as `"2026-11-23 09:00"`, `today`, `yesterday`, or `"3d ago"`
    exit code 64
    "#);
    assert_snapshot!(world.says(&["roster"]).shown(), @"
    error: no organization is named
    hint: name one, such as `github/acme`, or say `--all`
    exit code 64
    ");
}

/// What began before the horizon may be older than what is left of it says.
#[test]
fn what_retention_has_taken_is_said() {
    let world = winter();
    world.trim_to("2026-02-15T00:00:00Z");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-14"]).shown(), @"
    error: github/acme: nothing is known of 2026-02-14 23:59:59 CET
    hint: rosters are known since 2026-02-15 01:00:00 CET: what was before has been taken by `retention`
    exit code 65
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-28"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE          ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-02-02 11:00  –                   –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                   ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-02-02 11:00  ≤ 2026-02-02 11:00  –
    Daniel    dan   dan@example.com  ≤ 2026-02-02 13:00  ≤ 2026-02-02 13:00  –

    4 members, 2 seats, 1 admin as of 2026-02-02 13:00 CET
    and 1 unnamed row with 1 seat
    ≤ since then, or for longer: nothing older is known
    ");
    assert_snapshot!(world.says(&["roster", ACME]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE          ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-02-02 11:00  2026-03-02 11:00    –
    bob       bob   bob@example.com  ≤ 2026-01-05 10:00  –                   ≤ 2026-01-05 10:00
    cat       cat   cat@example.com  ≤ 2026-02-02 11:00  ≤ 2026-02-02 11:00  –
    Daniel    dan   dan@example.com  ≤ 2026-02-02 13:00  ≤ 2026-02-02 13:00  –

    4 members, 3 seats, 1 admin as of 2026-03-02 11:00 CET
    ≤ since then, or for longer: nothing older is known
    ");
}

#[test]
fn a_time_in_a_gap_is_told() {
    let world = winter();
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-02-20"]).ok().stderr, @"warning: github/acme: no roster was taken over between 2026-02-02 13:00 CET and 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that");
    world.simulator.fault(When::always(), Fault::Status { status: 500, retry_after: None });
    world.sync_at("2026-03-02T11:00:00Z").sync_at("2026-03-02T12:00:00Z");
    assert_snapshot!(world.says(&["roster", ACME]).ok().stderr, @"warning: github/acme: no roster was taken over since 2026-03-02 11:00 CET (2 syncs failed (server_error), no sync ran when one was due): what changed meanwhile shows only after that");
    assert_snapshot!(world.says(&["roster", ACME, "--as-of", "2026-03-02 12:30"]).ok().stderr, @"warning: github/acme: no roster was taken over since 2026-03-02 11:00 CET (2 syncs failed (server_error), no sync ran when one was due): what changed meanwhile shows only after that");
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
    // Both ends lie in one gap: it is said once.
    assert_snapshot!(world.says(&["diff", ACME, "2026-02-10", "2026-02-20"]).ok().stderr, @"warning: github/acme: no roster was taken over between 2026-02-02 13:00 CET and 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that");
    assert_snapshot!(world.says(&["diff", ACME, "2026-03-03", "2026-03-02"]).shown(), @"
    error: 2026-03-03 00:00:00 CET is after 2026-03-02 23:59:59 CET
    hint: the earlier time comes first
    exit code 64
    ");
    assert_snapshot!(world.says(&["diff", ACME, "2026-01-01"]).shown(), @"
    error: github/acme: nothing is known of 2026-01-01 00:00:00 CET
    hint: rosters are known since 2026-01-05 10:00:00 CET: that was the first sync
    exit code 65
    ");
    let rows = world
        .says(&["diff", ACME, "2026-02-02T11:30:00Z", "2026-03-31", "--format", "json"])
        .ok()
        .rows();
    assert_snapshot!(rows[0], @r#"{"organization":"github/acme","from":"2026-02-02T11:30:00.000Z","to":"2026-03-31T21:59:59.999Z","event":"seat_gained","username":"ann","formerly":null,"name":"ann","email":"ann@example.com","seat":true,"admin":false,"status":"enabled","before":{"username":"ann","name":"ann","email":"ann@example.com","seat":false,"admin":false}}"#);
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

    github/acme: Daniel is a member since 2026-02-02 11:00, with a seat since 2026-02-02 11:00
    ");
}

/// Two organizations with people in common, and one that was never synced.
pub(crate) fn two() -> World {
    let world = World::start("ann* bob! cat")
        .with_other("{ service: gitlab, owner: other, token_file: other-token }")
        .with_other("github/new");
    let token = world.simulator.edit(|world| {
        let other = world.organization(&"gitlab/other".parse().unwrap());
        world.set_members(other, "anna ann* zoe*!");
        let gitlab = |world: &seatwatch::simulator::World, name| {
            world.find("gitlab".parse().unwrap(), name).unwrap()
        };
        world.set_email(gitlab(world, "anna"), Some("ANN@example.com"));
        world.set_email(gitlab(world, "ann"), None);
        world.set_email(gitlab(world, "zoe"), Some("cat@example.com"));
        world.issue_token("other", other)
    });
    world.write_token_to("other-token", &token);
    world.sync_at("2026-01-05T09:00:00Z");
    world
}

#[test]
fn everybody_is_one_line_over_all_organizations() {
    let world = two();
    assert_snapshot!(world.says(&["roster", "--all", "--as-of", "2026-01-05T09:30:00Z"]).ok().shown(), @"
    USERNAME   NAME       EMAIL            SEATS  SEAT IN       OTHERWISE IN  ADMIN OF
    ann        ann                             1  gitlab/other
    ann, anna  ann, anna  ann@example.com      1  github/acme   gitlab/other
    bob        bob        bob@example.com      0                github/acme   github/acme
    cat, zoe   cat, zoe   cat@example.com      1  gitlab/other  github/acme   gitlab/other

    4 people in 2 organizations as of 2026-01-05 09:30 UTC
    warning: github/acme: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: gitlab/other: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/new: no roster was read yet; 1 sync failed: organization_not_found: Codecov knows no owner `github/new`; left out
    hint: check the service and the spelling of the owner
    ");
    assert_snapshot!(world.says(&["roster", "--all", "--seats", "--format", "csv"]).ok().stdout, @"
    emails,usernames,names,organizations,seats,admin
    ,ann,ann,gitlab/other,gitlab/other,
    ann@example.com,ann; anna,ann; anna,github/acme; gitlab/other,github/acme,
    cat@example.com,cat; zoe,cat; zoe,github/acme; gitlab/other,gitlab/other,gitlab/other
    ");
    assert_snapshot!(world.says(&["roster", "--all", "--as-of", "2026-01-04"]).shown(), @"
    warning: github/acme: nothing is known of 2026-01-04 23:59:59 UTC; left out
    hint: rosters are known since 2026-01-05 09:00:00 UTC: that was the first sync
    warning: gitlab/other: nothing is known of 2026-01-04 23:59:59 UTC; left out
    hint: rosters are known since 2026-01-05 09:00:00 UTC: that was the first sync
    warning: github/new: no roster was read yet; 1 sync failed: organization_not_found: Codecov knows no owner `github/new`; left out
    hint: check the service and the spelling of the owner
    error: no roster of any organization is known of that time
    hint: `seatwatch status` shows when each was synced
    exit code 65
    ");
}

/// What nobody by name holds is paid for, and a part of the sum.
#[test]
fn seats_without_a_name_are_told_next_to_persons() {
    let world = two();
    world.edit(|world, acme| {
        for email in [Some("gone@example.com"), None] {
            let person = email.map_or_else(Person::default, |email| Person::default().email(email));
            let person = world.add_person("github".parse().unwrap(), person);
            world.seat(acme, person);
        }
    });
    world.sync_at("2026-01-05T10:00:00Z");
    let last = |arguments: &[&str]| {
        let said = world.says(&[&["roster", "--all"], arguments].concat()).ok().stdout;
        said.split_once("\n\n").unwrap().1.to_owned()
    };
    let at = ["--as-of", "2026-01-05T10:30:00Z"];
    assert_snapshot!(last(&at), @"
    4 people in 2 organizations as of 2026-01-05 10:30 UTC
    and 2 unnamed rows with 2 seats
    ");
    assert_snapshot!(last(&[&at[..], &["--seats"]].concat()), @"
    3 of 4 people in 2 organizations as of 2026-01-05 10:30 UTC
    and 2 unnamed rows with 2 seats
    ");
    assert_snapshot!(last(&[&at[..], &["--admins"]].concat()), @"2 of 4 people in 2 organizations as of 2026-01-05 10:30 UTC");
    let csv = world.says(&["roster", "--all", "--seats", "--format", "csv"]).ok();
    let unnamed =
        "warning: 2 unnamed rows with 2 seats name nobody, and are not among these people";
    assert!(csv.stderr.contains(unnamed), "{}", csv.shown());
    assert_snapshot!(csv.stdout, @"
    emails,usernames,names,organizations,seats,admin
    ,ann,ann,gitlab/other,gitlab/other,
    ann@example.com,ann; anna,ann; anna,github/acme; gitlab/other,github/acme,
    cat@example.com,cat; zoe,cat; zoe,github/acme; gitlab/other,gitlab/other,gitlab/other
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--seats"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            MEMBER SINCE        SEAT SINCE          ADMIN SINCE
    ann       ann   ann@example.com  ≤ 2026-01-05 09:00  ≤ 2026-01-05 09:00  –

    1 of 3 members as of 2026-01-05 10:00 UTC
    and 2 unnamed rows with 2 seats
    ≤ since then, or for longer: nothing older is known
    ");
    let pack = world.path("pack");
    let report = ["report", "--all", "-o", pack.to_str().unwrap(), "--to", at[1]];
    world.says(&report).ok();
    let people = std::fs::read_to_string(pack.join("people-at-end.csv")).unwrap();
    assert_snapshot!(people, @"
    emails,usernames,names,organizations,seats,admin
    ,ann,ann,gitlab/other,gitlab/other,
    ann@example.com,ann; anna,ann; anna,github/acme; gitlab/other,github/acme,
    bob@example.com,bob,bob,github/acme,,github/acme
    cat@example.com,cat; zoe,cat; zoe,github/acme; gitlab/other,gitlab/other,gitlab/other
    ,,,github/acme,github/acme,
    ,,,github/acme,github/acme,
    ");
}

/// Who is logged in as of now: ann is, bob was until a while ago, cat never.
pub(crate) fn with_log_ins() -> World {
    let world = World::start("ann* bob*! cat* dan");
    world.sync_at("2026-01-05T09:00:00Z");
    world.edit(|world, _| {
        let mut set = |name, expires: &str| {
            let person = world.find("github".parse().unwrap(), name).unwrap();
            world.set_session(person, Some(expires.parse().unwrap()));
        };
        set("ann", "2999-01-01T00:00:00Z");
        set("bob", "2026-01-01T00:00:00Z");
    });
    world
}

#[test]
fn who_has_a_seat_and_is_not_logged_in_is_asked_for() {
    let world = with_log_ins();
    assert_snapshot!(world.says(&["roster", ACME, "--dormant"]).ok().shown(), @"
    USERNAME  NAME  EMAIL            LAST LOG-IN ENDED
    bob       bob   bob@example.com  2026-01-01 00:00 UTC
    cat       cat   cat@example.com  none is known

    2 of 3 members with a seat are not logged in at Codecov
    commits and pull requests use a seat without a log-in: ask before you take one
    warning: github/acme: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    let csv = world.says(&["roster", ACME, "--dormant", "--format", "csv"]).ok().stdout;
    assert_snapshot!(world.filtered(&csv), @"
    organization,username,name,email,seat,admin,status,log_in,expired_at,asked_at
    github/acme,bob,bob,bob@example.com,true,true,enabled,dormant,[TIME],[TIME]
    github/acme,cat,cat,cat@example.com,true,false,enabled,dormant,,[TIME]
    ");
    assert_snapshot!(world.says(&["roster", ACME, "--dormant", "--as-of", "today"]).code.unwrap(), @"64");

    // Machines and people are told of the same; of whom Codecov says nothing, that is no log-in's end.
    world.edit(|world, _| {
        let bob = world.find("github".parse().unwrap(), "bob").unwrap();
        world.rename(bob, "robert");
    });
    assert_snapshot!(world.says(&["roster", ACME, "--dormant"]).ok().stdout, @"
    USERNAME  NAME  EMAIL            LAST LOG-IN ENDED
    cat       cat   cat@example.com  none is known

    1 of 3 members with a seat are not logged in at Codecov
    of 1 more, Codecov says nothing
    commits and pull requests use a seat without a log-in: ask before you take one
    ");
    let csv = world.says(&["roster", ACME, "--dormant", "--format", "csv"]).ok().shown();
    assert_snapshot!(world.filtered(&csv), @"
    organization,username,name,email,seat,admin,status,log_in,expired_at,asked_at
    github/acme,cat,cat,cat@example.com,true,false,enabled,dormant,,[TIME]
    warning: github/acme: no roster was taken over since [TIME] (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/acme: of 1 member with a seat, Codecov says nothing
    ");

    // A token that may not ask is no reason to say that nobody is dormant.
    let token = world.edit(|world, _| {
        let dan = world.find("github".parse().unwrap(), "dan").unwrap();
        world.issue_token("dan", dan)
    });
    world.write_token(&token);
    assert_snapshot!(world.filtered(&world.says(&["roster", ACME, "--dormant"]).shown()), @"
    warning: github/acme: no roster was taken over since [TIME] (no sync ran when one was due): what changed meanwhile shows only after that
    error: github/acme: who is logged in is not known: token_not_admin: Codecov shows the log-in sessions of `github/acme` to its admins only
    hint: use the token of an admin of the organization; a self-hosted Codecov shows them only to the admins of its own configuration
    exit code 77
    ");
}
