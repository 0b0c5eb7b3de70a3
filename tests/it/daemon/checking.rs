//! A check of the machine while the daemon runs on it.

use std::net::{SocketAddr, TcpListener};

use insta::assert_snapshot;

use super::process::Running;
use crate::preflight::troubles;
use crate::world::World;

/// Where it listens.
fn own_address(daemon: &Running) -> SocketAddr {
    daemon.until("where it listens", || {
        let log = daemon.log();
        let (_, rest) = log.split_once("listen=")?;
        rest.split_once('\n')?.0.split_whitespace().next()?.parse().ok()
    })
}

/// Its own address is no obstacle, and nothing that it has open is touched.
#[test]
fn a_daemon_that_runs_is_not_in_its_own_way() {
    let mut world = World::start("ann* bob!").rarely();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let own = own_address(&daemon);
    let config = world.config().replace("127.0.0.1:0", &own.to_string());
    let ran = world.ran(&mut world.command_with(&config, &["check", "--online"])).ok();
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim_end).collect();
    assert!(lines.contains(&"daemon           runs"), "{}", ran.stdout);
    let listen = format!("listen           {own}, where the daemon listens");
    assert!(lines.contains(&listen.as_str()), "{}", ran.stdout);
    // All addresses with the same port need a restart; what another program has is not the daemon's.
    let check = |listen: &str| {
        let config = world.config().replace("127.0.0.1:0", listen);
        let config = config.replace("listen: 0", "http: { pages: false }\nlisten: 0");
        let command = &mut world.command_with(&config, &["check", "--online", "--format", "json"]);
        troubles(&world.ran(command)).replace(&own.port().to_string(), "[PORT]")
    };
    assert_snapshot!(check(&format!("0.0.0.0:{}", own.port())), @"
    listen: warning: 0.0.0.0:[PORT] is in use while the daemon listens on 127.0.0.1:[PORT]
      a reload cannot move it there: restart the daemon, or give `listen` another port
    exit code 0
    ");
    let other = TcpListener::bind("127.0.0.77:0").unwrap();
    let taken = other.local_addr().unwrap();
    let told = check(&taken.to_string());
    assert!(told.contains(&format!("listen: error: cannot listen on {taken}")), "{told}");
    drop(other);
    world.members("ann* bob! cat");
    world.set_env("RUST_LOG", "off");
    world.ran(&mut world.command_with(&config, &["sync"])).ok();
    daemon.until_told(&world, "baselined\njoined cat\n");
    daemon.stop();
}
