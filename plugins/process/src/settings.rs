//! What a plugin gets as its `config`: any mapping, with the paths of its secrets made absolute.
//!
//! Only where secrets are is known of it: the value of a key that ends in `_file`, at any depth, or
//! each of its values where it has a list. What else it means is between a person and the plugin,
//! which answers `error` to what it cannot use.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::{Origin, Problem, SecretSource};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Settings of a plugin. Has no `Debug`: a value may be a secret, such as a URL with a token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: Map<String, Value>,
    secrets: Vec<Located>,
}

/// A value that names a secret.
#[derive(Clone, PartialEq, Eq)]
struct Located {
    /// The way to it, as of [`Problem::keys`].
    keys: Vec<String>,
    source: SecretSource,
}

impl Settings {
    /// Settings as they are written down.
    pub fn new(values: Map<String, Value>) -> Self {
        let mut secrets = Vec::new();
        for (key, value) in &values {
            collect(vec![key.clone()], is_file(key), value, &mut secrets);
        }
        Self { values, secrets }
    }

    /// What the plugin gets.
    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Finds out where the secrets are. Done again, it changes nothing.
    pub fn resolve(&mut self, origin: &Origin<'_>) {
        for Located { keys, source } in &mut self.secrets {
            source.resolve(origin);
            let path = source.path().map(|path| path.to_string_lossy().into_owned());
            if let (Some(path), Some(value)) = (path, value_at(&mut self.values, keys)) {
                *value = Value::String(path);
            }
        }
    }

    /// What is wrong with the files of secrets; `prefix` leads to these settings. May block.
    pub fn file_problems(&self, prefix: &[&str]) -> Vec<Problem> {
        let problem = |Located { keys, source }: &Located| {
            let error = source.probe().err()?;
            let keys: Vec<_> =
                prefix.iter().copied().chain(keys.iter().map(String::as_str)).collect();
            Some(Problem::of_secret(&keys, &error))
        };
        self.secrets.iter().filter_map(problem).collect()
    }
}

/// Finds the secrets in a value, at the end of `keys`; in a list, they are named by the key of the
/// list.
fn collect(keys: Vec<String>, is_secret: bool, value: &Value, secrets: &mut Vec<Located>) {
    let below =
        |key: &str| keys.iter().map(String::as_str).chain([key]).map(str::to_owned).collect();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(below(key), is_file(key), value, secrets);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(below(&index.to_string()), is_secret, value, secrets);
            }
        }
        Value::String(path) if is_secret => {
            secrets.push(Located { keys, source: SecretSource::File(path.into()) });
        }
        _ => {}
    }
}

fn is_file(key: &str) -> bool {
    key.ends_with("_file")
}

fn value_at<'a>(values: &'a mut Map<String, Value>, keys: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(values.get_mut(first)?, |value, key| match value {
        Value::Object(map) => map.get_mut(key),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Settings {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "title": "what the program wants" })
    }
}
