//! The figures as a table, with what they should be.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::measure::Tally;
use crate::program::PROGRAM;
use crate::{Case, Figures, median};

/// How long the program takes to say its version.
pub(crate) fn version(rounds: u32) -> String {
    let mut all: Vec<_> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            let run = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status();
            assert!(run.unwrap().success());
            start.elapsed()
        })
        .collect();
    all.sort_unstable();
    format!("{:.1} ms (target: below 5)", all[all.len() / 2].as_secs_f64() * 1e3)
}

/// Prints the three cases of one scale.
pub(crate) fn print(all: &[Figures; 3]) {
    let scale = all[0].scale;
    println!("\n{} × {} members", scale.organizations, scale.members);
    println!(
        "{:<12} {:<10} {:>9} {:>9} {:>9} {:>9} {:>7}  more",
        "", "", "wall ms", "target", "CPU ms", "peak MiB", "fsyncs"
    );
    // The second reading of a first roster is one more transfer.
    let transfer_ms = median(&all[0].transfer.samples, |sample| sample.wall_ms);
    for figures in all {
        let Figures { case, transfer, raw, program, .. } = figures;
        let name = match case {
            Case::First => "first sync",
            Case::Same => "no change",
            Case::Change => "1 % change",
        };
        line(name, "transfer", transfer, "", "");
        if *case != Case::Same {
            line("", "raw", raw, "", "");
        }
        let (floor, floor_name, less) = match case {
            Case::First => (raw, "raw", transfer_ms),
            Case::Same => (transfer, "transfer", 0.0),
            Case::Change => (raw, "raw", 0.0),
        };
        let ratio = (median(&program.samples, |sample| sample.wall_ms) - less)
            / median(&floor.samples, |sample| sample.wall_ms);
        let (most, most_mib) = targets(scale.organizations == 1, *case);
        let counts = program.counts;
        let mut more = format!(
            "{ratio:.2} × {floor_name}; below {most_mib} MiB; {} rows; {} pages, {} proofs, {} look-ups",
            program.rows, counts.pages, counts.proofs, counts.look_ups
        );
        if counts.look_ups > 0 {
            let least_ms = median(&figures.look_ups.samples, |sample| sample.wall_ms);
            write!(more, " ({least_ms:.0} ms at least)").unwrap();
        }
        line("", "seatwatch", program, &format!("{most} ×"), &more);
    }
}

/// The ratio and the memory to stay below.
fn targets(is_one: bool, case: Case) -> (f64, u32) {
    match (case, is_one) {
        (Case::Same, true) => (2.0, 32),
        (Case::Same, false) => (2.5, 32),
        (Case::Change, true) => (1.5, 72),
        (Case::Change, false) => (2.0, 72),
        (Case::First, true) => (1.8, 96),
        (Case::First, false) => (2.0, 96),
    }
}

fn line(case: &str, what: &str, tally: &Tally, target: &str, more: &str) {
    let samples = &tally.samples;
    let fsyncs = tally.fsyncs.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let line = format!(
        "{case:<12} {what:<10} {:>9.1} {target:>9} {:>9.1} {:>9.1} {fsyncs:>7}  {more}",
        median(samples, |sample| sample.wall_ms),
        median(samples, |sample| sample.cpu_ms),
        median(samples, |sample| sample.peak_mib),
    );
    println!("{}", line.trim_end());
}
