//! The kinds of single values that the configuration is made of.
//!
//! Each is a newtype that is valid once it exists: it checks itself while it is read, so its
//! error has a place, and it tells the JSON Schema what it accepts. An error's second line is
//! advice.
//!
//! Knows neither where a value stands nor what the others are.

use std::fmt;
use std::str::FromStr;

use schemars::{Schema, json_schema};
use seatwatch_sdk::{read_as_written, read_text};
use serde::Deserializer;

/// A type that is written as one text, and what such texts are.
trait Written: FromStr<Err: fmt::Display> {
    /// What it is, for `expected …` and the reference: `a duration such as 15m`.
    const WHAT: &'static str;

    /// Whether some need no quotes although YAML takes them for numbers.
    const MAY_BE_A_NUMBER: bool = false;

    /// What the JSON Schema says beyond `WHAT`.
    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

fn read<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    if T::MAY_BE_A_NUMBER {
        read_as_written(deserializer, T::WHAT)
    } else {
        read_text(deserializer, T::WHAT)
    }
}

/// Gives a [`Written`] type the traits by which serde and schemars know it.
macro_rules! written {
    ($type:ty $(, $($generics:tt)*)?) => {
        impl<'de, $($($generics)*)?> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                super::read(deserializer)
            }
        }

        impl<$($($generics)*)?> schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = <$type as super::Written>::schema();
                schema.insert("title".to_owned(), <$type as super::Written>::WHAT.into());
                schema
            }
        }
    };
}

mod address;
mod base_url;
mod money;
mod names;
mod numbers;
mod patterns;
mod time;

pub(crate) use self::address::{HostName, Listen};
pub(crate) use self::base_url::BaseUrl;
pub(crate) use self::money::Amount;
pub use self::money::{Cost, Currency, Price};
pub(crate) use self::names::{Instance, Label, OrganizationName, ServiceName, Variable, Wanted};
pub use self::numbers::WarnAt;
pub(crate) use self::numbers::{Rate, Within};
pub(crate) use self::patterns::Patterns;
pub(crate) use self::time::{Patience, Period, Zone};
