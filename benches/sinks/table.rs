//! The figures as a table, with what they should be.

use crate::case::{Figures, Kind};
use crate::cost::median;

/// Prints a line for each kind of sink.
pub(crate) fn print(all: &[Figures<'_>], rounds: usize) {
    println!(
        "{rounds} rounds, medians; the ratio is how fast the daemon is compared with the floor"
    );
    println!(
        "{:<20} {:>8} {:>10} {:>11} {:>6} {:>7} {:>9} {:>10} {:>11}  per delivery",
        "",
        "events",
        "events/s",
        "floor, /s",
        "ratio",
        "target",
        "CPU µs",
        "peak MiB",
        "deliveries"
    );
    for figures in all {
        let Figures { case, samples, floors, deliveries, .. } = figures;
        #[expect(clippy::cast_precision_loss, reason = "nothing here is that large")]
        let events = case.instance.events as f64;
        let seconds = median(samples, |sample| sample.cost.wall.as_secs_f64());
        let floor_seconds = median(floors, |floor| floor.wall.as_secs_f64());
        let cpu = median(samples, |sample| sample.cost.cpu.as_secs_f64()) / events * 1e6;
        println!(
            "{:<20} {events:>8} {:>10.0} {:>11.0} {:>6.2} {:>7} {cpu:>9.1} {:>10.1} \
             {deliveries:>11}  {}",
            case.kind.to_string(),
            events / seconds,
            events / floor_seconds,
            floor_seconds / seconds,
            target(case.kind),
            median(samples, |sample| sample.peak_mib),
            per_delivery(figures),
        );
    }
}

/// How fast it should be at least, compared with its floor.
fn target(kind: Kind) -> &'static str {
    match kind {
        Kind::File { .. } => "0.5",
        _ => "",
    }
}

fn per_delivery(figures: &Figures<'_>) -> String {
    let Some(fsyncs) = figures.fsyncs else { return String::new() };
    #[expect(clippy::cast_precision_loss, reason = "nothing here is that large")]
    let per = |count: u64| count as f64 / fsyncs.deliveries as f64;
    format!(
        "{:.2} transactions, {:.2} fsyncs of the database, {:.2} others",
        per(fsyncs.transactions()),
        per(fsyncs.wal + fsyncs.database),
        per(fsyncs.others),
    )
}
