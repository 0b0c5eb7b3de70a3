//! Somebody edits the config again and again while syncs and deliveries are under way. Nothing is
//! lost, nothing comes twice, nothing is left behind.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Stdio};

use fastrand::Rng;
use nix::sys::signal::Signal;
use seatwatch::simulator::Churn;
use seatwatch_sdk::EventKind;
use serde_json::Value;

use super::process::{IDLE_DESCRIPTORS, Running, whole_events};
use crate::world::World;

/// So many edits before the daemon is measured for the first time, and so many more until the
/// last.
const EDITS: [usize; 2] = [100, 400];

const OWNERS: [&str; 6] = ["alfa", "bravo", "charlie", "delta", "echo", "foxtrot"];

const SCHEDULES: [&str; 3] = ["* * * * * *", "*/2 * * * * *", "0 0 29 2 *"];

/// Files that the sink `moving` goes back and forth between.
const PLACES: [&str; 3] = ["moving-0", "moving-1", "moving-2"];

/// A config that is edited at random.
#[derive(Clone)]
struct Edited {
    /// The schedule of each organization.
    organizations: BTreeMap<&'static str, &'static str>,
    /// Lines of each sink but the one that is never touched.
    sinks: BTreeMap<String, String>,
    top: String,
}

fn file(path: &str, events: &[EventKind]) -> String {
    let words: Vec<&str> = events.iter().map(|event| event.word()).collect();
    format!("{{ type: file, path: {path}.ndjson, events: [{}] }}", words.join(", "))
}

impl Edited {
    /// What is there at every measurement.
    fn whole() -> Self {
        let sinks = ["always", "coming", PLACES[0]].map(|path| {
            let name = path.split('-').next().unwrap();
            (name.to_owned(), file(path, EventKind::ALL))
        });
        Self {
            organizations: OWNERS.map(|owner| (owner, SCHEDULES[0])).into(),
            sinks: sinks.into(),
            top: String::new(),
        }
    }

    fn edit(&mut self, random: &mut Rng) {
        let extra = format!("extra-{}", random.u8(..4));
        match random.u8(..9) {
            0 => drop(self.organizations.remove(random.choice(OWNERS).unwrap())),
            1 | 2 => {
                let schedule = random.choice(SCHEDULES).unwrap();
                self.organizations.insert(random.choice(OWNERS).unwrap(), schedule);
            }
            3 => drop(self.sinks.remove("coming")),
            4 => drop(self.sinks.insert("coming".to_owned(), file("coming", EventKind::ALL))),
            5 => {
                let place = random.choice(PLACES).unwrap();
                self.sinks.insert("moving".to_owned(), file(place, EventKind::ALL));
            }
            6 => drop(self.sinks.remove(&extra)),
            7 => {
                let events = random.choose_multiple(EventKind::ALL, 4);
                let events: Vec<EventKind> = events.into_iter().copied().collect();
                self.sinks.insert(extra.clone(), file(&extra, &events));
            }
            _ => {
                let (percent, syncs) = (random.u8(50..=100), random.u8(1..=6));
                self.top = format!(
                    "guard: {{ min_leavers: 1000, max_leave_percent: {percent} }}\n\
                     max_concurrent_syncs: {syncs}\n"
                );
            }
        }
        if self.organizations.is_empty() {
            self.organizations.insert(OWNERS[0], SCHEDULES[0]);
        }
    }

    /// The text; only what is edited differs from that of the world.
    fn text(&self, world: &World) -> String {
        let base_url = world.simulator.base_url();
        let mut text = format!(
            "instance: test\nlisten: 127.0.0.1:0\nstate_dir: state\n{}\
             codecov: {{ base_url: \"{base_url}\", requests_per_second: 1000 }}\norganizations:\n",
            if self.top.is_empty() { "guard: { min_leavers: 1000 }\n" } else { &self.top },
        );
        for (owner, schedule) in &self.organizations {
            writeln!(
                text,
                "  - {{ service: github, owner: {owner}, token_file: {owner}-token, \
                 schedule: \"{schedule}\" }}"
            )
            .unwrap();
        }
        text.push_str("sinks:\n");
        for (name, lines) in &self.sinks {
            writeln!(text, "  {name}: {lines}").unwrap();
        }
        text
    }
}

/// Lets the daemon read the config again, one way or the other.
fn reload(world: &World, daemon: &Running, text: &str, random: &mut Rng) {
    let mut command = world.command_with(text, &["reload"]);
    if random.bool() {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        daemon.until_heard("RELOADING=1");
    } else {
        daemon.signal(Signal::SIGHUP);
        daemon.until_heard("RELOADING=1");
    }
    daemon.until_heard("READY=1");
}

/// What the daemon takes of the machine when it has nothing to do.
#[derive(Debug)]
struct Taken {
    descriptors: usize,
    threads: u64,
    memory_kb: u64,
}

/// All sequences of the log.
fn log(world: &World) -> Vec<String> {
    let database = rusqlite::Connection::open(world.state_dir().join("seatwatch.db")).unwrap();
    let mut statement = database.prepare("SELECT sequence FROM log ORDER BY sequence").unwrap();
    let sequences = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    sequences.map(|sequence| format!("{:020}", sequence.unwrap())).collect()
}

fn sequences(world: &World, files: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for file in files {
        let events = whole_events(&world.path(&format!("{file}.ndjson")));
        let text = |event: &Value| event["sequence"].as_str().unwrap().to_owned();
        let told: Vec<String> = events.iter().map(text).collect();
        assert!(told.is_sorted_by(|a, b| a < b), "{file} is out of order: {told:?}");
        all.extend(told);
    }
    all.sort();
    all
}

/// Brings the daemon to rest with the whole config; everything has been delivered then.
fn rest(world: &World, daemon: &Running, asking: &mut Vec<Child>, random: &mut Rng) -> Taken {
    for mut asking in asking.drain(..) {
        asking.wait().unwrap();
    }
    let mut calm = Edited::whole();
    calm.organizations = OWNERS.map(|owner| (owner, SCHEDULES[2])).into();
    let calm = calm.text(world);
    world.simulator.churn(None);
    reload(world, daemon, &calm, random);
    let last = world.ran(&mut world.command_with(&calm, &["sync"]));
    assert_eq!(last.code, Some(0), "{}", last.shown());
    daemon.until("everything to be delivered", || {
        let log = log(world);
        let files: [&[&str]; 3] = [&["always"], &["coming"], &PLACES];
        files.iter().all(|files| sequences(world, files).len() >= log.len()).then_some(())
    });
    let log = log(world);
    assert_eq!(sequences(world, &["always"]), log);
    assert_eq!(sequences(world, &["coming"]), log);
    assert_eq!(sequences(world, &PLACES), log);
    Taken {
        descriptors: daemon.descriptors(),
        threads: daemon.status("Threads"),
        memory_kb: daemon.status("VmRSS"),
    }
}

/// Threads that wait a few seconds for more to do.
const IDLE_THREADS: u64 = 4;

#[test]
fn whatever_is_edited_nothing_is_lost_repeated_or_left_behind() {
    let mut random = Rng::with_seed(7);
    let mut world = World::start("ada!");
    for owner in OWNERS {
        world = world.watching(owner, "ada! bob* cat dan eve* fay");
    }
    let mut edited = Edited::whole();
    let daemon = world.daemon_of(&edited.text(&world));
    let organizations = OWNERS.map(|owner| format!("github/{owner}").parse().unwrap());
    let churn = Churn::new(organizations, 7).at_most(2).sparing(["ada".to_owned()]);

    let mut asking = Vec::new();
    let taken = EDITS.map(|edits| {
        world.simulator.churn(Some(churn.clone()));
        for number in 0..edits {
            edited.edit(&mut random);
            reload(&world, &daemon, &edited.text(&world), &mut random);
            if number % 20 == 0 {
                let mut command = world.command_with(&edited.text(&world), &["sync"]);
                let command = command.stdout(Stdio::null()).stderr(Stdio::null());
                asking.push(command.spawn().unwrap());
            }
        }
        rest(&world, &daemon, &mut asking, &mut random)
    });
    let [before, _] = &taken;
    // Idle connections, to the database and to Codecov, may be a few more than they happened to be;
    // what hundreds of edits leave behind would be hundreds.
    daemon.until("about as few threads and descriptors as before", || {
        let flat = daemon.descriptors() <= before.descriptors + IDLE_DESCRIPTORS
            && daemon.status("Threads") <= before.threads + IDLE_THREADS;
        flat.then_some(())
    });
    assert!(taken[1].memory_kb < before.memory_kb * 3 / 2, "{taken:?}");
    assert!(log(&world).len() > 100, "little has happened");
    daemon.stop();
}
