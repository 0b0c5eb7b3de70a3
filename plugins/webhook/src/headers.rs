//! Headers that the configuration adds to every request, in the open or from a secret file.
//!
//! Those that the sink sets itself are refused, and in the open those that are there to hold a secret.
//! No error quotes a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use reqwest::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::{read_as_written, read_text};
use serde::{Deserialize, Deserializer, de};

use crate::value::digest;

/// What the sink or the connection says itself; with those that begin with `webhook-`.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers by name. `Debug` does not show their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<Name, Value>);

impl Headers {
    /// Whether there is an `Authorization` among them.
    pub(crate) fn authorize(&self) -> bool {
        self.0.keys().any(|name| name.0 == AUTHORIZATION.as_str())
    }

    /// Reads `Name: value` lines.
    pub(crate) fn parse_lines(text: &str) -> Result<Self, String> {
        let mut headers = Self::default();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let header = line.split_once(':').ok_or_else(|| "it has no `:`".to_owned());
            let header =
                header.and_then(|(name, value)| Ok((name.parse()?, value.trim().parse()?)));
            let added = header.and_then(|(name, value)| headers.add(name, value));
            // The second line is advice for those who wrote it into the configuration.
            added.map_err(|error| {
                format!("line {number}: {}", error.lines().next().unwrap_or_default())
            })?;
        }
        Ok(headers)
    }

    /// Those that are in both, by name.
    pub(crate) fn common(&self, other: &Self) -> Option<&str> {
        self.0.keys().find(|name| other.0.contains_key(name)).map(|name| name.0.as_str())
    }

    /// Adds them to those of a request, whose values are not logged.
    pub(crate) fn extend(&self, headers: &mut HeaderMap) {
        for (Name(name), Value(value)) in &self.0 {
            let name =
                HeaderName::from_bytes(name.as_bytes()).expect("it was one when it was read");
            headers.insert(name, value.clone());
        }
    }

    fn add(&mut self, name: Name, value: Value) -> Result<(), String> {
        let text = format!("the header `{}` stands here twice", name.0);
        self.0.insert(name, value).map_or(Ok(()), |_| Err(text))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Value| format!("*** ({})", digest(value.0.to_str().unwrap_or("")));
        f.debug_map().entries(self.0.iter().map(|(name, value)| (&name.0, shown(value)))).finish()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> de::Visitor<'de> for Reading {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of headers to their values")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::default();
                while let Some((name, value)) = map.next_entry::<Name, _>()? {
                    name.may_stand_in_the_open().map_err(de::Error::custom)?;
                    headers.add(name, value).map_err(de::Error::custom)?;
                }
                Ok(headers)
            }
        }

        deserializer.deserialize_map(Reading)
    }
}

impl JsonSchema for Headers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
            "title": "a mapping of headers to their values",
        })
    }
}

/// A header's name in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl Name {
    /// Refuses those whose values are secrets wherever they are used.
    fn may_stand_in_the_open(&self) -> Result<(), String> {
        if [AUTHORIZATION, COOKIE].iter().any(|secret| self.0 == secret.as_str()) {
            return Err(format!(
                "the header `{}` holds a secret, and secrets do not stand in this file\n\
                 put the line into a file and name that in `headers_file`",
                self.0
            ));
        }
        Ok(())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = HeaderName::from_str(text).map_err(|_| {
            let shown = text.escape_debug();
            format!("`{shown}` cannot name a header\nletters, digits and `-`, such as `X-Tenant`")
        })?;
        if name == PROXY_AUTHORIZATION {
            return Err(format!(
                "the header `{name}` comes from the URL of the proxy\n\
                 put that with user name and password into a file and name it in `proxy_file`"
            ));
        }
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("webhook-") {
            return Err(format!("the header `{name}` is set by the sink itself\nleave it out"));
        }
        Ok(Self(name.as_str().to_owned()))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "the name of a header such as `X-Tenant`")
    }
}

/// A header's value: visible ASCII characters and blanks.
#[derive(Clone, PartialEq, Eq)]
struct Value(HeaderValue);

impl FromStr for Value {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut value = HeaderValue::from_str(text)
            .ok()
            .filter(|value| value.to_str().is_ok())
            .ok_or_else(|| {
                "a value that cannot stand in a header\n\
                 only visible ASCII characters and blanks can"
                    .to_owned()
            })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_as_written(deserializer, "the value of a header")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Headers, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn headers_of_our_own_are_refused() {
        for name in ["Content-Type", "host", "Content-Length", "Webhook-Id", "webhook-anything"] {
            let error = read(&format!(r#"{{"{name}":"x"}}"#)).unwrap_err();
            assert!(error.contains("is set by the sink itself"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_without_its_value() {
        for json in
            [r#"{"a b":"s3cret"}"#, r#"{"":"s3cret"}"#, r#"{"a":"s3cret\r\nb: c"}"#, r#"{"a":"ü"}"#]
        {
            let error = read(json).unwrap_err();
            assert!(error.contains("header") && !error.contains("s3cret"), "{error}");
        }
        let twice = read(r#"{"X-A":"1","x-a":"2"}"#).unwrap_err();
        assert!(twice.contains("the header `x-a` stands here twice"), "{twice}");
    }

    #[test]
    fn lines_are_read_like_a_mapping() {
        let lines = Headers::parse_lines("X-A: 1\n\nX-B:Splunk a:b \r\n").unwrap();
        assert_eq!(lines, read(r#"{"x-a":"1","x-b":"Splunk a:b"}"#).unwrap());
        assert!(!lines.authorize());
        assert!(Headers::parse_lines("AUTHORIZATION: Splunk a:b").unwrap().authorize());
        assert_eq!(Headers::parse_lines("a: 1\nb"), Err("line 2: it has no `:`".to_owned()));
        let reserved = "line 1: the header `host` is set by the sink itself".to_owned();
        assert_eq!(Headers::parse_lines("host: x"), Err(reserved));
    }

    #[test]
    fn debug_tells_values_apart_and_shows_none() {
        let [a, b] = ["s3cret", "0ther"].map(|it| read(&format!(r#"{{"a":"{it}"}}"#)).unwrap());
        let [shown_a, shown_b] = [&a, &b].map(|it| format!("{it:?}"));
        assert_ne!(shown_a, shown_b);
        assert!(!shown_a.contains("s3cret"), "{shown_a}");
    }
}
