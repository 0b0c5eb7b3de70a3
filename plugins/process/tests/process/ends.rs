//! How a plugin ends: in peace where it can, and always with all that it has forked.

use std::time::Duration;

use seatwatch_sdk::Outcome;
use tokio::task::JoinSet;

use crate::world::{World, is_gone, is_reaped, parent, until};

#[tokio::test]
async fn an_idle_plugin_is_told_and_ends_in_peace() {
    let mut world = World::bad("well");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    world.drop_sink();
    world.all_gone().await;
    assert_eq!(world.lines("seen"), ["d 1 1", "shutdown", "end"]);
}

/// It neither ends with its input nor at TERM.
#[tokio::test]
async fn a_stubborn_plugin_is_killed_in_the_end() {
    let mut world = World::bad("ignore term");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    world.drop_sink();
    until("it was told", || world.lines("seen") == ["d 1 1", "shutdown"]).await;
    assert!(!is_gone(world.pids()[0]), "it was given no time");
    world.all_gone().await;
}

#[tokio::test]
async fn what_a_plugin_has_forked_ends_with_it() {
    let mut world = World::bad("fork");
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let pids = world.pids();
    assert_eq!(pids.len(), 4, "itself, a child, one in a session of its own, a grandchild");
    assert!(pids.iter().all(|pid| !is_gone(*pid)));
    world.drop_sink();
    world.all_gone().await;
}

/// The same when it does not end in peace.
#[tokio::test]
async fn what_a_killed_plugin_has_forked_is_killed() {
    a_killed_plugin_is_told("fork").await;
}

/// What it wrote took all the room in the log that it has in a minute.
#[tokio::test]
async fn that_a_plugin_was_killed_is_told_also_after_a_flood() {
    a_killed_plugin_is_told("flood stderr").await;
}

async fn a_killed_plugin_is_told(mode: &str) {
    let mut world = World::bad(mode);
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let plugin = world.pids()[0];
    let guard = parent(plugin);
    let pid = nix::unistd::Pid::from_raw(plugin.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    world.all_gone().await;
    // The sink knows of it by the end of the guard, which comes a moment later.
    until("its end is known", || is_reaped(guard)).await;
    // The next delivery finds out, tells it and starts another one.
    assert_eq!(world.deliver(1).await, Outcome::Accepted);
    let told = world.logged();
    let told = told.iter().find(|line| line.starts_with("the plugin ended")).unwrap();
    let expected =
        "the plugin ended between deliveries; it is started again how=was killed by SIGKILL";
    assert!(told.starts_with(expected), "{told}");
}

/// After a reload, the new plugin never runs beside the old one.
#[tokio::test]
async fn a_sink_is_closed_when_nothing_of_its_plugin_is_left() {
    let mut closed = JoinSet::new();
    for mode in ["well", "fork", "ignore the end", "ignore term"] {
        closed.spawn(async move {
            let mut world = World::bad(mode);
            world.close().await;
            assert!(world.pids().is_empty(), "{mode}: closing started it");
            assert_eq!(world.deliver(1).await, Outcome::Accepted);
            world.close().await;
            assert!(world.pids().iter().all(|pid| is_gone(*pid)), "{mode}: closed while it runs");
            assert!(world.lines("seen").contains(&"shutdown".to_owned()), "{mode}: was not told");
        });
    }
    closed.join_all().await;
}

/// One that was asked something and has not answered is killed; that takes a moment, too.
#[tokio::test]
async fn a_sink_waits_for_the_plugin_that_it_has_killed() {
    let mut world = World::bad("hang at deliver");
    assert_eq!(world.check().await, Ok(())); // The start takes its own time.
    world.deliver_within(1, 1, Duration::from_secs(2)).await;
    world.close().await;
    assert!(!world.pids().is_empty() && world.pids().iter().all(|pid| is_gone(*pid)));
}

/// A runtime that shuts down takes the sink with it, which is then dropped where nothing async
/// runs any more.
#[test]
fn a_plugin_ends_in_peace_while_the_runtime_shuts_down() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = runtime();
    let mut world = World::bad("well");
    assert_eq!(first.block_on(world.deliver(1)), Outcome::Accepted);
    first.shutdown_timeout(Duration::from_secs(5));
    world.drop_sink();
    runtime().block_on(world.all_gone());
    assert_eq!(world.lines("seen"), ["d 1 1", "shutdown", "end"]);
}
