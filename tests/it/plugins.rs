//! Kinds of sinks that do not come with seatwatch: found, refused, tried.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use insta::assert_snapshot;

use crate::receivers::install_plugin;
use crate::world::World;

/// The sample of the documentation.
const LINES: &str = include_str!("../../docs/samples/seatwatch-sink-lines");

fn with_plugins(world: World) -> World {
    let plugins = install_plugin(&world.path(""), "lines", LINES);
    world.with_config(&format!("plugin_dirs: [\"{}\"]", plugins.display()))
}

/// A world in which the sample has had the first events, as the sink `it`; and its program.
fn with_sink_it() -> (World, PathBuf) {
    let world = with_plugins(World::start("ann"));
    let out = world.path("lines").display().to_string();
    let world = world.with_other_sink(&format!("it: {{ type: lines, path: \"{out}\" }}"));
    world.sync().ok();
    let program = world.path("plugins/seatwatch-sink-lines");
    (world, program)
}

#[test]
fn all_types_are_listed_and_what_is_not_used_says_why() {
    let world = World::start("ann");
    let none = world.path("none").display().to_string();
    let world = world.with_config(&format!("plugin_dirs: [\"{none}\"]"));
    assert_snapshot!(world.run(&["plugin", "list"]).ok().stdout, @"
    TYPE     WHERE
    file     comes with seatwatch
    email    comes with seatwatch
    webhook  comes with seatwatch
    process  comes with seatwatch

    no external plugins in [DIR]/none
    ");
    let mut world = world;
    world.reset_config("");
    let world = with_plugins(world);
    let open = world.path("plugins/seatwatch-sink-open");
    fs::write(&open, LINES).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    fs::copy(world.path("plugins/seatwatch-sink-lines"), world.path("plugins/seatwatch-sink-file"))
        .unwrap();
    assert_snapshot!(world.run(&["plugin", "list"]).ok().stdout, @"
    TYPE     WHERE
    file     comes with seatwatch
    email    comes with seatwatch
    webhook  comes with seatwatch
    process  comes with seatwatch
    file     [DIR]/plugins/seatwatch-sink-file (not used: a type of this name comes with seatwatch)
    lines    [DIR]/plugins/seatwatch-sink-lines
    open     [DIR]/plugins/seatwatch-sink-open (not used: the program `[DIR]/plugins/seatwatch-sink-open` can be changed by everybody (mode 0777): `chmod go-w [DIR]/plugins/seatwatch-sink-open`)
    ");
    assert_snapshot!(world.run(&["plugin", "list", "--format", "csv"]).ok().stdout, @"
    type,built_in,path,problem
    file,true,,
    email,true,,
    webhook,true,,
    process,true,,
    file,false,[DIR]/plugins/seatwatch-sink-file,a type of this name comes with seatwatch
    lines,false,[DIR]/plugins/seatwatch-sink-lines,
    open,false,[DIR]/plugins/seatwatch-sink-open,the program `[DIR]/plugins/seatwatch-sink-open` can be changed by everybody (mode 0777): `chmod go-w [DIR]/plugins/seatwatch-sink-open`
    ");
}

#[test]
fn a_config_that_does_not_tell_its_directories_is_named() {
    let world = World::start("ann");
    let broken = "plugin_dirs: [plugins\n";
    let ran = world.ran(&mut world.command_with(broken, &["plugin", "list"]));
    assert_snapshot!(ran.ok().stderr, @"
    warning: [DIR]/seatwatch.yaml: does not tell its `plugin_dirs`, so the default ones are looked at
    hint: `seatwatch check` says what is wrong with it
    ");
    let mut without_config = world.command(&["plugin", "list"]);
    fs::remove_file(world.path("seatwatch.yaml")).unwrap();
    assert_eq!(world.ran(&mut without_config).ok().stderr, "");
}

#[test]
fn a_type_that_is_not_there_is_an_error_with_its_place() {
    let world = with_plugins(World::start("ann"))
        .with_other_sink("one: { type: line, path: /tmp/x }")
        .with_other_sink("two: { type: nowhere }")
        .with_other_sink("chat: { type: slack }")
        .with_other_sink("three: { type: ../lines }")
        .with_other_sink("four: { type: lines, env: { \"A B\": 1 } }")
        .with_other_sink("five: { type: lines, path: /tmp/x, key_file: missing }");
    assert_snapshot!(world.run(&["check"]).shown(), @"
    error: [DIR]/seatwatch.yaml:14:16: sinks.one.type: `line` is not a type of sink
    hint: did you mean `lines`?

    error: [DIR]/seatwatch.yaml:15:16: sinks.two.type: `nowhere` is not a type of sink that comes with seatwatch, and the program `[DIR]/plugins/seatwatch-sink-nowhere` does not exist
    hint: install the plugin there, or name its directory in `plugin_dirs`

    error: [DIR]/seatwatch.yaml:16:17: sinks.chat.type: `slack` is not a type of sink that comes with seatwatch, and the program `[DIR]/plugins/seatwatch-sink-slack` does not exist
    hint: write `type: apprise`: that plugin sends to slack, too; or install the plugin there, or name its directory in `plugin_dirs`

    error: [DIR]/seatwatch.yaml:17:18: sinks.three.type: `../lines` is not a type of sink that comes with seatwatch, and `../lines` cannot be the name of a plugin
    hint: a name is letters, digits, `-`, `_` and `.`

    error: [DIR]/seatwatch.yaml:18:31: sinks.four.env.A B: `A B` cannot be the name of an environment variable
    hint: letters, digits and `_`, and no digit first

    error: [DIR]/seatwatch.yaml:19:48: sinks.five.key_file: the secret `[DIR]/missing` does not exist
    hint: put the secret alone into it, and `chmod 600 [DIR]/missing`
    exit code 78
    ");
}

#[test]
fn a_plugin_that_others_may_change_is_not_started() {
    let (world, program) = with_sink_it();
    fs::set_permissions(&program, Permissions::from_mode(0o775)).unwrap();
    assert_snapshot!(world.run(&["check"]).shown(), @"
    error: [DIR]/seatwatch.yaml:14:15: sinks.it.type: the program `[DIR]/plugins/seatwatch-sink-lines` can be changed by its group (mode 0775)
    hint: `chmod go-w [DIR]/plugins/seatwatch-sink-lines`
    exit code 78
    ");
}

#[test]
fn a_plugin_is_tried_by_its_path_and_by_its_name() {
    let world = with_plugins(World::start("ann"));
    let settings = format!("{{\"path\": \"{}\"}}", world.path("lines").display());
    let ran = world.run(&["plugin", "test", "lines", "--settings", &settings]).ok();
    let after = regex::Regex::new(r"after \d+\.\d s").unwrap();
    assert_snapshot!(after.replace(&ran.stdout, "after [SECONDS]"), @"
    RESULT  A PLUGIN                                              WHAT WAS SEEN
    ok      belongs to root or us, and nobody else may change it  it may stand in a directory of `plugin_dirs`
    ok      is ready within 10 s of hello                         lines 1.0.0 was ready after [SECONDS]
    ok      speaks protocol 1                                     `protocol` is 1
    ok      says how many events it takes at once                 `max_events` is 100
    ok      answers a ping                                        `pong` with the same number
    ok      answers a check                                       it could deliver
    ok      takes an event                                        it accepted 1 event
    ok      takes events with strange names                       it accepted 32 events
    ok      takes a repeated delivery                             it accepted 32 events
    ok      ignores fields that it does not know                  `pong` with the same number
    ok      ignores messages that it does not know                `pong` with the same number
    ok      takes as many events at once as it says               it accepted 100 events
    ok      answers what it was asked, and nothing else           every answer fits its question
    ok      exits with code 0 within 5 s of shutdown              it did
    ok      exits within 5 s of the end of its input              it exited with code 0
    ok      writes nothing but messages to its standard output    nothing else
    ok      what it wrote to its standard error                   nothing

    it can be used
    ");
    // A shell looks for commands like that: what stands in the working directory wants a `./`.
    fs::create_dir(world.path("lines.d")).unwrap();
    fs::create_dir(world.path("lines.d/lines")).unwrap();
    let tried = ["plugin", "test", "lines", "--settings", &settings];
    world.ran(world.command(&tried).current_dir(world.path("lines.d"))).ok();
    let path = world.path("plugins/seatwatch-sink-lines").display().to_string();
    let ran = world.run(&["plugin", "test", &path, "--format", "json"]);
    assert_eq!(ran.code, Some(76), "it has no path: {}", ran.shown());
    assert_eq!(ran.rows()[1]["result"], "FAILED");
    assert_snapshot!(world.run(&["plugin", "test", "nowhere"]).shown(), @"
    error: `nowhere`: no such file or directory
    hint: name the program by its path, or as `seatwatch plugin list` shows it
    exit code 64
    ");
    assert_snapshot!(world.run(&["plugin", "test", &path, "--settings", "[]"]).shown(), @r#"
    error: `--settings` is not what a plugin can get: invalid type: sequence, expected the settings of a plugin at line 1 column 0
    hint: a JSON object, such as `{"urls": ["json://127.0.0.1:8080"]}`
    exit code 64
    "#);
}

/// What is said both ways, for whoever writes one in a language with types.
#[test]
fn the_protocol_has_a_schema() {
    let world = World::start("ann");
    let schema = world.run(&["schema", "plugin"]).ok().stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let is_valid = |text| validator.is_valid(&serde_json::from_str(text).unwrap());
    assert!(is_valid(r#"{"type":"ready","protocol":1,"max_events":50}"#));
    assert!(is_valid(r#"{"type":"result","id":"d","accepted":1,"retry":{"reason":"later"}}"#));
    assert!(is_valid(r#"{"type":"ping","n":7}"#));
    assert!(!is_valid(r#"{"type":"result","accepted":"all"}"#));
}

/// A plugin that is gone is one sink's trouble, as a secret that is gone would be.
#[test]
fn a_plugin_that_is_gone_keeps_nobody_else_waiting() {
    let (world, program) = with_sink_it();
    fs::rename(&program, world.path("away")).unwrap();
    world.members("ann bob");
    assert_snapshot!(world.sync().ok().shown(), @"
    github/acme  2 members (+1)  0 seats  0 admins
      joined         bob
    warning: sink it: not delivered: `seatwatch-sink-lines` is not started: the program `[DIR]/plugins/seatwatch-sink-lines` does not exist: install the program there, or name another one
    hint: 1 event stays queued; the next `seatwatch sync` tries again
    ");
    assert_eq!(world.told(), "baselined\njoined bob\n");
    fs::rename(world.path("away"), program).unwrap();
    world.sync().ok();
    assert_eq!(fs::read_to_string(world.path("lines")).unwrap().lines().count(), 2);
}

/// A plugin may look at its settings alone, so that `check` promises nothing for its receiver.
#[test]
fn a_plugin_is_asked_and_its_receiver_is_for_a_test() {
    let (world, _program) = with_sink_it();
    let out = world.path("processed").display().to_string();
    let command = world.path("plugins/seatwatch-sink-lines").display().to_string();
    let world = world.with_other_sink(&format!(
        "run: {{ type: process, command: [\"{command}\"], config: {{ path: \"{out}\" }} }}"
    ));
    let online = world.run(&["check", "--online"]).ok().stdout;
    let sinks = online.splitn(3, "\n\n").last().unwrap();
    assert_snapshot!(sinks, @"
    SINK    TYPE     EVENTS           ORGANIZATIONS  ONLINE
    events  file     all but updated  all            would deliver
    it      lines    all but updated  all            settings accepted; `seatwatch sink test it` tries a delivery
    run     process  all but updated  all            settings accepted; `seatwatch sink test run` tries a delivery

    [DIR]/seatwatch.yaml: configuration is valid
    ");
}

/// Only the plugin knows its keys, so that a wrong one comes up when there is something to deliver.
#[test]
fn a_wrong_key_of_a_plugin_stops_the_sink_until_the_config_is_mended() {
    let world = with_plugins(World::start("ann"));
    let path = world.path("lines").display().to_string();
    let with_key = |world: World, key: &str| {
        let sink = format!("it: {{ type: lines, {key}: \"{path}\" }}");
        world.without_other_sinks().with_other_sink(&sink)
    };
    let world = with_key(world, "paths");
    assert_snapshot!(world.sync().ok().stderr, @"
    warning: sink it: stopped: `seatwatch-sink-lines` refuses its configuration: `path`: expected the absolute path of a file
    hint: 1 event stays queued; once that is mended, run `seatwatch sink resume it`, or after a change of its keys in the config `seatwatch sync`
    ");
    let status = world.run(&["status"]).ok().stdout;
    let (_, trouble) = status.split_once("\nsink it: ").unwrap();
    assert_snapshot!(trouble, @"
    `seatwatch-sink-lines` refuses its configuration: `path`: expected the absolute path of a file
    hint: once that is mended: seatwatch sink resume it; after a change of its keys in the config: seatwatch sync

    no daemon runs: what is due is synced when somebody calls `seatwatch sync`
    ");
    let world = with_key(world, "path");
    assert_eq!(world.sync().ok().stderr, "");
    assert_eq!(fs::read_to_string(world.path("lines")).unwrap().lines().count(), 1);
}
