//! What is told in numbers: the gauges agree with what was synced, the page of series with the
//! code, and the text with those who read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use insta::assert_snapshot;
use regex::Regex;
use seatwatch::codecov::Reason;
use seatwatch::config;
use seatwatch::metrics::{
    LaneGauge, Metrics, OrganizationSnapshot, Snapshot, Unrecorded, Unstored,
};
use seatwatch::organization::Service;
use seatwatch::store::{Answer, LockedDirectory, Outcome, Store, Vitals};
use seatwatch_sdk::{EventKind, Totals, Unnamed};

use crate::world::{World, skipped};

fn at(time: &str) -> DateTime<Utc> {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

impl World {
    /// The gauges of the organizations, as a scrape of a daemon on this state would find them.
    fn organizations(&self) -> String {
        self.organizations_after(&[])
    }

    /// The same where so many syncs have failed that the store does not know of.
    fn organizations_after(&self, failed: &[(&str, u32)]) -> String {
        let config = config::parse(&self.config(), &self.path("seatwatch.yaml")).unwrap();
        let store = Store::open(LockedDirectory::lock(&config.state_dir).unwrap()).unwrap();
        let next = |one: &config::Organization| (one.id.clone(), at("11:00:00"));
        let next_syncs = config.organizations.iter().map(next).collect();
        let unrecorded = failed.iter().map(|(id, number)| (id.parse().unwrap(), *number)).collect();
        let unstored = Unstored { next_syncs, unrecorded, ..Unstored::default() };
        let snapshot = Snapshot::take(&store, &config, unstored).unwrap();
        let text = Metrics::new().render(&snapshot);
        let time = Regex::new(r"(last_success_timestamp_seconds\S+) [0-9.]+").unwrap();
        let lines = text.lines().filter(|line| line.contains("{org="));
        lines.map(|line| time.replace(line, "$1 [TIME]") + "\n").collect()
    }
}

#[test]
fn organizations_are_as_the_store_has_them() {
    let world = World::start("ann* bob! cat deleted_user_7*")
        .with_organization("seats: { limit: 10 }")
        .with_other("github/nowhere");
    assert_eq!(world.sync().code, Some(78));
    // Not synced yet.
    let world = world.with_other("gitlab/grp/sub");
    assert_snapshot!(world.organizations(), @r#"
    seatwatch_org_admins{org="acme",service="github"} 1
    seatwatch_org_failed_syncs{org="acme",service="github"} 0
    seatwatch_org_failed_syncs{org="nowhere",service="github"} 1
    seatwatch_org_members{org="acme",service="github"} 3
    seatwatch_org_seats_limit{org="acme",service="github"} 10
    seatwatch_org_seats_used{org="acme",service="github"} 2
    seatwatch_org_sync_held{org="acme",service="github"} 0
    seatwatch_org_sync_held{org="grp:sub",service="gitlab"} 0
    seatwatch_org_sync_held{org="nowhere",service="github"} 0
    seatwatch_org_token_admin{org="acme",service="github"} 1
    seatwatch_org_unnamed{org="acme",service="github"} 1
    seatwatch_org_up{org="acme",service="github"} 1
    seatwatch_org_up{org="grp:sub",service="gitlab"} 0
    seatwatch_org_up{org="nowhere",service="github"} 0
    seatwatch_sync_last_success_timestamp_seconds{org="acme",service="github"} [TIME]
    seatwatch_sync_next_timestamp_seconds{org="acme",service="github"} 1795431600
    seatwatch_sync_next_timestamp_seconds{org="grp:sub",service="gitlab"} 1795431600
    seatwatch_sync_next_timestamp_seconds{org="nowhere",service="github"} 1795431600
    "#);
}

/// They come on top of those that are in the store, and what else is known stays.
#[test]
fn failures_that_the_store_could_not_take_are_shown() {
    let world = World::start("ann* bob!").with_other("github/nowhere").with_other("github/new");
    assert_eq!(world.sync().code, Some(78));
    let world = world.with_other("gitlab/grp/sub");
    let failed = [("github/acme", 2), ("github/nowhere", 3), ("gitlab/grp:sub", 1)];
    let gauges = world.organizations_after(&failed);
    let shown = gauges.lines().filter(|line| {
        ["org_failed_syncs", "org_up", "org_members"].iter().any(|name| line.contains(name))
    });
    assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
    seatwatch_org_failed_syncs{org="acme",service="github"} 2
    seatwatch_org_failed_syncs{org="grp:sub",service="gitlab"} 1
    seatwatch_org_failed_syncs{org="new",service="github"} 1
    seatwatch_org_failed_syncs{org="nowhere",service="github"} 4
    seatwatch_org_members{org="acme",service="github"} 2
    seatwatch_org_up{org="acme",service="github"} 0
    seatwatch_org_up{org="grp:sub",service="gitlab"} 0
    seatwatch_org_up{org="new",service="github"} 0
    seatwatch_org_up{org="nowhere",service="github"} 0
    "#);
}

/// The server answers, and what is known is that of before.
#[test]
fn a_held_organization_is_up() {
    let names: Vec<String> = (0..20).map(|number| format!("m{number}*")).collect();
    let world = World::start(&names.join(" "));
    world.sync().ok();
    world.members("m0*");
    assert_eq!(world.sync().code, Some(65));
    let gauges = world.organizations();
    for line in ["org_up{L} 1", "org_sync_held{L} 1", "org_members{L} 20", "org_seats_used{L} 20"] {
        let line = line.replace('L', r#"org="acme",service="github""#);
        assert!(gauges.contains(&line), "no `{line}` in {gauges}");
    }
}

#[test]
fn what_left_the_config_has_no_series() {
    let world = World::start("ann*");
    world.sync().ok();
    let config = world.config().replace("owner: acme", "owner: other");
    let config = config::parse(&config, &world.path("seatwatch.yaml")).unwrap();
    let store = Store::open(LockedDirectory::lock(&config.state_dir).unwrap()).unwrap();
    let snapshot = Snapshot::take(&store, &config, Unstored::default()).unwrap();
    let text = Metrics::new().render(&snapshot);
    assert!(!text.contains("acme") && text.contains("other"), "{text}");
}

/// A daemon in which everything there is has happened.
fn everything() -> (Metrics, Snapshot) {
    let metrics = Metrics::new();
    metrics.set_sinks(["audit", "mail"]);
    metrics.reloaded(true, at("09:00:00"));
    metrics.synced(Outcome::Changed, None, [EventKind::Left], Duration::from_millis(1200));
    metrics.synced(Outcome::Failed, Some(Reason::Timeout), [], Duration::from_secs(900));
    metrics.asked(Some(200), Duration::from_millis(300));
    metrics.asked(None, Duration::from_secs(60));
    metrics.set_discover([Service::Github]);
    metrics.delivered("audit");
    let totals =
        Totals { members: 41, seats: 30, admins: 3, unnamed: Unnamed { members: 2, seats: 1 } };
    let vitals = Vitals {
        totals: Some(totals),
        failures: Some(0),
        last_success_at: Some(at("10:00:00.120")),
        answer: Some(Answer::Admin),
        held: false,
    };
    let acme = OrganizationSnapshot {
        id: "github/acme".parse().unwrap(),
        vitals,
        seats_limit: Some(50),
        next_sync: Some(at("11:00:00")),
    };
    let idle = LaneGauge::default();
    let lane = |queued, time, dead_letters| LaneGauge {
        queued,
        oldest: Some(at(time)),
        failed_attempts: u32::try_from(queued).unwrap(),
        dead_letters,
        stopped: false,
        paused: false,
    };
    let lanes = [
        ("audit", idle),
        ("mail", lane(2, "09:30:00", 1)),
        ("mail", lane(1, "09:10:00", 0)),
        ("mail", idle),
    ];
    let discovered = [(Service::Github, at("10:30:00"))].into();
    let lanes = lanes.map(|(sink, lane)| (sink.to_owned(), lane)).to_vec();
    let certificate_expiry = Some(at("12:00:00"));
    let heartbeat = Some(at("08:00:00"));
    let organizations = vec![acme];
    (metrics, Snapshot { organizations, discovered, heartbeat, lanes, certificate_expiry })
}

#[test]
fn the_lanes_of_a_sink_are_summed() {
    let (metrics, snapshot) = everything();
    let text = metrics.render(&snapshot);
    let lines = text.lines().filter(|line| line.contains("{sink=") && !line.contains("_total"));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    seatwatch_sink_dead_letter_events{sink="audit"} 0
    seatwatch_sink_dead_letter_events{sink="mail"} 1
    seatwatch_sink_failed_attempts{sink="audit"} 0
    seatwatch_sink_failed_attempts{sink="mail"} 2
    seatwatch_sink_oldest_pending_timestamp_seconds{sink="audit"} 0
    seatwatch_sink_oldest_pending_timestamp_seconds{sink="mail"} 1795425000
    seatwatch_sink_paused{sink="audit"} 0
    seatwatch_sink_paused{sink="mail"} 0
    seatwatch_sink_queue_events{sink="audit"} 0
    seatwatch_sink_queue_events{sink="mail"} 3
    seatwatch_sink_stopped{sink="audit"} 0
    seatwatch_sink_stopped{sink="mail"} 0
    "#);
}

/// Every value of a closed set is there from the start: an alert on its first increase works.
#[test]
fn counters_begin_at_zero() {
    let text = Metrics::new().render(&Snapshot::default());
    let has = |family: &str, label: &str, value: &str| {
        let line = format!("\nseatwatch_{family}{{{label}=\"{value}\"}} 0\n");
        assert!(text.contains(&line), "no {line} in {text}");
    };
    for outcome in Outcome::ALL {
        has("sync_runs_total", "outcome", outcome.word());
    }
    for reason in Reason::ALL {
        has("sync_failures_total", "reason", reason.word());
    }
    for why in Unrecorded::ALL {
        has("sync_failures_total", "reason", why.word());
    }
    for event in EventKind::ALL {
        has("events_total", "event", event.word());
    }
    has("api_requests_total", "code", "error");
}

/// What the text says of each family: its type, its labels and its help.
fn families(text: &str) -> BTreeMap<&str, (&str, Vec<&str>, &str)> {
    let mut families: BTreeMap<&str, (&str, Vec<&str>, &str)> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (family, help) = help.split_once(' ').unwrap();
            name = family;
            families.insert(name, ("", vec![], help));
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            families.get_mut(name).unwrap().0 = kind.split_once(' ').unwrap().1;
        } else if let Some((_, labels)) = line.split_once('{') {
            let labels = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0));
            families.get_mut(name).unwrap().1 = labels.filter(|label| *label != "le").collect();
        }
    }
    families
}

/// The table in `docs/metrics.md` is made from the code; `UPDATE_DOCS=1` rewrites it.
#[test]
fn the_page_of_series_is_up_to_date() {
    const BEGIN: &str = "<!-- series: begin -->\n";
    const END: &str = "<!-- series: end -->\n";
    let (metrics, snapshot) = everything();
    let text = metrics.render(&snapshot);
    let mut table = "| series | type | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for (name, (kind, labels, help)) in families(&text) {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(table, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (kept, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}\n{table}\n{END}{after}")).unwrap();
        return;
    }
    let hint = "docs/metrics.md is out of date; `UPDATE_DOCS=1 cargo test --test it metrics`";
    assert_eq!(kept.trim(), table.trim(), "{hint} rewrites it");
    // What is written by hand around it names series that exist.
    let named = Regex::new(r"(seatwatch|process)_[a-z_]+").unwrap();
    for name in named.find_iter(before).chain(named.find_iter(after)) {
        assert!(families(&text).contains_key(name.as_str()), "there is no `{}`", name.as_str());
    }
}

/// Prometheus' own opinion on names, types and helps.
#[test]
fn promtool_finds_nothing_to_complain_about() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else { return skipped("needs promtool") };
    let (metrics, snapshot) = everything();
    let text = metrics.render(&snapshot);
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let complaints = [said.stdout, said.stderr].concat();
    assert_eq!(String::from_utf8(complaints).unwrap(), "");
    assert!(said.status.success());
}
