//! What it costs to deliver a log full of events to each kind of sink, next to floors measured in
//! the same run.
//!
//! ```text
//! cargo bench --bench sinks              # all of it, some minutes
//! cargo bench --bench sinks -- --quick   # few events and once, to see that it works
//! cargo bench --bench sinks -- file      # the sinks whose names begin so, and no million
//! ```
//!
//! A state directory is filled with events by the library, and a lane of the sink is set to the
//! start of the log. Then the real daemon is started, and timed until the lane's cursor is at the
//! end: its start is in its figures, and in no floor. Receivers are a process of their own on
//! loopback ([`receiver`]), plugins a program that only counts ([`plugin`]) and the sample of the
//! documentation. The floors ([`floor`]) hand the same bytes to the same receivers in as many
//! pieces by the shortest code, and keep no account of it.
//!
//! CPU and peak memory are the kernel's figures of the daemon alone, without its plugins. Fsyncs
//! are counted with `strace` in one more round, which is not timed, and deliveries are those of
//! the daemon's own `/metrics`.
//!
//! After that a million events wait ([`crowd`]): for a file alone, for the same file beside a
//! webhook that is down, and for a sink that wants few of them.
//!
//! Figures are medians of rounds that go through all cases in turn. Nothing is asserted but that
//! everything was delivered: a machine that is busy gives other figures, and the exit code is 0
//! whatever they are.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has nothing to tell")]
#![allow(clippy::print_stdout, reason = "its table is what it is for")]
#![allow(missing_docs, reason = "nobody links to it")]

mod case;
mod cost;
mod crowd;
mod daemon;
mod floor;
mod fsyncs;
mod instance;
mod plugin;
mod receiver;
#[path = "../shared/mod.rs"]
mod shared;
mod stock;
mod table;

use case::{Case, Figures, Kind};
use instance::Instance;
use receiver::Receiver;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--role", "receiver"] => receiver::serve(),
        ["--role", "plugin", max_events] => plugin::serve(max_events.parse().unwrap()),
        // Cargo adds `--bench`.
        _ => run(
            words.contains(&"--quick"),
            words.iter().copied().find(|word| !word.starts_with('-')),
        ),
    }
}

fn run(quick: bool, only: Option<&str>) {
    let (rounds, many, few, crowd) =
        if quick { (1, 2_000, 200, 20_000) } else { (3, 100_000, 5_000, 1_000_000) };
    let (full, short) = (Instance::new(many), Instance::new(few));
    let receiver = Receiver::start();
    let is_meant = |kind: &Kind| only.is_none_or(|only| kind.to_string().starts_with(only));
    let figures = Kind::all().into_iter().filter(is_meant).map(|kind| {
        let has_fsync_an_event = kind == Kind::Webhook { batch: None };
        let instance = if has_fsync_an_event { &short } else { &full };
        Figures::new(Case { kind, instance, receiver: &receiver })
    });
    let mut figures: Vec<_> = figures.collect();
    for _ in 0..rounds {
        for figures in &mut figures {
            figures.measure();
        }
    }
    if shared::strace::is_there() {
        for figures in &mut figures {
            figures.count_fsyncs();
        }
    }
    table::print(&figures, rounds);
    drop((full, short));
    if only.is_some() {
        return;
    }
    crowd::measure(crowd, &receiver, rounds);
}
