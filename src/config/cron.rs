//! A cron schedule: its text and what it means.
//!
//! A wrong one is refused with the field that is wrong, and so is one that never comes due:
//! found at night, by nothing happening, it would be found too late.
//!
//! Which wall clock times it names is for the calendar library to say. What becomes of those that
//! a clock change leaves out or brings twice is said here: the library keeps `30 2 * * *` to once
//! a day, but would drop the 02:00 of `0 2,14 * * *` in spring and run it twice in autumn.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};
use croner::parser::{CronParser, Seconds, Year};

/// A cron schedule of five fields, or six with seconds first, or `@hourly` and the like.
#[derive(Clone)]
pub struct Cron {
    text: Arc<str>,
    pattern: Arc<croner::Cron>,
}

impl Cron {
    /// The first time after `after` at which it is due in `zone`, on a full second.
    ///
    /// With an hour field of numbers, every wall clock time that it names counts once: one that a
    /// clock change leaves out is due right after the gap (several of them together), one that
    /// comes twice is due the first time. With a `*` in the hour field (`*`, `*/2`) it follows
    /// elapsed time: what is left out is not made up for, and what comes twice is due twice.
    /// Nothing if there is none within the years that the calendar library looks at.
    pub fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = after.with_timezone(&zone);
        let next = if self.follows_elapsed_time() {
            self.pattern.find_next_occurrence(&after, false).ok()?
        } else {
            self.next_on_the_wall(after)?
        };
        Some(next.with_timezone(&Utc))
    }

    fn follows_elapsed_time(&self) -> bool {
        self.pattern.pattern.hours.from_wildcard
    }

    /// Goes through the wall clock times that it names, as if clocks never changed, to the first
    /// whose instant is past `after`. That those are in the same order makes it the right one.
    fn next_on_the_wall(&self, after: DateTime<Tz>) -> Option<DateTime<Tz>> {
        let mut wall = after.naive_local();
        loop {
            wall = self.pattern.find_next_occurrence(&wall, false).ok()?;
            let instant = first_instant(after.timezone(), wall)?;
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// The text as it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// When clocks in `zone` first show `wall`, or the end of the gap that leaves it out.
fn first_instant(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
    zone.from_local_datetime(&wall).earliest().or_else(|| GapInfo::new(&wall, &zone)?.end)
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let pattern = parse(text).map_err(|error| explain(text, &error))?;
        let any_day = DateTime::UNIX_EPOCH;
        if pattern.find_next_occurrence(&any_day, false).is_err() {
            return Err(CronError::Never(text.to_owned()));
        }
        Ok(Self { text: text.into(), pattern: Arc::new(pattern) })
    }
}

/// Why a text is not a schedule that we can follow. The second line is advice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Too few or too many fields.
    #[error(
        "`{text}` is not a cron schedule: found {found}, expected 5 fields, or 6 with seconds \
         first\n`0 6 * * *` means 06:00 every day; `@hourly` and `@daily` are allowed too"
    )]
    Fields {
        /// The schedule.
        text: String,
        /// How many it has.
        found: usize,
    },
    /// `@something` that is not one of the few names.
    #[error("`{0}` is not a cron schedule: expected @yearly, @monthly, @weekly, @daily or @hourly")]
    Nickname(String),
    /// One field is wrong.
    #[error(
        "`{text}` is not a cron schedule: {name} `{field}` is not in {range}\n`0 6 * * *` means \
         06:00 every day; the fields are minute, hour, day of month, month, day of week"
    )]
    Field {
        /// The schedule.
        text: String,
        /// What the wrong field is.
        name: &'static str,
        /// What stands there.
        field: String,
        /// What may stand there.
        range: &'static str,
    },
    /// Something that only the cron library can explain.
    #[error("`{text}` is not a cron schedule: {reason}")]
    Other {
        /// The schedule.
        text: String,
        /// The library's words.
        reason: String,
    },
    /// There is no such day.
    #[error("`{0}` never comes due: there is no such day\n`0 0 L * *` means the last of a month")]
    Never(String),
}

/// The fields from the right end: there, a schedule with seconds is like one without.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0–59"),
    ("minute", "0–59"),
    ("hour", "0–23"),
    ("day of month", "1–31"),
    ("month", "1–12"),
    ("day of week", "0–7 (0 and 7 are Sunday)"),
];

fn parse(text: &str) -> Result<croner::Cron, croner::errors::CronError> {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build().parse(text)
}

/// Finds the field to blame: the one that is wrong among stars.
fn explain(text: &str, error: &croner::errors::CronError) -> CronError {
    let text = text.trim().to_owned();
    if text.starts_with('@') {
        return CronError::Nickname(text);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let found = fields.len();
    if !(5..=6).contains(&found) {
        return CronError::Fields { text, found };
    }
    let names = FIELDS.iter().skip(FIELDS.len() - found);
    let wrong = fields.iter().zip(names).enumerate().find(|(index, (field, _))| {
        let mut alone = vec!["*"; found];
        alone[*index] = field;
        parse(&alone.join(" ")).is_err()
    });
    match wrong {
        Some((_, (field, (name, range)))) => {
            CronError::Field { name, field: (*field).to_owned(), range, text }
        }
        None => CronError::Other { reason: error.to_string(), text },
    }
}

#[cfg(test)]
mod tests {
    use chrono::Timelike as _;

    use super::*;

    /// The first times after `after`, as the clocks of `zone` show them: day, time, offset.
    #[track_caller]
    fn check(zone: Tz, after: &str, text: &str, times: &[&str]) {
        let cron: Cron = text.parse().unwrap();
        let mut after: DateTime<Utc> = after.parse().unwrap();
        for time in times {
            after = cron.next_after(zone, after).unwrap();
            let wall = after.with_timezone(&zone);
            let seconds = if wall.second() == 0 { "" } else { ":%S" };
            let shown = wall.format(&format!("%d %H:%M{seconds} %:::z")).to_string();
            assert_eq!(shown, *time, "{text}");
        }
    }

    /// In Berlin, from midnight of 2026-03-29 on, when 02:00 became 03:00.
    #[track_caller]
    fn in_spring(text: &str, times: &[&str]) {
        check(chrono_tz::Europe::Berlin, "2026-03-28T23:00:00Z", text, times);
    }

    /// In Berlin, from midnight of 2026-10-25 on, when 03:00 became 02:00.
    #[track_caller]
    fn in_autumn(text: &str, times: &[&str]) {
        check(chrono_tz::Europe::Berlin, "2026-10-24T22:00:00Z", text, times);
    }

    #[test]
    fn schedules_follow_the_zone() {
        in_spring("0 6 * * *", &["29 06:00 +02", "30 06:00 +02"]);
        in_autumn("0 6 * * *", &["25 06:00 +01", "26 06:00 +01"]);
        in_spring("*/30 0 6 * * *", &["29 06:00 +02", "29 06:00:30 +02", "30 06:00 +02"]);
        in_spring("@daily", &["30 00:00 +02", "31 00:00 +02"]);
        in_spring("0 9 * * mon-FRI", &["30 09:00 +02"]);
    }

    #[test]
    fn hours_in_numbers_that_spring_leaves_out_are_due_once_after_the_gap() {
        in_spring("30 2 * * *", &["29 03:00 +02", "30 02:30 +02"]);
        in_spring("0 2,14 * * *", &["29 03:00 +02", "29 14:00 +02", "30 02:00 +02"]);
        in_spring("*/15 2 * * *", &["29 03:00 +02", "30 02:00 +02", "30 02:15 +02"]);
        // What 02:00 and 02:30 are put off to is due of itself.
        in_spring("*/30 1-3 * * *", &["29 01:00 +01", "29 01:30 +01", "29 03:00 +02"]);
        in_spring("0 3 * * *", &["29 03:00 +02", "30 03:00 +02"]);
    }

    #[test]
    fn hours_in_numbers_that_autumn_brings_twice_are_due_the_first_time() {
        in_autumn("30 2 * * *", &["25 02:30 +02", "26 02:30 +01"]);
        in_autumn("0 2,14 * * *", &["25 02:00 +02", "25 14:00 +01"]);
        in_autumn("*/30 2-3 * * *", &["25 02:00 +02", "25 02:30 +02", "25 03:00 +01"]);
        // Asked in the second 02:00–03:00, the next time is in the next hour or on the next day.
        let second = "2026-10-25T01:10:00Z";
        check(chrono_tz::Europe::Berlin, second, "*/30 2-3 * * *", &["25 03:00 +01"]);
        check(chrono_tz::Europe::Berlin, second, "30 2 * * *", &["26 02:30 +01"]);
    }

    #[test]
    fn starred_hours_follow_elapsed_time() {
        in_spring("0 * * * *", &["29 01:00 +01", "29 03:00 +02", "29 04:00 +02"]);
        in_autumn("0 * * * *", &["25 01:00 +02", "25 02:00 +02", "25 02:00 +01", "25 03:00 +01"]);
        in_spring("0 */2 * * *", &["29 04:00 +02"]);
        in_autumn("0 */2 * * *", &["25 02:00 +02", "25 02:00 +01", "25 04:00 +01"]);
    }

    #[test]
    fn a_fraction_of_a_second_is_after_that_second() {
        let berlin = chrono_tz::Europe::Berlin;
        for text in ["0 6 * * *", "0 * * * *"] {
            check(berlin, "2026-06-01T03:59:59.999Z", text, &["01 06:00 +02"]);
        }
        check(berlin, "2026-06-01T04:00:00.001Z", "0 6 * * *", &["02 06:00 +02"]);
        check(berlin, "2026-06-01T04:00:00.001Z", "0 * * * *", &["01 07:00 +02"]);
    }

    #[test]
    fn days_of_month_and_week_are_either_or() {
        in_spring("0 0 13 * FRI", &["03 00:00 +02", "10 00:00 +02", "13 00:00 +02"]);
        in_spring("0 0 L * *", &["31 00:00 +02", "30 00:00 +02"]);
        in_spring("0 0 * * MON#1", &["06 00:00 +02", "04 00:00 +02"]);
    }

    #[test]
    fn a_wrong_schedule_names_its_wrong_field() {
        let error = |text: &str| {
            let error = text.parse::<Cron>().unwrap_err().to_string();
            error.lines().next().unwrap().to_owned()
        };
        let all = ["0 25 * * *", "61 * * * *", "0 6 * *", "* * * * * * 2026", "@reboot", ""];
        insta::assert_snapshot!(all.map(error).join("\n"), @r"
        `0 25 * * *` is not a cron schedule: hour `25` is not in 0–23
        `61 * * * *` is not a cron schedule: minute `61` is not in 0–59
        `0 6 * *` is not a cron schedule: found 4, expected 5 fields, or 6 with seconds first
        `* * * * * * 2026` is not a cron schedule: found 7, expected 5 fields, or 6 with seconds first
        `@reboot` is not a cron schedule: expected @yearly, @monthly, @weekly, @daily or @hourly
        `` is not a cron schedule: found 0, expected 5 fields, or 6 with seconds first
        ");
        assert_eq!(error("0 0 31 2 *"), "`0 0 31 2 *` never comes due: there is no such day");
        assert_eq!(
            error("70 0 * * * *"),
            "`70 0 * * * *` is not a cron schedule: second `70` is not in 0–59"
        );
    }
}
