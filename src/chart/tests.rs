use chrono::{TimeDelta, TimeZone as _};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn day(day: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, 1, 0, 0, 0).unwrap() + TimeDelta::days(day)
}

const NO_POINTS: &[(DateTime<Utc>, u64)] = &[];

fn chart(points: &[(DateTime<Utc>, u64)], limit: Option<u64>) -> Chart<'_> {
    Chart { from: day(0), to: day(90), zone: Tz::UTC, points, limit, gaps: &[] }
}

#[test]
fn a_chart_has_a_line_axes_the_limit_and_words() {
    let points = [(day(-3), 28), (day(10), 31), (day(20), 29), (day(70), 38), (day(100), 99)];
    let gaps = [(day(-9), day(2)), (day(40), day(44)), (day(95), day(99))];
    let chart = Chart { gaps: &gaps, ..chart(&points, Some(40)) };
    assert_snapshot!(chart.full());
    assert_snapshot!(chart.sparkline());
}

#[test]
fn where_nothing_is_known_there_is_no_line() {
    let text = chart(NO_POINTS, None).full();
    assert!(!text.contains("<path"), "{text}");
    assert!(text.contains("nothing is known."), "{text}");
    assert!(!chart(&[(day(91), 5)], None).sparkline().contains("<path"));
}

#[test]
fn a_limit_that_is_far_off_does_not_press_a_small_line_flat() {
    let points = [(day(0), 10), (day(9), 12)];
    assert!(chart(&points, Some(16)).sparkline().contains("chart-limit"));
    assert!(!chart(&points, Some(100)).sparkline().contains("chart-limit"));
    assert!(chart(&points, Some(100)).full().contains("chart-limit"));
}

/// Half as many seats fill half as much; the small one has no fill, and shows what changed.
#[test]
fn what_is_filled_begins_at_none() {
    let points = [(day(0), 10_000), (day(45), 5_000)];
    let chart = chart(&points, None);
    let path = |text: &str, class: &str| {
        let path = text.split_once(&format!("{class}\" d=\"")).map(|(_, rest)| rest);
        path.and_then(|path| path.split_once('"')).map(|(path, _)| path.to_owned())
    };
    assert_eq!(path(&chart.full(), "chart-area").unwrap(), "M24 24H320V95H616V166.0H24.0Z");
    assert_eq!(path(&chart.sparkline(), "chart-line").unwrap(), "M2 2H60V18.7H118");
    assert_eq!(path(&chart.sparkline(), "chart-area"), None);
}

#[test]
fn numbers_and_times_are_round() {
    let lines = |least, most| axis::Axis::of(least, most).ticks().collect::<Vec<_>>();
    assert_eq!(lines(0, 3), [0, 1, 2, 3]);
    assert_eq!(lines(28, 40), [25, 30, 35, 40]);
    assert_eq!(lines(7, 7), [6, 7, 8]);
    assert_eq!(lines(0, 0), [0, 1]);
    assert_eq!(lines(9_980, 10_030), [9_980, 10_000, 10_020, 10_040]);
    let times =
        |from, to| axis::ticks(from, to, Tz::UTC).map(|tick| tick.label).collect::<Vec<_>>();
    let fortnights = ["14 Sep", "28 Sep", "12 Oct", "26 Oct", "9 Nov", "23 Nov"];
    assert_eq!(times(day(0), day(90)), fortnights);
    assert_eq!(times(day(1), day(120)), ["Oct 2026", "Nov 2026", "Dec 2026"]);
    assert_eq!(times(day(1), day(40)), ["7 Sep", "14 Sep", "21 Sep", "28 Sep", "5 Oct"]);
    let hours = day(0) + TimeDelta::minutes(90);
    assert_eq!(times(hours, hours + TimeDelta::hours(12)).first().unwrap(), "1 Sep 03:00");
    assert_eq!(times(day(0), day(900)).first().unwrap(), "Jan 2027");

    // Days and months begin when they do there, also after the clocks change.
    let berlin = |from, to| axis::ticks(from, to, Tz::Europe__Berlin).collect::<Vec<_>>();
    let october = berlin(day(1), day(120)).swap_remove(0);
    let there = |hour| Utc.with_ymd_and_hms(2026, 9, 30, hour, 0, 0).unwrap();
    assert_eq!((october.label.as_str(), october.time), ("Oct 2026", there(22)));
    let november = berlin(day(1), day(120)).swap_remove(1);
    assert_eq!(november.time, Utc.with_ymd_and_hms(2026, 10, 31, 23, 0, 0).unwrap());
    let text = Chart { from: there(22), zone: Tz::Europe__Berlin, ..chart(NO_POINTS, None) }.full();
    assert!(text.contains("From 2026-10-01 to "), "{text}");
}

/// All numbers that follow one of the letters in the data of a path.
fn numbers(path: &str, letter: char) -> Vec<f64> {
    let end = |text: &str| text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let parts = path.split(letter).skip(1).map(|text| text.split_at(end(text)).0.to_owned());
    parts.map(|text| text.parse().unwrap()).collect()
}

proptest! {
    /// However many points there are, the line is short, and both extremes are on it.
    #[test]
    fn a_line_is_short_and_loses_no_peak(
        values in prop::collection::vec(0_u64..100_000, 2..3_000),
        milliseconds in 1_i64..10_000_000,
    ) {
        let points: Vec<_> = (0_i64..).zip(&values)
            .map(|(index, seats)| (day(0) + TimeDelta::milliseconds(index * milliseconds), *seats))
            .collect();
        let chart = chart(&points, None);
        let seen = chart.shown().map(|(time, seats)| (place(&chart).x(time), seats));
        let steps = Steps::of(seen);
        let path = steps.path(|seats| number(i64::try_from(seats).unwrap()), 638.0);
        prop_assert!(numbers(&path, 'V').len() <= 640 * SEEN);
        let (least, most) = chart.range().unwrap();
        for extreme in [least, most] {
            let text = format!("{extreme}");
            prop_assert!(path.split(['M', 'H', 'V', ' ']).any(|part| part == text), "{extreme}: {path}");
        }
        let across = numbers(&path, 'H');
        prop_assert!(across.is_sorted(), "{path}");
    }
}

const SEEN: usize = 4;

fn place<'a>(chart: &'a Chart<'a>) -> Place<'a> {
    Place { chart, canvas: FULL, axis: Axis::of(0, 1) }
}
