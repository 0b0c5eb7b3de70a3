//! Single values of the configuration that check themselves while they are read.
//!
//! An error's second line is advice.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::read_text;
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest as _, Sha256};

/// Stands for a text in `Debug` output: differs where the text does, and does not show it.
pub(crate) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    let head = digest.first_chunk().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*head))
}

/// For how long one request may take, from connecting to the answer: 1 to 25 s.
///
/// A delivery has 30 s in all, and its outcome must be known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub(crate) Duration);

impl Timeout {
    const WHAT: &'static str = "a duration from 1s to 25s";
}

impl Default for Timeout {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "write a number and a unit, such as `15s`";
        let duration = humantime::parse_duration(text).map_err(|error| {
            format!("`{}` is not a duration: {error}\n{HINT}", text.escape_debug())
        })?;
        if !(Duration::from_secs(1)..=Duration::from_secs(25)).contains(&duration) {
            return Err(format!(
                "`{}` is out of bounds, expected {}\na delivery has 30 seconds in all",
                text.escape_debug(),
                Self::WHAT
            ));
        }
        Ok(Self(duration))
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, Self::WHAT)
    }
}

impl JsonSchema for Timeout {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timeout".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": Self::WHAT })
    }
}

/// The most events that one request may hold: 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize(pub(crate) usize);

impl BatchSize {
    const MOST: usize = 1000;
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl de::Visitor<'_> for Reading {
            type Value = BatchSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 1 to {}", BatchSize::MOST)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<BatchSize, E> {
                let size = usize::try_from(number).ok();
                let size = size.filter(|size| (1..=BatchSize::MOST).contains(size));
                let wrong = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
                size.map(BatchSize).ok_or_else(wrong)
            }
        }

        deserializer.deserialize_u64(Reading)
    }
}

impl JsonSchema for BatchSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BatchSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer", "minimum": 1, "maximum": Self::MOST,
            "title": "a whole number from 1 to 1000",
        })
    }
}
