//! The reference of the configuration, as sections of keys: made of its JSON Schema, and so of the
//! comments at the types that read it.
//!
//! Knows no format: the reference page and the manual page each write it in theirs. Words that
//! stand in the file are in backticks.

use serde_json::Value;

/// Some keys that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Such as `` `codecov` ``.
    pub title: String,
    /// What it is about; nothing for the top level.
    pub about: Option<String>,
    /// Its keys, in the order in which they are explained.
    pub keys: Vec<Key>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What kind of value it takes, in words.
    pub value: String,
    /// What holds where it is left out.
    pub default: LeftOut,
    /// What it means.
    pub meaning: String,
}

/// What holds where a key is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It cannot be.
    Required,
    /// Nothing that could be written as a value.
    Nothing,
    /// This value, as in JSON; of a text, the text.
    Value(String),
}

/// The parts of the file after the top level, in their order.
const PARTS: &[&str] = &["codecov", "organizations", "discover", "guard", "seats", "sinks", "http"];

/// All sections, from the [schema](fn@super::schema) of the configuration.
pub fn reference(schema: &Value) -> Vec<Section> {
    let mut sections = vec![Section { about: None, ..section("Top level", schema) }];
    for key in PARTS {
        let property = &schema["properties"][key];
        if let Some(kinds) = property["additionalProperties"]["oneOf"].as_array() {
            sections.extend(kinds.iter().flat_map(sink));
        } else if let Some(whole) = property["items"]["anyOf"].as_array().and_then(|it| it.last()) {
            sections.push(section("An organization", whole));
        } else if property["items"]["properties"].is_object() {
            sections.push(section(&format!("A rule of `{key}`"), &property["items"]));
        } else {
            sections.push(section(&format!("`{key}`"), property));
        }
    }
    sections
}

/// A kind of sink, and the mappings among its keys.
fn sink(kind: &Value) -> Vec<Section> {
    let name = kind["title"].as_str().unwrap_or_default();
    let mut sections = vec![section(&format!("A sink of type `{name}`"), kind)];
    for (key, property) in kind["properties"].as_object().into_iter().flatten() {
        if property["properties"].is_object() {
            sections.push(section(&format!("`{key}` of a sink of type `{name}`"), property));
        }
    }
    sections
}

fn section(title: &str, schema: &Value) -> Section {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let keys = properties.map(|(name, property)| Key {
        name: name.clone(),
        value: value(property),
        default: match &property["default"] {
            _ if required.contains(&name.as_str()) => LeftOut::Required,
            Value::Null | Value::Object(_) => LeftOut::Nothing,
            Value::String(text) => LeftOut::Value(text.clone()),
            Value::Number(number) => LeftOut::Value(
                number.as_f64().map_or_else(|| number.to_string(), |it| it.to_string()),
            ),
            other => LeftOut::Value(other.to_string()),
        },
        meaning: description(property),
    });
    Section { title: title.to_owned(), about: Some(description(schema)), keys: keys.collect() }
}

fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What kind of value a key takes.
fn value(property: &Value) -> String {
    if let Some(constant) = property["const"].as_str() {
        return format!("`{constant}`");
    }
    if let Some(title) = property["title"].as_str() {
        return title.to_owned();
    }
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|key| property[key].as_array());
    if let Some(alternatives) = alternatives {
        let parts = alternatives.iter().filter(|part| part["type"] != "null");
        return parts.map(value).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = property["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        return words.collect::<Vec<_>>().join(", ");
    }
    let name = match &property["type"] {
        Value::Array(names) => names.iter().find_map(Value::as_str),
        name => name.as_str(),
    };
    match name {
        Some("string") => "a text",
        Some("boolean") => "`true` or `false`",
        Some("integer") => "a whole number",
        Some("array") => "a list",
        Some("object") => "a mapping",
        _ => "",
    }
    .to_owned()
}
