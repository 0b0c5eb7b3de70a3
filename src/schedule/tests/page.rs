//! What `docs/schedules.md` tells people is so.

use super::*;

const PAGE: &str = include_str!("../../../docs/schedules.md");

/// The rows of the table under `header`, less that and the line below, as their cells.
fn rows(header: &str) -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let cells = |line: &'static str| {
        let line = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
    };
    lines.map_while(cells).collect()
}

#[test]
fn the_table_of_clock_changes_is_what_happens() {
    let zone = Tz::Europe__Berlin;
    let rows = rows("| schedule | 2026-03-29 | 2026-10-25 |");
    assert_eq!(rows.len(), 8);
    for row in rows {
        let [text, spring, autumn] = row[..] else { panic!("{row:?}") };
        for (from, to, times) in [
            ("2026-03-29T01:00:00+01:00", "2026-03-29T04:00:00+02:00", spring),
            ("2026-10-25T01:00:00+02:00", "2026-10-25T04:00:00+01:00", autumn),
        ] {
            let acme = organization("acme", text, zone);
            let [from, to] = [from, to].map(|time| time.parse::<DateTime<Utc>>().unwrap());
            let next = |after: &DateTime<Utc>| next_run(&acme, Duration::ZERO, *after);
            let before = from - TimeDelta::seconds(1);
            let due: Vec<String> = std::iter::successors(next(&before), next)
                .take_while(|time| *time < to)
                .map(|time| time.with_timezone(&zone).format("%H:%M").to_string())
                .collect();
            assert_eq!(due.join(" "), times, "{text}");
        }
    }
}

#[test]
fn the_names_mean_what_the_page_says() {
    let start: DateTime<Utc> = "2026-02-27T17:30:00Z".parse().unwrap();
    let rows = rows("| name | means |");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let times = |text: &str| {
            let acme = organization("acme", text, Tz::Asia__Kolkata);
            let next = |after: &DateTime<Utc>| next_run(&acme, Duration::ZERO, *after);
            std::iter::successors(next(&start), next).take(3).collect::<Vec<_>>()
        };
        assert_eq!(times(row[0]), times(row[1]), "{row:?}");
    }
}

/// Each of them, on the first day after 2026-05-31 on which it is due.
#[test]
fn days_may_be_named_as_the_page_says() {
    let start: DateTime<Utc> = "2026-05-31T12:00:00Z".parse().unwrap();
    let day = |text: &str| {
        let acme = organization("acme", text, Tz::UTC);
        next_run(&acme, Duration::ZERO, start).unwrap().format("%a %d %b").to_string()
    };
    assert_eq!(day("0 0 L * *"), "Tue 30 Jun");
    // The 15th of August is a Saturday.
    assert_eq!(day("0 0 15W 8 *"), "Fri 14 Aug");
    assert_eq!(day("0 0 1 JUL-DEC *"), "Wed 01 Jul");
    assert_eq!(day("0 0 * * MON#1"), "Mon 01 Jun");
    assert_eq!(day("0 0 * * 5L"), "Fri 26 Jun");
    assert_eq!(day("0 0 * * 0"), "Sun 07 Jun");
    assert_eq!(day("0 0 * * 7"), "Sun 07 Jun");
    // Either: the 13th, or any Friday.
    assert_eq!(day("0 0 13 * FRI"), "Fri 05 Jun");
    assert_eq!(day("0 0 3 * FRI"), "Wed 03 Jun");
}
