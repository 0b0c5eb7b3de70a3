//! The program dies at any instant. What it had committed is told, once and in order; what it
//! had not, the next run finds anew.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seatwatch::organization::Service::Github;
use seatwatch::simulator::Churn;

use crate::ledger::{Ledger, listed, stored};
use crate::world::{ACME, World, acme};

/// Every point at which the source lets a test end a sync.
const POINTS: [&str; 9] = [
    "commit:begin",
    "commit:end",
    "commit:members",
    "dispatch:cut",
    "dispatch:delivered",
    "dispatch:opened",
    "dispatch:settled",
    "sync:committed",
    "sync:fetched",
];

/// Those of other work, which the tests of that work try.
const OTHER_POINTS: [&str; 5] =
    ["backup:written", "report:written", "store:purge", "upkeep:forget", "upkeep:trim"];

#[test]
fn every_crash_point_is_tried() {
    let mut points = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(file).unwrap();
        let named = text.split("crash_point!(\"").skip(1);
        points.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    points.sort();
    let mut tried = [&POINTS[..], &OTHER_POINTS].concat();
    tried.sort_unstable();
    assert_eq!(points, tried);
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(of).filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

/// Runs the program some times with a crash point; tells how often it died there.
fn crash(world: &World, point: &str, arguments: &[&str], runs: usize) -> usize {
    let mut reader = Seen::default();
    let died = (0..runs).filter(|_| {
        let mut command = world.command(arguments);
        let output = command.env("FAILPOINTS", point).output().unwrap();
        reader.look(world);
        output.status.signal() == Some(Signal::SIGABRT as i32)
    });
    died.count()
}

/// What a reader of the file has seen so far: no line that was whole once may change or go.
#[derive(Default)]
struct Seen(String);

impl Seen {
    #[track_caller]
    fn look(&mut self, world: &World) {
        let text = fs::read_to_string(world.path("events.ndjson")).unwrap_or_default();
        assert!(text.starts_with(&self.0), "{}\nbecame\n{text}", self.0);
        self.0 = text.rsplit_once('\n').map(|(whole, _)| format!("{whole}\n")).unwrap_or_default();
    }
}

/// Runs until nothing is left to tell.
#[track_caller]
fn settle(world: &World) {
    let told = || fs::read(world.path("events.ndjson")).unwrap_or_default();
    loop {
        let before = told();
        world.sync().ok();
        if told() == before {
            break;
        }
    }
    let mut ids = HashMap::new();
    for event in world.events() {
        let again = ids.insert(event["id"].to_string(), event.clone());
        assert_eq!(again, None, "{event}");
    }
    assert_eq!(stored(world), listed(world));
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_tells_nothing_twice() {
    for point in POINTS {
        let world = World::start("ann* bob! cat dan* eve").with_all_events();
        world.sync().ok();
        let mut ledger = Ledger::after_baseline(&world);
        world.members("bob cat*! dan eve! fay*");
        world.simulator.edit(|world| {
            let person = |username| world.find(Github, username).unwrap();
            let (cat, eve) = (person("cat"), person("eve"));
            world.set_name(cat, Some("Cat"));
            world.rename(eve, "zoe");
        });
        assert_ne!(crash(&world, &format!("{point}=return"), &["sync"], 3), 0, "{point}");
        settle(&world);
        ledger.read(&world);
        assert_eq!(ledger.roster, listed(&world), "{point}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.told(), @r"
            baselined
            left ann
            seat_lost ann
            admin_revoked bob
            seat_gained cat
            admin_granted cat
            updated cat
            seat_lost dan
            joined fay
            seat_gained fay
            renamed eve → zoe
            admin_granted eve → zoe
            ");
        }
    }
}

/// The first sync makes the database, the lane and the baseline; it may die anywhere, too.
#[test]
fn a_crash_of_the_first_sync_costs_nothing() {
    for point in POINTS {
        let world = World::start("ann* bob! cat").with_all_events();
        let world = world.with_organization("on_first_sync: emit");
        assert_ne!(crash(&world, &format!("{point}=return"), &["sync"], 3), 0, "{point}");
        settle(&world);
        let mut ledger = Ledger::default();
        ledger.read(&world);
        assert_eq!(ledger.roster, listed(&world), "{point}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.told(), @r"
            baselined
            joined ann
            seat_gained ann
            joined bob
            admin_granted bob
            joined cat
            ");
        }
    }
}

/// More events than one delivery holds, so that some are delivered when it dies and some are not.
#[test]
fn a_crash_between_two_deliveries_goes_on_with_the_second() {
    for point in ["dispatch:cut", "dispatch:delivered", "dispatch:settled"] {
        let world = World::populated(10).with_all_events();
        world.sync().ok();
        let mut ledger = Ledger::after_baseline(&world);
        world.simulator.edit(|world| {
            let acme = world.organization(&acme());
            world.populate(acme, 1500);
        });
        assert_eq!(crash(&world, &format!("{point}=1*off->return"), &["sync"], 1), 1, "{point}");
        assert!(world.events().len() > 1000, "{point}");
        settle(&world);
        ledger.read(&world);
        assert_eq!(ledger.roster, listed(&world), "{point}");
    }
}

/// A person's word is used up by the commit that it was given for, and by nothing before that.
#[test]
fn an_approval_outlives_a_crash() {
    for point in POINTS {
        let world = World::start("ann! bob cat dan eve fay gus hal").with_all_events();
        world.sync().ok();
        world.members("ann!");
        assert_eq!(world.sync().code, Some(65));
        assert_eq!(crash(&world, &format!("{point}=return"), &["approve", ACME], 1), 1, "{point}");
        settle(&world);
        insta::allow_duplicates! {
            insta::assert_snapshot!(world.told(), @r"
            baselined
            roster_held
            roster_released
            left bob
            left cat
            left dan
            left eve
            left fay
            left gus
            left hal
            ");
        }
    }
}

/// Kills and interrupts at any instant, of runs that find something and of runs that do not.
#[test]
fn kills_at_random_lose_nothing_and_tell_nothing_twice() {
    let longest = whole_sync();
    thread::scope(|scope| {
        for seed in 0..4 {
            let thread = thread::Builder::new().name(format!("seed {seed}"));
            thread.spawn_scoped(scope, move || kill_at_random(seed, 100, longest)).unwrap();
        }
    });
}

fn kill_at_random(seed: u64, kills: usize, longest: Duration) {
    let world = World::populated(50)
        .with_all_events()
        .with_config("guard: { min_leavers: 1000000 }")
        .with_organization("on_first_sync: emit");
    let mut random = Rng::with_seed(seed);
    // The last admin stays: to lose that one is a hold.
    let mut churn = Churn::new([acme()], seed).sparing(["ada-albers".to_owned()]);
    let mut reader = Seen::default();
    let mut killed = 0;
    while killed < kills {
        for _ in 0..random.usize(..4) {
            world.simulator.change_once(&mut churn);
        }
        let mut command = world.command(&["sync"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(longest.mul_f64(random.f64()));
        let signal = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT][random.usize(..3)];
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let status = child.wait().unwrap();
        let ended = [Some(0), Some(130), None].contains(&status.code());
        assert!(ended, "{status} after {signal}");
        killed += usize::from(!status.success());
        world.run(&["status"]).ok();
        reader.look(&world);
    }
    settle(&world);
    let mut ledger = Ledger::default();
    ledger.read(&world);
    assert_eq!(ledger.roster, listed(&world));
}

/// Before the first sync is through, there may be half a database, or one without a baseline.
#[test]
fn a_first_sync_can_be_killed_at_any_instant() {
    let mut random = Rng::with_seed(5);
    let longest = whole_sync();
    let world = World::populated(50).with_all_events();
    let world = world.with_organization("on_first_sync: emit");
    for _ in 0..40 {
        let mut child = world.command(&["sync"]).stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(longest.mul_f64(random.f64()));
        // Who reads meets the same halves, while it runs and after it was killed.
        world.run(&["status"]).ok();
        if random.bool() {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
        world.run(&["status"]).ok();
        settle(&world);
        let mut ledger = Ledger::default();
        ledger.read(&world);
        assert_eq!(ledger.roster, listed(&world));
        fs::remove_dir_all(world.state_dir()).unwrap();
        fs::remove_file(world.path("events.ndjson")).unwrap();
    }
}

/// How long a sync takes on this machine as it is now.
fn whole_sync() -> Duration {
    let world = World::populated(50);
    world.sync().ok();
    let began = Instant::now();
    world.sync().ok();
    began.elapsed()
}
