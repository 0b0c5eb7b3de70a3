//! What a plugin finds in its environment: five variables of ours, and those of its own `env`.
//!
//! Everything else stays out: our own environment may hold the token of Codecov.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::read_as_written;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// What is passed on as it is, where it is set.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Extra environment variables, by name. Has no `Debug`: a value may be a secret.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Environment(BTreeMap<Name, Text>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Name(String);

#[derive(Clone, PartialEq, Eq, Serialize)]
struct Text(String);

impl Environment {
    /// All variables that a program is started with.
    pub(crate) fn all(&self) -> BTreeMap<OsString, OsString> {
        let ours = PASSED_ON.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
        let own = self.0.iter().map(|(name, text)| ((&name.0).into(), (&text.0).into()));
        ours.chain(own).collect()
    }

    /// Where a program is looked for that is named without a directory.
    pub(crate) fn path(&self) -> OsString {
        self.all().remove("PATH".as_ref() as &std::ffi::OsStr).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let is_fine = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.chars().next().is_some_and(|first| !first.is_ascii_digit());
        if is_fine {
            Ok(Self(name))
        } else {
            Err(D::Error::custom(format!(
                "`{name}` cannot be the name of an environment variable\n\
                 letters, digits and `_`, and no digit first"
            )))
        }
    }
}

impl FromStr for Text {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.contains('\0') {
            return Err("no environment variable can hold a NUL character");
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_as_written(deserializer, "the value of an environment variable")
    }
}

impl JsonSchema for Environment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Environment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "title": "environment variables by name",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        })
    }
}
