//! The unit for systemd says what the program does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use seatwatch::config;

use crate::world::{NOBODY, World, is_root, skipped};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

/// The settings of the unit, by name.
fn unit() -> BTreeMap<String, String> {
    let text = fs::read_to_string(file("seatwatch.service")).unwrap();
    let settings = text.lines().filter(|line| !line.starts_with(['#', '[']));
    let settings = settings.filter_map(|line| line.split_once('='));
    let mut unit = BTreeMap::new();
    for (name, value) in settings {
        let twice = unit.insert(name.to_owned(), value.to_owned());
        // Lists of system calls add up.
        assert!(twice.is_none() || name == "SystemCallFilter", "{name} stands twice");
    }
    unit
}

/// The arguments of a command of the unit, with the config of a world.
fn arguments(command: &str, world: &World) -> Vec<String> {
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("/usr/bin/seatwatch"));
    let default = "/etc/seatwatch/seatwatch.yaml";
    let config = world.path("seatwatch.yaml").display().to_string();
    words.map(|word| if word == default { config.clone() } else { word.to_owned() }).collect()
}

/// Both commands, as they stand, in an environment like that of the unit.
#[test]
fn the_commands_of_the_unit_start_and_reload_the_daemon() {
    let world = World::start("ann* bob!").rarely();
    world.command(&[]); // Writes the config.
    fs::create_dir(world.path("run")).unwrap();
    let prepare = |command: &str| {
        let mut prepared = Command::new(env!("CARGO_BIN_EXE_seatwatch"));
        prepared.args(arguments(command, &world)).stdin(Stdio::null());
        // Whoever adds a directory of their own to the unit's gets both.
        let directories = [world.path("run"), world.path("more")];
        prepared.env("RUNTIME_DIRECTORY", std::env::join_paths(directories).unwrap());
        prepared
    };
    let unit = unit();
    assert_eq!(unit["Type"], "notify");
    let daemon = world.launch(prepare(&unit["ExecStart"]));
    daemon.until_told(&world, "baselined\n");
    assert!(world.path("run/control.sock").exists());

    let reload = prepare(&unit["ExecReload"]).output().unwrap();
    assert!(reload.status.success(), "{reload:?}");
    daemon.until_logged(&["config reloaded"]);
    // No YAML any more: the reason is told, by the daemon that is found all the same.
    fs::write(world.path("seatwatch.yaml"), "[").unwrap();
    let reload = prepare(&unit["ExecReload"]).output().unwrap();
    assert_eq!(reload.status.code(), Some(78), "{reload:?}");
    daemon.until_logged(&["config not reloaded"]);
    // Commands of a shell find the socket without the unit's environment.
    world.run(&["sync"]).ok();
    daemon.stop();
    assert!(!world.path("run/control.sock").exists());
    assert!(fs::symlink_metadata(world.state_dir().join("control.sock")).is_err());
}

/// What another start would not mend, and nothing else.
#[test]
fn the_unit_does_not_restart_what_a_person_has_to_mend() {
    let unit = unit();
    assert_eq!(unit["Restart"], "on-failure");
    let prevented: Vec<&str> = unit["RestartPreventExitStatus"].split(' ').collect();
    let mut world = World::start("ann* bob!").rarely();
    let code = |command: &mut Command| command.output().unwrap().status.code().unwrap().to_string();

    let mut hopeless = vec![code(world.command(&["run"]).arg("--nonsense"))];
    let daemon = world.daemon();
    let in_use = code(&mut world.command(&["run"]));
    daemon.stop();
    if is_root("to be another user") {
        // The state belongs to somebody who is neither root nor the one who starts it.
        world.give_to(NOBODY);
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(world.path("."), open).unwrap();
        hopeless.push(code(world.command(&["run"]).uid(NOBODY - 1).gid(NOBODY - 1)));
    } else {
        hopeless.push("77".to_owned());
    }
    world.reset_config("nonsense: 1");
    hopeless.push(code(&mut world.command(&["run"])));
    assert_eq!(hopeless, prevented);
    assert!(!prevented.contains(&in_use.as_str()), "who waits gets in: {in_use}");
}

#[test]
fn the_unit_and_the_config_agree_on_where_things_are() {
    let unit = unit();
    let text = "codecov: { token_file: token }\norganizations: [github/acme]\n";
    let config = config::parse(text, Path::new("/etc/seatwatch/seatwatch.yaml")).unwrap();
    assert_eq!(config.state_dir, Path::new("/var/lib").join(&unit["StateDirectory"]));
    assert_eq!(unit["StateDirectoryMode"], "0700");
    let users = fs::read_to_string(file("seatwatch.sysusers")).unwrap();
    let user = format!("\nu {} - \"", unit["User"]);
    assert!(users.contains(&user), "{users}");
    let grace = config.shutdown_grace.as_secs();
    let stop: u64 = unit["TimeoutStopSec"].strip_suffix('s').unwrap().parse().unwrap();
    assert!(stop > grace, "systemd kills the daemon before its grace is over");
}

/// systemd itself reads the unit, with the program where it is here.
#[test]
fn systemd_understands_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seatwatch.service");
    let text = fs::read_to_string(file("seatwatch.service")).unwrap();
    let here = text.replace("/usr/bin/seatwatch", env!("CARGO_BIN_EXE_seatwatch"));
    fs::write(&path, here).unwrap();
    let mut verify = Command::new("systemd-analyze");
    match verify.args(["verify", "--man=no"]).arg(&path).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let ours = errors.lines().filter(|line| line.contains("seatwatch")).count();
            assert!(output.status.success() && ours == 0, "{errors}");
        }
        Err(error) => skipped(&format!("needs systemd-analyze: {error}")),
    }
}
