//! A disk that is full while the daemon runs, or a database that somebody else holds: nothing can be
//! noted there, so it is told another way.

use std::fs;

use super::process::Running;
use super::receiving::metrics;
use crate::store::Disk;
use crate::world::{World, skipped};

/// The value of a series of `github/acme`, or of one with these labels.
fn value(text: &str, series: &str) -> u64 {
    let series = series.replace("{}", r#"{org="acme",service="github"}"#);
    let lines = || text.lines().filter_map(|line| line.strip_prefix("seatwatch_"));
    let value = lines().find_map(|line| line.strip_prefix(&series)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {series} in {text}"))
}

fn is_healthy(daemon: &Running) -> bool {
    super::receiving::get(daemon, "/-/healthy").starts_with("HTTP/1.0 200")
}

/// Every sync comes to its end and cannot be committed; once there is space again, the next tells
/// all of it, and no failure is left.
#[test]
fn a_full_disk_is_told_in_the_metrics_and_to_systemd() {
    let world = World::start("ann* bob!").every_second();
    fs::create_dir(world.state_dir()).unwrap();
    let Some(disk) = Disk::mount_with(&world, "size=3m") else {
        skipped("needs a mount namespace: a full disk");
        return;
    };
    let daemon = world.launch(disk.command(&world.command(&["run"])));
    daemon.until_told(&world, "baselined\n");
    daemon.until_heard("STATUS=1 organization: 1 connected");
    let before = metrics(&daemon);
    let quiet = ["org_failed_syncs{}", r#"sync_failures_total{reason="store"}"#];
    assert_eq!(quiet.map(|series| value(&before, series)), [0, 0]);
    assert_eq!(value(&before, "org_up{}"), 1);

    let filler = world.state_dir().join("filler").display().to_string();
    disk.shell(&format!("head -c 3000000 /dev/zero >'{filler}' 2>/dev/null; test -s '{filler}'"));
    // More than there is room for where something was written before.
    let names: Vec<String> = (0..3000).map(|number| format!("user-{number}")).collect();
    world.members(&format!("ann* bob! {}", names.join(" ")));
    daemon.until_heard("STATUS=1 organization: 1 failing");
    // A scrape may come between two figures of one sync; between syncs, they agree.
    let full = daemon.until("two failed syncs, each with its reason", || {
        let text = metrics(&daemon);
        let in_a_row = value(&text, "org_failed_syncs{}");
        let failures = value(&text, r#"sync_failures_total{reason="store"}"#);
        let agree = value(&text, r#"sync_runs_total{outcome="failed"}"#) == failures;
        (agree && in_a_row >= 2 && failures >= in_a_row).then_some(text)
    });
    let failures = value(&full, r#"sync_failures_total{reason="store"}"#);
    assert_eq!(value(&full, "org_up{}"), 0);
    assert_eq!(value(&full, "org_members{}"), 2);
    assert!(is_healthy(&daemon), "a restart does not mend it");
    daemon.until_logged(&["ERROR", "github/acme", "the disk is full"]);
    assert_eq!(world.told_so_far(), "baselined\n");

    disk.shell(&format!("rm '{filler}'"));
    world.members("ann* bob! cat");
    daemon.until_heard("STATUS=1 organization: 1 connected");
    let after = metrics(&daemon);
    assert_eq!((value(&after, "org_failed_syncs{}"), value(&after, "org_up{}")), (0, 1));
    assert!(value(&after, r#"sync_failures_total{reason="store"}"#) >= failures);
    daemon.until_told(&world, "baselined\njoined cat\n");
    daemon.stop();
}

/// The loop wants to note more of it, which takes its time, too: no figure waits for that.
#[test]
fn the_figures_of_one_failure_come_together() {
    let world = World::start("ann* bob!").every_second();
    let daemon = world.daemon();
    daemon.until_told(&world, "baselined\n");
    let database = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failed = daemon.until("a failed sync", || {
        let text = metrics(&daemon);
        (value(&text, "org_failed_syncs{}") > 0).then_some(text)
    });
    let failures = value(&failed, r#"sync_failures_total{reason="store"}"#);
    assert!(failures >= value(&failed, "org_failed_syncs{}"), "{failed}");
    database.execute_batch("ROLLBACK").unwrap();
    daemon.stop();
}
