//! A check of the machine while the daemon runs on it.

use std::net::TcpListener;

use crate::world::World;

/// Its own address is no obstacle, and nothing that it has open is touched.
#[test]
fn a_daemon_that_runs_is_not_in_its_own_way() {
    let mut world = World::start("ann* bob!").rarely();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = world.config().replace("127.0.0.1:0", &free.to_string());
    let daemon = world.daemon_of(&config);
    daemon.until_told(&world, "baselined\n");
    let ran = world.ran(&mut world.command_with(&config, &["check", "--online"])).ok();
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim_end).collect();
    assert!(lines.contains(&"daemon           runs"), "{}", ran.stdout);
    let listen =
        format!("listen: warning: {free} is in use: by the daemon, if it listens there already");
    assert!(lines.contains(&listen.as_str()), "{}", ran.stdout);
    world.members("ann* bob! cat");
    world.set_env("RUST_LOG", "off");
    world.ran(&mut world.command_with(&config, &["sync"])).ok();
    daemon.until_told(&world, "baselined\njoined cat\n");
    daemon.stop();
}
