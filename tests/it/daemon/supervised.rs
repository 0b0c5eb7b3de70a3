//! What systemd is told, and how the daemon takes its signals.

use nix::sys::signal::Signal;

use crate::world::World;

#[test]
fn systemd_hears_of_every_turn() {
    let mut world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    let sentence = "STATUS=1 organization: 1 connected; 0 events queued";
    daemon.until_heard(sentence);

    for (config, reloads) in [("remind_every: 1h", true), ("remind_evry: 1h", false)] {
        world.reset_config(config);
        world.command(&["status"]); // Writes the config.
        daemon.signal(Signal::SIGHUP);
        let reloading = daemon.until_heard("RELOADING=1");
        let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(since.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
        daemon.until_heard("READY=1");
        let how = if reloads { "config reloaded" } else { "config not reloaded" };
        daemon.until_logged(&[how]);
    }
    daemon.signal(Signal::SIGTERM);
    daemon.until_heard("STOPPING=1");
    assert_eq!(daemon.end().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed_for_as_long_as_the_daemon_runs() {
    let world = World::start("ann* bob!").rarely();
    let daemon = world.daemon_with(|command| {
        command.env("WATCHDOG_USEC", "2000000");
    });
    for _ in 0..3 {
        daemon.until_heard("WATCHDOG=1");
    }
    daemon.stop();
}

#[test]
fn a_watchdog_that_nobody_has_set_is_not_fed() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_asked(&world, 6);
    let fed = daemon.heard().iter().any(|message| message.contains("WATCHDOG"));
    assert!(!fed, "{:?}", daemon.heard());
    daemon.stop();
}
