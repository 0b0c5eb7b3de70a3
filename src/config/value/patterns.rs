//! Patterns over the names of owners.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use globset::Glob;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::Written;

/// One pattern, with `*`, `?`, `[…]` and `{…,…}`; a name without any of them is one, too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(String);

impl Written for Pattern {
    const WHAT: &'static str = "a pattern such as `acme-*`";
}
written!(Pattern);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nobody\n`*` matches everybody".to_owned());
        }
        match Glob::new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("`{text}` is not a pattern: {}", error.kind())),
        }
    }
}

/// One pattern, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patterns(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> de::Visitor<'de> for OneOrMore {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern such as `acme-*`, or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Patterns, E> {
                let Pattern(pattern) = text.parse().map_err(E::custom)?;
                Ok(Patterns(vec![pattern]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Patterns, A::Error> {
                let mut patterns = Vec::new();
                while let Some(Pattern(pattern)) = list.next_element()? {
                    patterns.push(pattern);
                }
                Ok(Patterns(patterns))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Patterns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pattern = Pattern::json_schema(generator);
        json_schema!({
            "title": "a pattern such as `acme-*`, or a list of them",
            "anyOf": [pattern, { "type": "array", "items": pattern }],
        })
    }
}
