//! What a sync costs the machine that it runs on, next to floors measured in the same run.
//!
//! ```text
//! cargo bench --bench sync              # all of it, some minutes
//! cargo bench --bench sync -- --quick   # small and once, to see that it works
//! ```
//!
//! A static server in a process of its own serves pages that were rendered before. Against it run,
//! in turn and each in a process of its own:
//!
//! - *transfer*: fetches the same pages and hashes them: what no program can do without;
//! - *raw*: transfer, borrowed parse, sort, and the same rows into SQLite and lines into a file by
//!   the shortest code, with the same fsyncs ([`floor`]);
//! - seatwatch itself: the real program, from its start over the config to its exit. Its start is
//!   in its figures and told apart; the floors have next to none.
//!
//! What seatwatch asks beyond the pages (the proof that the token is an admin's, look-ups of who
//! has left, the second reading of a first roster) is in its figures and not in the floors. The
//! table counts those requests and says what the look-ups take at least. A first sync is compared
//! less its second reading, which costs one *transfer*.
//!
//! Figures are medians of rounds that go through all cases in turn. Nothing is asserted: a machine
//! that is busy gives other figures, and the exit code is 0 whatever they are.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has nothing to tell")]
#![allow(clippy::print_stdout, reason = "its table is what it is for")]
#![allow(missing_docs, reason = "nobody links to it")]

mod floor;
mod latency;
mod measure;
mod pages;
mod program;
mod server;
#[path = "../shared/mod.rs"]
mod shared;
mod table;

use std::path::Path;

use measure::{Sample, Tally};
use pages::{Edition, Scale};
use program::Instance;
use server::Server;

/// The cases, in the order in which they follow each other on one state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    First,
    Same,
    Change,
}

/// What was measured of one case at one scale.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) scale: Scale,
    pub(crate) case: Case,
    pub(crate) transfer: Tally,
    pub(crate) raw: Tally,
    pub(crate) program: Tally,
    /// As many look-ups as the program has made, one after the other.
    pub(crate) look_ups: Tally,
}

impl Figures {
    fn new(scale: Scale, case: Case) -> Self {
        let [transfer, raw, program, look_ups] = [(); 4].map(|()| Tally::default());
        Self { scale, case, transfer, raw, program, look_ups }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--role", "server", scale] => server::serve(scale.parse().unwrap()),
        ["--role", "measure", ref command @ ..] => measure::measure(command),
        ["--role", "transfer", base_url, scale] => {
            floor::transfer(base_url, scale.parse().unwrap());
        }
        ["--role", "look-ups", base_url, count] => {
            floor::look_ups(base_url, count.parse().unwrap());
        }
        ["--role", "raw", case, base_url, scale, directory] => {
            let is_first = case == "first";
            floor::raw(is_first, base_url, scale.parse().unwrap(), Path::new(directory));
        }
        _ => run(words.contains(&"--quick")),
    }
}

fn run(quick: bool) {
    let (rounds, scales, small) = if quick {
        (1, [Scale::new(1, 2_000), Scale::new(20, 100)], Scale::new(1, 200))
    } else {
        (5, [Scale::new(1, 100_000), Scale::new(1_000, 100)], Scale::new(1, 1_000))
    };
    println!("{rounds} rounds, medians; seatwatch --version: {}", table::version(20));
    for scale in scales {
        let server = Server::start(scale);
        let mut figures = [Case::First, Case::Same, Case::Change].map(|c| Figures::new(scale, c));
        for _ in 0..rounds {
            round(&server, &mut figures, measure::timed);
        }
        if let Some(count) = measure::fsync_counter() {
            round(&server, &mut figures, count);
        }
        table::print(&figures);
    }
    println!("\n{}", latency::probe(small, rounds));
}

/// Goes once through all cases. `run` is how to run a command, and what to note of it.
fn round(server: &Server, figures: &mut [Figures; 3], run: fn(&mut Tally, &[String])) {
    let scale = server.scale();
    let directory = measure::directory();
    let instance = Instance::new(directory.path(), scale);
    let raw = directory.path().join("raw");
    std::fs::create_dir(&raw).unwrap();
    for figures in figures {
        let edition = if figures.case == Case::Change { Edition::After } else { Edition::Before };
        let base_url = server.base_url(edition);
        let transfer = floor::command(&["transfer", &base_url, &scale.to_string()]);
        run(&mut figures.transfer, &transfer);
        let raw = raw.display().to_string();
        match figures.case {
            Case::First | Case::Change => {
                let case = if figures.case == Case::First { "first" } else { "change" };
                let raw = floor::command(&["raw", case, &base_url, &scale.to_string(), &raw]);
                run(&mut figures.raw, &raw);
            }
            Case::Same => {}
        }
        let before = instance.newest();
        server.take_counts();
        run(&mut figures.program, &instance.sync(&base_url));
        figures.program.rows = instance.rows_since(before);
        figures.program.counts = server.take_counts();
        let count = figures.program.counts.look_ups.to_string();
        run(&mut figures.look_ups, &floor::command(&["look-ups", &base_url, &count]));
    }
}

/// The middle one.
pub(crate) fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
