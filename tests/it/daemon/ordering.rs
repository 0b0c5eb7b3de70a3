//! What a person orders about a sink: the same words and the same effects with a daemon and
//! without.

use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;

use super::asking::DAEMON;
use super::process::{whole_events, words};
use crate::world::World;

/// A file in a directory that is missing, so that nothing can be delivered.
const LOST: &str = "lost: { type: file, path: missing/events.ndjson }";
/// The same, given up at once.
const HASTY: &str = "hasty: { type: file, path: missing/hasty.ndjson, give_up_after: 0s }";

/// What is said besides where no daemon runs.
const NOBODY: &str = "hint: no daemon runs: `seatwatch sync` delivers what is queued\n";

fn told(world: &World, file: &str) -> String {
    let path = world.path(file);
    if path.exists() { words(&whole_events(&path)) } else { String::new() }
}

/// Lets a person do something, with a daemon or without, and shows what they see.
fn seen(world: &World, with_daemon: bool, act: impl Fn(&World, &mut dyn FnMut(&[&str]))) -> String {
    let mut seen = String::new();
    world.sync();
    let daemon = with_daemon.then(|| world.daemon());
    let mut run = |arguments: &[&str]| {
        let ran = world.run(arguments);
        // Who delivers is another story.
        let ran = ran.shown().replace(NOBODY, "");
        writeln!(seen, "$ seatwatch {}\n{}", arguments.join(" "), ran).unwrap();
    };
    act(world, &mut run);
    for file in ["events.ndjson", "missing/events.ndjson", "missing/hasty.ndjson"] {
        writeln!(seen, "{file}: {}", told(world, file).trim_end().replace('\n', ", ")).unwrap();
    }
    if let Some(daemon) = daemon {
        daemon.stop();
    }
    DAEMON.replace_all(&seen, "[DAEMON]").into_owned()
}

/// The same story twice; what is seen is the same.
#[track_caller]
fn both(world: impl Fn() -> World, act: impl Fn(&World, &mut dyn FnMut(&[&str]))) -> String {
    let (alone, asked) = (seen(&world(), false, &act), seen(&world(), true, &act));
    assert_eq!(alone, asked, "not the same with a daemon");
    alone
}

#[test]
fn dead_letters_are_listed_tried_again_and_dropped() {
    let world = || World::start("ann* bob!").rarely().with_other_sink(HASTY);
    let story = both(world, |world, run| {
        world.members("ann* bob! cat").sync();
        run(&["outbox", "list"]);
        run(&["outbox", "retry", "hasty"]);
        run(&["outbox", "drop", "1"]);
        run(&["outbox", "drop", "1"]);
        run(&["outbox", "drop"]);
        fs::create_dir(world.path("missing")).unwrap();
        run(&["outbox", "retry"]);
        run(&["outbox", "retry"]);
        run(&["outbox", "list"]);
        run(&["outbox", "list", "hasti"]);
    });
    assert_snapshot!(story, @"
    $ seatwatch outbox list
    DEAD LETTER  SINK   SINCE                 EVENT                   REASON
              1  hasty  [TIME]  baselined github/acme   given up: cannot create `[DIR]/missing/hasty.ndjson`: no such file or directory; create the directory `[DIR]/missing`
              2  hasty  [TIME]  joined github/acme cat  given up: cannot create `[DIR]/missing/hasty.ndjson`: no such file or directory; create the directory `[DIR]/missing`

    hint: `seatwatch outbox retry` tries dead letters again, `drop` forgets them

    $ seatwatch outbox retry hasty
    sink hasty: 0 dead letters delivered
    error: sink hasty: 2 dead letters not delivered: cannot create `[DIR]/missing/hasty.ndjson`: no such file or directory; create the directory `[DIR]/missing`
    exit code 69

    $ seatwatch outbox drop 1
    sink hasty: 1 dead letter dropped

    $ seatwatch outbox drop 1
    error: 1: no such dead letter
    hint: `seatwatch outbox list` shows what there is
    exit code 64

    $ seatwatch outbox drop
    error: seatwatch outbox drop: `SINK|ID` is missing
    hint: name a sink, or dead letters by the numbers that `seatwatch outbox list` shows; `--all` for all
    exit code 64

    $ seatwatch outbox retry
    sink hasty: 1 dead letter delivered

    $ seatwatch outbox retry
    there are no dead letters to try again

    $ seatwatch outbox list
    nothing waits, and nothing was given up

    $ seatwatch outbox list hasti
    error: `hasti` is not among the sinks of the config
    hint: did you mean `hasty`?
    exit code 64

    events.ndjson: baselined, joined cat
    missing/events.ndjson: 
    missing/hasty.ndjson: joined cat
    ");
}

#[test]
fn the_event_that_a_sink_is_stuck_at_can_be_given_up() {
    let world = || World::start("ann* bob!").rarely().with_other_sink(LOST);
    let story = both(world, |world, run| {
        world.members("ann* bob! cat").sync();
        run(&["outbox", "skip", "lost"]);
        fs::create_dir(world.path("missing")).unwrap();
        run(&["sync"]);
        run(&["outbox", "skip", "lost"]);
        run(&["outbox", "skip", "lost", "--lane", "nobody"]);
        run(&["outbox", "list", "lost", "--format", "csv"]);
    });
    assert_snapshot!(story, @"
    $ seatwatch outbox skip lost
    sink lost: gave up baselined github/acme (sequence 1): cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`

    $ seatwatch sync
    github/acme  3 members  1 seat  1 admin

    $ seatwatch outbox skip lost
    error: sink lost is not stuck: nothing waits for it
    hint: `seatwatch outbox retry lost` tries its 1 dead letter again, `seatwatch outbox list lost` shows what it has
    exit code 65

    $ seatwatch outbox skip lost --lane nobody
    error: sink lost has no lane `nobody`
    hint: its lanes: main
    exit code 64

    $ seatwatch outbox list lost --format csv
    state,id,sink,lane,sequence,time,organization,event,username,reason,since,attempts,next_attempt,queued
    dead,1,lost,main,00000000000000000001,[TIME],github/acme,baselined,,skipped by hand: cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`,[TIME],,,

    events.ndjson: baselined, joined cat
    missing/events.ndjson: joined cat
    missing/hasty.ndjson:
    ");
}

#[test]
fn a_sink_that_is_paused_gets_nothing_until_it_is_resumed() {
    let world = || World::start("ann* bob!").rarely();
    let story = both(world, |world, run| {
        run(&["sink", "pause", "events"]);
        run(&["sink", "pause", "events", "--format", "json"]);
        world.members("ann* bob! cat");
        run(&["sync"]);
        run(&["status"]);
        run(&["outbox", "list"]);
        run(&["sink", "test", "events"]);
        run(&["sink", "resume", "events"]);
        run(&["sink", "resume", "events"]);
        run(&["sync"]);
        run(&["sink", "pause", "event"]);
    });
    assert_snapshot!(story, @r#"
    $ seatwatch sink pause events
    sink events: paused since [TIME]: what happens is queued

    $ seatwatch sink pause events --format json
    [
      {
        "sink": "events",
        "state": "paused"
      }
    ]

    $ seatwatch sync
    github/acme  3 members (+1)  1 seat  1 admin
      joined         cat
    sink events: paused since [TIME]: 1 event stays queued

    $ seatwatch status
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        3      1        –       1  [TIME]  [TIME]

    SINK    TYPE  STATE   QUEUED  OLDEST                DEAD LETTERS
    events  file  paused       1  [TIME]             0

    sink events: paused since [TIME]
    hint: to let it go on: seatwatch sink resume events

    [DAEMON]

    $ seatwatch outbox list
    SINK    QUEUED  NEXT EVENT              ATTEMPTS  NEXT ATTEMPT  REASON
    events       1  joined github/acme cat         0  paused

    $ seatwatch sink test events
    sink events: delivered
    hint: it is paused: 1 event waits until `seatwatch sink resume events`

    $ seatwatch sink resume events
    sink events: goes on

    $ seatwatch sink resume events
    sink events: was neither paused nor stopped

    $ seatwatch sync
    github/acme  3 members  1 seat  1 admin

    $ seatwatch sink pause event
    error: `event` is not among the sinks of the config
    hint: did you mean `events`?
    exit code 64

    events.ndjson: baselined, test, joined cat
    missing/events.ndjson: 
    missing/hasty.ndjson:
    "#);
}

#[test]
fn what_a_sink_had_can_be_delivered_again() {
    let world = || World::start("ann* bob!").rarely();
    let story = both(world, |world, run| {
        world.members("ann* bob! cat").sync();
        fs::remove_file(world.path("events.ndjson")).unwrap();
        run(&["replay", "events", "--since", "1h ago"]);
        world.members("bob! cat");
        run(&["sync"]);
        run(&["replay", "events", "--since", "2099-01-01"]);
        run(&["replay", "events", "--since", "someday"]);
    });
    assert_snapshot!(story, @r#"
    $ seatwatch replay events --since 1h ago
    sink events: 2 events since [TIME] again, 2 events queued

    $ seatwatch sync
    github/acme  2 members (−1)  0 seats (−1)  1 admin
      left           ann
      seat_lost      ann

    $ seatwatch replay events --since 2099-01-01
    error: nothing has happened since then: the time lies in the future
    hint: it is [TIME] now
    exit code 64

    $ seatwatch replay events --since someday
    error: seatwatch replay: `--since` cannot be `someday`
    hint: write a day such as `2026-11-23`, a time such as `"[TIME]"`, `today`, `yesterday`, or `"3d ago"`
    exit code 64

    events.ndjson: baselined, joined cat, left ann, seat_lost ann
    missing/events.ndjson: 
    missing/hasty.ndjson:
    "#);
}

/// Where nobody delivers by itself, an order says who does; and the times are those of the config.
#[test]
fn without_a_daemon_it_is_said_what_moves_a_sink() {
    let world =
        World::start("ann* bob!").with_config("timezone: Asia/Tokyo").with_other_sink(HASTY);
    world.sync();
    world.members("ann* bob! cat");
    for sink in ["events", "hasty"] {
        world.run(&["sink", "pause", sink]).ok();
    }
    world.sync();
    let mut seen = String::new();
    for order in [
        "outbox skip hasty",
        "outbox retry hasty",
        "sink test events",
        "replay events --since yesterday",
        "sink resume events",
        "replay events --since yesterday",
        "sink test events",
        "sync",
        "sink resume hasty",
        "outbox skip hasty",
        "sync",
        "outbox skip hasty",
        "sink test events",
    ] {
        let ran = world.says(&order.split(' ').collect::<Vec<_>>()).shown();
        writeln!(seen, "$ seatwatch {order}\n{ran}").unwrap();
    }
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d JST").unwrap();
    let seen = world.filtered(&times.replace_all(&seen, "[JST]"));
    assert_snapshot!(seen, @"
    $ seatwatch outbox skip hasty
    error: sink hasty is not stuck: no event that waits for it has failed
    hint: `seatwatch outbox retry hasty` tries its 1 dead letter again, `seatwatch outbox list hasty` shows what it has
    exit code 65

    $ seatwatch outbox retry hasty
    sink hasty: 0 dead letters delivered
    error: sink hasty: 1 dead letter not delivered: paused since [JST]; `seatwatch sink resume hasty` comes first
    exit code 69

    $ seatwatch sink test events
    sink events: delivered
    hint: it is paused: 1 event waits until `seatwatch sink resume events`

    $ seatwatch replay events --since yesterday
    sink events: 1 event since [JST] again, 2 events queued
    hint: it is paused: 2 events wait until `seatwatch sink resume events`

    $ seatwatch sink resume events
    sink events: goes on
    hint: no daemon runs: `seatwatch sync` delivers what is queued

    $ seatwatch replay events --since yesterday
    sink events: 0 events since [JST] again, 2 events queued
    hint: no daemon runs: `seatwatch sync` delivers what is queued

    $ seatwatch sink test events
    sink events: delivered
    hint: no daemon runs: `seatwatch sync` delivers what is queued

    $ seatwatch sync
    github/acme  3 members  1 seat  1 admin
    sink hasty: paused since [JST]: 1 event stays queued

    $ seatwatch sink resume hasty
    sink hasty: goes on
    hint: no daemon runs: `seatwatch sync` delivers what is queued

    $ seatwatch outbox skip hasty
    error: sink hasty is not stuck: no event that waits for it has failed
    hint: `seatwatch outbox retry hasty` tries its 1 dead letter again, `seatwatch outbox list hasty` shows what it has
    exit code 65

    $ seatwatch sync
    github/acme  3 members  1 seat  1 admin
    warning: sink hasty: 1 more dead letter: given up: cannot create `[DIR]/missing/hasty.ndjson`: no such file or directory; create the directory `[DIR]/missing`
    hint: `seatwatch outbox list hasty` shows what was given up, `seatwatch outbox retry hasty` tries it again

    $ seatwatch outbox skip hasty
    error: sink hasty is not stuck: nothing waits for it
    hint: `seatwatch outbox retry hasty` tries its 2 dead letters again, `seatwatch outbox list hasty` shows what it has
    exit code 65

    $ seatwatch sink test events
    sink events: delivered
    ");
}

/// A digest that waits is no sink in trouble, however old what is queued gets.
#[test]
fn a_digest_that_waits_says_until_when() {
    let world = World::start("ann* bob!")
        .rarely()
        .with_other_sink("yearly: { type: file, path: yearly, digest: \"0 0 1 1 *\" }");
    let mut seen = seen(&world, false, |_, run| {
        run(&["status"]);
        run(&["outbox", "list"]);
        run(&["replay", "yearly", "--since", "1h ago"]);
    });
    let daemon = world.daemon();
    seen += &world.run(&["replay", "yearly", "--since", "1h ago"]).ok().shown();
    let row = |command: &[&str], sink: &str| {
        let rows = world.says(&[command, &["--format", "json"]].concat()).ok().rows();
        rows.into_iter().find(|row| row["sink"] == sink).unwrap()
    };
    let (status, head) = (row(&["status"], "yearly"), row(&["outbox", "list"], "yearly"));
    assert!(status["digest_at"].as_str().unwrap().ends_with("-01-01T00:00:00.000Z"), "{status}");
    assert_eq!(head["next_attempt"], status["digest_at"]);
    assert!(row(&["status"], "events")["digest_at"].is_null());
    daemon.stop();
    assert_snapshot!(seen, @"
    $ seatwatch status
    ORGANIZATION  STATE      MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        2      1        –       1  [TIME]  [TIME]

    SINK    TYPE  STATE  QUEUED  OLDEST                DEAD LETTERS
    events  file  ok          0  –                                0
    yearly  file  ok          1  [TIME]             0

    sink yearly: what is queued waits for its digest at [TIME]

    [DAEMON]

    $ seatwatch outbox list
    SINK    QUEUED  NEXT EVENT             ATTEMPTS  NEXT ATTEMPT                 REASON
    yearly       1  baselined github/acme         0  digest [TIME]

    $ seatwatch replay yearly --since 1h ago
    sink yearly: 0 events since [TIME] again, 1 event queued
    hint: what is queued waits for its digest at [TIME]; [DAEMON]

    events.ndjson: baselined
    missing/events.ndjson: 
    missing/hasty.ndjson: 
    sink yearly: 0 events since [TIME] again, 1 event queued
    hint: what is queued waits for its digest at [TIME]
    ");
}

/// It is an event as any for the receiver, and none for the history.
#[test]
fn a_test_event_reaches_the_receiver_and_never_the_log() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    let ran = world.run(&["sink", "test", "events"]).ok();
    assert_snapshot!(ran.shown(), @"sink events: delivered");
    let events = world.events();
    let test = &events[1];
    assert_eq!(test["type"], "dev.seatwatch.test.v1");
    assert_eq!(test["data"]["event"], "test");
    assert_eq!(test["data"]["details"]["sink"], "events");
    assert!(!world.run(&["history"]).ok().stdout.contains("test"));
    world.members("ann* bob! cat").sync().ok();
    assert_eq!(world.told(), "baselined\ntest\njoined cat\n");
}

#[test]
fn a_test_that_fails_says_why() {
    let world = World::start("ann* bob!").with_other_sink(LOST);
    assert_snapshot!(world.run(&["sink", "test", "lost"]).shown(), @"
    warning: nothing has run here yet, so the test is done as root: a file that it makes belongs to root, and another user's daemon cannot write to it
    error: sink lost: not delivered: cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`
    exit code 69
    ");
}

/// What waits, what is dead and whether it is paused go over to the new name; a delivery that is
/// under way ends first.
#[test]
fn a_sink_goes_on_under_another_name() {
    let mut world = World::start("ann* bob!").rarely().with_other_sink(LOST).with_other_sink(HASTY);
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    world.members("ann* bob! cat").sync().ok();
    world.run(&["sink", "pause", "hasty"]).ok();
    world = world
        .without_other_sinks()
        .with_other_sink("found: { type: file, path: found.ndjson, formerly: lost }")
        .with_other_sink("calm: { type: file, path: missing/hasty.ndjson, formerly: hasty }");
    world.run(&["reload"]).ok();
    daemon.until("found", || {
        (told(&world, "found.ndjson") == "baselined\njoined cat\n").then_some(())
    });
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    let calm = rows.iter().find(|row| row["sink"] == "calm").unwrap();
    assert_eq!((&calm["state"], calm["dead_letters"].as_u64()), (&"paused".into(), Some(2)));
    world.run(&["sink", "resume", "calm"]).ok();
    fs::create_dir(world.path("missing")).unwrap();
    world.run(&["outbox", "retry", "calm"]).ok();
    assert_eq!(told(&world, "missing/hasty.ndjson"), "baselined\njoined cat\n");
    daemon.stop();
}

#[test]
fn a_sink_is_kept_from_knowing_what_it_is_not_to_know() {
    let world = World::start("ann* bob!")
        .with_other_sink("few: { type: file, path: few.ndjson, redact: [email, name] }");
    world.sync().ok();
    world.members("ann* bob! cat").sync().ok();
    let few = whole_events(&world.path("few.ndjson"));
    assert_eq!(few[1]["data"]["member"]["username"], "cat");
    assert!(
        few[1]["data"]["member"]["email"].is_null() && few[1]["data"]["after"]["name"].is_null()
    );
    assert_eq!(world.events()[1]["data"]["member"]["email"], "cat@example.com");
}

/// The line can be taken out right after: the name has gone over by then. One that comes too late is
/// told.
#[test]
fn another_name_holds_from_the_reload_on() {
    let world = World::start("ann* bob!").rarely().with_other_sink(LOST);
    let daemon = world.daemon();
    daemon.until_logged(&["WARN", "lost", "delivery failed"]);
    let renamed = "found: { type: file, path: missing/events.ndjson, formerly: lost }";
    let world = world.without_other_sinks().with_other_sink(renamed);
    world.run(&["reload"]).ok();
    let plain = "found: { type: file, path: missing/events.ndjson }";
    let world = world.without_other_sinks().with_other_sink(plain);
    world.run(&["reload"]).ok();
    fs::create_dir(world.path("missing")).unwrap();
    world.sync().ok();
    assert_eq!(told(&world, "missing/events.ndjson"), "baselined\n");
    let other = "other: { type: file, path: other.ndjson }";
    let world = world.without_other_sinks().with_other_sink(other);
    world.run(&["reload"]).ok();
    let late = "other: { type: file, path: other.ndjson, formerly: found }";
    let world = world.without_other_sinks().with_other_sink(late);
    world.run(&["reload"]).ok();
    daemon.until_logged(&["WARN", "other", "has a place in the log of its own"]);
    daemon.stop();
}

/// Nobody serves what they are of, and so no queue moves.
#[test]
fn systemd_hears_of_dead_letters_of_a_sink_that_is_gone() {
    let world = World::start("ann* bob!").rarely().watching("beta", "zoe!").with_other_sink(HASTY);
    let daemon = world.daemon();
    daemon.until_heard("STATUS=2 organizations: 2 connected; 0 events queued, 2 dead letters");
    let world = world.without_others().without_other_sinks();
    world.run(&["reload"]).ok();
    daemon.until_heard("STATUS=1 organization: 1 connected; 0 events queued, 2 dead letters");
    world.run(&["org", "forget", "github/beta", "--yes"]).ok();
    daemon.until_heard("STATUS=1 organization: 1 connected; 0 events queued, 1 dead letter");
    world.run(&["outbox", "drop", "hasty"]).ok();
    let none = "STATUS=1 organization: 1 connected; 0 events queued";
    daemon
        .until(none, || daemon.heard().iter().any(|heard| heard.trim_end() == none).then_some(()));
    daemon.stop();
}

/// Once the store has the new name, a reload goes through with it: under the old one, the sink would
/// have begun anew.
#[test]
fn another_name_holds_even_if_the_last_syncs_cannot_be_read() {
    let world = World::start("ann* bob!").rarely().with_other_sink(LOST);
    let daemon = world.daemon();
    daemon.until_logged(&["WARN", "lost", "delivery failed"]);
    let runs = "UPDATE runs SET last_finished_at = 9223372036854775807";
    world.open_database().execute(runs, []).unwrap();
    let renamed = "found: { type: file, path: missing/events.ndjson, formerly: lost }";
    let world = world.without_other_sinks().with_other_sink(renamed);
    world.run(&["reload"]).ok();
    daemon.until_logged(&["WARN", "cannot read when the last syncs were"]);
    fs::create_dir(world.path("missing")).unwrap();
    daemon.until("what waited", || {
        (told(&world, "missing/events.ndjson") == "baselined\n").then_some(())
    });
    daemon.stop();
}

/// A line that comes too late carries nothing over: the sink shows no pause and no dead letters but
/// its own, and those of its old name are there for whoever asks for that.
#[test]
fn a_former_name_that_comes_too_late_changes_nothing() {
    let world = World::start("ann* bob!").rarely().with_other_sink(HASTY);
    world.sync().ok();
    world.run(&["sink", "pause", "hasty"]).ok();
    let renamed = |more: &str| format!("calm: {{ type: file, path: calm.ndjson{more} }}");
    let world = world.without_other_sinks().with_other_sink(&renamed(""));
    world.members("ann* bob! cat").sync().ok();
    let world = world.without_other_sinks().with_other_sink(&renamed(", formerly: hasty"));
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    let calm = rows.iter().find(|row| row["sink"] == "calm").unwrap();
    assert_eq!((&calm["state"], &calm["dead_letters"]), (&"ok".into(), &0.into()));
    assert_eq!(world.run(&["outbox", "list", "calm", "--format", "json"]).ok().rows().len(), 0);
    assert_snapshot!(world.run(&["outbox", "retry"]).shown(), @"
    warning: sink hasty: is not in the config any more, so its dead letters stay
    hint: `seatwatch outbox drop hasty` forgets them
    exit code 69
    ");
    assert_snapshot!(world.run(&["outbox", "drop", "1"]).shown(), @"
    sink hasty: 1 dead letter dropped
    warning: sink calm: was hasty (`formerly`), but has a place in the log of its own, and goes on from there
    hint: take the line `formerly` out; `seatwatch replay calm --since TIME` goes back
    ");
}

/// A daemon does nothing about a sink that it does not serve yet, and says so.
#[test]
fn a_sink_that_is_new_in_the_config_is_refused_until_the_reload() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    let world = world.with_other_sink(HASTY);
    let refused = world.run(&["sink", "pause", "hasty"]).shown();
    assert_snapshot!(refused, @"
    error: sink hasty: the daemon does not serve it
    hint: if it is new in the config, run `seatwatch reload`
    exit code 75
    ");
    for word in ["retry", "drop"] {
        assert_eq!(world.run(&["outbox", word, "hasty"]).shown(), refused);
    }
    daemon.stop();
}
