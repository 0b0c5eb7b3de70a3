//! A sink whose `type` is the name of an external plugin: the same host, another way to say what
//! is started.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::{Origin, Problem, Sink, SinkConfig};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::discover;
use crate::environment::Environment;
use crate::plugin::{Owner, Plugin};
use crate::settings::Settings;
use crate::sink::ProcessSink;
use crate::trust::Rule;

/// An external plugin, found in one of the plugin directories, with its settings.
#[derive(Clone)]
pub struct ExternalConfig {
    name: String,
    program: PathBuf,
    settings: ExternalSettings,
    owner: Owner,
}

/// The keys of a sink that is an external plugin: `env`, and all that the plugin itself wants.
#[derive(Clone, Default)]
pub struct ExternalSettings {
    /// Environment variables for the program, by name.
    pub env: Environment,
    /// All other keys: what the program gets as `config`.
    pub config: Settings,
}

impl ExternalConfig {
    /// The plugin called `name`, as [`find`](crate::discover::find) has found it.
    pub fn new(name: impl Into<String>, program: PathBuf, settings: ExternalSettings) -> Self {
        Self { name: name.into(), program, settings, owner: Owner::default() }
    }

    fn plugin(&self) -> Plugin {
        Plugin {
            program: self.program.clone(),
            arguments: Vec::new(),
            rule: Rule::Ours,
            environment: self.settings.env.clone(),
            settings: self.settings.config.values().clone(),
            owner: self.owner.clone(),
        }
    }
}

/// Settings may hold secrets, such as a URL with a token, so that only a digest is shown.
impl fmt::Debug for ExternalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = self.plugin();
        let mut fields = f.debug_struct("ExternalConfig");
        fields.field("name", &self.name).field("program", &plugin.program);
        fields.field("digest", &plugin.digest()).finish_non_exhaustive()
    }
}

impl SinkConfig for ExternalConfig {
    fn resolve(&mut self, origin: &Origin<'_>) {
        self.settings.config.resolve(origin);
        self.owner = Owner::of(origin);
    }

    fn file_problems(&self) -> Vec<Problem> {
        let program = self.plugin().locate().err().map(|distrust| {
            if !distrust.is_missing() {
                return Problem::new("type", distrust.to_string()).with_hint(distrust.hint());
            }
            let name = &self.name;
            let text =
                format!("`{name}` is not a type of sink that comes with seatwatch, and {distrust}");
            Problem::new("type", text).with_hint(discover::install(name))
        });
        program.into_iter().chain(self.settings.config.file_problems(&[])).collect()
    }

    fn build(&self, _lane: &str) -> Box<dyn Sink> {
        Box::new(ProcessSink::new(self.plugin()))
    }
}

/// By hand: what serde makes for flattened fields loses the place of a mistake in `env`.
impl<'de> Deserialize<'de> for ExternalSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = ExternalSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the settings of a plugin")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut keys: A) -> Result<Self::Value, A::Error> {
                let (mut env, mut config) = (None, Map::new());
                while let Some(key) = keys.next_key::<String>()? {
                    if key == "env" {
                        if env.replace(keys.next_value()?).is_some() {
                            return Err(A::Error::duplicate_field("env"));
                        }
                    } else {
                        config.insert(key, keys.next_value::<Value>()?);
                    }
                }
                Ok(ExternalSettings { env: env.unwrap_or_default(), config: Settings::new(config) })
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl JsonSchema for ExternalSettings {
    fn schema_name() -> Cow<'static, str> {
        "ExternalSettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "env": generator.subschema_for::<Environment>() },
            "additionalProperties": true,
        })
    }
}
