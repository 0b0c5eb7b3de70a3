//! What it costs to remember who was on a roster, next to the roster itself, in the same run.
//!
//! ```text
//! cargo bench --bench history              # all of it, about a minute
//! cargo bench --bench history -- --quick   # small and once, to see that it works
//! ```
//!
//! A real database is filled by the store's own ways of writing: a large organization, read every
//! hour for more than a year, of which one member in a hundred is replaced every week
//! ([`years`]). Then, in turn:
//!
//! - *past*: the roster as of a random instant, next to *now*, the roster as it is. Both have the
//!   same number of members, so what one takes more than the other is the price of looking back.
//! - *bytes*: the database, closed, next to every distinct state of every member in it, written
//!   once as JSON, as an event shows a member; and next to the texts in them alone. Events have no
//!   part in it: they are kept for the sinks, and trimmed with them.
//!
//! Figures are medians. Nothing is asserted: a machine that is busy gives other figures, and the
//! exit code is 0 whatever they are.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has nothing to tell")]
#![allow(clippy::print_stdout, reason = "its table is what it is for")]
#![allow(missing_docs, reason = "nobody links to it")]

mod years;

use std::path::Path;
use std::time::Instant;

use seatwatch::store::{Reader, View};
use years::{Scale, Years};

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (scale, rounds) = if is_quick {
        (Scale { members: 2_000, days: 30 }, 5)
    } else {
        (Scale { members: 100_000, days: 400 }, 31)
    };
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let start = Instant::now();
    let years = years::write(directory.path(), scale);
    println!(
        "{} members, {} days of hourly syncs, 1 % replaced a week: {} states, written in {:.1} s",
        scale.members,
        scale.days,
        years.states,
        start.elapsed().as_secs_f64()
    );
    print_times(directory.path(), &years, rounds);
    print_bytes(directory.path(), &years);
}

/// Reads both rosters in turn.
fn print_times(directory: &Path, years: &Years, rounds: usize) {
    let reader = Reader::open(directory).unwrap();
    let organization = reader.read(|view| view.find(&years::organization())).unwrap().unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut now_ms, mut past_ms) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        now_ms.push(timed(&reader, years, |view| Ok(view.roster(organization)?.members().len())));
        let time = years.instant(&mut random);
        past_ms.push(timed(&reader, years, |view| {
            Ok(view.past_roster(organization, time)?.unwrap().members.len())
        }));
    }
    let (now_ms, past_ms) = (median(now_ms), median(past_ms));
    println!("now    {now_ms:>9.1} ms");
    println!("past   {past_ms:>9.1} ms   {:.2} × now (target: below 3)", past_ms / now_ms);
}

/// How many milliseconds a roster takes.
fn timed(
    reader: &Reader,
    years: &Years,
    roster: impl FnOnce(&View<'_>) -> rusqlite::Result<usize>,
) -> f64 {
    let start = Instant::now();
    let members = reader.read(roster).unwrap();
    let elapsed = start.elapsed();
    assert_eq!(members, years.scale.members);
    elapsed.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "nothing here is that large")]
fn print_bytes(directory: &Path, years: &Years) {
    let bytes = std::fs::metadata(directory.join("seatwatch.db")).unwrap().len() as f64;
    println!(
        "bytes  {:>9.1} MiB  {:.2} × its states as JSON (target: below 1.5), {:.2} × their texts",
        bytes / 1024.0 / 1024.0,
        bytes / years.json_bytes as f64,
        bytes / years.text_bytes as f64
    );
}
