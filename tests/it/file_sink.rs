//! Events on their way to a file, through the program: late, but each once and in order.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use crate::world::{World, in_words, read_events};

fn told(world: &World, file: &str) -> String {
    let events = read_events(&world.path(file));
    events.iter().map(in_words).collect::<Vec<_>>().join(", ")
}

/// How the sinks stand, one a line.
fn lanes(world: &World) -> String {
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    let sinks = rows.iter().filter(|row| !row["sink"].is_null());
    sinks
        .map(|row| {
            let [sink, state, queued, dead] =
                ["sink", "state", "queued", "dead_letters"].map(|key| row[key].to_string());
            format!("{sink} {state}, queued {queued}, dead {dead}\n").replace('"', "")
        })
        .collect()
}

#[test]
fn what_cannot_be_delivered_stays_queued_and_comes_once() {
    let world = World::start("ann* bob!").with_other_sink("far: { type: file, path: far/log }");
    fs::create_dir(world.path("far")).unwrap();
    world.sync().ok();
    fs::rename(world.path("far"), world.path("away")).unwrap();
    world.members("ann* bob! cat");
    let ran = world.sync().ok();
    assert_snapshot!(ran.shown(), @"
    github/acme  3 members (+1)  1 seat  1 admin
      joined         cat
    warning: sink far: not delivered: cannot create `[DIR]/far/log`: no such file or directory; create the directory `[DIR]/far`
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    ");
    assert_eq!(world.told(), "baselined\njoined cat\n", "the other sink is not kept waiting");
    world.members("ann bob! cat").sync().ok();
    assert_snapshot!(lanes(&world), @r"
    events ok, queued 0, dead 0
    far failing, queued 2, dead 0
    ");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE      MEMBERS  SEATS    30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        3      0  −1 so far       1  [TIME]  [TIME]

    SINK    TYPE  STATE    QUEUED  OLDEST                DEAD LETTERS
    events  file  ok            0  –                                0
    far     file  failing       2  [TIME]             0

    sink far: cannot create `[DIR]/far/log`: no such file or directory; create the directory `[DIR]/far`
    hint: to try again: seatwatch sync

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    fs::rename(world.path("away"), world.path("far")).unwrap();
    assert_eq!(world.sync().ok().stderr, "");
    assert_eq!(told(&world, "far/log"), "baselined, joined cat, seat_lost ann");
    assert_eq!(read_events(&world.path("far/log")), world.events(), "the same, in order");
    world.sync().ok();
    assert_eq!(told(&world, "far/log"), "baselined, joined cat, seat_lost ann");
    assert_snapshot!(lanes(&world), @r"
    events ok, queued 0, dead 0
    far ok, queued 0, dead 0
    ");
}

#[test]
fn a_path_that_is_no_file_of_ours_is_left_as_it_is() {
    let world = World::start("ann").with_other_sink("directory: { type: file, path: here }");
    let world = world.with_other_sink("foreign: { type: file, path: notes }");
    let world = world.with_other_sink("link: { type: file, path: link }");
    fs::create_dir(world.path("here")).unwrap();
    fs::write(world.path("notes"), "buy milk\n").unwrap();
    std::os::unix::fs::symlink("elsewhere", world.path("link")).unwrap();
    assert_snapshot!(world.sync().ok().shown(), @r"
    github/acme  1 member  0 seats  0 admins  baseline
      baselined
    warning: sink directory: not delivered: `[DIR]/here` is a directory: set `path` to a regular file
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    warning: sink foreign: not delivered: `[DIR]/notes` does not begin with a JSON object; it was left as it is: move it away, or set another `path`
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    warning: sink link: not delivered: `[DIR]/link` is a symbolic link: set `path` to a regular file
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    ");
    assert_eq!(fs::read_to_string(world.path("notes")).unwrap(), "buy milk\n");
    assert!(!world.path("elsewhere").exists());
    assert_eq!(world.told(), "baselined\n");
}

#[test]
fn a_file_that_was_rotated_is_started_anew() {
    let world = World::start("ann");
    world.sync().ok();
    fs::rename(world.path("events.ndjson"), world.path("events.1")).unwrap();
    world.members("ann bob").sync().ok();
    assert_eq!(told(&world, "events.1"), "baselined");
    assert_eq!(told(&world, "events.ndjson"), "joined bob");
    let mode = fs::metadata(world.path("events.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_spreadsheet_is_a_header_and_a_row_each() {
    let world = World::start("ann* =bob!").with_sink("format: csv");
    world.sync().ok();
    world.members("ann =bob! cat").sync().ok();
    let text = fs::read_to_string(world.path("events.ndjson")).unwrap();
    assert_snapshot!(world.filtered(&text), @r#"
    time,sequence,event,organization,username,name,email,seat,admin,status,id,details
    [TIME],00000000000000000001,baselined,github/acme,,,,,,,[SYNC]-0000,"{""on_first_sync"":""quiet""}"
    [TIME],00000000000000000002,seat_lost,github/acme,ann,ann,ann@example.com,false,false,disabled,[SYNC]-0000,
    [TIME],00000000000000000003,joined,github/acme,cat,cat,cat@example.com,false,false,disabled,[SYNC]-0001,
    "#);
}

#[test]
fn a_new_sink_starts_at_the_end_of_the_log() {
    let world = World::start("ann");
    world.sync().ok();
    world.members("ann bob").sync().ok();
    let world = world.with_other_sink("late: { type: file, path: late }");
    world.sync().ok();
    assert_eq!(told(&world, "late"), "");
    world.members("ann bob cat").sync().ok();
    assert_eq!(told(&world, "late"), "joined cat");
    assert_eq!(world.told(), "baselined\njoined bob\njoined cat\n");
}

#[test]
fn a_sink_gets_what_it_asks_for() {
    let world = World::start("ann*")
        .with_other("github/beta")
        .with_config("max_concurrent_syncs: 1")
        .with_other_sink("left: { type: file, path: left, events: [left, updated] }")
        .with_other_sink("beta: { type: file, path: beta, organizations: [\"*/b*\"] }")
        .with_other_sink("none: { type: file, path: none, organizations: [\"gitlab/*\"] }");
    let beta = |world: &World, cast: &str| {
        world.edit(|world, acme| {
            let beta = world.organization(&"github/beta".parse().unwrap());
            world.set_members(beta, cast);
            world.join(beta, acme);
            world.grant_admin(beta, acme);
        });
    };
    beta(&world, "bob*");
    world.sync().ok();
    world.members("ann* cat");
    beta(&world, "dan");
    world.edit(|world, _| {
        let ann = world.find("github".parse().unwrap(), "ann").unwrap();
        world.set_name(ann, Some("Ann Other"));
    });
    // One after the other: two that are synced at once commit in any order.
    world.run(&["sync", "github/acme"]).ok();
    world.run(&["sync", "github/beta"]).ok();
    // The organization is an owner as any, so it is listed as a member of the other one.
    assert_snapshot!(world.told(), @r"
    baselined
    baselined
    joined cat
    left bob
    seat_lost bob
    joined dan
    ");
    assert_snapshot!(told(&world, "left"), @"updated ann, left bob");
    assert_snapshot!(told(&world, "beta"), @"baselined, left bob, seat_lost bob, joined dan");
    assert!(!world.path("none").exists());
    assert_snapshot!(lanes(&world), @r"
    events ok, queued 0, dead 0
    left ok, queued 0, dead 0
    beta ok, queued 0, dead 0
    none ok, queued 0, dead 0
    ");
}

#[test]
fn what_is_not_taken_for_too_long_is_put_aside() {
    let world = World::start("ann").with_sink("give_up_after: 1h");
    fs::create_dir(world.path("events.ndjson")).unwrap();
    world.sync().ok();
    world.members("ann bob").sync().ok();
    assert_snapshot!(lanes(&world), @"events failing, queued 2, dead 0");
    let an_hour_ago = "UPDATE deliveries SET first_failed_at = first_failed_at - 3600001";
    assert_eq!(world.open_database().execute(an_hour_ago, []).unwrap(), 1);
    assert_snapshot!(world.sync().ok().shown(), @"
    github/acme  2 members  0 seats  0 admins
    warning: sink events: 1 more dead letter: given up: `[DIR]/events.ndjson` is a directory: set `path` to a regular file
    hint: `seatwatch outbox list events` shows what was given up, `seatwatch outbox retry events` tries it again
    warning: sink events: not delivered: `[DIR]/events.ndjson` is a directory: set `path` to a regular file
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    ");
    assert_snapshot!(lanes(&world), @"events failing, queued 1, dead 1");
    // The next is tried in its turn: what was put aside does not come by itself.
    fs::remove_dir(world.path("events.ndjson")).unwrap();
    world.sync().ok();
    assert_eq!(world.told(), "joined bob\n");
    assert_snapshot!(lanes(&world), @"events ok, queued 0, dead 1");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        2      0        –       0  [TIME]  [TIME]

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  1

    sink events: 1 dead letter, the last: given up: `[DIR]/events.ndjson` is a directory: set `path` to a regular file
    hint: seatwatch outbox list events

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
}

/// The zone that `digest` is written in is the one that the times of sinks are told in.
#[test]
fn the_times_of_sinks_are_in_the_zone_of_the_config() {
    let world = World::start("ann* bob!")
        .with_config("timezone: Asia/Tokyo")
        .with_other_sink("far: { type: file, path: far/log }")
        .with_other_sink("late: { type: file, path: late, digest: \"0 8 * * *\" }")
        .with_other_sink("idle: { type: file, path: idle }");
    world.run(&["sink", "pause", "idle"]).ok();
    let synced = world.says(&["sync"]).ok().stderr;
    assert!(synced.contains("08:00 JST") && synced.contains("paused since"), "{synced}");
    let status = world.says(&["status"]).ok().stdout;
    assert!(status.contains("paused since"), "{status}");
    let list = world.says(&["outbox", "list"]).ok().stdout;
    let next = regex::Regex::new(r"far .* [-0-9]+ \d\d:\d\d:\d\d JST ").unwrap();
    assert!(next.is_match(&list) && list.contains("08:00 JST"), "{list}");
    let all = [synced, status, list].join("\n");
    assert!(!all.contains("UTC"), "{all}");
}
