//! Configs and tokens that cannot be read or used, as the program meets them: each is named with
//! what to do, before anything is asked of Codecov, and no message shows a token.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;

use insta::assert_snapshot;

use crate::world::{NOBODY, World, is_root};

impl World {
    fn set_token_mode(&self, mode: u32) {
        fs::set_permissions(self.path("token"), Permissions::from_mode(mode)).unwrap();
    }

    fn token(&self) -> String {
        fs::read_to_string(self.path("token")).unwrap()
    }
}

#[test]
fn a_token_that_cannot_be_used_is_named() {
    let world = World::start("ann");
    let token = world.token();
    world.set_token_mode(0o604);
    assert_snapshot!(world.run(&["check"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` can be read by everybody (mode 0604)
    hint: `chmod 600 [DIR]/token`
    exit code 78
    ");

    world.write_token("");
    assert_snapshot!(world.run(&["check"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` is empty
    hint: put the secret alone into it, and `chmod 600 [DIR]/token`
    exit code 78
    ");

    world.write_token(&format!("{token} {token}\n"));
    let ran = world.run(&["check"]);
    assert!(!ran.shown().contains(&token));
    assert_snapshot!(ran.shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` holds white space or control characters
    hint: it must hold the secret and nothing else, in one line
    exit code 78
    ");

    for odd in [format!("\u{feff}{token}\n"), format!("\"{token}\""), format!("{token}é")] {
        world.write_token(&odd);
        let ran = world.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{}", ran.shown());
        assert!(ran.stderr.contains("holds a character that no token has"), "{}", ran.shown());
        assert!(!ran.shown().contains(&token));
    }

    fs::remove_file(world.path("token")).unwrap();
    assert_snapshot!(world.run(&["check"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` does not exist
    hint: put the secret alone into it, and `chmod 600 [DIR]/token`
    exit code 78
    ");

    fs::create_dir(world.path("token")).unwrap();
    assert_snapshot!(world.run(&["check"]).shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` is not a regular file
    hint: name a file that holds the secret and nothing else
    exit code 78
    ");
    assert!(!world.state_dir().exists(), "a check makes nothing");
}

/// One token that is gone fails the syncs that need it, and is counted like any failure; the
/// other organizations go on.
#[test]
fn a_token_that_is_gone_silences_nobody_else() {
    let world = World::start("ann")
        .with_config("failing_after: 1")
        .with_other("{ service: github, owner: beta, token_file: gone }");
    world.simulator.edit(|world| {
        let beta = world.organization(&"github/beta".parse().unwrap());
        world.set_members(beta, "zoe");
    });
    assert_snapshot!(world.sync().shown(), @r"
    github/acme  1 member  0 seats  0 admins  baseline
      baselined
    error: github/beta: token_refused: the secret `[DIR]/gone` does not exist; nothing was committed
    hint: put the secret alone into it, and `chmod 600 [DIR]/gone`
    exit code 78
    ");
    assert_eq!(world.told(), "sync_failing\nbaselined\n"); // It failed before the other was read.
}

/// Editors and Windows end a file with a line end.
#[test]
fn a_line_end_is_no_part_of_the_token() {
    let world = World::start("ann");
    let token = world.token();
    for end in ["\n", "\r\n"] {
        world.write_token(&format!("{token}{end}"));
        world.sync().ok();
    }
}

#[test]
fn a_group_may_read_the_token_if_it_is_ours() {
    if !is_root("files of other groups") {
        return;
    }
    let world = World::start("ann");
    world.set_token_mode(0o640);
    world.sync().ok(); // Of root's group.
    chown(world.path("token"), None, Some(NOBODY)).unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: github/acme: token_refused: the secret `[DIR]/token` can be read by a group that is neither root's nor ours (mode 0640); nothing was committed
    hint: `chmod 600 [DIR]/token`
    exit code 78
    ");
    let as_group = |gid| {
        world.give_to(NOBODY);
        chown(world.path("token"), Some(0), Some(NOBODY)).unwrap();
        world.ran(world.command(&["check"]).uid(NOBODY).gid(gid))
    };
    as_group(NOBODY).ok();
    assert_snapshot!(as_group(1).shown(), @r"
    error: [DIR]/seatwatch.yaml:5:15: codecov.token_file: the secret `[DIR]/token` cannot be read: permission denied
    hint: the user that seatwatch runs as must own it: `chown nobody [DIR]/token`
    exit code 78
    ");
}

#[test]
fn a_config_that_cannot_be_read_is_named() {
    let world = World::start("ann");
    let run = |config: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_seatwatch"));
        world.ran(command.arg("status").env("SEATWATCH_CONFIG", world.path(config)))
    };
    assert_snapshot!(run("missing.yaml").shown(), @r"
    error: [DIR]/missing.yaml: cannot be read: no such file or directory
    hint: name another file with `--config FILE` or `$SEATWATCH_CONFIG`
    exit code 78
    ");
    assert_snapshot!(run("").shown(), @r"
    error: [DIR]/: is a directory, expected a file
    hint: try `[DIR]/seatwatch.yaml`
    exit code 78
    ");
    world.command(&[]);
    run("seatwatch.yaml").ok();
    if !is_root("a config of another user") {
        return;
    }
    fs::set_permissions(world.path("seatwatch.yaml"), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
    let ran = world.ran(world.command(&["status"]).uid(NOBODY).gid(NOBODY));
    assert_snapshot!(ran.shown(), @r"
    error: [DIR]/seatwatch.yaml: cannot be read: permission denied
    hint: run it as root (`sudo seatwatch …`); the user that the daemon runs as must be able to read it
    exit code 78
    ");
}

/// What systemd hands over comes first, and its mode is systemd's business.
#[test]
fn a_bare_name_is_looked_up_among_the_credentials() {
    let mut world = World::start("ann");
    let token = world.token();
    fs::create_dir(world.path("credentials")).unwrap();
    let credentials = world.path("credentials").display().to_string();
    world.set_env("CREDENTIALS_DIRECTORY", &credentials);
    world.sync().ok(); // No credential of that name: the file beside the config.

    world.write_token("not-a-token");
    fs::write(world.path("credentials/token"), format!("{token}\n")).unwrap();
    fs::set_permissions(world.path("credentials/token"), Permissions::from_mode(0o644)).unwrap();
    world.sync().ok();

    let config = world.config().replace("token_file: token", "token_file: ./token");
    let ran = world.ran(&mut world.command_with(&config, &["sync"]));
    assert_eq!(ran.code, Some(77), "{}", ran.shown());
    assert!(!ran.shown().contains("not-a-token"));

    // As systemd calls it when it loads a whole directory, `LoadCredential=seatwatch:DIRECTORY`.
    let loaded = world.path("credentials/seatwatch_token");
    fs::rename(world.path("credentials/token"), &loaded).unwrap();
    world.sync().ok();
    fs::rename(&loaded, world.path("credentials/token")).unwrap();

    fs::write(world.path("credentials/token"), "").unwrap();
    assert_snapshot!(world.sync().shown(), @r"
    error: github/acme: token_refused: the secret `[DIR]/credentials/token` is empty; nothing was committed
    hint: put the secret alone into it, and `chmod 600 [DIR]/credentials/token`
    exit code 78
    ");
}

#[test]
fn a_token_may_come_from_the_environment() {
    let world = World::start("ann");
    let config = world.config().replace("token_file: token", "token_env: SEATWATCH_TEST_TOKEN");
    let run = |token: Option<&str>| {
        let mut command = world.command_with(&config, &["sync"]);
        world.ran(command.envs(token.map(|token| ("SEATWATCH_TEST_TOKEN", token))))
    };
    assert_snapshot!(run(None).shown(), @r"
    error: github/acme: token_refused: the environment variable `$SEATWATCH_TEST_TOKEN` is not set; nothing was committed
    hint: put the token into $SEATWATCH_TEST_TOKEN, or name a file in `token_file`
    exit code 78
    ");
    assert_snapshot!(run(Some("")).shown(), @r"
    error: github/acme: token_refused: the secret `$SEATWATCH_TEST_TOKEN` is empty; nothing was committed
    hint: put the token into $SEATWATCH_TEST_TOKEN, or name a file in `token_file`
    exit code 78
    ");
    assert_snapshot!(run(Some("two words")).shown(), @r"
    error: github/acme: token_refused: the secret `$SEATWATCH_TEST_TOKEN` holds white space or control characters; nothing was committed
    hint: it must hold the secret and nothing else, in one line
    exit code 78
    ");
    run(Some(&world.token())).ok();
}

/// Loopback needs no TLS because nothing of it leaves the machine; through a proxy, the token would.
#[test]
fn what_is_asked_of_this_machine_goes_through_no_proxy() {
    let world = World::start("ann");
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    proxy.set_nonblocking(true).unwrap();
    let mut sync = world.command(&["sync"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        sync.env(name, format!("http://{}", proxy.local_addr().unwrap()));
    }
    sync.env_remove("NO_PROXY").env_remove("no_proxy");
    assert!(sync.output().unwrap().status.success());
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
