//! `seatwatch history`: what the log has, for people and for machines.

use insta::assert_snapshot;
use seatwatch::organization::Service::Github;
use seatwatch::simulator::{Fault, When};

use crate::review::{two, winter};
use crate::world::{ACME, World};

/// A world in which a few things have happened, one of them to somebody's name.
fn eventful() -> World {
    let world = World::start("ann* bob! cat").with_organization("seats: { limit: 2 }");
    world.sync().ok();
    world.members("ann bob!").sync().ok();
    world.edit(|world, _| {
        let ann = world.find(Github, "ann").unwrap();
        world.rename(ann, "Zoe");
        let bob = world.find(Github, "bob").unwrap();
        world.set_name(bob, Some("Bob\u{7}"));
    });
    world.sync().ok();
    world.members("Zoe* bob! ann*").sync().ok();
    world
}

#[track_caller]
fn words(world: &World, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["history", "--format", "json"], arguments].concat();
    let rows = world.run(&arguments).ok().rows();
    rows.iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().map(|text| format!(" {text}"));
            let words = [text("event"), text("formerly"), text("username")];
            words.into_iter().flatten().collect::<String>().trim().to_owned()
        })
        .collect()
}

#[test]
fn a_person_reads_what_happened() {
    let world = eventful();
    assert_snapshot!(world.run(&["history", ACME]).ok().shown(), @r"
    TIME                  EVENT               MEMBER     DETAILS
    [TIME]  baselined                      on first sync quiet
    [TIME]  seat_lost           ann
    [TIME]  left                cat
    [TIME]  updated             bob        name bob → Bob\u{7}
    [TIME]  renamed             ann → Zoe
    [TIME]  seat_limit_near                used 2, limit 2, warn at 2
    [TIME]  seat_limit_reached             used 2, limit 2, warn at 2
    [TIME]  joined              ann
    [TIME]  seat_gained         ann
    [TIME]  seat_gained         Zoe
    ");
    assert_snapshot!(world.run(&["history", "--member", "cat"]).ok().shown(), @"
    TIME                  ORGANIZATION  EVENT  MEMBER  DETAILS
    [TIME]  github/acme   left   cat

    github/acme: cat left at [TIME]
    ");
}

/// Who left is told like everybody; who came back is somebody new.
#[test]
fn at_the_end_stands_what_a_member_is_or_when_they_left() {
    let world = World::start("ann! bob cat");
    world.sync_at("2026-01-05T09:00:00Z");
    world.members("ann! bob").sync_at("2026-01-05T10:00:00Z");
    world.members("ann! bob cat*").sync_at("2026-01-05T11:00:00Z");
    world.members("ann! cat*").sync_at("2026-01-05T12:00:00Z");
    let last = |member: &str, more: &[&str]| {
        let said = world.says(&[&["history", ACME, "--member", member], more].concat()).ok();
        said.stdout.split_once("\n\n").map_or_else(String::new, |(_, last)| last.to_owned())
    };
    assert_snapshot!(last("bob", &[]), @"github/acme: bob left at 2026-01-05 12:00");
    assert_snapshot!(last("cat", &[]), @"
    github/acme: cat left at 2026-01-05 10:00

    github/acme: cat is a member since 2026-01-05 11:00, with a seat since 2026-01-05 11:00
    ");
    assert_snapshot!(last("cat", &["--until", "2026-01-05T10:30:00Z"]), @"github/acme, 2026-01-05 10:30 UTC: cat left at 2026-01-05 10:00");
    assert_snapshot!(last("bob", &["--until", "2026-01-05T11:30:00Z"]), @"github/acme, 2026-01-05 11:30 UTC: bob is a member since ≤ 2026-01-05 09:00, without a seat");
}

#[test]
fn machines_get_the_keys_of_the_events() {
    let world = eventful();
    let rows = world.run(&["history", "--format", "json"]).ok().rows();
    let subjects = regex::Regex::new("m-[0-9a-f]{16}").unwrap();
    let filtered = |text: &str| subjects.replace_all(text, "[MEMBER]").into_owned();
    assert_snapshot!(filtered(&serde_json::to_string_pretty(&rows[3]).unwrap()), @r#"
    {
      "id": "[SYNC]-0000",
      "sequence": "00000000000000000004",
      "time": "[TIME]",
      "organization": "github/acme",
      "event": "updated",
      "username": "bob",
      "formerly": null,
      "name": "Bob\u0007",
      "email": "bob@example.com",
      "seat": false,
      "admin": true,
      "status": "disabled",
      "before": {
        "username": "bob",
        "name": "bob",
        "email": "bob@example.com",
        "seat": false,
        "admin": true
      },
      "subject": "[MEMBER]",
      "details": null
    }
    "#);
    let csv = world.run(&["history", "--format", "csv"]).ok().stdout;
    assert_snapshot!(filtered(&csv), @r#"
    id,sequence,time,organization,event,username,formerly,name,email,seat,admin,status,before,subject,details
    [SYNC]-0000,00000000000000000001,[TIME],github/acme,baselined,,,,,,,,,,"{""on_first_sync"":""quiet""}"
    [SYNC]-0000,00000000000000000002,[TIME],github/acme,seat_lost,ann,,ann,ann@example.com,false,false,disabled,"{""username"":""ann"",""name"":""ann"",""email"":""ann@example.com"",""seat"":true,""admin"":false}",[MEMBER],
    [SYNC]-0001,00000000000000000003,[TIME],github/acme,left,cat,,cat,cat@example.com,false,false,disabled,"{""username"":""cat"",""name"":""cat"",""email"":""cat@example.com"",""seat"":false,""admin"":false}",[MEMBER],
    [SYNC]-0000,00000000000000000004,[TIME],github/acme,updated,bob,,Bob,bob@example.com,false,true,disabled,"{""username"":""bob"",""name"":""bob"",""email"":""bob@example.com"",""seat"":false,""admin"":true}",[MEMBER],
    [SYNC]-0001,00000000000000000005,[TIME],github/acme,renamed,Zoe,ann,ann,ann@example.com,false,false,disabled,"{""username"":""ann"",""name"":""ann"",""email"":""ann@example.com"",""seat"":false,""admin"":false}",[MEMBER],
    [SYNC]-0000,00000000000000000006,[TIME],github/acme,seat_limit_near,,,,,,,,,,"{""used"":2,""limit"":2,""warn_at"":2}"
    [SYNC]-0001,00000000000000000007,[TIME],github/acme,seat_limit_reached,,,,,,,,,,"{""used"":2,""limit"":2,""warn_at"":2}"
    [SYNC]-0002,00000000000000000008,[TIME],github/acme,joined,ann,,ann,ann@example.com,true,false,enabled,,[MEMBER],
    [SYNC]-0003,00000000000000000009,[TIME],github/acme,seat_gained,ann,,ann,ann@example.com,true,false,enabled,,[MEMBER],
    [SYNC]-0004,00000000000000000010,[TIME],github/acme,seat_gained,Zoe,,ann,ann@example.com,true,false,enabled,"{""username"":""Zoe"",""name"":""ann"",""email"":""ann@example.com"",""seat"":false,""admin"":false}",[MEMBER],
    "#);
    // The file sink has them under the same numbers, written alike.
    let events = world.events();
    let told = rows.iter().filter(|row| row["event"] != "updated").map(|row| &row["sequence"]);
    assert!(told.eq(events.iter().map(|event| &event["sequence"])), "{rows:?}");
}

/// A name is whoever had it: the one who is called otherwise now, and the one who took it then.
#[test]
fn a_member_is_followed_over_renames() {
    let world = eventful();
    let zoe = ["seat_lost ann", "renamed ann Zoe", "seat_gained Zoe"];
    assert_eq!(words(&world, &["--member", "zoe"]), zoe);
    let both =
        ["seat_lost ann", "renamed ann Zoe", "joined ann", "seat_gained ann", "seat_gained Zoe"];
    assert_eq!(words(&world, &[ACME, "--member", "ANN"]), both);
    assert_eq!(words(&world, &["--member", "bob"]), ["updated bob"]);
    let rows = world.run(&["history", "--member", "zoe", "--format", "json"]).ok().rows();
    assert!(rows.iter().all(|row| row["subject"] == rows[0]["subject"]), "{rows:#?}");
}

#[test]
fn what_nobody_knows_is_an_error() {
    let world = eventful().with_other("github/beta");
    assert_snapshot!(world.run(&["history", "github/acne"]).shown(), @r"
    error: github/acne: neither in the config nor in the store
    hint: did you mean `github/acme`?
    exit code 64
    ");
    assert_snapshot!(world.run(&["history", ACME, "--member", "zoee"]).shown(), @r"
    error: github/acme: no member `zoee` was seen
    hint: did you mean `Zoe`?
    exit code 64
    ");
    assert_snapshot!(world.run(&["history", "--member", "nobody"]).shown(), @r"
    error: nobody: no such member was seen
    hint: `seatwatch roster ORG` lists the members of an organization
    exit code 64
    ");
    assert_snapshot!(world.run(&["history", "--member", ""]).shown(), @"
    error: seatwatch history: `--member` needs a value
    hint: name a member, now or then, by a username; `seatwatch roster ORG` lists those of now
    exit code 64
    ");
    assert_snapshot!(world.run(&["history", "--since", "soon"]).shown(), @r#"
    error: seatwatch history: `--since` cannot be `soon`
    hint: write a day such as `2026-11-23`, a time such as `"[TIME]"`, `today`, `yesterday`, or `"3d ago"`
    exit code 64
    "#);
    // Nobody looked: that nothing changed would be a lie.
    assert_snapshot!(world.run(&["history", "github/beta"]).shown(), @"
    error: github/beta: no roster was read yet
    hint: run `seatwatch sync github/beta`
    exit code 65
    ");
    assert_snapshot!(world.run(&["history", "--until", "2020-01-01"]).shown(), @"
    error: no roster of any organization is known of that time
    hint: `seatwatch status` shows when each was synced
    exit code 65
    ");
    let blank = World::start("ann");
    blank.fault(Fault::Html).sync();
    assert_snapshot!(blank.run(&["history"]).shown(), @"
    error: no roster of any organization was read yet
    hint: run `seatwatch sync`
    exit code 65
    ");
    // Machines can read on: there is nothing.
    for arguments in [
        &["history"][..],
        &["history", "github/acme"],
        &["roster", "github/acme"],
        &["roster", "--all"],
        &["diff", "github/acme", "yesterday"],
    ] {
        let json = blank.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!((json.code, json.rows()), (Some(65), Vec::new()), "{arguments:?}");
        let csv = blank.run(&[arguments, &["--format", "csv"]].concat()).stdout;
        assert_eq!(csv.lines().count(), 1, "{arguments:?}: {csv}");
    }
    assert_snapshot!(blank.run(&["history", "--format", "json"]).shown(), @"
    []
    error: no roster of any organization was read yet
    hint: run `seatwatch sync`
    exit code 65
    ");
}

/// That nothing changed is more than anybody knows of a time when nobody looked.
#[test]
fn what_nobody_saw_is_said_next_to_what_happened() {
    let world = winter();
    let said = |arguments: &[&str]| {
        let ran = world.says(&[&["history", ACME], arguments].concat()).ok();
        [ran.stdout.lines().last().unwrap_or_default(), "\n", &ran.stderr].concat()
    };
    assert_snapshot!(said(&["--since", "2026-02-10", "--until", "2026-02-20"]), @"
    no changes
    warning: github/acme: no roster was taken over between 2026-02-02 13:00 CET and 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(said(&["--since", "2026-01-01", "--until", "2026-01-05"]), @"
    2026-01-05 10:00 CET  baselined          on first sync quiet
    warning: github/acme: nothing is known before 2026-01-05 10:00:00 CET: that was the first sync
    warning: github/acme: no roster was taken over between 2026-01-05 11:00 CET and 2026-02-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(said(&["--member", "bob", "--until", "2026-03-02T10:30:00Z"]), @"
    github/acme, 2026-03-02 11:30 CET: bob is a member since ≤ 2026-01-05 10:00, without a seat, admin since ≤ 2026-01-05 10:00
    warning: github/acme: no roster was taken over between 2026-01-05 11:00 CET and 2026-02-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/acme: no roster was taken over between 2026-02-02 13:00 CET and 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/acme: no roster was taken over since 2026-03-02 11:00 CET (no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(said(&["--since", "2026-02-02T10:00:00Z", "--until", "2026-02-02T12:00:00Z"]), @"2026-02-02 13:00 CET  renamed      dan → Daniel");

    // Where there is more than can be read, that of which most is not known.
    world.simulator.fault(When::always(), Fault::Html);
    for day in 3..9 {
        world.sync_at(&format!("2026-03-{day:02}T10:00:00Z"));
    }
    world.simulator.calm();
    world.sync_at("2026-03-09T10:00:00Z").sync_at("2026-03-10T10:00:00Z");
    assert_snapshot!(said(&["--since", "2026-01-10"]), @"
    2026-03-09 11:00 CET  sync_recovered                failures 6, failing since 2026-03-03 11:00 CET, last success 2026-03-02 11:00 CET
    warning: github/acme: no roster was taken over in 5 gaps, the longest since 2026-03-10 11:00 CET (no sync ran when one was due): what changed within one shows only after it
    ");
    world.trim_to("2026-03-05T00:00:00Z");
    assert_snapshot!(said(&["--until", "2026-03-08"]), @"
    2026-03-08 11:00 CET  sync_failing          reason bad_response, failures 6, since 2026-03-03 11:00 CET, last success 2026-03-02 11:00 CET
    warning: github/acme: nothing is known before 2026-03-05 01:00:00 CET: what was before has been taken by `retention`
    warning: github/acme: no roster was taken over between 2026-03-02 11:00 CET and 2026-03-09 11:00 CET (syncs failed (bad_response), no sync ran when one was due): what changed meanwhile shows only after that
    ");
    assert_snapshot!(said(&["--member", "daniel", "--until", "2026-03-08"]), @"
    github/acme, 2026-03-08 23:59 CET: Daniel is a member since ≤ 2026-02-02 13:00, with a seat since ≤ 2026-02-02 13:00
    warning: github/acme: nothing is known before 2026-03-05 01:00:00 CET: what was before has been taken by `retention`
    warning: github/acme: no roster was taken over between 2026-03-02 11:00 CET and 2026-03-09 11:00 CET (syncs failed (bad_response), no sync ran when one was due): what changed meanwhile shows only after that
    ");
}

#[test]
fn what_nobody_saw_of_all_organizations_is_said_in_few_lines() {
    let world = two();
    let said = |arguments: &[&str]| {
        world
            .says(&[&["history", "--until", "2026-01-05T12:00:00Z"], arguments].concat())
            .ok()
            .stderr
    };
    assert_snapshot!(said(&["--since", "2026-01-05T10:00:00Z"]), @"
    warning: github/acme: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: gitlab/other: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/new: no roster was read yet
    ");
    assert_snapshot!(said(&["--member", "zoe"]), @"warning: gitlab/other: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that");
    world.trim_to("2026-01-05T10:00:00Z");
    assert_snapshot!(said(&[]), @"
    warning: nothing is known before 2026-01-05 10:00:00 UTC: what was before has been taken by `retention`
    warning: github/acme: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: gitlab/other: no roster was taken over since 2026-01-05 09:00 UTC (no sync ran when one was due): what changed meanwhile shows only after that
    warning: github/new: no roster was read yet
    ");
    let world = (0..12).fold(World::start("ann"), |world, number| {
        world.with_other(&format!("github/other-{number:02}"))
    });
    world.sync_at("2026-01-05T09:00:00Z");
    let said = world.says(&["history"]).ok().stderr;
    assert_snapshot!(said.lines().rev().take(3).collect::<Vec<_>>().join("\n"), @"
    hint: name an organization to read its own
    warning: 3 more warnings not shown here
    warning: github/other-08: no roster was read yet
    ");
}

/// What is known of an organization that was never read is that it fails.
#[test]
fn an_organization_that_was_never_read_has_a_history_once_it_is_told_to_fail() {
    let world = World::start("ann").with_config("failing_after: 2").with_other("github/beta");
    world.sync();
    assert_eq!(world.run(&["history", "github/beta"]).code, Some(65));
    world.sync();
    assert_eq!(words(&world, &["github/beta"]), ["sync_failing"]);
}

/// A name may begin with what people write before it.
#[test]
fn who_is_mentioned_is_found_with_or_without_the_sign() {
    let world = World::start("ann @at").with_organization("on_first_sync: emit");
    world.sync().ok();
    for (name, found) in [("@ann", "joined ann"), ("@at", "joined @at"), ("@@at", "joined @at")] {
        assert_eq!(words(&world, &["--member", name]), [found]);
    }
}

#[test]
fn an_organization_that_was_taken_out_still_has_its_history() {
    let world = World::start("ann");
    let config = world.config();
    world.sync().ok();
    let without = config.replace("owner: acme", "owner: beta");
    let ran = world.ran(&mut world.command_with(&without, &["history", ACME])).ok();
    assert_snapshot!(ran.shown(), @r"
    TIME                  EVENT      MEMBER  DETAILS
    [TIME]  baselined          on first sync quiet
    ");
    let ran = world.ran(&mut world.command_with(&without, &["history", "github/acmee"]));
    assert_snapshot!(ran.shown(), @r"
    error: github/acmee: neither in the config nor in the store
    hint: did you mean `github/acme`?
    exit code 64
    ");
}

#[test]
fn since_leaves_out_what_was_before() {
    let world = eventful();
    let all = words(&world, &[]);
    assert_eq!(words(&world, &["--since", "yesterday"]), all);
    assert_eq!(words(&world, &["--since", "1h ago"]), all);
    assert_eq!(words(&world, &["--since", "now"]), Vec::<String>::new());
    // The very moment of an event is part of it; `baselined` and what `ann` lost are before.
    let events = world.events();
    let renamed = events.iter().find(|event| event["data"]["event"] == "renamed").unwrap();
    let time = renamed["time"].as_str().unwrap();
    assert_eq!(words(&world, &["--since", time]), all[3..]);
}

/// More than a page; for machines still one array.
#[test]
fn a_long_history_comes_in_pages() {
    let world = World::populated(1200).with_organization("on_first_sync: emit");
    world.sync().ok();
    let rows = world.run(&["history", "--format", "json"]).ok().rows();
    assert!(rows.len() > 1200, "{}", rows.len());
    let sequences = rows.iter().map(|row| row["sequence"].as_str().unwrap());
    assert!(sequences.eq((1..=rows.len()).map(|number| format!("{number:020}"))), "{rows:?}");
    let csv = world.run(&["history", "--format", "csv"]).ok().stdout;
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let table = world.run(&["history"]).ok().stdout;
    let headers = table.lines().filter(|line| line.starts_with("TIME")).count();
    assert_eq!(headers, rows.len().div_ceil(1000));
}

/// It takes no lock, and waits for nobody who writes.
#[test]
fn history_is_read_while_others_write() {
    let world = eventful();
    let all = words(&world, &[]);
    let lock = std::fs::File::open(world.state_dir().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let writer = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE; DELETE FROM log").unwrap();
    assert_eq!(words(&world, &[]), all);
}
