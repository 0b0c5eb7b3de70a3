//! Schedules, time zones and lengths of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use schemars::{Schema, json_schema};
use serde::{Serialize, Serializer};

use super::Written;
use crate::config::cron::Cron;
use crate::config::problem;

impl Written for Cron {
    const WHAT: &'static str = "a cron schedule such as `0 * * * *`";
}
written!(Cron);

impl Serialize for Cron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone(pub(crate) Tz);

impl Written for Zone {
    const WHAT: &'static str = "a time zone such as `Europe/Berlin`";
}
written!(Zone);

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let hint = match problem::nearest(text, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`UTC` or a name such as `Europe/Berlin`".to_owned(),
            };
            format!("`{text}` is not a time zone, expected an IANA name\n{hint}")
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

/// A length of time, `LEAST` seconds or longer and at most a hundred years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period<const LEAST: u64>(pub(crate) Duration);

impl<const LEAST: u64> Period<LEAST> {
    const MOST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<const LEAST: u64> Written for Period<LEAST> {
    const WHAT: &'static str = "a duration such as `15m`";
    const MAY_BE_A_NUMBER: bool = true;

    fn schema() -> Schema {
        // Bare numbers have no unit; only 0 needs none.
        json_schema!({ "type": ["string", "integer"], "maximum": 0, "minimum": 0 })
    }
}
written!(Period<LEAST>, const LEAST: u64);

impl<const LEAST: u64> FromStr for Period<LEAST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "write a number and a unit: `90s`, `15m`, `24h`, `14d`";
        let period = humantime::parse_duration(text)
            .map_err(|error| format!("`{text}` is not a duration: {error}\n{HINT}"))?;
        if period < Duration::from_secs(LEAST) {
            return Err(format!(
                "`{text}` is too short, expected {} or longer",
                Self::seconds(LEAST)
            ));
        }
        if period > Self::MOST {
            return Err(format!("`{text}` is too long, expected 100 years or less"));
        }
        Ok(Self(period))
    }
}

impl<const LEAST: u64> fmt::Display for Period<LEAST> {
    /// In the largest unit that needs no fraction: `15m`, `24h`, `14d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 3600;
        let seconds = self.0.as_secs();
        match seconds {
            _ if self.0.subsec_nanos() > 0 => write!(f, "{}", humantime::format_duration(self.0)),
            0 => f.write_str("0s"),
            _ if seconds.is_multiple_of(DAY) && seconds > DAY => write!(f, "{}d", seconds / DAY),
            _ if seconds.is_multiple_of(3600) => write!(f, "{}h", seconds / 3600),
            _ if seconds.is_multiple_of(60) && seconds > 60 => write!(f, "{}m", seconds / 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

impl<const LEAST: u64> Serialize for Period<LEAST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A length of time, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    For(Period<0>),
    Forever,
}

impl Written for Patience {
    const WHAT: &'static str = "a duration such as `14d`, or `never`";
    const MAY_BE_A_NUMBER: bool = true;

    fn schema() -> Schema {
        Period::<0>::schema()
    }
}
written!(Patience);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" { Ok(Self::Forever) } else { text.parse().map(Self::For) }
    }
}

impl Serialize for Patience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(period) => period.serialize(serializer),
            Self::Forever => serializer.serialize_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["0s", "60s", "15m", "24h", "14d", "400d", "90s", "1h"] {
            assert_eq!(text.parse::<Period<0>>().unwrap().to_string(), text);
        }
        assert_eq!("0".parse::<Period<0>>().unwrap().0, Duration::ZERO);
        for text in ["15", "", "soon", "-1s", "1000000years", "99999999999999999999s"] {
            assert!(text.parse::<Period<0>>().is_err(), "{text}");
        }
    }
}
