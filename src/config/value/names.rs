//! Names: of the installation, of organizations, of variables.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::EventKind;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::Written;
use crate::config::problem;
use crate::organization::{NameError, OrganizationId, Service};

/// The name of this installation: a part of event URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance(pub(crate) String);

impl Written for Instance {
    const WHAT: &'static str = "a name such as `prod`";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" })
    }
}
written!(Instance);

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts && text.chars().all(allowed) && text.len() <= 63 {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` cannot name an instance, expected letters, digits, `.`, `-` and `_`, a letter \
             or digit first, at most 63\nthe name becomes a part of event URIs",
            text.escape_debug()
        ))
    }
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable(pub(crate) String);

impl Written for Variable {
    const WHAT: &'static str = "the name of an environment variable";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
    }
}
written!(Variable);

impl FromStr for Variable {
    type Err = &'static str;

    /// Never quotes the text: it may be the token itself.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty()
            || !text.chars().all(allowed)
            || text.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err("not the name of an environment variable\n\
                        name the variable that holds the token, such as `CODECOV_TOKEN`; the \
                        token itself does not stand in this file");
        }
        Ok(Self(text.to_owned()))
    }
}

/// An event that a sink can ask for: one of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted(pub(crate) EventKind);

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if let Ok(kind) = word.parse() {
            return Ok(Self(kind));
        }
        if word == EventKind::Test.word() {
            return Err(de::Error::custom(
                "`test` cannot be asked for\n`seatwatch sink test` sends it, whatever stands here",
            ));
        }
        let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        let near = || problem::nearest(&word, known.iter().copied());
        let hint = other_word(&word).map(EventKind::word).or_else(near);
        let hint = hint.map(|name| format!("\ndid you mean `{name}`?")).unwrap_or_default();
        Err(de::Error::custom(format!("`{word}` is not one of {}{hint}", known.join(", "))))
    }
}

/// The event that goes by a word elsewhere, which is not near to ours.
fn other_word(word: &str) -> Option<EventKind> {
    Some(match word {
        "added" | "member_added" | "member_joined" => EventKind::Joined,
        "removed" | "member_removed" | "member_left" => EventKind::Left,
        "activated" | "seat_added" | "seat_assigned" | "seat_taken" => EventKind::SeatGained,
        "deactivated" | "seat_freed" | "seat_released" | "seat_removed" => EventKind::SeatLost,
        "admin_added" => EventKind::AdminGranted,
        "admin_removed" => EventKind::AdminRevoked,
        "failed" | "sync_failed" => EventKind::SyncFailing,
        _ => return None,
    })
}

impl JsonSchema for Wanted {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Wanted".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = EventKind::json_schema(generator);
        if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
            kinds.retain(|kind| kind["const"] != EventKind::Test.word());
        }
        schema
    }
}

/// A git service, long or short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(crate) Service);

impl Written for ServiceName {
    const WHAT: &'static str = "a git service such as `github`";
}
written!(ServiceName);

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| match near_service(text) {
            Some(hint) => format!("{error}\n{hint}"),
            None => format!("{error}"),
        })
    }
}

fn near_service(text: &str) -> Option<String> {
    let name = problem::nearest(text, Service::ALL.map(Service::word))?;
    Some(format!("did you mean `{name}`?"))
}

/// An organization in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationName(pub(crate) OrganizationId);

impl Written for OrganizationName {
    const WHAT: &'static str = "an organization such as `github/acme`";
}
written!(OrganizationName);

impl FromStr for OrganizationName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| {
            let near = match &error {
                NameError::Service(service) => near_service(service),
                NameError::NoSlash(_) | NameError::Owner(_) => None,
            };
            near.map_or_else(|| error.to_string(), |hint| format!("{error}\n{hint}"))
        })
    }
}

/// What people call an organization; only shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label(pub(crate) String);

impl Written for Label {
    const WHAT: &'static str = "a text";
}
written!(Label);

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() || text.contains(char::is_control) {
            return Err("not a label, expected one line of text");
        }
        Ok(Self(text.to_owned()))
    }
}
