//! The daemon is killed, or ends before its plugins do: nothing is left behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::world::{HOST, World, is_gone, parent, plugin, until};

/// A daemon in a process of its own that has started this plugin. The world only watches.
fn host(kind: &str, mode: &str) -> (World, Child) {
    let world = World::bad("only here to watch");
    let config = json!({
        "command": ["python3", plugin("bad.py"), mode],
        "env": {"WORLD": world.directory()},
    });
    let mut host = Command::new(HOST)
        .args([kind, &config.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (world, host)
}

#[tokio::test]
async fn a_killed_daemon_leaves_no_process_behind() {
    for (mode, processes) in [("well", 1), ("fork", 4), ("ignore term", 1), ("ignore the end", 1)] {
        let (world, mut host) = host("host", mode);
        assert_eq!(world.pids().len(), processes, "{mode}");
        let guard = parent(world.pids()[0]);
        assert_ne!(guard, host.id());
        host.kill().unwrap();
        host.wait().unwrap();
        world.all_gone().await;
        until("the guard is gone", || is_gone(guard)).await;
    }
}

/// The daemon ends right after it has dropped its sinks; the plugin still hears of it in time.
#[tokio::test]
async fn a_plugin_ends_in_peace_also_after_the_daemon() {
    let (world, mut host) = host("host", "well");
    drop(host.stdin.take());
    assert!(host.wait().unwrap().success());
    world.all_gone().await;
    assert_eq!(world.lines("seen"), ["shutdown", "end"]);
}

#[tokio::test]
async fn a_daemon_can_wait_for_its_plugins() {
    for kind in ["patient", "unguarded"] {
        // The second needs TERM.
        for mode in ["well", "ignore the end"] {
            let (world, mut host) = host(kind, mode);
            drop(host.stdin.take());
            assert!(host.wait().unwrap().success());
            assert!(world.pids().iter().all(|pid| is_gone(*pid)), "{kind} {mode}");
            assert!(world.lines("seen").contains(&"shutdown".to_owned()));
        }
    }
}
