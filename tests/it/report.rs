//! `seatwatch report`: the evidence pack.

use std::path::PathBuf;

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, Person, When};

use regex::Regex;

use crate::review::{two, winter, with_log_ins};
use crate::world::{ACME, World};

mod again;
mod ended;
mod unseen;

/// The names of the files in a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A report that was written.
struct Pack {
    folder: PathBuf,
    /// What the command said of it.
    said: String,
}

impl Pack {
    /// Makes one of `github/acme`, or of all organizations, under a name.
    #[track_caller]
    fn of(world: &World, name: &str, arguments: &[&str]) -> Self {
        let folder = world.path(name);
        let report = [&["report", "-o", folder.to_str().unwrap()], arguments].concat();
        let said = world.says(&report).ok().shown();
        let size = Regex::new("[0-9.]+ [KM]iB").unwrap();
        Self { said: size.replace(&said, "[SIZE]").into_owned(), folder }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// All files as one text.
    fn all(&self) -> String {
        let names = files(&self.folder).into_iter();
        names.map(|name| ["— ", &name, "\n", &self.read(&name), "\n"].concat()).collect()
    }

    /// The words of the page from one to another, cells apart.
    #[track_caller]
    fn words(&self, from: &str, to: &str) -> String {
        let page = self.read("report.html");
        let body = page.split_once("<body>").unwrap().1;
        let text = [("(?s)<svg.*?</svg>", "[CHART]"), ("</t[dh]>", " | "), ("<[^>]*>", "")]
            .iter()
            .fold(body.to_owned(), |text, (tag, instead)| {
                Regex::new(tag).unwrap().replace_all(&text, *instead).into_owned()
            });
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.skip_while(|line| *line != from).collect();
        assert!(!lines.is_empty(), "no {from:?} in {text}");
        lines.into_iter().take_while(|line| *line != to).flat_map(|line| [line, "\n"]).collect()
    }
}

const WINTER: [&str; 4] = ["--from", "2026-01-01", "--to", "2026-03-31"];

#[test]
fn a_report_is_a_folder_with_all_of_it() {
    let world =
        winter().with_organization("seats: { limit: 4, price_per_seat: 12.50, currency: EUR }");
    let report = |folder: &str| {
        let arguments = [&["report", ACME, "-o", folder], &WINTER[..]].concat();
        world.says(&arguments)
    };
    let folder = world.path("pack");
    let said = report(folder.to_str().unwrap()).ok().stdout;
    let size = regex::Regex::new("[0-9.]+ KiB").unwrap();
    assert_snapshot!(size.replace(&said, "[SIZE]"), @"
    [DIR]/pack: 18 files, [SIZE], 2026-01-01 00:00 CET to 2026-03-31 23:59 CEST
      github/acme  4 members, 3 seats; 7 events, 3 gaps; known since 2026-01-05 10:00 CET
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
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps,gaps_known_from,syncs_known_from
    github/acme,,2026-01-05T09:00:00.000Z,3,4,1,3,4,1,1,37.50,EUR,3,,
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
    github/acme,2026-03-02T10:00:00.000Z,2026-03-31T21:59:59.999Z,0,0,true,
    ");
    assert_snapshot!(read("syncs.csv"), @"
    organization,outcome,reason,message,started_at,first_finished_at,last_finished_at,count
    github/acme,baselined,,,2026-01-05T09:00:00.000Z,2026-01-05T09:00:00.000Z,2026-01-05T09:00:00.000Z,1
    github/acme,unchanged,,,2026-01-05T10:00:00.000Z,2026-01-05T10:00:00.000Z,2026-01-05T10:00:00.000Z,1
    github/acme,changed,,,2026-02-02T10:00:00.000Z,2026-02-02T10:00:00.000Z,2026-02-02T10:00:00.000Z,1
    github/acme,unchanged,,,2026-02-02T11:00:00.000Z,2026-02-02T11:00:00.000Z,2026-02-02T11:00:00.000Z,1
    github/acme,changed,,,2026-02-02T12:00:00.000Z,2026-02-02T12:00:00.000Z,2026-02-02T12:00:00.000Z,1
    github/acme,changed,,,2026-03-02T10:00:00.000Z,2026-03-02T10:00:00.000Z,2026-03-02T10:00:00.000Z,1
    ");
    assert_snapshot!(read("net-changes.csv"), @r#"
    organization,from,to,event,username,formerly,name,email,seat,admin,status,before
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,seat_gained,cat,,cat,cat@example.com,true,false,enabled,"{""username"":""cat"",""name"":""cat"",""email"":""cat@example.com"",""seat"":false,""admin"":false}"
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,joined,Daniel,,dan,dan@example.com,true,false,enabled,
    github/acme,2026-01-05T09:00:00.000Z,2026-03-31T21:59:59.999Z,seat_gained,Daniel,,dan,dan@example.com,true,false,enabled,
    "#);

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

#[test]
fn a_report_of_all_is_held_against_a_list() {
    let world = two();
    std::fs::write(
        world.path("people.csv"),
        "\u{feff}Name;Work e-mail\nAnn A.;Ann@Example.com\nEve;eve@example.com\n",
    )
    .unwrap();
    let (folder, list) = (world.path("pack"), world.path("people.csv"));
    let report = |folder: &str, columns: &str| {
        let list = ["--compare", list.to_str().unwrap(), "--columns", columns];
        world.says(&[&["report", "--all", "-o", folder], &list[..], &WINTER[..]].concat())
    };
    let said = report(folder.to_str().unwrap(), "email=Work e-mail,name=Name").ok().shown();
    let size = regex::Regex::new("[0-9.]+ KiB").unwrap();
    assert_snapshot!(size.replace(&said, "[SIZE]"), @"
    [DIR]/pack: 22 files, [SIZE], 2026-01-01 00:00 UTC to 2026-03-31 23:59 UTC
      github/acme  3 members, 1 seat; 1 event, 1 gap; known since 2026-01-05 09:00 UTC
      gitlab/other  3 members, 2 seats; 1 event, 1 gap; known since 2026-01-05 09:00 UTC
      github/new  no roster is known of this time
    next to people.csv: 1 seat held by somebody who is not in it, 3 members not in it; 1 in it without access; 0 with several matches, 1 with nothing to compare
    open [DIR]/pack/report.html
    ");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_snapshot!(read("comparison.csv"), @"
    organization,username,name,email,seat,admin,status,finding,matched_by,listed_at
    gitlab/other,zoe,zoe,cat@example.com,true,true,enabled,not_in_list,,
    github/acme,bob,bob,bob@example.com,false,true,disabled,not_in_list,,
    github/acme,cat,cat,cat@example.com,false,false,disabled,not_in_list,,
    gitlab/other,ann,ann,,true,false,enabled,cannot_tell,,
    ,,Eve,eve@example.com,,,,no_access,,3
    ");
    assert_snapshot!(read("people-at-end.csv"), @"
    emails,usernames,names,organizations,seats,admin
    ,ann,ann,gitlab/other,gitlab/other,
    ann@example.com,ann; anna,ann; anna,github/acme; gitlab/other,github/acme,
    bob@example.com,bob,bob,github/acme,,github/acme
    cat@example.com,cat; zoe,cat; zoe,github/acme; gitlab/other,gitlab/other,gitlab/other
    ");
    assert_snapshot!(read("summary.csv"), @"
    organization,label,known_since,members_at_start,members_at_end,seats_used_at_start,seats_used_at_end,seats_limit,admins_at_start,admins_at_end,cost_at_end,currency,gaps,gaps_known_from,syncs_known_from
    github/acme,,2026-01-05T09:00:00.000Z,3,3,1,1,,1,1,,,1,,
    gitlab/other,,2026-01-05T09:00:00.000Z,3,3,2,2,,1,1,,,1,,
    github/new,,,,,,,,,,,,1,,
    ");
    assert_snapshot!(report("other", "email=Mail").shown(), @"
    error: [DIR]/people.csv: has no column `Mail`; it has `Name`, `Work e-mail`
    hint: `--columns` takes the names as the list has them
    exit code 64
    ");
    assert_snapshot!(report("other", "mail=Mail").shown(), @"
    error: seatwatch report: `--columns` cannot be `mail=Mail`: `mail` is not a key; did you mean `email`?
    hint: `seatwatch report --help` shows what there is
    exit code 64
    ");
}

/// Who was in an earlier pack does not go without a word.
#[test]
fn what_is_not_in_the_config_any_more_is_named() {
    let world = two().without_others();
    let pack = Pack::of(&world, "pack", &[&["--all"], &WINTER[..]].concat());
    assert_snapshot!(pack.said, @"
    [DIR]/pack: 18 files, [SIZE], 2026-01-01 00:00 UTC to 2026-03-31 23:59 UTC
      github/acme  3 members, 1 seat; 1 event, 1 gap; known since 2026-01-05 09:00 UTC
      gitlab/other  left out: it is not in the config any more
    open [DIR]/pack/report.html
    ");
    assert_snapshot!(pack.words("Summary", "github/acme"), @"
    Summary
    Each organization at the end
    Organization | Members | Seats in use | Admins | Cost a month | Coverage |
    github/acme |
    3 | 1 | 1 | – | known since 2026-01-05 09:00; 1 gap |
    Members are who Codecov lists. It lists whoever has a seat, also after they have left, and refreshes a membership when that person logs in: what is here is what Codecov believed. ≤ before a time means: since then, or for longer; nothing older is known.
    Not in here, because the configuration has them no more: gitlab/other.
    ");
    let before = Pack::of(&world, "before", &["--all", "--to", "2026-01-05T09:00:00Z"]);
    assert!(before.said.contains("gitlab/other"), "{}", before.said);
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_is_left() {
    let world = winter();
    let report = |folder: &str| {
        world.says(&["report", ACME, "--from", "2026-01-01", "--to", "2026-03-31", "-o", folder])
    };
    std::fs::write(world.path("file"), "").unwrap();
    assert_snapshot!(report(world.path("file").to_str().unwrap()).shown(), @"
    error: [DIR]/file: is not a folder
    hint: name a folder that is not there yet
    exit code 73
    ");
    assert_snapshot!(report(world.path("no/such/folder").to_str().unwrap()).shown(), @"
    error: [DIR]/no/such/folder: cannot be made: the folder that it is to be in is not there
    hint: make that one first
    exit code 73
    ");
    // One that is there and empty is taken.
    std::fs::create_dir(world.path("empty")).unwrap();
    report(world.path("empty").to_str().unwrap()).ok();
    assert!(world.path("empty/report.html").exists());
    let left = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with(".seatwatch-report")));
    assert_snapshot!(world.says(&["report", ACME, "-o", "x", "--from", "2026-03-01", "--to", "2026-02-01"]).shown(), @"
    error: 2026-03-01 00:00:00 CET is after 2026-02-01 23:59:59 CET
    hint: the earlier time comes first
    exit code 64
    ");
    assert_snapshot!(world.says(&["report", ACME, "-o", "x", "--to", "2026-01-01"]).shown(), @"
    error: github/acme: nothing is known of 2026-01-01 23:59:59 CET
    hint: rosters are known since 2026-01-05 10:00:00 CET: that was the first sync
    exit code 65
    ");
    assert_snapshot!(world.says(&["report", "github/nobody", "-o", "x"]).shown(), @"
    error: github/nobody: neither in the config nor in the store
    hint: known here: github/acme
    exit code 64
    ");
    assert_snapshot!(world.says(&["report", "-o", "x"]).shown(), @"
    error: no organization is named
    hint: name one, such as `github/acme`, or say `--all`
    exit code 64
    ");
}

/// Who is back is no contradiction to those who are listed as members.
#[test]
fn who_left_and_came_back_has_both_times() {
    let world = World::start("ann! bob cat");
    world.sync_at("2026-01-05T09:00:00Z");
    world.members("ann! cat").sync_at("2026-01-05T10:00:00Z");
    world.members("ann! bob").sync_at("2026-01-05T11:00:00Z");
    world.members("ann! bob cat").sync_at("2026-01-05T12:00:00Z");
    world.members("ann! cat").sync_at("2026-01-05T13:00:00Z");
    let pack = Pack::of(&world, "pack", &[ACME, "--to", "2026-01-05T13:30:00Z"]);
    assert_snapshot!(pack.words("Who left", "All that happened"), @"
    Who left
    Each time that somebody left Codecov's list, and when their username was on it again
    Left | On it again | Who | Name | Email |
    2026-01-05 10:00 | 2026-01-05 11:00 | bob | bob | bob@example.com |
    2026-01-05 11:00 | 2026-01-05 12:00 | cat | cat | cat@example.com |
    2026-01-05 13:00 | – | bob | bob | bob@example.com |
    ");
}

/// Somebody else who has the name by now is listed, and so is that they have it.
#[test]
fn a_username_that_left_may_be_back_by_a_rename() {
    let world = World::start("ann! bob cat");
    world.sync_at("2026-01-05T09:00:00Z");
    world.members("ann! bob").sync_at("2026-01-05T10:00:00Z");
    world.edit(|world, _| {
        let [bob, cat] =
            ["bob", "cat"].map(|name| world.find("github".parse().unwrap(), name).unwrap());
        world.rename(cat, "cat-of-old");
        world.rename(bob, "Cat");
    });
    world.sync_at("2026-01-05T11:00:00Z");
    world.members("ann!").sync_at("2026-01-05T12:00:00Z");
    let pack = Pack::of(&world, "pack", &[ACME, "--to", "2026-01-05T12:30:00Z"]);
    assert_snapshot!(pack.words("Who left", "All that happened"), @"
    Who left
    Each time that somebody left Codecov's list, and when their username was on it again
    Left | On it again | Who | Name | Email |
    2026-01-05 10:00 | 2026-01-05 11:00 renamed from bob | cat | cat | cat@example.com |
    2026-01-05 12:00 | – | Cat | bob | bob@example.com |
    ");
    assert_snapshot!(pack.words("Who was a member at the beginning", "Who was an admin at the end"), @"
    Who was a member at the beginning
    Members: 3
    Username | Name | Email | Member since | Seat since | Admin since |
    ann | ann | ann@example.com | ≤ 2026-01-05 09:00 | – | ≤ 2026-01-05 09:00 |
    bob | bob | bob@example.com | ≤ 2026-01-05 09:00 | – | – |
    cat | cat | cat@example.com | ≤ 2026-01-05 09:00 | – | – |
    Who had a seat at the end
    Nobody.
    ");
}

/// Names that are made to do harm do none on the page.
#[test]
fn no_name_harms_the_page() {
    let names = [
        "<script>alert(1)</script>",
        "\" onload=\"x",
        "\u{202e}gnp",
        "{{ 7 * 7 }}",
        "https://evil.example/",
        "line\nbreak\u{0}",
    ];
    let world = World::start("admin!");
    world.edit(|world, acme| {
        for (index, name) in names.iter().enumerate() {
            let person = Person::named(&format!("{name}{index}")).name(name).email(name);
            let id = world.add_person("github".parse().unwrap(), person);
            world.join(acme, id);
            world.seat(acme, id);
        }
    });
    world.sync_at("2026-01-05T09:00:00Z");
    let folder = world.path("pack");
    let report = [&["report", ACME, "-o", folder.to_str().unwrap()], &WINTER[..]].concat();
    world.says(&report).ok();
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("onload=\""), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{0}') && !page.contains(">49"));
    assert!(page.contains("<bdi>https://evil.example/"), "{page}");
}

#[test]
fn a_report_tells_who_is_not_logged_in_or_why_that_is_not_known() {
    let world = with_log_ins();
    let folder = world.path("pack");
    let report = ["report", ACME, "--dormant", "-o", folder.to_str().unwrap()];
    world.says(&report).ok();
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("2 of 3 with a seat have no session that is active"));

    let token = world.edit(|world, _| {
        let dan = world.find("github".parse().unwrap(), "dan").unwrap();
        world.issue_token("dan", dan)
    });
    world.write_token(&token);
    let folder = world.path("pack-without");
    let report = ["report", ACME, "--dormant", "-o", folder.to_str().unwrap()];
    assert_eq!(world.says(&report).code, Some(77));
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("Codecov did not say: github/acme: who is logged in is not known"));
}

/// Hourly syncs, one of which brought a change; the report is of a time in the middle.
fn quiet() -> World {
    let world = World::start("ann* bob!");
    world.sync_at("2026-01-05T09:00:00Z");
    world.members("ann* bob! cat").sync_at("2026-01-05T10:00:00Z");
    for hour in 11..20 {
        world.sync_at(&format!("2026-01-05T{hour}:00:00Z"));
    }
    world
}

/// All files of a report of `quiet`, or of what came of it, as one text.
fn pack(world: &World, name: &str, [from, to]: [&str; 2]) -> String {
    Pack::of(world, name, &[ACME, "--from", from, "--to", to]).all()
}

/// Whatever comes after its end, a report is the same to the byte: more syncs like the last one,
/// failures, and rosters that are held.
#[test]
fn what_comes_later_is_not_in_a_report_of_the_past() {
    let world = quiet();
    let at_noon = ["2026-01-05T09:30:00Z", "2026-01-05T19:30:00Z"];
    let quiet = pack(&world, "quiet", at_noon);
    assert!(quiet.contains("Never: no sync that was due failed, was held or is missing."));
    assert!(quiet.contains("Rosters were read up to the end."));
    world.sync_at("2026-01-05T20:00:00Z").sync_at("2026-01-05T21:00:00Z");
    assert_eq!(pack(&world, "quiet-again", at_noon), quiet);

    world.simulator.fault(When::always(), Fault::Status { status: 500, retry_after: None });
    world.sync_at("2026-01-05T22:00:00Z").sync_at("2026-01-05T23:00:00Z");
    let failing = ["2026-01-05T12:00:00Z", "2026-01-05T23:30:00Z"];
    let before = pack(&world, "failing", failing);
    assert!(before.contains("<td>syncs failed (server_error)</td>"), "{before}");
    world.sync_at("2026-01-06T00:00:00Z");
    world.simulator.calm();
    world.members("ann* bob!").sync_at("2026-01-06T01:00:00Z");
    assert_eq!(pack(&world, "failing-again", failing), before);
    assert_eq!(pack(&world, "quiet-at-last", at_noon), quiet);
}

/// What somebody without a name holds is paid for, too, and told by the address that is left.
#[test]
fn seats_without_a_name_are_held_against_a_list() {
    let world = World::start("ann*!");
    world.edit(|world, acme| {
        for email in [Some("gone@example.com"), Some("known@example.com"), None] {
            let person = email.map_or_else(Person::default, |email| Person::default().email(email));
            let person = world.add_person("github".parse().unwrap(), person);
            world.seat(acme, person);
        }
    });
    world.sync_at("2026-01-05T09:00:00Z");
    std::fs::write(world.path("people.csv"), "email\nann@example.com\nknown@example.com\n")
        .unwrap();
    let (folder, list) = (world.path("pack"), world.path("people.csv"));
    let arguments =
        ["report", ACME, "-o", folder.to_str().unwrap(), "--compare", list.to_str().unwrap()];
    let said = world.says(&arguments).ok().stdout;
    let (_, said) = said.split_once("people.csv: ").unwrap();
    assert_snapshot!(said.lines().next().unwrap(), @"1 seat held by somebody who is not in it, 0 members and 1 row without a name not in it; 0 in it without access; 0 with several matches, 1 with nothing to compare");
    let pack = Pack { folder: folder.clone(), said: said.to_owned() };
    assert_snapshot!(pack.words("Next to the list people.csv", "What lies beside this page"), @"
    Next to the list people.csv
    Members of each organization as of the end, and rows with a seat that name nobody
    Organization | In the list | Not in it | Ghost seats | Several matches | Nothing to compare |
    github/acme | 2 | 1 | 1 | 0 | 1 |
    People in the list without access: 0.
    Who was not found on both sides, or not without doubt: questions, and no proof
    What | Organization | Username | Name | Email | Seat | Admin | Row of the list |
    not in the list | github/acme | – | – | gone@example.com | yes |  |  |
    nothing to compare with the list | github/acme | – | – | – | yes |  |  |
    ");
    assert_snapshot!(pack.words("At both ends", "When nobody looked"), @"
    At both ends
    | At the beginning | At the end | Came | Went |
    Members | 1 | 1 | 0 | 0 |
    Seats in use | 4 | 4 | 0 | 0 |
    Admins | 1 | 1 | 0 | 0 |
    Rows without a name | 3 | 3 |  |  |
    ");
    assert_snapshot!(pack.words("Who had a seat at the end", "Who was an admin at the end"), @"
    Who had a seat at the end
    With a seat: 1
    Username | Name | Email | Member since | Seat since | Admin since |
    ann | ann | ann@example.com | ≤ 2026-01-05 09:00 | ≤ 2026-01-05 09:00 | ≤ 2026-01-05 09:00 |
    And 3 seats of rows that name nobody.
    ");
    assert_snapshot!(std::fs::read_to_string(folder.join("comparison.csv")).unwrap(), @"
    organization,username,name,email,seat,admin,status,finding,matched_by,listed_at
    github/acme,,,gone@example.com,true,,enabled,not_in_list,,
    github/acme,,,,true,,enabled,cannot_tell,,
    ");
}

/// It is full of names, whatever others may do by default.
#[test]
fn nobody_else_can_read_a_report() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = quiet();
    let mode =
        |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    pack(&world, "pack", ["2026-01-05", "2026-01-05"]);
    assert_eq!(mode(world.path("pack")), 0o700);
    assert_eq!(mode(world.path("pack/report.html")), 0o600);
    assert_eq!(mode(world.path("pack/manifest.json")), 0o600);
}

#[test]
fn a_list_that_ends_in_quotes_makes_no_ghosts() {
    let world = quiet();
    std::fs::write(
        world.path("people.csv"),
        "email,title\nann@example.com,\"Lead\nbob@example.com,x\n",
    )
    .unwrap();
    let list = world.path("people.csv");
    let report = ["report", ACME, "-o", "x", "--compare", list.to_str().unwrap()];
    assert_snapshot!(world.says(&report).shown(), @r#"
    error: [DIR]/people.csv: a quotation mark is not closed: who stands after it is not found, up to the end, row 2
    hint: close it; one that is meant to be there is written twice (`""`), in quotes
    exit code 65
    "#);
}

/// What somebody was called before is told to machines, too, and also where they were renamed.
#[test]
fn what_was_edited_is_told_with_what_it_was() {
    let world = World::start("ann* bob!");
    world.sync_at("2026-01-05T09:00:00Z");
    world.edit(|world, _| {
        let find = |name| world.find("github".parse().unwrap(), name).unwrap();
        let (ann, bob) = (find("ann"), find("bob"));
        world.set_name(bob, Some("Bobby"));
        world.set_email(bob, Some("bobby@example.com"));
        world.rename(ann, "anna");
        world.set_name(ann, Some("Anna"));
    });
    world.sync_at("2026-01-05T10:00:00Z");
    let span = ["--from", "2026-01-05T09:30:00Z", "--to", "2026-01-05T10:30:00Z"];
    let pack = Pack::of(&world, "pack", &[&[ACME], &span[..]].concat());
    assert_snapshot!(pack.read("net-changes.csv"), @r#"
    organization,from,to,event,username,formerly,name,email,seat,admin,status,before
    github/acme,2026-01-05T09:30:00.000Z,2026-01-05T10:30:00.000Z,renamed,anna,ann,Anna,ann@example.com,true,false,enabled,"{""username"":""ann"",""name"":""ann"",""email"":""ann@example.com"",""seat"":true,""admin"":false}"
    github/acme,2026-01-05T09:30:00.000Z,2026-01-05T10:30:00.000Z,updated,bob,,Bobby,bobby@example.com,false,true,disabled,"{""username"":""bob"",""name"":""bob"",""email"":""bob@example.com"",""seat"":false,""admin"":true}"
    "#);
    let changes: serde_json::Value = serde_json::from_str(&pack.read("changes.json")).unwrap();
    let before: Vec<_> = changes.as_array().unwrap().iter().map(|it| &it["before"]).collect();
    assert_snapshot!(serde_json::to_string_pretty(&before).unwrap(), @r#"
    [
      {
        "username": "ann",
        "name": "ann",
        "email": "ann@example.com",
        "seat": true,
        "admin": false
      },
      {
        "username": "bob",
        "name": "bob",
        "email": "bob@example.com",
        "seat": false,
        "admin": true
      }
    ]
    "#);
    assert_snapshot!(pack.words("All that happened", "What lies beside this page"), @"
    All that happened
    In the order in which it was seen
    Time | What | Who | Name | Email |
    2026-01-05 10:00 | renamed | ann → anna | Anna | ann@example.comname ann → Anna |
    2026-01-05 10:00 | was edited | bob | Bobby | bobby@example.comname bob → Bobby, email bob@example.com → bobby@example.com |
    ");
    assert_snapshot!(world.says(&["diff", ACME, span[1], span[3]]).ok().stdout, @"
    github/acme  2026-01-05 09:30 UTC → 2026-01-05 10:30 UTC
    2 → 2 members, 1 → 1 seat, 1 → 1 admin

    EVENT    MEMBER      NAME   EMAIL              DETAILS
    renamed  ann → anna  Anna   ann@example.com    name ann → Anna
    updated  bob         Bobby  bobby@example.com  name bob → Bobby, email bob@example.com → bobby@example.com
    ");
    assert_snapshot!(world.says(&["history", ACME, "--since", span[1]]).ok().stdout, @"
    TIME                  EVENT    MEMBER      DETAILS
    2026-01-05 10:00 UTC  renamed  ann → anna  name ann → Anna
    2026-01-05 10:00 UTC  updated  bob         name bob → Bobby, email bob@example.com → bobby@example.com
    ");
}

/// More seats than are paid for are said to be too many, in amounts that look like money.
#[test]
fn seats_over_the_limit_are_told() {
    let world = World::start("ann* bob*! cat*")
        .with_organization("seats: { limit: 2, price_per_seat: 12.5, currency: EUR }");
    world.sync_at("2026-01-05T09:00:00Z");
    let pack = Pack::of(&world, "pack", &[ACME, "--to", "2026-01-05T09:30:00Z"]);
    assert_snapshot!(pack.said, @"
    [DIR]/pack: 18 files, [SIZE], 2025-10-07 09:30 UTC to 2026-01-05 09:30 UTC
      github/acme  3 members, 3 seats (1 over the limit); 3 events, no gap; known since 2026-01-05 09:00 UTC
    open [DIR]/pack/report.html
    ");
    assert_snapshot!(pack.words("Summary", "At both ends"), @"
    Summary
    Each organization at the end; all together 37.50 EUR a month
    Organization | Members | Seats in use | Admins | Cost a month | Coverage |
    github/acme |
    3 | 3 of 2 1 over | 1 | 37.50 EUR | known since 2026-01-05 09:00 |
    Members are who Codecov lists. It lists whoever has a seat, also after they have left, and refreshes a membership when that person logs in: what is here is what Codecov believed. ≤ before a time means: since then, or for longer; nothing older is known.
    github/acme
    Nothing is known before 2026-01-05 09:00: what is called the beginning here is that time.
    Rosters were read up to the end. The seats in use at the end are 1 over the 2 that are paid for. A seat costs 12.50 EUR a month; those in use at the end cost 37.50 EUR.
    ");
}

/// Of a list with many people more, the page shows as many as a reader can open.
#[test]
fn a_large_list_makes_no_large_page() {
    let world = World::start("ann* bob!");
    world.sync_at("2026-01-05T09:00:00Z");
    let people: Vec<String> = (0..1500).map(|number| format!("p{number}@example.com")).collect();
    std::fs::write(world.path("people.csv"), format!("email\n{}\n", people.join("\n"))).unwrap();
    let list = world.path("people.csv");
    let pack = Pack::of(&world, "pack", &[ACME, "--compare", list.to_str().unwrap()]);
    let words = pack.words("Next to the list people.csv", "What lies beside this page");
    assert_eq!(words.matches("in the list, without access").count(), 1000);
    assert!(words.contains("People in the list without access: 1,500."), "{words}");
    let said = words.lines().last().unwrap();
    assert_eq!(said, "And 500 more of the list: all of them are in comparison.csv.");
    assert_eq!(pack.read("comparison.csv").lines().count(), 1 + 2 + 1500);
}
