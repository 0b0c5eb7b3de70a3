//! A million events that wait, and sinks that are not equal to each other.

use crate::cost::{Sample, median};
use crate::daemon::{self, Deliveries};
use crate::instance::Instance;
use crate::receiver::Receiver;

/// What the file is called.
const FILE: &str = "file";
/// What the webhook is called that is down.
const DOWN: &str = "down";

/// The most memory that the daemon may ever have while so much waits.
const MOST_MIB: u32 = 64;

/// What is served while so much waits.
#[derive(Clone, Copy)]
enum Scene {
    Alone,
    BesideOneThatIsDown,
    Few,
}

impl Scene {
    const ALL: [Self; 3] = [Self::Alone, Self::BesideOneThatIsDown, Self::Few];

    fn name(self) -> &'static str {
        match self {
            Self::Alone => "a file alone",
            Self::BesideOneThatIsDown => "a file beside a webhook that is down",
            Self::Few => "a file that wants 1 of 1,000",
        }
    }
}

/// One run.
struct Run {
    sample: Sample,
    file: Deliveries,
    down: Deliveries,
}

/// Delivers all of them to a file: alone, beside a webhook that is down, and few of them.
pub(crate) fn measure(events: usize, receiver: &Receiver, rounds: usize) {
    let instance = Instance::new(events);
    let mut runs = Scene::ALL.map(|_| Vec::new());
    for _ in 0..rounds {
        for (scene, runs) in Scene::ALL.into_iter().zip(&mut runs) {
            runs.push(run(scene, &instance, receiver));
        }
    }
    println!("\n{events} events wait; peak memory should stay below {MOST_MIB} MiB");
    println!(
        "{:<36} {:>9} {:>9} {:>9}  more, in the last round",
        "", "wall ms", "CPU ms", "peak MiB"
    );
    for (scene, runs) in Scene::ALL.into_iter().zip(&runs) {
        let last = runs.last().unwrap();
        println!(
            "{:<36} {:>9.0} {:>9.0} {:>9.1}  {} deliveries, {} attempts refused",
            scene.name(),
            median(runs, |run| run.sample.cost.wall.as_secs_f64()) * 1e3,
            median(runs, |run| run.sample.cost.cpu.as_secs_f64()) * 1e3,
            median(runs, |run| run.sample.peak_mib),
            last.file.accepted,
            last.down.to_retry
        );
    }
}

fn run(scene: Scene, instance: &Instance, receiver: &Receiver) -> Run {
    let path = instance.output("crowd");
    let wanted = if matches!(scene, Scene::Few) { ", events: [left]" } else { "" };
    let file = format!("{{ type: file, path: '{}'{wanted} }}", path.display());
    let down = format!("{{ type: webhook, url: '{}', batch: 100 }}", receiver.refusing());
    let sinks = [(FILE, file.as_str()), (DOWN, down.as_str())];
    let count = if matches!(scene, Scene::BesideOneThatIsDown) { 2 } else { 1 };
    instance.configure(&sinks[..count]);
    let daemon = daemon::start(instance);
    let sample = Sample { cost: daemon.drained(FILE), peak_mib: daemon.peak_mib() };
    let run = Run { sample, file: daemon.deliveries(FILE), down: daemon.deliveries(DOWN) };
    daemon.stop();
    run
}
