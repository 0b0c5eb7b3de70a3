//! A cron schedule: its text and what it means.
//!
//! A wrong one is refused with the field that is wrong, and so is one that never comes due:
//! found at night, by nothing happening, it would be found too late.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

/// A cron schedule of five fields, or six with seconds first, or `@hourly` and the like.
#[derive(Clone)]
pub struct Cron {
    text: Arc<str>,
    pattern: Arc<croner::Cron>,
}

impl Cron {
    /// The first time after `after` at which it is due in `zone`.
    ///
    /// A fixed hour that a clock change leaves out is due once, right after the gap; one that
    /// comes twice is due the first time. `*` hours follow elapsed time. Nothing if there is
    /// none within the years that the calendar library looks at.
    pub fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = after.with_timezone(&zone);
        let next = self.pattern.find_next_occurrence(&after, false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// The text as it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
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
    use super::*;

    /// The first times after 2026-03-28 00:00 UTC, in Berlin, where the clocks change on the 29th.
    #[track_caller]
    fn check(text: &str, times: &[&str]) {
        let cron: Cron = text.parse().unwrap();
        let zone = chrono_tz::Europe::Berlin;
        let mut after: DateTime<Utc> = "2026-03-28T00:00:00Z".parse().unwrap();
        for time in times {
            after = cron.next_after(zone, after).unwrap();
            assert_eq!(after.with_timezone(&zone).to_rfc3339(), *time);
        }
    }

    #[test]
    fn schedules_follow_the_zone() {
        check("0 6 * * *", &["2026-03-28T06:00:00+01:00", "2026-03-29T06:00:00+02:00"]);
        check("30 2 * * *", &["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"]);
        check("*/30 0 6 * * *", &["2026-03-28T06:00:00+01:00", "2026-03-28T06:00:30+01:00"]);
        check("@daily", &["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]);
        check("0 9 * * mon-FRI", &["2026-03-30T09:00:00+02:00"]);
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
