//! `seatwatch check --online`, about the machine: what would keep the daemon from its work is told
//! before it starts.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use insta::assert_snapshot;
use nix::sys::statvfs::statvfs;
use regex::Regex;
use rusqlite::Connection;
use seatwatch::simulator::{Fault, WrongDate};
use serde_json::Value;

use crate::store::Disk;
use crate::tls::{Authority, TLS, write_secret};
use crate::world::{NOBODY, Ran, World, give, is_root, skipped};

impl World {
    /// The table about the machine, and all that is not well, without what differs from one
    /// machine to another.
    pub(crate) fn preflight(&self) -> String {
        shown(&self.run(&["check", "--online"]))
    }

    /// What is not well about the machine.
    fn troubles(&self) -> String {
        troubles(&self.run(&["check", "--online", "--format", "json"]))
    }
}

fn shown(ran: &Ran) -> String {
    static DIFFERS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        [
            ("  +", "  "),
            (r"(?m)^user  \S+$", "user  [USER]"),
            (r#"("check": "user",[^}]+"message": )"[^"]+""#, r#"$1"[USER]""#),
            (r"\d[\d.]* [GM]iB", "[SPACE]"),
        ]
        .map(|(differs, word)| (Regex::new(differs).unwrap(), word))
    });
    let all = ran.shown();
    DIFFERS.iter().fold(all, |text, (it, word)| it.replace_all(&text, *word).into_owned())
}

/// A line for each thing about the machine that is not well, and the exit code.
#[track_caller]
pub(crate) fn troubles(ran: &Ran) -> String {
    let mut lines = String::new();
    // How little the machine of the test has left is no matter.
    let is_space = |row: &Value| row["check"] == "free space" && row["result"] == "warning";
    let is_one = |row: &Value| row["check"].is_string() && row["result"] != "ok" && !is_space(row);
    for row in ran.rows().into_iter().filter(is_one) {
        let text = |key: &str| row[key].as_str().unwrap_or("–").to_owned();
        assert_eq!(row["ok"], Value::from(row["result"] == "warning"));
        let [check, result, message, hint] = ["check", "result", "message", "hint"].map(text);
        writeln!(lines, "{check}: {result}: {message}\n  {hint}").unwrap();
    }
    lines + &format!("exit code {}", ran.code.unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What lies in a directory and below, by name.
fn files(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.display().to_string());
        names.extend(path.is_dir().then(|| files(&path)).into_iter().flatten());
    }
    names.sort();
    names
}

/// Whether there is as much space as the daemon wants; what is seen with less is another story.
fn has_room() -> bool {
    let space = statvfs(&std::env::temp_dir()).unwrap();
    let has_room = space.blocks_available() * space.fragment_size() > 1 << 30;
    if !has_room {
        skipped("needs 1 GiB of free space");
    }
    has_room
}

#[test]
fn a_machine_on_which_all_is_well() {
    if !has_room() {
        return;
    }
    let world = World::start("ann* bob!");
    assert_snapshot!(world.preflight(), @"
    CHECK  RESULT
    user  [USER]
    state directory  [DIR]/state, which the first start makes
    database  none yet
    daemon  does not run
    secrets  can all be read
    plugins  none
    listen  127.0.0.1:0 is free
    free space  [SPACE] for [DIR]/state
    clock  right, says [URL]

    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  token accepted, sees the organization, admin

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver

    [DIR]/seatwatch.yaml: configuration is valid
    ");
}

/// What rules have found is in the database, which is read without a trace, too.
#[test]
fn a_rule_that_found_something_leaves_no_trace_either() {
    let world = World::start("ann* bob!").with_config("discover: [{service: github, match: '*'}]");
    world.sync(); // Whom the token sees cannot be looked up here, which is no matter.
    let before = files(&world.path(""));
    let ran = world.run(&["check", "--online"]);
    assert!(ran.stdout.contains("discover: all of"), "{}", ran.shown());
    assert_eq!(files(&world.path("")), before, "something was made");
}

#[test]
fn machines_get_a_row_for_each_thing_and_nothing_is_made() {
    if !has_room() {
        return;
    }
    let world = World::start("ann* bob!");
    world.sync().ok();
    let before = files(&world.path(""));
    world.asked();
    let json = world.run(&["check", "--online", "--format", "json"]).ok();
    assert_snapshot!(shown(&Ran { stdout: json.stdout, ..json }), @r#"
    [
      {
      "organization": "github/acme",
      "schedule": "0 * * * *",
      "next_sync": "[TIME]",
      "ok": true,
      "message": null,
      "hint": null
      },
      {
      "sink": "events",
      "type": "file",
      "ok": true,
      "message": null
      },
      {
      "check": "user",
      "result": "ok",
      "ok": true,
      "message": "[USER]",
      "hint": null
      },
      {
      "check": "state directory",
      "result": "ok",
      "ok": true,
      "message": "[DIR]/state, mode 0700",
      "hint": null
      },
      {
      "check": "database",
      "result": "ok",
      "ok": true,
      "message": "schema version 6",
      "hint": null
      },
      {
      "check": "daemon",
      "result": "ok",
      "ok": true,
      "message": "does not run",
      "hint": null
      },
      {
      "check": "secrets",
      "result": "ok",
      "ok": true,
      "message": "can all be read",
      "hint": null
      },
      {
      "check": "plugins",
      "result": "ok",
      "ok": true,
      "message": "none",
      "hint": null
      },
      {
      "check": "listen",
      "result": "ok",
      "ok": true,
      "message": "127.0.0.1:0 is free",
      "hint": null
      },
      {
      "check": "free space",
      "result": "ok",
      "ok": true,
      "message": "[SPACE] for [DIR]/state",
      "hint": null
      },
      {
      "check": "clock",
      "result": "ok",
      "ok": true,
      "message": "right, says [URL]",
      "hint": null
      }
    ]
    "#);
    assert_eq!(files(&world.path("")), before, "something was made");
    let methods: Vec<String> =
        world.simulator.log().into_iter().map(|request| request.method).collect();
    assert!(!methods.is_empty() && methods.iter().all(|method| method == "GET"), "{methods:?}");
}

/// Without `--online` it is about the configuration alone, which may be checked elsewhere.
#[test]
fn a_check_of_the_config_says_nothing_of_the_machine() {
    let world = World::start("ann");
    fs::write(world.state_dir(), "in the way").unwrap();
    let ran = world.run(&["check"]).ok();
    assert!(!ran.stdout.contains("CHECK"), "{}", ran.stdout);
}

#[test]
fn a_clock_that_is_off_is_told_and_by_minutes_too_much() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let raw = |text: &str| WrongDate::Raw(text.to_owned());
    let cases = [
        (WrongDate::Ahead(Duration::from_secs(20)), "right"),
        (WrongDate::Behind(minutes(4)), "warning: this machine's clock is 4 minutes ahead of"),
        (WrongDate::Ahead(minutes(4)), "warning: this machine's clock is 4 minutes behind"),
        (WrongDate::Behind(minutes(60 * 24 * 9)), "error: this machine's clock is 9 days ahead of"),
        (raw("Thu, 01 Jan 1970 00:00:00 GMT"), "years ahead of"),
        (raw("Fri, 31 Dec 9999 23:59:59 GMT"), "years behind"),
        (raw("half past nine"), "not compared"),
        (WrongDate::Missing, "not compared"),
    ];
    let world = World::start("ann* bob!");
    for (wrong, expected) in cases {
        world.calm().fault(Fault::WrongDate(wrong.clone()));
        let ran = world.run(&["check", "--online", "--format", "json"]);
        let rows = ran.rows();
        let clock = rows.iter().find(|row| row["check"] == "clock").unwrap();
        let [result, message] = ["result", "message"].map(|key| clock[key].as_str().unwrap());
        let said = format!("{result}: {message}");
        assert!(said.contains(expected), "{wrong:?}: {said}");
        let code = if result == "error" { 69 } else { 0 };
        assert_eq!(ran.code, Some(code), "{wrong:?}: {said}");
    }
    // A token that is refused is told of at the same time.
    world.calm().fault(Fault::WrongDate(WrongDate::Behind(minutes(10))));
    world.write_token("5ea70000-0000-4000-8000-00000000dead");
    let ran = world.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(69));
    let text = shown(&ran);
    assert!(text.contains("\nclock: this machine's clock is 10 minutes ahead of"), "{text}");
    assert!(text.contains("\ngithub/acme: token_refused"), "{text}");
}

#[test]
fn a_warning_leaves_the_exit_code_alone() {
    if !has_room() {
        return;
    }
    let world = World::start("ann* bob!");
    fs::create_dir(world.state_dir()).unwrap();
    set_mode(&world.state_dir(), 0o777);
    assert_snapshot!(world.preflight(), @"
    CHECK  RESULT
    user  [USER]
    state directory  a warning, see below
    database  none yet
    daemon  does not run
    secrets  can all be read
    plugins  none
    listen  127.0.0.1:0 is free
    free space  [SPACE] for [DIR]/state
    clock  right, says [URL]

    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  token accepted, sees the organization, admin

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver

    state directory: warning: `[DIR]/state` can be written by others: mode 0777
    hint: `chmod 700 [DIR]/state`

    [DIR]/seatwatch.yaml: configuration is valid, with 1 warning
    ");
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    type Prepare = fn(&Path);
    let cases: [(&str, Prepare); 4] = [
        ("a file in its place", |state| fs::write(state, "").unwrap()),
        ("a link to itself", |state| symlink(state, state).unwrap()),
        ("a link to nowhere", |state| symlink("/nowhere/at/all", state).unwrap()),
        ("a database that is a directory", |state| {
            fs::create_dir_all(state.join("seatwatch.db")).unwrap();
        }),
    ];
    let mut told = String::new();
    for (what, prepare) in cases {
        let world = World::start("ann* bob!");
        prepare(&world.state_dir());
        writeln!(told, "{what}\n{}\n", world.troubles()).unwrap();
    }
    assert_snapshot!(told, @"
    a file in its place
    state directory: error: [DIR]/state: cannot be opened or created: not a directory
      check the owner, the mode and the mount of `[DIR]/state`
    exit code 73

    a link to itself
    state directory: error: [DIR]/state: cannot be opened or created: Too many levels of symbolic links (os error 40)
      check the owner, the mode and the mount of `[DIR]/state`
    exit code 73

    a link to nowhere
    state directory: error: `[DIR]/state` is a link to a place that is not there
      make the directory that it leads to
    exit code 73

    a database that is a directory
    database: error: [DIR]/state/seatwatch.db: cannot be opened or created: is a directory
      check the owner, the mode and the mount of `[DIR]/state/seatwatch.db`
    exit code 73
    ");
}

#[test]
fn missing_parents_are_made_unless_a_file_is_in_the_way() {
    let world = World::start("ann* bob!");
    fs::write(world.path("file"), "").unwrap();
    let config = |place: &str| world.config().replace("state_dir: state", place);
    let run = |place: &str| {
        let arguments = ["check", "--online", "--format", "json"];
        troubles(&world.ran(&mut world.command_with(&config(place), &arguments)))
    };
    assert_eq!(run("state_dir: deep/down/state"), "exit code 0");
    assert_snapshot!(run("state_dir: file/down/state"), @"
    state directory: error: [DIR]/file/down/state: cannot be opened or created: Not a directory (os error 20)
      check the owner, the mode and the mount of `[DIR]/file/down/state`
    exit code 73
    ");
}

#[test]
fn a_database_is_opened_and_its_version_told() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    let database = world.state_dir().join("seatwatch.db");
    let set_version = |version: u32| {
        let connection = Connection::open(&database).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
    };
    set_version(3);
    let older = world.run(&["check", "--online"]).ok().stdout;
    let line = older.lines().find(|line| line.starts_with("database")).unwrap();
    assert!(line.contains("schema version 3: the next start brings it up to"), "{line}");
    set_version(99);
    assert_snapshot!(world.troubles().replace(|it: char| it.is_ascii_digit(), "9"), @"
    database: error: [DIR]/state/seatwatch.db: has schema version 99, and this version of seatwatch knows up to 9
      install the newer seatwatch again, or restore a backup from before it
    exit code 99
    ");
    fs::write(&database, "a letter to the editor, which is longer than a header is").unwrap();
    assert_snapshot!(world.troubles(), @"
    database: error: [DIR]/state/seatwatch.db: is not a seatwatch database
      `state_dir` may point to the wrong place; if not, move `[DIR]/state/seatwatch.db` away
    exit code 74
    ");
    File::create(&database).unwrap();
    assert_eq!(world.troubles(), "exit code 0");
}

#[test]
fn the_directory_of_the_socket_has_to_be_there() {
    let mut world = World::start("ann* bob!");
    world.set_env("RUNTIME_DIRECTORY", world.path("run").to_str().unwrap());
    assert_snapshot!(world.troubles(), @"
    daemon: error: `[DIR]/run` cannot be written: no such file or directory
      check the owner, the mode and the mount of `[DIR]/run`
    exit code 73
    ");
    fs::create_dir(world.path("run")).unwrap();
    assert_eq!(world.troubles(), "exit code 0");
}

#[test]
fn an_address_that_another_program_has_is_told() {
    let world = World::start("ann* bob!");
    // An address that nobody else here uses: what is given back on it stays free.
    let taken = TcpListener::bind("127.0.0.77:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = world.config().replace("127.0.0.1:0", &format!("127.0.0.77:{port}"));
    let run = |config: &str| {
        let arguments = ["check", "--online", "--format", "json"];
        troubles(&world.ran(&mut world.command_with(config, &arguments)))
    };
    assert_snapshot!(run(&config).replace(&port.to_string(), "[PORT]"), @"
    listen: error: cannot listen on 127.0.0.77:[PORT]: Address already in use (os error 98)
      another program is there: give `listen` another port
    exit code 69
    ");
    drop(taken);
    assert_eq!(run(&config), "exit code 0");
    let elsewhere =
        config.replace("listen: 127.0.0.77", "http: { pages: false }\nlisten: 192.0.2.1");
    assert_snapshot!(run(&elsewhere).replace(&port.to_string(), "[PORT]"), @"
    listen: error: cannot listen on 192.0.2.1:[PORT]: Cannot assign requested address (os error 99)
      `listen` must be an address of this machine
    exit code 69
    ");
}

#[test]
fn a_certificate_that_has_expired_is_told_where_tls_is_spoken() {
    let world = World::start("ann* bob!").with_config("http: { web_config_file: web.yml }");
    write_secret(&world.path("web.yml"), TLS);
    let authority = Authority::new();
    authority.issue(2040).write_to(&world.path(""));
    let told = world.preflight();
    assert!(told.contains("\ncertificate  valid until [TIME]\n"), "{told}");
    authority.issue(2021).write_to(&world.path(""));
    assert_snapshot!(world.troubles(), @"
    certificate: error: `[DIR]/cert.pem` has expired on [TIME]
      renew it: the daemon takes a new one up without a reload
    exit code 78
    ");
}

#[test]
fn a_plugin_that_may_not_be_started_is_a_warning() {
    let world = World::start("ann* bob!").with_config("plugin_dirs: [plugins]");
    fs::create_dir(world.path("plugins")).unwrap();
    let plugin = world.path("plugins/seatwatch-sink-chat");
    fs::write(&plugin, "#!/bin/sh\n").unwrap();
    set_mode(&plugin, 0o755);
    assert_eq!(world.troubles(), "exit code 0");
    set_mode(&plugin, 0o777);
    assert_snapshot!(world.troubles(), @"
    plugins: warning: `[DIR]/plugins/seatwatch-sink-chat`: the program `[DIR]/plugins/seatwatch-sink-chat` can be changed by everybody (mode 0777): `chmod go-w [DIR]/plugins/seatwatch-sink-chat`
      `seatwatch plugin list` shows all of them; what no sink names is not started
    exit code 0
    ");
}

#[test]
fn who_is_not_the_user_of_the_daemon_is_told_and_root_becomes_it() {
    if !is_root("a directory of another user") {
        return;
    }
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.give_to(NOBODY);
    set_mode(&world.path(""), 0o755);
    // Root looks at it as the user whom it belongs to.
    let ran = world.run(&["check", "--online"]).ok();
    assert!(ran.stdout.contains("user             nobody"), "{}", ran.stdout);
    assert_eq!(files(&world.state_dir()).len(), 2, "the database and the lock");

    let arguments = ["check", "--online", "--format", "json"];
    let as_another = |mut command: Command| troubles(&world.ran(command.uid(65533).gid(65533)));
    give(&world.path("token"), 65533);
    assert_snapshot!(as_another(world.command(&arguments)), @"
    user: error: [DIR]/state: belongs to user `nobody`, and this is user `#65533`
      run it as that user: `sudo -u nobody seatwatch …`
    exit code 77
    ");

    // Nor can they look into a directory that is not theirs.
    fs::create_dir(world.path("closed")).unwrap();
    set_mode(&world.path("closed"), 0o700);
    let config = world.config().replace("state_dir: state", "state_dir: closed/state");
    assert_snapshot!(as_another(world.command_with(&config, &arguments)), @"
    state directory: error: [DIR]/closed/state: cannot be opened or created: Permission denied (os error 13)
      check the owner, the mode and the mount of `[DIR]/closed/state`
    exit code 73
    ");
}

#[test]
fn a_disk_that_is_full_or_read_only_is_told() {
    let arguments = ["check", "--online", "--format", "json"];
    let mut told = String::new();
    for options in ["size=1m", "size=4g,ro", "size=1g"] {
        let world = World::start("ann* bob!");
        fs::create_dir(world.state_dir()).unwrap();
        let options = format!("mode=0700,{options}");
        let Some(disk) = Disk::mount_with(&world, &options) else {
            return skipped("needs a mount namespace: a full disk");
        };
        let ran = world.ran(&mut disk.command(&world.command(&arguments)));
        writeln!(told, "{options}\n{}\n", troubles(&ran)).unwrap();
    }
    assert_snapshot!(told, @"
    mode=0700,size=1m
    free space: error: 1 MiB of 1 MiB are free for `[DIR]/state`
      make room, or let `retention` keep less
    exit code 74

    mode=0700,size=4g,ro
    state directory: error: `[DIR]/state` cannot be written: read-only file system
      check the owner, the mode and the mount of `[DIR]/state`
    exit code 73

    mode=0700,size=1g
    exit code 0
    ");
}
