//! A mailbox as the configuration names it, checked while it is read.

use std::borrow::Cow;
use std::str::FromStr;

use lettre::Address;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::is_unseen;
use serde::{Deserialize, Deserializer, de};

const HINT: &str = "write `it-ops@example.com`, or `\"IT Ops <it-ops@example.com>\"`";

/// A mail address, with or without a name: `IT Ops <it-ops@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox(lettre::message::Mailbox);

impl Mailbox {
    /// The address alone, as it was written.
    pub(crate) fn email(&self) -> &Address {
        &self.0.email
    }

    /// The address in lower case, which names the lane: another letter case is the same mailbox.
    pub(crate) fn lane(&self) -> String {
        self.0.email.to_string().to_ascii_lowercase()
    }

    /// As a header holds it.
    pub(crate) fn header(&self) -> lettre::message::Mailbox {
        self.0.clone()
    }
}

impl FromStr for Mailbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            |what: &str, hint: &str| Err(format!("`{}` {what}\n{hint}", text.escape_debug()));
        // A line break would start another header, and what cannot be seen deceives.
        if text.contains(is_unseen) {
            return refused("holds characters that cannot be seen", HINT);
        }
        let Ok(mailbox) = text.trim().parse::<lettre::message::Mailbox>() else {
            return refused("is not a mail address", HINT);
        };
        if !mailbox.email.to_string().is_ascii() {
            let hint = "write the domain in its ASCII form, which begins with `xn--`; \
                        few servers take other letters before the `@`";
            return refused("has letters that are not ASCII in its address", hint);
        }
        Ok(Self(mailbox))
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Mailbox {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Mailbox".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": "a mail address" })
    }
}
