//! Makes the reference page of the configuration, in Markdown.

use std::fmt::Write as _;

use seatwatch::config::{self, Key, LeftOut, Section};
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
    for section in config::reference(schema) {
        write_section(&mut page, &section);
    }
    page
}

fn write_section(page: &mut String, section: &Section) {
    write!(page, "\n## {}\n\n", section.title).unwrap();
    if let Some(about) = &section.about {
        write!(page, "{}\n\n", cell(about)).unwrap();
    }
    page.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for Key { name, value, default, meaning } in &section.keys {
        let default = match default {
            LeftOut::Required => "required".to_owned(),
            LeftOut::Nothing => "–".to_owned(),
            LeftOut::Value(value) => format!("`{value}`"),
        };
        writeln!(page, "| `{name}` | {value} | {default} | {} |", cell(meaning)).unwrap();
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
