//! A store over the years: retention, erasure, organizations that move, and backups.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use insta::assert_snapshot;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use rusqlite::Connection;

use crate::world::{ACME, NOBODY, Ran, World, give, is_root, skipped, until};

impl World {
    pub(crate) fn open_database(&self) -> Connection {
        Connection::open(self.state_dir().join("seatwatch.db")).unwrap()
    }

    /// Lets so many days pass for the store: all that it knows is older by them.
    fn age(&self, days: i64) {
        let database = self.open_database();
        let millis = days * 24 * 3600 * 1000;
        for sql in [
            "UPDATE log SET time = time - ?1",
            "UPDATE runs SET started_at = started_at - ?1, finished_at = finished_at - ?1,
                             last_finished_at = last_finished_at - ?1",
            "UPDATE rosters SET read_at = read_at - ?1",
            "UPDATE meta SET value = value - ?1 WHERE name = 'trimmed_at'",
        ] {
            database.execute(sql, [millis]).unwrap();
        }
    }

    pub(crate) fn count_rows(&self, table: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.open_database().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn sink_row(&self) -> serde_json::Value {
        let rows = self.run(&["status", "--format", "json"]).ok().rows();
        rows.into_iter().find(|row| row["sink"].is_string()).unwrap()
    }
}

/// The text of the one file, wherever it stands in the state directory.
fn state_files(world: &World) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(world.state_dir()).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

#[test]
fn what_is_older_than_the_retention_goes_and_the_roster_stays() {
    let world = World::start("ann* bob! cat").with_config("retention: 30d");
    world.sync().ok();
    world.members("ann bob! dan").sync().ok();
    world.age(20);
    world.members("ann* bob!").sync().ok();
    world.age(15);
    let roster = world.run(&["roster", ACME, "--format", "json"]).ok().stdout;
    let (events, states) = (world.count_rows("log"), world.count_rows("past_states"));
    assert_eq!((events, states), (6, 4));
    assert_eq!(world.sync().ok().stderr, "");
    // Of the baseline and the first change nothing is left; of the second all is.
    assert_eq!((world.count_rows("log"), world.count_rows("past_states")), (2, 2));
    assert_eq!(world.run(&["roster", ACME, "--format", "json"]).ok().stdout, roster);
    assert_eq!(world.run(&["history", "--format", "json"]).ok().rows().len(), 2);
    assert_eq!(world.sink_row()["lost"], 0);
}

/// What nobody would take for so long is lost to that sink, and that is said.
#[test]
fn what_a_sink_did_not_take_in_time_is_counted() {
    let world = World::start("ann* bob! cat dan")
        .with_config("retention: 30d")
        .with_other_sink("stuck: { type: file, path: no/where, events: [left, joined] }");
    world.sync().ok();
    world.members("ann* bob!").sync().ok();
    world.age(31);
    world.members("ann* bob! eve*");
    let ran = world.sync();
    assert_eq!(ran.code, Some(0), "{}", ran.shown());
    assert_snapshot!(ran.stderr, @"
    warning: sink stuck: not delivered: cannot create `[DIR]/no/where`: no such file or directory; create the directory `[DIR]/no`
    hint: 3 events stay queued; the next `seatwatch sync` tries again
     WARN events were not delivered within `retention` and are lost to this sink sink=stuck lane=main events=2
    ");
    assert_snapshot!(world.run(&["status"]).ok().stdout, @"
    ORGANIZATION  STATE      MEMBERS  SEATS    30 DAYS  ADMINS  LAST SYNC             NEXT SYNC
    github/acme   Connected        3      2  +1 so far       1  [TIME]  [TIME]

    SINK    TYPE  STATE    QUEUED  OLDEST                DEAD LETTERS
    events  file  ok            0  –                                0
    stuck   file  failing       1  [TIME]             0

    sink stuck: cannot create `[DIR]/no/where`: no such file or directory; create the directory `[DIR]/no`
    hint: to try again: seatwatch sync

    sink stuck: 2 events not delivered within `retention` and lost to it, the last at [TIME]

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    let (events, stuck) = (&rows[1], &rows[2]);
    assert_eq!(
        (&events["lost"], &stuck["lost"], &stuck["queued"]),
        (&0.into(), &2.into(), &1.into())
    );

    // The delivery that was cut goes on with what is left of it.
    fs::create_dir(world.path("no")).unwrap();
    world.sync().ok();
    let told = crate::world::read_events(&world.path("no/where"));
    let told: Vec<String> = told.iter().map(crate::world::in_words).collect();
    assert_eq!(told, ["joined eve"]);
    assert_eq!(world.told().lines().last(), Some("seat_gained eve"));
}

/// One delivery, of which one part is too old and another is not.
#[test]
fn a_delivery_goes_on_without_what_was_trimmed() {
    let world = World::start("ann* bob! cat dan")
        .with_config("retention: 30d")
        .with_other_sink("stuck: { type: file, path: no/where }");
    world.sync().ok();
    world.members("bob!").sync().ok();
    let database = world.open_database();
    let old = 31 * 24 * 3600 * 1000_i64;
    // What ann did is told first: that she left and lost her seat.
    database.execute("UPDATE log SET time = time - ?1 WHERE sequence <= 3", [old]).unwrap();
    let day = 25 * 3600 * 1000_i64;
    let trimmed_at = "UPDATE meta SET value = value - ?1 WHERE name = 'trimmed_at'";
    database.execute(trimmed_at, [day]).unwrap();
    world.sync().ok();
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!((&rows[2]["lost"], &rows[2]["queued"]), (&3.into(), &2.into()));
    fs::create_dir(world.path("no")).unwrap();
    world.sync().ok();
    let told = crate::world::read_events(&world.path("no/where"));
    let told: Vec<String> = told.iter().map(crate::world::in_words).collect();
    assert_eq!(told, ["left cat", "left dan"]);
}

/// The clock says that years have passed: that is believed a day later.
#[test]
fn a_clock_that_leaps_trims_nothing() {
    let world = World::start("ann bob");
    world.sync().ok();
    world.members("ann").sync().ok();
    world.age(3000);
    world.sync().ok();
    assert_eq!(world.count_rows("log"), 2);
    world.age(1);
    world.sync().ok();
    assert_eq!(world.count_rows("log"), 0);
}

#[test]
fn a_crash_in_the_middle_of_a_trim_costs_nothing() {
    let world = World::populated(1500)
        .with_config("retention: 30d")
        .with_organization("on_first_sync: emit");
    world.sync().ok();
    world.age(31);
    let roster = world.run(&["roster", ACME, "--format", "json"]).ok().stdout;
    let events = world.count_rows("log");
    let crashed =
        world.command(&["sync"]).env("FAILPOINTS", "upkeep:trim=return").status().unwrap();
    assert_eq!(crashed.signal(), Some(6));
    assert_eq!(world.count_rows("log"), events - 1000);
    world.sync().ok();
    assert_eq!(world.count_rows("log"), 0);
    assert_eq!(world.run(&["roster", ACME, "--format", "json"]).ok().stdout, roster);
    assert_eq!(world.sink_row()["lost"], 0);
}

/// Sets the members of an organization; the one whose token we have is an admin of it, too.
fn set_members(world: &World, organization: &str, members: &str) {
    world.edit(|world, acme| {
        let organization = world.organization(&organization.parse().unwrap());
        world.set_members(organization, members);
        world.join(organization, acme);
        world.grant_admin(organization, acme);
    });
}

/// Two organizations, of which the second is not in the config any more.
fn moved_out() -> (World, String) {
    let world = World::start("ann* bob!").with_other("github/beta");
    set_members(&world, "github/beta", "wilhelmina* xaver! yvonne");
    world.sync().ok();
    set_members(&world, "github/beta", "wilhelmina xaver!");
    world.members("ann* bob! cat").sync().ok();
    let config = world.config().replace("  - github/beta\n", "");
    (world, config)
}

fn run_with(world: &World, config: &str, arguments: &[&str]) -> Ran {
    world.ran(&mut world.command_with(config, arguments))
}

#[test]
fn an_organization_that_is_forgotten_leaves_no_trace() {
    let (world, config) = moved_out();
    let run = |arguments: &[&str]| run_with(&world, &config, arguments);
    let has_trace = |name: &str| state_files(&world).iter().any(|(_, text)| text.contains(name));
    assert!(has_trace("wilhelmina") && has_trace("yvonne"));
    assert_snapshot!(run(&["org", "forget", "github/beta"]).shown(), @r"
    error: github/beta: nobody is there to be asked; nothing was erased
    hint: to erase it without a question, add `--yes`
    exit code 64
    ");
    assert_snapshot!(run(&["org", "forget", ACME, "--yes"]).shown(), @r"
    error: github/acme: is in the config, and would be back with the next sync
    hint: take it out of `[DIR]/seatwatch.yaml` first
    exit code 64
    ");
    assert_snapshot!(run(&["org", "forget", "github/betta", "--yes"]).shown(), @r"
    error: github/betta: neither in the config nor in the store
    hint: did you mean `github/beta`?
    exit code 64
    ");
    assert!(has_trace("yvonne"));

    assert_snapshot!(run(&["org", "forget", "github/beta", "--yes"]).ok().shown(), @"github/beta: erased: 4 members, 3 events, 0 dead letters");
    for name in ["wilhelmina", "xaver", "yvonne", "github/beta"] {
        assert!(!has_trace(name), "{name} still stands in a file");
    }
    assert!(has_trace("ann"));
    assert_snapshot!(run(&["org", "forget", "github/beta", "--yes"]).shown(), @r"
    error: github/beta: neither in the config nor in the store
    hint: known here: github/acme
    exit code 64
    ");
    // The other goes on as before.
    world.members("bob! cat");
    assert_snapshot!(run(&["sync"]).ok().shown(), @r"
    github/acme  2 members (−1)  0 seats (−1)  1 admin
      left           ann
      seat_lost      ann
    ");
    assert_eq!(run(&["history", "--format", "json"]).ok().rows().len(), 4);
    let json = run(&["org", "forget", "github/beta", "--yes", "--format", "json"]);
    assert_eq!(json.stdout, "");
}

/// What a stuck sink has before it spans events that go: it is told of the others, and of those
/// alone.
#[test]
fn a_queue_goes_on_without_what_was_forgotten() {
    let (world, _) = moved_out();
    let world = world.with_other_sink("stuck: { type: file, path: no/where }");
    world.sync().ok();
    let members = |of_beta: &str, of_acme: &str| {
        set_members(&world, "github/beta", of_beta);
        world.members(of_acme).sync().ok();
    };
    members("wilhelmina", "ann* bob!");
    members("wilhelmina xaver", "ann bob!*");
    let config = world.config().replace("  - github/beta\n", "");
    run_with(&world, &config, &["org", "forget", "github/beta", "--yes"]).ok();
    let queued = || {
        let rows = run_with(&world, &config, &["status", "--format", "json"]).ok().rows();
        let stuck = rows.into_iter().find(|row| row["sink"] == "stuck").unwrap();
        (stuck["queued"].as_u64(), stuck["lost"].as_u64())
    };
    assert_eq!(queued(), (Some(3), Some(0)));
    fs::create_dir(world.path("no")).unwrap();
    run_with(&world, &config, &["sync"]).ok();
    assert_eq!(queued(), (Some(0), Some(0)));
    let told = crate::world::read_events(&world.path("no/where"));
    let told: Vec<String> = told.iter().map(crate::world::in_words).collect();
    assert_eq!(told, ["left cat", "seat_lost ann", "seat_gained bob"]);
}

#[test]
fn a_crash_after_forgetting_leaves_no_trace_either() {
    for point in ["upkeep:forget", "store:purge"] {
        let (world, config) = moved_out();
        let mut command = world.command_with(&config, &["org", "forget", "github/beta", "--yes"]);
        let crashed = command.env("FAILPOINTS", format!("{point}=return")).output().unwrap();
        assert_eq!(crashed.status.signal(), Some(6));
        run_with(&world, &config, &["sync"]).ok();
        for (path, text) in state_files(&world) {
            assert!(!text.contains("yvonne"), "{}", path.display());
        }
    }
}

/// The people of an organization that moved are the same ones.
#[test]
fn a_history_moves_along_with_its_organization() {
    let world = World::start("ann* bob! cat").with_other("github/beta");
    set_members(&world, "github/beta", "dan!");
    world.sync().ok();
    world.members("ann* bob!").sync().ok();
    let subject = |event: &serde_json::Value| event["subject"].as_str().unwrap().to_owned();
    set_members(&world, "github/gamma", "ann bob!");
    let renamed = "    formerly: github/acme\n    owner: gamma\n";
    let config = world.config().replace("    owner: acme\n", renamed);
    let run = |arguments: &[&str]| run_with(&world, &config, arguments);
    // Whoever looks before the next sync sees it under the new name.
    assert_eq!(run(&["roster", "github/gamma", "--format", "json"]).ok().rows().len(), 2);
    assert_eq!(run(&["status", "--format", "json"]).ok().rows()[0]["state"], "connected");
    assert_snapshot!(run(&["sync", "--dry-run"]).ok().shown(), @r"
    github/gamma  3 members (+1)  0 seats (−1)  2 admins (+1)
      joined         acme
      seat_lost      ann
      admin_granted  acme
    github/beta  2 members  0 seats  2 admins
    dry run: nothing committed, no sink told
    ");
    assert_snapshot!(run(&["sync"]).ok().shown(), @r"
    github/gamma  3 members (+1)  0 seats (−1)  2 admins (+1)
      joined         acme
      seat_lost      ann
      admin_granted  acme
    github/beta  2 members  0 seats  2 admins
    ");
    let events = world.events();
    let (left, lost) = (&events[2], events.last().unwrap());
    assert_eq!(left["source"], "/seatwatch/test/codecov/github/acme");
    assert_eq!(lost["source"], "/seatwatch/test/codecov/github/gamma");
    assert_ne!(subject(left), subject(lost), "cat and ann");
    let history = run(&["history", "github/gamma", "--format", "json"]).ok().rows();
    let names: Vec<_> = history.iter().map(|row| row["organization"].as_str().unwrap()).collect();
    assert_eq!(names.first(), Some(&"github/acme"));
    assert_eq!(names.last(), Some(&"github/gamma"));
    assert_snapshot!(run(&["history", ACME]).shown(), @r"
    error: github/acme: neither in the config nor in the store
    hint: it is `github/gamma` now
    exit code 64
    ");
    assert_eq!(run(&["sync"]).ok().stderr, "");
}

/// A store that the version before this one wrote, with a dead letter in it.
#[test]
fn a_store_of_an_older_version_is_brought_up_to_date() {
    let world = World::start("ann* bob!");
    fs::create_dir(world.state_dir()).unwrap();
    let database = world.open_database();
    database.execute_batch(include_str!("../../src/store/migrations/0001.sql")).unwrap();
    database
        .execute_batch(
            "PRAGMA application_id = 0x73776462; PRAGMA user_version = 1;
             INSERT INTO organizations (service, owner) VALUES ('github', 'beta');
             INSERT INTO log (sync, position, organization, event, source, time, data)
             VALUES (zeroblob(16), 0, 1, 'left', '/', 0, '{}');
             INSERT INTO dead_letters (sink, lane, sequence, event, reason, died_at)
             VALUES ('events', 'main', 1, '{}', 'why', 0)",
        )
        .unwrap();
    drop(database);
    assert_snapshot!(world.run(&["history"]).shown(), @"
    error: [DIR]/state/seatwatch.db: has schema version 1, and this version of seatwatch needs 6
    hint: run `seatwatch sync` once: it brings the database up to date
    exit code 78
    ");
    world.sync().ok();
    let ran = world.run(&["org", "forget", "github/beta", "--yes"]).ok();
    assert_eq!(ran.stdout, "github/beta: erased: 0 members, 1 event, 1 dead letter\n");
}

#[test]
fn two_histories_do_not_become_one() {
    let (world, config) = moved_out();
    let config =
        config.replace("    owner: acme\n", "    owner: acme\n    formerly: github/beta\n");
    let run = |arguments: &[&str]| run_with(&world, &config, arguments);
    assert_snapshot!(run(&["sync"]).ok().shown(), @r"
    github/acme  3 members  1 seat  1 admin
    warning: github/acme: was github/beta (`formerly`), but there is a history under both names; that of github/acme goes on
    hint: take the line `formerly` out, and `seatwatch org forget github/beta` if it is of no use
    ");
    run(&["org", "forget", "github/beta", "--yes"]).ok();
    assert_eq!(run(&["sync"]).ok().stderr, "");
}

/// What a sink had before it when the organization moved is delivered, whichever name its filter
/// has: the delivery was cut under the old one.
#[test]
fn a_queue_moves_along_with_its_organization() {
    let stuck = "stuck: { type: file, path: no/where, organizations: [github/acme] }";
    let world = World::start("ann* bob! cat").with_other_sink(stuck);
    world.sync().ok();
    world.members("ann bob!").sync().ok();
    set_members(&world, "github/gamma", "bob!");
    let renamed = "    owner: gamma\n    formerly: github/acme\n";
    let config = world.config().replace("    owner: acme\n", renamed);
    let config = config.replace("[github/acme]", "[github/gamma]");
    run_with(&world, &config, &["sync"]).ok();
    fs::create_dir(world.path("no")).unwrap();
    run_with(&world, &config, &["sync"]).ok();
    let told = crate::world::read_events(&world.path("no/where"));
    let told: Vec<String> = told.iter().map(crate::world::in_words).collect();
    let before = ["baselined", "seat_lost ann", "left cat"];
    assert_eq!(told, [&before[..], &["joined acme", "admin_granted acme", "left ann"]].concat());
}

/// Between the move and the line in the config the syncs failed under the new name.
#[test]
fn failures_under_the_new_name_join_the_history() {
    let world = World::start("ann* bob!").with_config("failing_after: 1");
    world.sync().ok();
    let before = world.config().replace("owner: acme", "owner: gamma");
    assert_ne!(run_with(&world, &before, &["sync"]).code, Some(0));
    set_members(&world, "github/gamma", "ann bob!");
    let after = before.replace("owner: gamma", "owner: gamma\n    formerly: github/acme");
    assert_snapshot!(run_with(&world, &after, &["sync"]).ok().shown(), @r"
    github/gamma  3 members (+1)  0 seats (−1)  2 admins (+1)
      sync_recovered
      joined         acme
      seat_lost      ann
      admin_granted  acme
    ");
    assert_eq!(
        world.told(),
        "baselined\nsync_failing\nsync_recovered\njoined acme\nadmin_granted acme\nseat_lost ann\n"
    );
}

#[test]
fn a_backup_is_a_store() {
    let world = World::start("ann* bob! cat");
    assert_snapshot!(world.run(&["backup", "copy.db"]).shown(), @r"
    error: [DIR]/state: there is nothing to back up yet
    hint: `state_dir` may be wrong; if not, run `seatwatch sync` first
    exit code 65
    ");
    world.sync().ok();
    let copy = world.path("copy.db");
    let back_up = || world.run(&["backup", copy.to_str().unwrap()]);
    let ran = back_up().ok();
    assert!(ran.stdout.starts_with("[DIR]/copy.db: "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(", 1 organization, 1 event\n"), "{}", ran.stdout);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_snapshot!(back_up().shown(), @r"
    error: [DIR]/copy.db: is there already, and stays as it is
    hint: name another file, or move it away
    exit code 73
    ");
    let inside = world.state_dir().join("backup.db");
    assert_snapshot!(world.run(&["backup", inside.to_str().unwrap()]).shown(), @r"
    error: [DIR]/state/backup.db: is in the state directory
    hint: name a file elsewhere, at best on another disk
    exit code 64
    ");
    let nowhere = world.path("no/where.db");
    let user = User::from_uid(Uid::effective()).unwrap().unwrap().name;
    let told = world.run(&["backup", nowhere.to_str().unwrap()]).shown();
    assert_snapshot!(told.replace(&format!("-o {user} "), "-o [USER] "), @r"
    error: [DIR]/no: no such directory
    hint: make it: `install -d -m 700 -o [USER] [DIR]/no`
    exit code 73
    ");
    let other = world.path("other.db");
    let rows = world.run(&["backup", other.to_str().unwrap(), "--format", "json"]).ok().rows();
    assert_eq!((&rows[0]["organizations"], &rows[0]["events"]), (&1.into(), &1.into()));
    assert_eq!(rows[0]["bytes"], fs::metadata(&other).unwrap().size());

    // Restored, it goes on from there.
    world.members("ann* bob!").sync().ok();
    fs::remove_dir_all(world.state_dir()).unwrap();
    fs::create_dir(world.state_dir()).unwrap();
    fs::copy(&copy, world.state_dir().join("seatwatch.db")).unwrap();
    assert_eq!(world.run(&["roster", ACME, "--format", "json"]).ok().rows().len(), 3);
    assert!(world.sync().ok().stdout.contains("left           cat"));
    assert_no_remains(&world.path(""));
}

#[track_caller]
fn assert_no_remains(directory: &Path) {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let remains: Vec<_> =
        names.filter(|name| name.to_string_lossy().starts_with(".seatwatch")).collect();
    assert_eq!(remains, Vec::<std::ffi::OsString>::new());
}

/// The copy is of one moment, however much is written meanwhile.
#[test]
fn a_backup_is_made_while_others_write() {
    let world = World::populated(300).with_organization("on_first_sync: emit");
    world.sync().ok();
    let mut writer = world.open_database();
    writer.busy_timeout(Duration::from_secs(20)).unwrap();
    let insert = "INSERT INTO log (sync, position, event, source, time, data)
                  SELECT sync, position, event, source, time, data FROM log LIMIT 50";
    for round in 0..3 {
        let copy = world.path(&format!("copy-{round}.db"));
        let mut backup = world.command(&["backup", copy.to_str().unwrap()]);
        let mut backup = backup.stdout(Stdio::null()).spawn().unwrap();
        while backup.try_wait().unwrap().is_none() {
            let transaction = writer.transaction().unwrap();
            transaction.execute(insert, []).unwrap();
            transaction.execute(insert, []).unwrap();
            transaction.commit().unwrap();
        }
        assert!(backup.wait().unwrap().success());
        let copied = Connection::open(&copy).unwrap();
        let verdict = copied.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(verdict.unwrap(), "ok");
        let first = world.events().len() as u64;
        let events: u64 =
            copied.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
        assert_eq!((events - first) % 100, 0, "half of a change");
    }
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let world = World::populated(300);
    world.sync().ok();
    let directory = world.path("backups");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("copy.db");
    let mut command = world.command(&["backup", file.to_str().unwrap()]);
    let crashed = command.env("FAILPOINTS", "backup:written=return").output().unwrap();
    assert_eq!(crashed.status.signal(), Some(6));
    assert!(!file.exists(), "it is there before it is safe");
    fs::remove_dir_all(&directory).unwrap();
    fs::create_dir(&directory).unwrap();

    // No file may be larger: like a full disk.
    let program = env!("CARGO_BIN_EXE_seatwatch");
    let script = format!("ulimit -f 128; exec {program} \"$@\"");
    let mut limited = Command::new("sh");
    limited.args(["-c", &script, "sh", "backup"]).arg(&file).arg("--config");
    world.command(&[]);
    let ran = world.ran(limited.arg(world.path("seatwatch.yaml")));
    assert_snapshot!(ran.shown(), @r"
    error: [DIR]/backups/copy.db: cannot be read or written: disk I/O error
    hint: check the disk; nothing was committed, the next run tries again
    exit code 74
    ");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);

    if is_root("a directory of another user") {
        world.give_to(NOBODY);
        give(&directory, 0);
        fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let ran = world.run(&["backup", file.to_str().unwrap()]);
        assert_snapshot!(ran.shown(), @"
        error: [DIR]/backups: user `nobody` may not write there
        hint: name a directory of that user, such as one made with `install -d -m 700 -o nobody /var/backups/seatwatch`
        exit code 73
        ");
    }
}

/// Ctrl-C while the copy is written.
#[test]
fn a_backup_that_is_interrupted_leaves_nothing_behind() {
    let world = World::start("ann");
    world.sync().ok();
    let filler =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 80000)
                INSERT INTO log (sync, position, event, source, time, data)
                SELECT zeroblob(16), 0, 'heartbeat', '/', 0, hex(zeroblob(500)) FROM numbers";
    world.open_database().execute_batch(filler).unwrap();
    let directory = world.path("backups");
    fs::create_dir(&directory).unwrap();
    let file = directory.join("copy.db");
    let has_begun = || {
        let copy = fs::read_dir(&directory).unwrap().next();
        copy.is_some_and(|copy| copy.unwrap().metadata().is_ok_and(|copy| copy.len() > 0))
    };
    // One that was faster than the signal is made again.
    let mut copies = (0..20).map(|_| {
        fs::remove_file(&file).ok();
        let mut backup = world.command(&["backup", file.to_str().unwrap()]);
        let mut backup = backup.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        until(&mut backup, has_begun);
        if backup.try_wait().unwrap().is_none() {
            kill(Pid::from_raw(backup.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        }
        backup.wait_with_output().unwrap()
    });
    let done = copies.find(|done| done.status.code() != Some(0)).unwrap();
    assert_eq!(done.status.code(), Some(130));
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "error: interrupted: no backup was made\n");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

/// At a terminal a person is asked, and only the name is a yes.
#[test]
fn who_is_asked_can_still_say_no() {
    let (world, config) = moved_out();
    let erased = || run_with(&world, &config, &["history", "github/beta"]).code == Some(64);
    // Without a terminal nobody is asked, whatever comes on the input.
    let mut command = world.command_with(&config, &["org", "forget", "github/beta"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"github/beta\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(64));
    assert!(!erased());

    if Command::new("script").arg("--version").output().is_err() {
        skipped("needs `script`: a terminal");
        return;
    }
    let answer = |text: &str| {
        let config = world.path("seatwatch.yaml");
        let program = env!("CARGO_BIN_EXE_seatwatch");
        let command = format!("{program} org forget github/beta --config {}", config.display());
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &command, "/dev/null"]);
        let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        terminal.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = terminal.wait_with_output().unwrap();
        (String::from_utf8(done.stdout).unwrap(), done.status.code())
    };
    let (asked, code) = answer("yes\n");
    assert_eq!(code, Some(64));
    let question = "github/beta: erase 4 members, 3 events, 0 dead letters for ever?";
    assert!(asked.contains(question), "{asked}");
    assert!(!erased());
    let (asked, code) = answer("GH/beta\n");
    assert_eq!(code, Some(0), "{asked}");
    assert!(erased());
}
