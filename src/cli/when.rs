//! A time in the past as a person writes it: a day, a moment, or how long ago.

use std::str::FromStr;
use std::time::Duration;

use chrono::{
    DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// A thousand years: what is longer ago was written by mistake.
const LONGEST_AGO: Duration = Duration::from_secs(365_250 * 24 * 60 * 60);

/// A time that may need a zone, or the present, to be an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// An instant, in whatever zone it was written.
    At(DateTime<Utc>),
    /// What a clock on the wall showed.
    Local(NaiveDateTime),
    /// A day.
    Day(NaiveDate),
    /// The day so many days ago.
    DaysAgo(u64),
    /// So long ago.
    Ago(Duration),
}

impl When {
    /// The instant that is meant where something begins: of a day its first. The first where a
    /// clock on the wall showed the time twice, and the next that there was where it skipped it.
    pub(super) fn start(self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.day(zone, now) {
            Some(day) => first(zone, day.and_time(NaiveTime::MIN)),
            None => self.moment(zone, now),
        }
    }

    /// The instant that is meant where something ends, or is looked at: of a day its last, and of
    /// today the present. Otherwise as [`start`](Self::start).
    pub(super) fn end(self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        let Some(day) = self.day(zone, now) else { return self.moment(zone, now) };
        let next = day.succ_opt().unwrap_or(NaiveDate::MAX);
        let next = first(zone, next.and_time(NaiveTime::MIN));
        let last = next.checked_sub_signed(TimeDelta::milliseconds(1)).unwrap_or(next);
        let today = now.with_timezone(&zone).date_naive();
        if day == today { last.min(now) } else { last }
    }

    /// The day, if it is one.
    fn day(self, zone: Tz, now: DateTime<Utc>) -> Option<NaiveDate> {
        match self {
            Self::Day(day) => Some(day),
            Self::DaysAgo(days) => {
                let today = now.with_timezone(&zone).date_naive();
                Some(today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN))
            }
            Self::At(_) | Self::Local(_) | Self::Ago(_) => None,
        }
    }

    fn moment(self, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Local(time) => first(zone, time),
            Self::Ago(ago) => {
                let ago = TimeDelta::from_std(ago).unwrap_or(TimeDelta::MAX);
                now.checked_sub_signed(ago).unwrap_or(DateTime::<Utc>::MIN_UTC)
            }
            Self::Day(_) | Self::DaysAgo(_) => now,
        }
    }
}

fn first(zone: Tz, time: NaiveDateTime) -> DateTime<Utc> {
    /// Longer than any clock ever skipped but once, when a whole day was left out.
    const SKIPS: i64 = 25 * 4;
    let after = |quarters| time.checked_add_signed(TimeDelta::minutes(15 * quarters));
    let mut quarters = (0..SKIPS).map_while(after);
    let instant = quarters.find_map(|time| zone.from_local_datetime(&time).earliest());
    instant.map_or_else(|| time.and_utc(), |instant| instant.to_utc())
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "now" => return Ok(Self::Ago(Duration::ZERO)),
            "today" => return Ok(Self::DaysAgo(0)),
            "yesterday" => return Ok(Self::DaysAgo(1)),
            _ => {}
        }
        if let Some(ago) = text.strip_suffix(" ago") {
            let ago = humantime::parse_duration(ago);
            let ago = ago.map_err(|error| format!("{error}; write `3d ago`"))?;
            if ago > LONGEST_AGO {
                return Err("that is before all clocks".to_owned());
            }
            return Ok(Self::Ago(ago));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        let local =
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let local = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        local.map(Self::Local).or_else(|| day().map(Self::Day)).ok_or_else(|| {
            no_such_day(text).unwrap_or_else(|| {
                "expected a day such as `2026-11-23`, a time such as `\"2026-11-23 09:00\"` or \
             `2026-11-23T09:00:00Z`, `now`, `today`, `yesterday`, or `\"3d ago\"`"
                    .to_owned()
            })
        })
    }
}

/// Why a day that is written as days are is none, alone or before a time.
fn no_such_day(text: &str) -> Option<String> {
    let mut numbers = text.split([' ', 'T']).next()?.split('-');
    let year = numbers.next()?.parse().ok()?;
    let [month, day] = [numbers.next()?, numbers.next()?].map(|it| it.parse::<u32>().ok());
    let (month, day) = month.zip(day)?;
    if !(1..=12).contains(&month) {
        return Some(format!("there is no month {month:02}"));
    }
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let days = first.num_days_in_month();
    let exists = (1..=u32::from(days)).contains(&day);
    (!exists).then(|| format!("{} has {days} days", first.format("%B %Y")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon in Berlin, on a Monday in November.
    const NOW: &str = "2026-11-23T11:00:00Z";

    #[track_caller]
    fn check(text: &str, instant: &str) {
        let now = DateTime::parse_from_rfc3339(NOW).unwrap().to_utc();
        let when: When = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let instant = DateTime::parse_from_rfc3339(instant).unwrap();
        assert_eq!(when.start(Tz::Europe__Berlin, now), instant, "{text}");
    }

    #[track_caller]
    fn check_end(text: &str, instant: &str) {
        let now = DateTime::parse_from_rfc3339(NOW).unwrap().to_utc();
        let instant = DateTime::parse_from_rfc3339(instant).unwrap();
        let when: When = text.parse().unwrap();
        assert_eq!(when.end(Tz::Europe__Berlin, now), instant, "{text}");
    }

    #[test]
    fn a_day_ends_with_its_last_moment_and_today_with_the_present() {
        check_end("2026-11-20", "2026-11-20T23:59:59.999+01:00");
        check_end("2026-10-25", "2026-10-25T23:59:59.999+01:00");
        check_end("yesterday", "2026-11-22T23:59:59.999+01:00");
        check_end("today", NOW);
        check_end("2026-11-23", NOW);
        check_end("2026-11-24", "2026-11-24T23:59:59.999+01:00");
        for same in ["2026-11-20 08:30", "3d ago", "now", "2026-11-20T08:30:00Z"] {
            let (now, when) = (DateTime::parse_from_rfc3339(NOW).unwrap(), same.parse::<When>());
            let (zone, now, when) = (Tz::Europe__Berlin, now.to_utc(), when.unwrap());
            assert_eq!(when.end(zone, now), when.start(zone, now), "{same}");
        }
    }

    #[test]
    fn a_time_is_meant_in_the_zone() {
        check("2026-11-20T08:30:00Z", "2026-11-20T08:30:00Z");
        check("2026-11-20T08:30:00+09:00", "2026-11-20T08:30:00+09:00");
        check("2026-11-20", "2026-11-20T00:00:00+01:00");
        check("2026-07-20", "2026-07-20T00:00:00+02:00");
        check("2026-11-20 08:30", "2026-11-20T08:30:00+01:00");
        check("2026-11-20T08:30:15", "2026-11-20T08:30:15+01:00");
        check("today", "2026-11-23T00:00:00+01:00");
        check("yesterday", "2026-11-22T00:00:00+01:00");
        check("3d ago", "2026-11-20T11:00:00Z");
        check("1h 30m ago", "2026-11-23T09:30:00Z");
        check("now", NOW);
    }

    #[test]
    fn what_the_clock_skipped_is_the_next_that_there_was() {
        check("2026-03-29 02:30", "2026-03-29T03:00:00+02:00");
        check("2026-10-25 02:30", "2026-10-25T02:30:00+02:00");
    }

    #[test]
    fn a_day_that_there_is_not_is_no_riddle() {
        let why = |text: &str| text.parse::<When>().unwrap_err();
        assert_eq!(why("2026-02-30"), "February 2026 has 28 days");
        assert_eq!(why("2024-02-30 09:00"), "February 2024 has 29 days");
        assert_eq!(why("2026-04-31T09:00:00Z"), "April 2026 has 30 days");
        assert_eq!(why("2026-2-30"), "February 2026 has 28 days");
        assert_eq!(why("2026-13-01"), "there is no month 13");
        assert_eq!(why("2026-12-00"), "December 2026 has 31 days");
        for other in ["2026-02-28 9 o'clock", "20260230", "zoë-名前-01"] {
            assert!(why(other).starts_with("expected a day"), "{other}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "",
            "soon",
            "3d",
            "2026-13-01",
            "23.11.2026",
            "5x ago",
            " ago",
            "-1d ago",
            "9999999999d ago",
        ] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
