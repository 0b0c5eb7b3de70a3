//! The JSON Schema of the configuration, made of the types that read it.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::options::{Options, SinkOptions};
use super::value::Period;
use crate::sinks;

/// The JSON Schema (2020-12) of a configuration file, with every kind of sink.
///
/// It is for editors and generators: what it refuses is wrong, and most of what is wrong it
/// refuses. Only [`parse`](super::parse) knows all rules.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let sinks = sinks(&mut generator);
    let mut root = generator.into_root_schema_for::<Options>().to_value();
    root["properties"]["sinks"] = sinks;
    let at_least_one =
        |key: &str| json!({ "required": [key], "properties": { key: { "minItems": 1 } } });
    root["anyOf"] = json!([at_least_one("organizations"), at_least_one("discover")]);
    root
}

/// A mapping of sinks, each of which is one of the kinds, told apart by `type`.
fn sinks(generator: &mut SchemaGenerator) -> Value {
    let common = SinkOptions::json_schema(generator).to_value();
    let mut kinds: Vec<Value> =
        sinks::KINDS.iter().map(|kind| sink(kind, &common, generator).to_value()).collect();
    kinds.push(external(&common, generator));
    json!({
        "description": "Where events go, by a name of letters, digits, `-` and `_`. Each is a \
                        mapping with a `type`.",
        "type": ["object", "null"],
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
        "additionalProperties": { "oneOf": kinds },
    })
}

fn sink(kind: &sinks::Kind, common: &Value, generator: &mut SchemaGenerator) -> Schema {
    let mut schema = (kind.schema)(generator);
    let object = schema.ensure_object();
    object.insert("title".to_owned(), kind.name.into());
    let mut properties = common["properties"].clone();
    properties["type"]["const"] = kind.name.into();
    let wait = Period::<0>(kind.wait).to_string();
    properties["wait"]["default"] = wait.into();
    let mut required = vec![json!("type")];
    if let (Some(all), Some(own)) =
        (properties.as_object_mut(), object.get("properties").and_then(Value::as_object))
    {
        all.extend(own.clone());
    }
    required
        .extend(object.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
    object.insert("properties".to_owned(), properties);
    object.insert("required".to_owned(), required.into());
    schema
}

/// A sink that is an external plugin: what it wants besides is between a person and the plugin.
fn external(common: &Value, generator: &mut SchemaGenerator) -> Value {
    let built_in: Vec<&str> = sinks::KINDS.iter().map(|kind| kind.name).collect();
    let mut properties = common["properties"].clone();
    properties["type"]["not"] = json!({ "enum": built_in });
    let own = seatwatch_process::ExternalSettings::json_schema(generator).to_value();
    properties["env"] = own["properties"]["env"].clone();
    json!({
        "title": "NAME",
        "description": "An external plugin: the program `seatwatch-sink-NAME` in one of the \
                        `plugin_dirs`. All other keys are the plugin's own, and it says what is \
                        wrong with them: at `check --online`, or when there is something to \
                        deliver. The value of a key that ends in `_file` is the file of a secret: \
                        the plugin gets its absolute path.",
        "type": "object",
        "properties": properties,
        "required": ["type"],
        "additionalProperties": true,
    })
}
