//! A year of schedules against a model that knows no calendar arithmetic: it walks the year, looks
//! at the wall clock, and matches each field by itself.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

use super::*;

/// The values that a field of a schedule allows, a bit for each.
fn field(text: &str, least: u32, most: u32) -> u64 {
    let of_part = |part: &str| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
            None if range == "*" => (least, most),
            None => (range.parse().unwrap(), range.parse().unwrap()),
        };
        (from..=to).step_by(step.parse().unwrap()).map(|value| 1 << value).sum::<u64>()
    };
    text.split(',').map(of_part).fold(0, |bits, part| bits | part)
}

/// A schedule as its six fields. The last day of a month is all that `L` can mean here.
struct Fields {
    second: u64,
    minute: u64,
    hour: u64,
    day: u64,
    last_day: bool,
    month: u64,
    weekday: u64,
    starred_hours: bool,
}

impl Fields {
    fn of(text: &str) -> Self {
        let text = match text {
            "@daily" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let mut fields: Vec<&str> = text.split(' ').collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, day, month, weekday] = fields[..] else { unreachable!() };
        Self {
            second: field(second, 0, 59),
            minute: field(minute, 0, 59),
            hour: field(hour, 0, 23),
            day: if day == "L" { 0 } else { field(day, 1, 31) },
            last_day: day == "L",
            month: field(month, 1, 12),
            weekday: field(weekday, 0, 6),
            starred_hours: hour.contains('*'),
        }
    }

    fn matches(&self, wall: NaiveDateTime) -> bool {
        let has = |bits: u64, value: u32| bits >> value & 1 == 1;
        has(self.minute, wall.minute())
            && has(self.hour, wall.hour())
            && has(self.second, wall.second())
            && has(self.month, wall.month())
            && has(self.weekday, wall.weekday().num_days_from_sunday())
            && (has(self.day, wall.day()) || self.last_day && is_last_day(wall))
    }
}

fn is_last_day(wall: NaiveDateTime) -> bool {
    (wall + TimeDelta::days(1)).day() == 1
}

/// A stretch of time, looked at every `step` from after `start` on.
#[derive(Clone, Copy)]
struct Stretch {
    start: DateTime<Utc>,
    days: i64,
    step: TimeDelta,
}

impl Stretch {
    fn year() -> Self {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        Self { start, days: 365, step: TimeDelta::minutes(1) }
    }

    fn seconds_of(start: &str, days: i64) -> Self {
        Self { start: start.parse().unwrap(), days, step: TimeDelta::seconds(1) }
    }

    fn looks(self) -> impl Iterator<Item = DateTime<Utc>> {
        let end = self.start + TimeDelta::days(self.days);
        std::iter::successors(Some(self.start + self.step), move |now| Some(*now + self.step))
            .take_while(move |now| *now <= end)
    }
}

/// When each of the schedules is due. With a star for the hour: whenever the clock matches. Else
/// when a time is shown that was not shown before, or was left out on the way to it.
fn model(schedules: &[&str], zone: Tz, stretch: Stretch) -> Vec<Vec<DateTime<Utc>>> {
    let schedules: Vec<Fields> = schedules.iter().map(|text| Fields::of(text)).collect();
    let mut due = vec![Vec::new(); schedules.len()];
    let mut latest = stretch.start.with_timezone(&zone).naive_local();
    for now in stretch.looks() {
        let wall = now.with_timezone(&zone).naive_local();
        let mut new = Vec::new();
        while latest < wall {
            latest += stretch.step;
            new.push(latest);
        }
        for (fields, due) in schedules.iter().zip(&mut due) {
            let is_due = if fields.starred_hours {
                fields.matches(wall)
            } else {
                new.iter().any(|wall| fields.matches(*wall))
            };
            if is_due {
                due.push(now);
            }
        }
    }
    due
}

/// The timetable, looked at every step, finds exactly what the model says, each once; and so does
/// [`next_run`].
#[track_caller]
fn check(schedules: &[&str], zone: Tz, stretch: Stretch, splay: Duration) {
    let organizations: Vec<Organization> = (schedules.iter().enumerate())
        .map(|(index, text)| organization(&format!("organization-{index}"), text, zone))
        .collect();
    let mut timetable = Timetable::new();
    timetable.set(&organizations, splay, |_| Some(stretch.start), stretch.start);
    let mut found: BTreeMap<OrganizationId, Vec<DateTime<Utc>>> = BTreeMap::new();
    for now in stretch.looks() {
        let next = timetable.earliest().unwrap();
        let due = timetable.due(now);
        assert_eq!(due.jump, None);
        assert_eq!(due.organizations.is_empty(), next > now);
        for id in due.organizations {
            found.entry(id).or_default().push(now);
        }
    }
    let end = stretch.looks().last().unwrap();
    for ((organization, text), unshifted) in
        organizations.iter().zip(schedules).zip(model(schedules, zone, stretch))
    {
        let share = share(&organization.id, splay);
        let times = |after| next_run(organization, splay, after);
        let asked: Vec<_> = std::iter::successors(times(stretch.start + share), |t| times(*t))
            .take_while(|time| *time <= end)
            .collect();
        let shifted: Vec<_> =
            unshifted.iter().map(|t| *t + share).filter(|time| *time <= end).collect();
        compare(&shifted, &asked, zone, text);

        // A look finds who was due since the look before.
        let looked = |time: DateTime<Utc>| {
            let step = stretch.step.num_seconds();
            let late = (time - stretch.start).num_seconds().rem_euclid(step);
            time + TimeDelta::seconds((step - late).rem_euclid(step))
        };
        let expected: Vec<_> =
            shifted.into_iter().map(looked).filter(|time| *time <= end).collect();
        let found = found.remove(&organization.id).unwrap_or_default();
        let found: Vec<_> =
            found.into_iter().filter(|time| *time > looked(stretch.start + share)).collect();
        compare(&expected, &found, zone, text);
    }
}

/// Names the first difference, instead of showing a year.
#[track_caller]
fn compare(expected: &[DateTime<Utc>], found: &[DateTime<Utc>], zone: Tz, text: &str) {
    let differs = |index: &usize| expected.get(*index) != found.get(*index);
    if let Some(index) = (0..expected.len().max(found.len())).find(differs) {
        let local = |times: &[DateTime<Utc>]| times.get(index).map(|t| t.with_timezone(&zone));
        panic!("`{text}` in {zone}: expected {:?}, found {:?}", local(expected), local(found));
    }
    assert!(!expected.is_empty(), "`{text}` in {zone} is never due");
}

const SCHEDULES: &[&str] = &[
    "0 6 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "30 2 * * *",
    "15 23 * * *",
    "0 2,14 * * *",
    "10,40 1,2 * * *",
    "*/15 2 * * *",
    "*/30 1-3 * * *",
    "*/15 7-19 * * 1-5",
    "0 * * * *",
    "*/20 * * * *",
    "30 */2 * * *",
    "@hourly",
    "@daily",
    "0 0 L * *",
    "30 2 29 3 *",
    "0 12 * 1,7 0,6",
];

/// Berlin and New York change at night, Lord Howe by half an hour, Santiago at midnight, so that
/// a day begins at one, and Kolkata never does but is half an hour off.
const ZONES: [Tz; 6] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::America__Santiago,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kolkata,
];

#[test]
fn a_year_is_as_the_wall_clock_shows_it() {
    for zone in ZONES {
        check(SCHEDULES, zone, Stretch::year(), Duration::ZERO);
    }
}

#[test]
fn a_year_with_a_splay_is_the_same_later() {
    check(SCHEDULES, Tz::Europe__Berlin, Stretch::year(), Duration::from_secs(600));
    check(SCHEDULES, Tz::Australia__Lord_Howe, Stretch::year(), Duration::from_secs(86400));
}

#[test]
fn seconds_are_as_the_wall_clock_shows_them() {
    let schedules = ["*/20 30 1-3 * * *", "15 0 2 * * *", "0 */30 * * * *", "5,35 59 */6 * * *"];
    for (zone, days) in [
        (Tz::Europe__Berlin, ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"]),
        (Tz::Australia__Lord_Howe, ["2026-04-04T00:00:00Z", "2026-10-03T00:00:00Z"]),
    ] {
        for start in days {
            check(&schedules, zone, Stretch::seconds_of(start, 2), Duration::ZERO);
        }
    }
}
