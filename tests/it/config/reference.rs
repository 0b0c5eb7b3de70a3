//! Makes the reference page of the configuration from its JSON Schema.

use std::fmt::Write as _;

use serde_json::Value;

/// Every key with its schema, by a path such as `organizations[].owner`.
pub(crate) fn keys(schema: &Value) -> Vec<(String, &Value)> {
    let mut keys = Vec::new();
    collect(schema, "", &mut keys);
    keys
}

fn collect<'a>(schema: &'a Value, path: &str, keys: &mut Vec<(String, &'a Value)>) {
    let object = |value: &'a Value| value.as_object().into_iter().flatten();
    for (key, property) in object(&schema["properties"]) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys.push((path.clone(), property));
        collect(property, &path, keys);
        collect(&property["items"], &format!("{path}[]"), keys);
        for part in property["items"]["anyOf"].as_array().into_iter().flatten() {
            collect(part, &format!("{path}[]"), keys);
        }
        for kind in property["additionalProperties"]["oneOf"].as_array().into_iter().flatten() {
            collect(kind, &format!("{path}.NAME"), keys);
        }
    }
}

/// The page, in Markdown.
pub(crate) fn page(schema: &Value) -> String {
    let mut page = "\
# Configuration reference

<!-- Made from src/config/options.rs; `UPDATE_DOCS=1 cargo test --test it config` rewrites it. -->

One YAML file, `/etc/seatwatch/seatwatch.yaml` unless `--config` or `$SEATWATCH_CONFIG` names
another. It is strict: an unknown key or a wrong value is an error with its place, and all of
them are reported at once. `config.example.yaml` shows every key in use; `seatwatch schema config`
prints the JSON Schema. Relative paths are relative to the file. Durations are written `90s`,
`15m`, `24h`, `14d`.
"
    .to_owned();
    section(&mut page, "Top level", schema);
    for key in ["codecov", "organizations", "discover", "guard", "seats", "sinks", "http"] {
        let property = &schema["properties"][key];
        if let Some(kinds) = property["additionalProperties"]["oneOf"].as_array() {
            for kind in kinds {
                let name = kind["title"].as_str().unwrap();
                section(&mut page, &format!("A sink of type `{name}`"), kind);
                for (key, property) in kind["properties"].as_object().unwrap() {
                    if property["properties"].is_object() {
                        let title = format!("`{key}` of a sink of type `{name}`");
                        section(&mut page, &title, property);
                    }
                }
            }
        } else if let Some(parts) = property["items"]["anyOf"].as_array() {
            section(&mut page, "An organization", parts.last().unwrap());
        } else if property["items"]["properties"].is_object() {
            section(&mut page, &format!("A rule of `{key}`"), &property["items"]);
        } else {
            section(&mut page, &format!("`{key}`"), property);
        }
    }
    page
}

fn section(page: &mut String, title: &str, schema: &Value) {
    write!(page, "\n## {title}\n\n").unwrap();
    if title != "Top level" {
        let description = schema["description"].as_str().unwrap_or_default();
        write!(page, "{}\n\n", unwrapped(description)).unwrap();
    }
    page.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, property) in schema["properties"].as_object().unwrap() {
        let default = match &property["default"] {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Value::Null | Value::Object(_) => "–".to_owned(),
            Value::String(text) => format!("`{text}`"),
            Value::Number(number) => format!("`{}`", number.as_f64().unwrap()),
            other => format!("`{other}`"),
        };
        let meaning = unwrapped(property["description"].as_str().unwrap_or_default());
        writeln!(page, "| `{key}` | {} | {default} | {meaning} |", value(property)).unwrap();
    }
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

fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
