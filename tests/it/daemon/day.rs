//! A day of two hundred organizations, where something is always out of order somewhere.
//!
//! People come and go all the time; a third of the organizations has trouble in any hour. At the
//! end of the day, everything that happened was told once and in order, nothing that did not
//! happen was told, and the daemon takes no more of the machine than in the morning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use itertools::Itertools as _;
use seatwatch::organization::OrganizationId;
use seatwatch::simulator::{Action, Churn, Fault, RetryAfter, When};
use seatwatch::store::Outcome;
use seatwatch_sdk::EventKind;
use serde_json::Value;

use super::by_hand::ByHand;
use super::process::{IDLE_DESCRIPTORS, whole_events};
use crate::ledger::{Ledger, profile};
use crate::world::World;

const ORGANIZATIONS: usize = 200;
const HOURS: i64 = 24;
/// Quiet hours at the end. A server may ask for two to be left alone.
const QUIET_HOURS: i64 = 3;
/// From here on, the daemon has seen everything once.
const MORNING: i64 = 6;
const FAILING_AFTER: u32 = 3;

/// What can be out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Down,
    RateLimited,
    LeftAlone,
    Reset,
    ResetInBody,
    Shifting,
    Doubled,
    Short,
    NotAdmin,
    NoJson,
    WrongField,
    Empty,
    /// Not a failure.
    Slow,
    /// Not a failure.
    Late,
}

impl Trouble {
    const ALL: [Self; 14] = [
        Self::Down,
        Self::RateLimited,
        Self::LeftAlone,
        Self::Reset,
        Self::ResetInBody,
        Self::Shifting,
        Self::Doubled,
        Self::Short,
        Self::NotAdmin,
        Self::NoJson,
        Self::WrongField,
        Self::Empty,
        Self::Slow,
        Self::Late,
    ];

    fn fault(self) -> Option<Fault> {
        let status = |status, after: Option<u64>| Fault::Status {
            status,
            retry_after: after.map(RetryAfter::Seconds),
        };
        Some(match self {
            Self::Down => status(503, None),
            Self::RateLimited => status(429, Some(0)),
            Self::LeftAlone => status(429, Some(100 * 60)),
            Self::Reset => Fault::Reset,
            Self::ResetInBody => Fault::ResetInBody(40),
            Self::Shifting => Fault::ShiftedCount(1),
            Self::Doubled => Fault::DoubleRow,
            Self::Short => Fault::ShortPage(1),
            Self::NotAdmin => return None,
            Self::NoJson => Fault::TornJson(30),
            Self::WrongField => {
                Fault::WrongField { field: "activated".to_owned(), value: Value::from("yes") }
            }
            Self::Empty => Fault::EmptyList,
            Self::Slow => Fault::Slow { bytes: 300, every: Duration::from_millis(1) },
            Self::Late => Fault::Late(Duration::from_millis(20)),
        })
    }

    fn is_failure(self) -> bool {
        !matches!(self, Self::Slow | Self::Late)
    }
}

fn owner(number: usize) -> String {
    format!("org-{number}")
}

fn id(number: usize) -> OrganizationId {
    format!("github/{}", owner(number)).parse().unwrap()
}

/// The organizations, their tokens, and what is out of order.
struct Day {
    world: World,
    random: Rng,
    churn: Vec<Churn>,
    tokens: Vec<[String; 2]>,
    trouble: HashMap<usize, (Trouble, i64)>,
}

impl Day {
    fn new() -> Self {
        let world = World::start("");
        let mut random = Rng::with_seed(24);
        let (mut churn, mut tokens) = (Vec::new(), Vec::new());
        for number in 0..ORGANIZATIONS {
            let boss = format!("boss-{number}");
            let members = (0..random.usize(5..12)).map(|one| format!("p{number}-{one}*")).join(" ");
            let issued = world.edit(|world, _| {
                let organization = world.organization(&id(number));
                world.set_members(organization, &format!("{boss}! plain-{number} {members}"));
                let plain = world.find(id(number).service(), &format!("plain-{number}")).unwrap();
                let label = owner(number);
                [world.issue_token(&label, organization), world.issue_token(&label, plain)]
            });
            world.write_token_to(&format!("{number}-token"), &issued[0]);
            tokens.push(issued);
            let spared = [boss, format!("plain-{number}")];
            churn.push(Churn::new([id(number)], number as u64).sparing(spared));
        }
        Self { world, random, churn, tokens, trouble: HashMap::new() }
    }

    fn config(&self) -> String {
        let base_url = self.world.simulator.base_url();
        let mut text = format!(
            "instance: test\nlisten: 127.0.0.1:0\nstate_dir: state\nmax_concurrent_syncs: 16\n\
             schedule: \"0 * * * *\"\nfailing_after: {FAILING_AFTER}\nremind_every: 30d\n\
             guard: {{ min_leavers: 1000 }}\n\
             codecov: {{ base_url: \"{base_url}\", requests_per_second: 10000, timeout: 5s }}\n\
             sinks:\n  events: {{ type: file, path: events.ndjson, events: [{}] }}\n\
             organizations:\n",
            EventKind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", "),
        );
        for number in 0..ORGANIZATIONS {
            writeln!(
                text,
                "  - {{ service: github, owner: {}, token_file: {number}-token, on_first_sync: emit }}",
                owner(number)
            )
            .unwrap();
        }
        text
    }

    /// Lets an hour of life pass: some trouble ends, some begins, people come and go.
    fn live(&mut self, hour: i64, quiet: bool) {
        self.world.calm();
        let before: Vec<usize> = self.trouble.keys().copied().collect();
        self.trouble.retain(|_, (_, until)| *until > hour && !quiet);
        for number in before {
            if !self.trouble.contains_key(&number) {
                self.world.write_token_to(&format!("{number}-token"), &self.tokens[number][0]);
            }
        }
        while !quiet && self.trouble.len() < ORGANIZATIONS / 3 {
            let number = self.random.usize(..ORGANIZATIONS);
            let trouble = self.random.choice(Trouble::ALL).unwrap();
            let until = hour + self.random.i64(1..=5);
            self.trouble.entry(number).or_insert((trouble, until));
        }
        for (number, (trouble, _)) in &self.trouble {
            if let Some(fault) = trouble.fault() {
                let when = When::always().organization(id(*number));
                self.world.simulator.fault(when, fault);
            } else {
                let plain = &self.tokens[*number][1];
                self.world.write_token_to(&format!("{number}-token"), plain);
            }
        }
        for churn in &mut self.churn {
            if self.random.u8(..4) == 0 {
                for _ in 0..self.random.u8(1..=3) {
                    self.world.simulator.change_once(churn);
                }
            }
        }
    }
}

/// What the process takes of the machine: descriptors, and kilobytes.
fn taken() -> (usize, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let memory = line.split_whitespace().next().unwrap().parse().unwrap();
    (fs::read_dir("/proc/self/fd").unwrap().count(), memory)
}

/// How the syncs of an organization go, as its events have to tell it.
#[derive(Default)]
struct Fortune {
    failures: u32,
    told: bool,
    /// `sync_failing` and `sync_recovered`, when.
    events: Vec<(EventKind, DateTime<Utc>)>,
}

impl Fortune {
    fn note(&mut self, outcome: Outcome, now: DateTime<Utc>) {
        if outcome == Outcome::Failed {
            self.failures += 1;
            if self.failures == FAILING_AFTER {
                self.told = true;
                self.events.push((EventKind::SyncFailing, now));
            }
        } else {
            self.failures = 0;
            if std::mem::take(&mut self.told) {
                self.events.push((EventKind::SyncRecovered, now));
            }
        }
    }
}

/// In a process of its own, so that what it takes of the machine can be told.
#[test]
fn a_day_of_two_hundred_organizations() {
    const INNER: &str = "SEATWATCH_TEST_DAY";
    if std::env::var_os(INNER).is_some() {
        return day();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "daemon::day::a_day_of_two_hundred_organizations", "--nocapture"]);
    let output = command.env(INNER, "1").output().unwrap();
    let text = String::from_utf8_lossy;
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
}

fn day() {
    let mut day = Day::new();
    let start: DateTime<Utc> = "2026-11-23T00:10:00Z".parse().unwrap();
    let daemon = ByHand::start(day.world.path("seatwatch.yaml"), &day.config(), start);
    // So many newcomers are spread over some seconds.
    daemon.until("the first syncs", || {
        daemon.pass(TimeDelta::milliseconds(500));
        daemon.last_runs().iter().all(|(_, run)| run.is_some()).then_some(())
    });
    daemon.until("the first deliveries", || (daemon.queued() == 0).then_some(()));

    let mut fortunes: BTreeMap<OrganizationId, Fortune> = BTreeMap::new();
    let mut postponed: HashMap<OrganizationId, DateTime<Utc>> = HashMap::new();
    let mut morning = None;
    let first: DateTime<Utc> = "2026-11-23T01:00:00Z".parse().unwrap();
    for hour in 0..HOURS + QUIET_HOURS {
        day.live(hour, hour >= HOURS);
        let time = first + TimeDelta::hours(hour);
        daemon.wait_for(time);
        daemon.settle(time);
        for (number, (id, run)) in daemon.last_runs().into_iter().enumerate() {
            let (outcome, now) = run.unwrap();
            let trouble = day.trouble.get(&number).map(|(trouble, _)| *trouble);
            let is_postponed = postponed.get(&id).is_some_and(|until| *until > now);
            let fails = is_postponed || trouble.is_some_and(Trouble::is_failure);
            assert_eq!(outcome == Outcome::Failed, fails, "{id} at {now}: {trouble:?}");
            if trouble == Some(Trouble::LeftAlone) && !is_postponed {
                postponed.insert(id.clone(), now + TimeDelta::minutes(100));
            }
            // A sync that was not tried, because the server wants to be left alone, says nothing.
            if !is_postponed {
                fortunes.entry(id).or_default().note(outcome, now);
            }
        }
        day.world.simulator.clear_log();
        if hour == MORNING {
            morning = Some((taken(), daemon.runtime.metrics().num_alive_tasks()));
        }
    }
    let ((descriptors, memory), tasks) = morning.unwrap();
    daemon.until("as few tasks as in the morning, and about as few descriptors", || {
        let flat = daemon.runtime.metrics().num_alive_tasks() <= tasks
            && taken().0 <= descriptors + IDLE_DESCRIPTORS;
        flat.then_some(())
    });
    assert!(taken().1 < memory + memory / 4, "{} kB instead of {memory} kB", taken().1);

    let events = whole_events(&day.world.path("events.ndjson"));
    check(&day, &events, &fortunes);
    check_metrics(&daemon.get("/metrics"), &events);
    daemon.stop();
}

/// What was told leads to what is, through nothing but what has happened.
fn check(day: &Day, events: &[Value], fortunes: &BTreeMap<OrganizationId, Fortune>) {
    for (event, number) in events.iter().zip(1..) {
        assert_eq!(event["sequence"], format!("{number:020}"), "{event}");
    }
    let organization = |event: &Value| -> OrganizationId {
        let data = &event["data"]["organization"];
        let text = |key: &str| data[key].as_str().unwrap();
        format!("{}/{}", text("service"), text("owner")).parse().unwrap()
    };
    let mut told: BTreeMap<OrganizationId, Vec<Value>> = BTreeMap::new();
    for event in events {
        told.entry(organization(event)).or_default().push(event.clone());
    }
    assert_eq!(told.len(), ORGANIZATIONS);

    let mut happened: HashMap<OrganizationId, BTreeSet<String>> = HashMap::new();
    for recorded in day.world.simulator.changes() {
        let whose = happened.entry(recorded.change.organization).or_default();
        if let Action::Rename(name) = &recorded.change.action {
            whose.insert(name.to_lowercase());
        }
        whose.insert(recorded.change.username.to_lowercase());
    }
    let mut changes = 0;
    for number in 0..ORGANIZATIONS {
        let id = id(number);
        let mut ledger = Ledger::default();
        let syncs = told[&id].chunk_by(|a, b| a["correlationid"] == b["correlationid"]);
        for (sync, index) in syncs.zip(0..) {
            for (before, after) in ledger.add(sync) {
                let who = [before, after].into_iter().flatten();
                let mut names = who.map(|member| member.username.to_lowercase());
                let has_changed = |name| happened.get(&id).is_some_and(|it| it.contains(&name));
                assert!(index == 0 || names.any(has_changed), "{id}: {sync:?}");
                changes += usize::from(index > 0);
            }
        }
        let listed = day.world.edit(|world, _| {
            let organization = world.organization(&id);
            let people = world.listed(organization).iter();
            let members = people.filter_map(|person| profile(world, organization, *person));
            members.map(|member| (member.username.to_lowercase(), member)).collect()
        });
        assert_eq!(ledger.roster, listed, "{id}");

        let health = told[&id].iter().filter_map(|event| {
            let kinds = [EventKind::SyncFailing, EventKind::SyncRecovered];
            let kind = kinds.into_iter().find(|kind| event["data"]["event"] == kind.word())?;
            Some((kind, event["time"].as_str().unwrap().parse().unwrap()))
        });
        assert_eq!(health.collect::<Vec<_>>(), fortunes[&id].events, "{id}");
    }
    assert!(changes > 1000, "only {changes} changes were told");
    let failing = fortunes.values().filter(|fortune| !fortune.events.is_empty()).count();
    assert!(failing > 50, "only {failing} organizations failed for long");
}

/// The numbers are those of the events.
fn check_metrics(metrics: &str, events: &[Value]) {
    for kind in EventKind::ALL {
        let count = events.iter().filter(|event| event["data"]["event"] == kind.word()).count();
        let line = format!("seatwatch_events_total{{event=\"{}\"}} {count}\n", kind.word());
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
}
