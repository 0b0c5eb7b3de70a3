//! Numbers with bounds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Written;

/// At how many used seats to warn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarnAt {
    /// At this part of the limit, 1–100.
    Percent(u64),
    /// At this number of seats.
    Seats(u64),
}

impl WarnAt {
    /// The number of used seats from which on to warn when `limit` seats are paid for.
    pub fn seats(self, limit: u64) -> u64 {
        match self {
            Self::Percent(percent) => limit.saturating_mul(percent).div_ceil(100),
            Self::Seats(seats) => seats,
        }
    }
}

impl Default for WarnAt {
    fn default() -> Self {
        Self::Percent(90)
    }
}

impl Written for WarnAt {
    const WHAT: &'static str = "a part of the limit such as `90%`, or a number of seats";
    const MAY_BE_A_NUMBER: bool = true;

    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "minimum": 1,
            "pattern": "^([1-9][0-9]?|100)%$",
        })
    }
}
written!(WarnAt);

impl FromStr for WarnAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let warn_at = match text.strip_suffix('%') {
            Some(percent) => {
                percent.trim_end().parse().ok().filter(|p| (1..=100).contains(p)).map(Self::Percent)
            }
            None => text.parse().ok().filter(|seats| *seats >= 1).map(Self::Seats),
        };
        warn_at.ok_or_else(|| {
            format!("`{text}` is not {}, expected 1%–100% or 1 and more", Self::WHAT)
        })
    }
}

impl fmt::Display for WarnAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Seats(seats) => write!(f, "{seats}"),
        }
    }
}

impl Serialize for WarnAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Within<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> de::Visitor<'_> for Reading<MIN, MAX> {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
                if (MIN..=MAX).contains(&number) {
                    return Ok(number);
                }
                Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }

        deserializer.deserialize_u64(Reading::<MIN, MAX>).map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let title = format!("a whole number from {MIN} to {MAX}");
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX, "title": title })
    }
}

/// How many times a second, above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Rate(pub(crate) f64);

impl Rate {
    const MOST: u32 = 1_000_000;
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl de::Visitor<'_> for Reading {
            type Value = f64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number above 0, up to {}", Rate::MOST)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<f64, E> {
                // What has no place in 32 bits is too large, and infinity is refused.
                self.visit_f64(u32::try_from(number).map_or(f64::INFINITY, f64::from))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
                if number > 0.0 && number <= f64::from(Rate::MOST) {
                    return Ok(number);
                }
                Err(E::invalid_value(de::Unexpected::Float(number), &self))
            }
        }

        deserializer.deserialize_f64(Reading).map(Self)
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": Self::MOST,
            "title": format!("a number above 0, up to {}", Self::MOST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_due_at_a_part_of_the_limit_or_at_a_number() {
        let seats = |text: &str, limit| text.parse::<WarnAt>().unwrap().seats(limit);
        assert_eq!(seats("90%", 50), 45);
        assert_eq!(seats("90%", 51), 46);
        assert_eq!(seats("40", 50), 40);
        for text in ["0%", "101%", "0", "-3", "x", "%", "9.5%"] {
            assert!(text.parse::<WarnAt>().is_err(), "{text}");
        }
    }
}
