//! Commands that a running daemon answers: the same words as without one, for the same people.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use super::process::IDLE_DESCRIPTORS;
use crate::world::{ACME, NOBODY, World, is_root};

/// What a person sees who does all that can be done, with a daemon or without.
fn seen(with_daemon: bool) -> String {
    let members = "ada! bob* cat* dan eve fay gil hal ida jim";
    let world = World::start(members)
        .rarely()
        .watching("beta", "zoe!")
        .with_other_sink("lost: { type: file, path: missing/events.ndjson }")
        .with_config("guard: { min_leavers: 2, max_leave_percent: 10 }");
    let mut seen = String::new();
    let mut run = |arguments: &[&str]| {
        let ran = world.run(arguments);
        writeln!(seen, "$ seatwatch {}\n{}", arguments.join(" "), ran.shown()).unwrap();
    };
    world.sync();
    let daemon = with_daemon.then(|| world.daemon());

    run(&["sync"]);
    world.members("ada! bob cat* dan* eve fay gil hal ida jim kim");
    run(&["sync", "--dry-run"]);
    run(&["sync", "--dry-run", "--format", "csv"]);
    run(&["sync", ACME]);
    run(&["sync", "--format", "json"]);
    run(&["sync", "github/nobody"]);
    run(&["roster", ACME]);
    run(&["reject", ACME]);
    run(&["approve", ACME]);
    world.members("ada! bob cat* dan* kim");
    run(&["sync"]);
    run(&["status"]);
    run(&["reject", ACME]);
    run(&["reject", ACME, "--format", "json"]);
    run(&["approve", ACME, "--hold", "nonsense"]);
    world.fault(seatwatch::simulator::Fault::EmptyList);
    run(&["approve", ACME]);
    run(&["status"]);
    world.calm();
    run(&["approve", ACME]);
    world.fault(seatwatch::simulator::Fault::EmptyList);
    run(&["sync"]);
    world.calm();
    run(&["sync", "github/beta", "--format", "csv"]);
    run(&["status", "--format", "json"]);
    run(&["history", ACME]);
    if let Some(daemon) = daemon {
        daemon.stop();
    }
    seen.push_str(&world.told());
    // The three things that are not the same.
    let says = if with_daemon { "the daemon runs" } else { "no daemon runs: what is due" };
    let retries = who_retries(with_daemon);
    let next = when_next(with_daemon);
    assert!(seen.contains(says) && seen.contains(retries) && seen.contains(next), "{seen}");
    let seen = DAEMON.replace_all(&seen, "[DAEMON]").replace(retries, "[RETRIES]");
    let seen = seen.replace(next, "[NEXT]");
    HOLDS.replace_all(&seen, "[HOLD]").into_owned()
}

/// Who tries again what was not delivered.
fn who_retries(with_daemon: bool) -> &'static str {
    if with_daemon {
        "the daemon goes on trying, `seatwatch status` says when"
    } else {
        "the next `seatwatch sync` tries again"
    }
}

/// When it is tried again, for `status`.
fn when_next(with_daemon: bool) -> &'static str {
    if with_daemon {
        "next attempt not before [TIME]; to try now: seatwatch sync"
    } else {
        "to try again: seatwatch sync"
    }
}

/// What names a hold is made with a key that each state directory has its own of.
static HOLDS: std::sync::LazyLock<regex::Regex> =
    std::sync::LazyLock::new(|| regex::Regex::new(r"\b[0-9a-f]{8,16}\b").unwrap());

/// Whether one runs.
pub(super) static DAEMON: std::sync::LazyLock<regex::Regex> =
    std::sync::LazyLock::new(|| regex::Regex::new(r"(no|the) daemon runs.*").unwrap());

#[test]
fn commands_say_the_same_with_and_without_a_daemon() {
    let (alone, asked) = (seen(false), seen(true));
    assert!(alone.contains("roster held"), "{alone}");
    pretty(&alone, &asked);
}

#[track_caller]
fn pretty(alone: &str, asked: &str) {
    for (number, (alone_line, asked_line)) in alone.lines().zip(asked.lines()).enumerate() {
        assert_eq!(alone_line, asked_line, "line {number} of\n{alone}\nand\n{asked}");
    }
    assert_eq!(alone, asked);
}

/// What happens to one organization is told beside what happens to the others, in the order of the
/// config, to machines too; the first of them that fails is how the command ends.
#[test]
fn one_organization_that_cannot_be_committed_hides_no_other() {
    let seen = |with_daemon: bool, arguments: &[&str]| {
        let world = World::start("ann* bob!").rarely();
        let world = world.watching("beta", "zoe!").watching("gamma", "eve!");
        let world = world.with_other_sink("lost: { type: file, path: missing/events.ndjson }");
        world.sync();
        let database = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
        database
            .execute_batch(
                "CREATE TRIGGER broken BEFORE INSERT ON runs
                 WHEN NEW.organization = (SELECT id FROM organizations WHERE owner = 'acme')
                 BEGIN SELECT RAISE(ABORT, 'broken by the test'); END",
            )
            .unwrap();
        let daemon = with_daemon.then(|| world.daemon());
        world.members("ann* bob! cat");
        world.members_of("beta", "zoe! yan");
        world.members_of("gamma", "");
        let shown = world.run(&[&["sync"], arguments].concat()).shown();
        if let Some(daemon) = daemon {
            daemon.stop();
        }
        shown
    };
    let alone = seen(false, &[]);
    let asked = alone.replace(who_retries(false), who_retries(true));
    assert_eq!(seen(true, &[]), asked);
    insta::assert_snapshot!(alone, @"
    github/beta  2 members (+1)  0 seats  1 admin
      joined         yan
    error: github/acme: [DIR]/state/seatwatch.db: cannot be read or written: broken by the test: Error code 1811: constraint failed
    hint: check the disk; nothing was committed, the next run tries again
    error: github/gamma: empty: Codecov lists no members of `github/gamma`; nothing was committed
    hint: the owner may be a person's user name, whose list is always empty: name the organization instead
    warning: sink lost: not delivered: cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`
    hint: 4 events stay queued; the next `seatwatch sync` tries again
    exit code 74
    ");
    let alone = seen(false, &["--format", "csv"]);
    let asked = alone.replace(who_retries(false), who_retries(true));
    assert_eq!(seen(true, &["--format", "csv"]), asked);
    assert!(alone.contains("\ngithub/beta,changed,"), "{alone}");
    let alone = seen(false, &["--format", "json", ACME]);
    let asked = alone.replace(who_retries(false), who_retries(true));
    assert_eq!(seen(true, &["--format", "json", ACME]), asked);
    insta::assert_snapshot!(alone, @"
    []
    error: github/acme: [DIR]/state/seatwatch.db: cannot be read or written: broken by the test: Error code 1811: constraint failed
    hint: check the disk; nothing was committed, the next run tries again
    warning: sink lost: not delivered: cannot create `[DIR]/missing/events.ndjson`: no such file or directory; create the directory `[DIR]/missing`
    hint: 3 events stay queued; the next `seatwatch sync` tries again
    exit code 74
    ");
}

/// Many commands at once, and each is told of what it asked for.
#[test]
fn commands_do_not_get_into_each_others_way() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let asking = || world.command(&["sync"]).stdout(Stdio::piped()).spawn().unwrap();
    let asking: Vec<_> = (0..6).map(|_| asking()).collect();
    for asking in asking {
        let output = asking.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let words = String::from_utf8(output.stdout).unwrap();
        assert_eq!(words, "github/acme  2 members  1 seat  1 admin\n");
    }
    daemon.stop();
}

/// Whoever asks for much and goes away leaves nothing behind: neither a connection nor a task that
/// waits for ever to tell them the rest.
#[test]
fn who_asks_and_goes_away_leaves_nothing_behind() {
    let mut world = World::start("ann* bob!").rarely();
    for number in 0..40 {
        world = world.watching(&format!("org-{number}"), "cat! dan");
    }
    let daemon = world.daemon();
    daemon.until_told(&world, &"baselined\n".repeat(41));
    world.sync().ok();
    let before = daemon.descriptors();
    // One that is left behind each time stands out, whatever happens to be open.
    for _ in 0..2 * IDLE_DESCRIPTORS {
        let requests = world.simulator.requests();
        world.hang(ACME);
        let mut asking = world.command(&["sync"]).stdout(Stdio::null()).spawn().unwrap();
        daemon.until_asked(&world, requests + 1);
        asking.kill().unwrap();
        asking.wait().unwrap();
        // What hangs is taken out of the way by a reload.
        world.calm();
        let other = World::config(&world).replace("owner: acme", "owner: other");
        world.ran(&mut world.command_with(&other, &["reload"])).ok();
        world.run(&["reload"]).ok();
    }
    world.sync().ok();
    daemon.until("about as many descriptors as before", || {
        (daemon.descriptors() <= before + IDLE_DESCRIPTORS).then_some(())
    });
    daemon.stop();
}

#[test]
fn only_root_and_the_daemons_own_user_are_heard() {
    if !is_root("to be two other users") {
        return;
    }
    let world = World::start("ann* bob!").rarely();
    world.sync().ok();
    world.give_to(NOBODY);
    let daemon = world.daemon();
    let socket = world.state_dir().join("control.sock");
    let mode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&socket) & 0o777, 0o600);
    assert_eq!(mode(&world.state_dir()) & 0o777, 0o700);
    let open = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(world.path("."), 0o755);
    let as_user = |user: u32| world.ran(world.command(&["reload"]).uid(user).gid(user)).shown();
    insta::assert_snapshot!(as_user(NOBODY - 1), @r"
    error: cannot ask the daemon in `[DIR]/state`: Permission denied (os error 13)
    hint: run the command as root, or as the user that the daemon runs as
    exit code 77
    ");
    // Somebody has opened the doors, and is not heard all the same.
    open(world.state_dir(), 0o755);
    open(socket, 0o666);
    insta::assert_snapshot!(as_user(NOBODY - 1), @r"
    error: the daemon runs as user #65534 and hears nobody else

    the daemon goes on with the config that it had
    exit code 77
    ");
    insta::assert_snapshot!(as_user(NOBODY), @r"
    reloaded: nothing changed
    ");
    insta::assert_snapshot!(as_user(0), @r"
    reloaded: nothing changed
    ");
    daemon.stop();
}

#[test]
fn a_reload_needs_a_daemon() {
    let world = World::start("ann* bob!").rarely();
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    error: no daemon runs in `[DIR]/state`
    hint: start it with `seatwatch run`, under systemd with `systemctl start seatwatch`, or name its config with `--config`
    exit code 69
    ");
    world.sync().ok();
    insta::assert_snapshot!(world.run(&["reload"]).shown(), @r"
    error: no daemon runs in `[DIR]/state`
    hint: start it with `seatwatch run`, under systemd with `systemctl start seatwatch`, or name its config with `--config`
    exit code 69
    ");
}
