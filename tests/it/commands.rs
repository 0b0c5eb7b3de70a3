//! The commands of the program, as a person and as a script see them.

mod names;

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use seatwatch::simulator::{Fault, Person, Route, When};
use serde_json::Value;

use crate::world::{ACME, World, in_words, skipped, until};

/// Cells apart by two spaces, whatever the width of a path in one of them is.
fn squeezed(text: &str) -> String {
    regex::Regex::new("  +").unwrap().replace_all(text, "  ").into_owned()
}

/// What was asked; what was looked at on the machine is a story of its own.
fn below_the_first_table(text: &str) -> String {
    let (machine, asked) = text.split_once("\n\n").unwrap();
    assert!(machine.starts_with("CHECK"), "{machine}");
    squeezed(asked)
}

fn run_bare(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
    let done = command.args(arguments).env_remove("SEATWATCH_CONFIG").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(done.stdout), text(done.stderr), done.status.code())
}

#[test]
fn check_says_what_a_config_means_and_creates_nothing() {
    let world =
        World::start("ann").with_organization("label: Acme Inc.").with_sink("events: [left]");
    assert_snapshot!(world.run(&["check"]).ok().shown(), @"
    ORGANIZATION             SCHEDULE   NEXT SYNC                                TOKEN
    github/acme (Acme Inc.)  0 * * * *  at the start, then [TIME]  [DIR]/token

    SINK    TYPE  EVENTS  ORGANIZATIONS
    events  file  left    all

    [DIR]/seatwatch.yaml: configuration is valid
    ");
    let json = world.run(&["check", "--format", "json"]).ok();
    assert_snapshot!(json.stdout, @r#"
    [
      {
        "organization": "github/acme",
        "schedule": "0 * * * *",
        "next_sync": "[TIME]",
        "ok": null,
        "message": null,
        "hint": null
      },
      {
        "sink": "events",
        "type": "file",
        "ok": null,
        "message": null
      }
    ]
    "#);
    assert_snapshot!(world.run(&["check", "--format", "csv"]).ok().stdout, @"
    organization,discover,sink,type,schedule,next_sync,ok,message,hint,check,result
    github/acme,,,,0 * * * *,[TIME],,,,,
    ,,events,file,,,,,,,
    ");
    assert_eq!(world.asked(), Vec::<String>::new(), "nobody was asked");
    assert!(!world.state_dir().exists());
    assert!(!world.path("events.ndjson").exists());
}

#[test]
fn check_says_all_that_is_wrong() {
    let world = World::start("ann")
        .with_organization("shedule: \"@daily\"")
        .with_config("failing_after: 0\nschedule: 0 25 * * *");
    assert_snapshot!(world.run(&["check"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:10:5: organizations[0].shedule: `shedule` is not a known key
    hint: did you mean `schedule`?

    error: [DIR]/seatwatch.yaml:15:16: failing_after: found `0`, expected a whole number from 1 to 1000000

    error: [DIR]/seatwatch.yaml:16:11: schedule: `0 25 * * *` is not a cron schedule: hour `25` is not in 0–23
    hint: `0 6 * * *` means 06:00 every day; the fields are minute, hour, day of month, month, day of week
    exit code 78
    ");
    let json = world.run(&["check", "--format", "json"]);
    assert_eq!((json.code, json.stdout.as_str()), (Some(78), ""));
    // Every other command says the same.
    for command in ["sync", "status"] {
        let ran = world.run(&[command]);
        assert_eq!((ran.code, &ran.stderr), (Some(78), &json.stderr), "{command}");
    }
}

#[test]
fn check_online_asks_every_token_and_every_sink() {
    let world = World::start("ann* bob!");
    let online = |world: &World| below_the_first_table(&world.run(&["check", "--online"]).shown());
    assert_snapshot!(online(&world), @"
    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  token accepted, sees the organization, admin

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver

    [DIR]/seatwatch.yaml: configuration is valid
    ");
    let rows = world.run(&["check", "--online", "--format", "json"]).ok().rows();
    assert_eq!((&rows[0]["ok"], &rows[1]["ok"]), (&true.into(), &true.into()));

    let token = world.edit(|world, _| {
        let ann = world.find("github".parse().unwrap(), "ann").unwrap();
        world.issue_token("ann", ann)
    });
    world.write_token(&token);
    assert_snapshot!(online(&world), @"
    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  token accepted, sees the organization, see below

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver

    github/acme: token_not_admin: the token is not an admin's of this organization, so Codecov may show it only a part of the members
    hint: use the token of an admin of the organization; where Codecov is self-hosted, which answers this question otherwise, set `require_admin: false`

    [DIR]/seatwatch.yaml: configuration is valid, but 1 problem came up online
    exit code 77
    ");

    world.write_token("5ea70000-0000-4000-8000-00000000dead");
    assert_snapshot!(online(&world), @"
    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  see below

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver

    github/acme: token_refused: `[URL]/api/v2/github/acme/users/?page=1&page_size=1` answered 401 Unauthorized: `Invalid token.`
    hint: make an API token in the Codecov settings of an admin of the organization and put it into the token file; it is read afresh each time

    [DIR]/seatwatch.yaml: configuration is valid, but 1 problem came up online
    exit code 77
    ");
    let ran = world.run(&["check", "--online", "--format", "json"]);
    assert_eq!(ran.code, Some(77));
    assert_eq!(ran.rows()[0]["ok"], false);
    assert!(!world.state_dir().exists());
}

/// A token that is shown a list which no sync can read is of no use.
#[test]
fn check_online_reads_a_member() {
    let world = World::start("ann* bob!");
    let fault = Fault::MissingField("email".to_owned());
    world.simulator.fault(When::always().on(Route::Users), fault);
    let checked = world.run(&["check", "--online"]);
    assert_eq!(checked.code, Some(76), "{}", checked.shown());
    let problem = "bad_response: row 1 of page 1 of the member list has no field `email`";
    assert!(checked.shown().contains(problem), "{}", checked.shown());
}

#[test]
fn check_online_finds_a_sink_that_would_not_deliver() {
    let world = World::start("ann").with_other_sink("lost: { type: file, path: no/where }");
    let ran = world.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(69));
    assert_snapshot!(below_the_first_table(&ran.shown()), @"
    ORGANIZATION  SCHEDULE  NEXT SYNC  TOKEN  ONLINE
    github/acme  0 * * * *  at the start, then [TIME]  [DIR]/token  token accepted, sees the organization, admin

    SINK  TYPE  EVENTS  ORGANIZATIONS  ONLINE
    events  file  all but updated  all  would deliver
    lost  file  all but updated  all  see below

    sink lost: cannot create `[DIR]/no/where`: no such file or directory; create the directory `[DIR]/no`

    [DIR]/seatwatch.yaml: configuration is valid, but 1 problem came up online
    exit code 69
    ");
    assert!(!world.path("events.ndjson").exists());
}

#[test]
fn status_before_the_first_sync_creates_nothing() {
    let world = World::start("ann").with_other("gitlab/group/sub");
    assert_snapshot!(world.run(&["status"]).ok().shown(), @"
    ORGANIZATION      STATE  MEMBERS  SEATS  30 DAYS  ADMINS  LAST SYNC  NEXT SYNC
    github/acme       New          –      –        –       –  –          at the start, then [TIME]
    gitlab/group:sub  New          –      –        –       –  –          at the start, then [TIME]

    SINK    TYPE  STATE  QUEUED  OLDEST  DEAD LETTERS
    events  file  ok          0  –                  0

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!((&rows[0]["state"], &rows[0]["members"]), (&"new".into(), &Value::Null));
    let csv = world.run(&["status", "--format", "csv"]).ok().stdout;
    assert_snapshot!(csv, @"
    organization,label,sink,lane,type,state,members,seats,seats_limit,seats_change_30d,cost,currency,admins,unnamed_members,unnamed_seats,last_sync,last_success,next_sync,failures,reason,message,hint,hold,approved_at,vanished_at,queued,oldest_pending,dead_letters,lost,digest_at,discover
    github/acme,,,,,new,,,,,,,,,,,,[TIME],0,,,,,,,,,,,,
    gitlab/group:sub,,,,,new,,,,,,,,,,,,[TIME],0,,,,,,,,,,,,
    ,,events,main,file,ok,,,,,,,,,,,,,,,,,,,,0,,0,0,,
    ");
    assert!(!world.state_dir().exists());
}

#[test]
fn status_shows_a_sync_that_is_under_way_and_one_that_was_cut_off() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.asked();
    world.simulator.fault(When::once().on(Route::Users), Fault::Hang);
    let mut sync = world.command(&["sync"]).stdout(Stdio::null()).spawn().unwrap();
    until(&mut sync, || !world.simulator.log().is_empty());
    let state = |world: &World| {
        let rows = world.run(&["status", "--format", "json"]).ok().rows();
        rows[0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&world), "syncing");
    assert!(world.run(&["status"]).ok().stdout.contains("Syncing"));
    // Meanwhile the roster can be read, and no second sync begins.
    world.run(&["roster", "github/acme"]).ok();
    let second = world.sync();
    assert_eq!(second.code, Some(75));
    assert_snapshot!(second.shown(), @r"
    error: [DIR]/state: in use by another seatwatch
    hint: a daemon has it until it is stopped, a sync until it has ended; another instance needs its own `state_dir`
    exit code 75
    ");
    sync.kill().unwrap();
    sync.wait().unwrap();
    assert_eq!(state(&world), "connected");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\n");
}

#[test]
fn ctrl_c_ends_a_sync_without_a_trace() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.asked();
    world.members("bob!");
    world.simulator.fault(When::once().on(Route::Users), Fault::Hang);
    let sync = world.command(&["sync"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut sync = sync.unwrap();
    until(&mut sync, || !world.simulator.log().is_empty());
    let pid = nix::unistd::Pid::from_raw(sync.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let done = sync.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(130));
    assert_snapshot!(String::from_utf8(done.stderr).unwrap(), @"error: interrupted: syncs that had not ended committed nothing");
    assert_eq!(world.told(), "baselined\n");
    world.sync().ok();
    assert_eq!(world.told(), "baselined\nleft ann\nseat_lost ann\n");
}

#[test]
fn a_dry_run_shows_what_would_be_told_and_leaves_nothing() {
    let world = World::start("ann* bob! cat");
    assert_snapshot!(world.run(&["sync", "--dry-run"]).ok().shown(), @r"
    github/acme  3 members  1 seat  1 admin  baseline
      baselined
    dry run: nothing committed, no sink told
    ");
    assert!(!world.state_dir().exists());
    assert_eq!(world.told(), "");

    let world = world.with_organization("seats: { limit: 65 }");
    world.members("ann* bob! cat dan erik*").sync().ok();
    world.members("ann* bob! cat! dan* fay*");
    world.edit(|world, _| {
        let bob = world.find("github".parse().unwrap(), "bob").unwrap();
        world.rename(bob, "robert");
    });
    let told = world.told();
    let dry = world.run(&["sync", "github/acme", "--dry-run"]).ok();
    assert_snapshot!(dry.shown(), @r"
    github/acme  5 members (+1 −1)  3 of 65 seats (+2 −1)  2 admins (+1)
      joined         fay
      left           erik
      renamed        bob → robert
      seat_gained    dan, fay
      seat_lost      erik
      admin_granted  cat
    dry run: nothing committed, no sink told
    ");
    assert_eq!(world.told(), told);
    let again = world.run(&["sync", "--dry-run", "--format", "json"]).ok();
    assert_snapshot!(again.stdout, @r#"
    [
      {
        "organization": "github/acme",
        "outcome": "changed",
        "reason": null,
        "message": null,
        "hold": null,
        "members": 5,
        "seats": 3,
        "admins": 2,
        "unnamed_members": 0,
        "unnamed_seats": 0,
        "joined": 1,
        "left": 1,
        "seat_gained": 2,
        "seat_lost": 1,
        "admin_granted": 1,
        "admin_revoked": 0,
        "renamed": 1,
        "updated": 0,
        "requests": 5
      }
    ]
    "#);
    // What is done in earnest says the same.
    let earnest = world.sync().ok().stdout;
    assert_eq!(dry.stdout, format!("{earnest}dry run: nothing committed, no sink told\n"));
    assert!(world.told().contains("renamed bob → robert"), "{}", world.told());
}

#[test]
fn a_dry_run_that_would_be_held_is_not_remembered() {
    let cast: Vec<String> = (1..=20).map(|number| format!("m{number}")).collect();
    let world = World::start(&cast.join(" "));
    world.sync().ok();
    world.members("m1");
    let ran = world.run(&["sync", "--dry-run"]);
    assert_eq!(ran.code, Some(65), "{}", ran.shown());
    assert_snapshot!(ran.shown(), @r"
    github/acme  20 members  0 seats  0 admins  held (3a759ff1)
      would leave    m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m2, m20, m3, m4, m5, m6, m7, m8, m9
      roster_held
    dry run: nothing committed, no sink told
    error: github/acme: roster held (3a759ff1): 19 of 20 members would leave; nothing was committed
    hint: if this is right, run `seatwatch sync github/acme`, which holds it, and then `seatwatch approve github/acme`
    exit code 65
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!(rows[0]["state"], "connected");
}

#[test]
fn only_the_organizations_that_are_named_are_synced() {
    let world = World::start("ann* bob!").with_other("github/beta");
    world.edit(|world, acme| {
        let beta = world.organization(&"github/beta".parse().unwrap());
        world.set_members(beta, "cat* dan!");
        world.join(beta, acme);
        world.grant_admin(beta, acme);
    });
    assert_snapshot!(world.run(&["sync", "github/beta"]).ok().shown(), @r"
    github/beta  3 members  1 seat  2 admins  baseline
      baselined
    ");
    let rows = world.run(&["status", "--format", "json"]).ok().rows();
    assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&"new".into(), &"connected".into()));
    world.asked();
    assert_snapshot!(world.run(&["sync", "github/beta", "github/acne"]).shown(), @r"
    error: github/acne: not among the organizations of the config
    hint: did you mean `github/acme`?
    exit code 64
    ");
    assert_snapshot!(world.run(&["sync", "github"]).shown(), @"
    error: seatwatch sync: `ORG`: `github` does not name an organization: expected `service/owner`, such as `github/acme`
    hint: `seatwatch status` lists the organizations of the config
    exit code 64
    ");
    assert_eq!(world.asked(), Vec::<String>::new());
    // In config order, each once, however they are named.
    let ran = world.run(&["sync", "github/beta", "gh/Acme", "github/beta"]).ok();
    assert_snapshot!(ran.stdout, @r"
    github/acme  2 members  1 seat  1 admin  baseline
      baselined
    github/beta  3 members  1 seat  2 admins
    ");
}

#[test]
fn sync_for_machines_is_one_array() {
    let world = World::start("ann* bob!");
    let ran = world.run(&["sync", "--format", "json"]).ok();
    assert_snapshot!(ran.shown(), @r#"
    [
      {
        "organization": "github/acme",
        "outcome": "baselined",
        "reason": null,
        "message": null,
        "hold": null,
        "members": 2,
        "seats": 1,
        "admins": 1,
        "unnamed_members": 0,
        "unnamed_seats": 0,
        "joined": 0,
        "left": 0,
        "seat_gained": 0,
        "seat_lost": 0,
        "admin_granted": 0,
        "admin_revoked": 0,
        "renamed": 0,
        "updated": 0,
        "requests": 3
      }
    ]
    "#);
    world.fault(Fault::EmptyList);
    let ran = world.run(&["sync", "--format", "csv"]);
    assert_eq!(ran.code, Some(65));
    assert_snapshot!(ran.stdout, @r"
    organization,outcome,reason,message,hold,members,seats,admins,unnamed_members,unnamed_seats,joined,left,seat_gained,seat_lost,admin_granted,admin_revoked,renamed,updated,requests
    github/acme,failed,empty,Codecov lists no members of `github/acme`,,,,,,,0,0,0,0,0,0,0,0,1
    ");
}

#[test]
fn a_wrong_command_line_is_told_from_help() {
    for arguments in [&["--help"][..], &["help"], &["sync", "--help"], &["--version"]] {
        let (stdout, stderr, code) = run_bare(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!stdout.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &[][..],
        &["sink"],
        &["sync", "--dry"],
        &["status", "--format", "xml"],
        &["approve"],
        &["schema", "sink"],
        &["sync", "svn/acme"],
    ] {
        let (stdout, stderr, code) = run_bare(arguments);
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
    let (stdout, ..) = run_bare(&["--help"]);
    for command in ["sync", "check", "status", "roster", "approve", "reject", "schema", "simulate"]
    {
        assert!(stdout.contains(&format!("\n  {command} ")), "{command}: {stdout}");
    }
}

#[test]
fn the_config_is_named_before_or_after_the_command_or_by_the_environment() {
    let world = World::start("ann");
    let config = world.path("seatwatch.yaml");
    fs::write(&config, world.config()).unwrap();
    let config = config.to_str().unwrap();
    for arguments in [["--config", config, "check"], ["check", "--config", config]] {
        assert_eq!(run_bare(&arguments).2, Some(0), "{arguments:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
    let by_environment = |command: &mut Command, path: &str| {
        command.env("SEATWATCH_CONFIG", path).output().unwrap().status.code()
    };
    assert_eq!(by_environment(command.arg("check"), config), Some(0));
    // What stands in the command line wins.
    let command = command.args(["--config", config]);
    assert_eq!(by_environment(command, "/nowhere.yaml"), Some(0));
    // A variable that is set to nothing counts as none.
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
    let unnamed = command.arg("check").env("SEATWATCH_CONFIG", "").output().unwrap();
    let (stdout, stderr, code) = run_bare(&["check"]);
    assert_eq!(unnamed.status.code(), code);
    assert_eq!(String::from_utf8(unnamed.stdout).unwrap(), stdout);
    assert_eq!(String::from_utf8(unnamed.stderr).unwrap(), stderr);
    let (stdout, stderr, code) = run_bare(&["check", "--config", "/nowhere/seatwatch.yaml"]);
    assert_eq!((code, stdout.as_str()), (Some(78), ""));
    assert_snapshot!(stderr, @r"
    error: /nowhere/seatwatch.yaml: cannot be read: no such file or directory
    hint: name another file with `--config FILE` or `$SEATWATCH_CONFIG`
    ");
}

#[test]
fn a_schema_fits_what_it_describes() {
    let schema = |of: &str| {
        let (stdout, stderr, code) = run_bare(&["schema", of]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        jsonschema::validator_for(&serde_json::from_str(&stdout).unwrap()).unwrap()
    };
    let example = include_str!("../../config.example.yaml");
    let example: Value = serde_yaml::from_str(example).unwrap();
    let config = schema("config");
    config.validate(&example).unwrap();
    assert!(!config.is_valid(&serde_json::json!({ "organisations": ["github/acme"] })));

    let event = schema("event");
    let world = World::start("ann* bob! cat").with_organization("seats: { limit: 1 }");
    world.sync().ok();
    world.members("ann bob! dan").sync().ok();
    let events = world.events();
    assert!(events.len() > 5, "{events:?}");
    for one in events {
        event.validate(&one).unwrap_or_else(|error| panic!("{error}: {one}"));
    }
}

/// As in `seatwatch … | head -0`: who reads is gone before anything is written.
#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let world = World::start("ann* bob! cat");
    world.sync().ok();
    let commands: &[&[&str]] = &[
        &["roster", "github/acme"],
        &["roster", "github/acme", "--format", "json"],
        &["roster", "github/acme", "--format", "csv"],
        &["status"],
        &["status", "--format", "json"],
        &["check"],
        &["check", "--format", "csv"],
        &["sync"],
        &["sync", "--format", "json"],
        &["schema", "config"],
        &["--help"],
    ];
    for arguments in commands {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut command = world.command(arguments);
        let done = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// A sync whose report nobody reads is committed and delivered all the same.
#[test]
fn a_closed_pipe_keeps_nothing_from_the_sinks() {
    let world = World::start("ann* bob!");
    world.sync().ok();
    world.members("ann* bob! cat");
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    assert!(world.command(&["sync"]).stdout(writer).status().unwrap().success());
    assert_eq!(world.told(), "baselined\njoined cat\n");
}

#[test]
fn there_are_no_colours_where_there_is_no_terminal() {
    let mut world = World::start("ann");
    world.fault(Fault::EmptyList);
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
        world.set_env(name, value);
        for arguments in [&["sync"][..], &["status"], &["check"], &["help"]] {
            let shown = world.run(arguments).shown();
            assert!(!shown.contains('\u{1b}'), "{arguments:?}: {shown:?}");
        }
    }
}

/// What the config may not mean is said by those who act by all of it, and not above every answer.
#[test]
fn a_warning_of_the_config_is_said_where_it_is_used() {
    let nome = "nome: { type: file, path: nome.ndjson, organizations: [\"gitlab/*\"] }";
    let world = World::start("ann").with_other_sink(nome);
    let warns = |arguments: &[&str]| {
        world.run(arguments).ok().stderr.contains("matches none of the organizations")
    };
    assert!(warns(&["check"]));
    assert!(warns(&["sync"]));
    for arguments in [&["status"][..], &["roster", ACME], &["history"], &["outbox", "list"]] {
        assert!(!warns(arguments), "{arguments:?}");
    }
}

/// What a person sees who types a command on a terminal.
fn typed(command: &Command) -> io::Result<String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &words.join(" "), "/dev/null"]).stdin(Stdio::null());
    // Those of whoever runs the tests: builders want colours on every terminal.
    for name in ["CI", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"] {
        terminal.env_remove(name);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    Ok(String::from_utf8(terminal.output()?.stdout).unwrap())
}

/// What a table repeats in colour, an error and a line of the log do, they do by one switch.
#[test]
fn on_a_terminal_one_switch_is_for_all_colours() {
    let mut world = World::start("ann");
    world.fault(Fault::EmptyList);
    world.set_env("RUST_LOG", "seatwatch=debug");
    // A bar that moves has escapes of its own, and no colours.
    let style = regex::Regex::new(r"\x1b\[[0-9;]*m").unwrap();
    for (name, value, is_coloured) in [
        ("TERM", "xterm-256color", true),
        ("NO_COLOR", "1", false),
        ("NO_COLOR", "", true),
        ("TERM", "dumb", false),
    ] {
        world.set_env(name, value);
        for command in ["sync", "status"] {
            let command = world.command(&[command]);
            let shown = match typed(&command) {
                Ok(shown) => shown,
                Err(error) => return skipped(&format!("script: {error}")),
            };
            assert!(shown.contains("github/acme"), "{shown}");
            assert_eq!(style.is_match(&shown), is_coloured, "{name}={value}: {shown:?}");
        }
    }
}

/// However much is logged, `World` looks for the token in it.
#[test]
fn a_log_of_everything_holds_no_token() {
    let mut world = World::start("ann* bob!");
    world.set_env("RUST_LOG", "trace");
    let shown = world.sync().ok().stderr;
    assert!(shown.contains("Codecov answered"), "{shown}");
    world.write_token("5ea70000-0000-4000-8000-00000000dead");
    assert_eq!(world.sync().code, Some(77));
    assert_eq!(world.run(&["check", "--online"]).code, Some(77));
}

#[test]
fn a_first_sync_can_tell_everybody() {
    let world = World::start("ann* bob! cat").with_organization("on_first_sync: emit");
    assert_snapshot!(world.sync().ok().stdout, @r"
    github/acme  3 members  1 seat  1 admin  baseline
      baselined
      joined         ann, bob, cat
      seat_gained    ann
      admin_granted  bob
    ");
    assert_eq!(
        world.told(),
        "baselined\njoined ann\nseat_gained ann\njoined bob\nadmin_granted bob\njoined cat\n"
    );
    let event = world.events().swap_remove(1);
    assert_eq!(event["data"]["previous_totals"]["members"], 0);
    assert_eq!(event["data"]["since"], Value::Null);
}

/// Also where the rows do not fit into the pipe: nobody reads on, and that is no failure.
#[test]
fn a_long_csv_may_be_cut_short() {
    let names: Vec<String> = (0..3000).map(|number| format!("user-{number:05}")).collect();
    let world = World::start(&names.join(" "));
    world.sync().ok();
    for format in ["csv", "json"] {
        let arguments = ["roster", ACME, "--format", format];
        let mut child = world
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]), "{format}");
    }
}
