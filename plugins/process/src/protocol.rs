//! What seatwatch and a plugin say to each other: one JSON object a line, both ways.
//!
//! The plugin is asked one thing at a time. Fields that are not known here are ignored, on both
//! sides, and so are messages of a type that is not: that is how the protocol grows without a new
//! number.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use seatwatch_sdk::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The number of the protocol that is spoken here.
pub const PROTOCOL: u32 = 1;

/// How long a line may be, line feed included.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The exit code that says: the configuration is wrong, do not start me again with it.
///
/// `EX_CONFIG` of sysexits.h.
pub const EXIT_CONFIG: i32 = 78;

/// What seatwatch says to a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPlugin<'a> {
    /// The first message. `ready` or `error` answers it, within 10 seconds.
    Hello {
        /// The number of the protocol: 1.
        protocol: u32,
        /// The name of the seatwatch installation.
        instance: &'a str,
        /// The name of the sink.
        sink: &'a str,
        /// The plugin's settings. Of a key that ends in `_file`, the value is an absolute path.
        config: &'a Map<String, Value>,
    },
    /// Events to pass on, in this order. `result` answers it.
    Deliver {
        /// Names the delivery: the same on every attempt. The result repeats it.
        id: &'a str,
        /// 1 for the first attempt. From 2 on, some of the events may have been passed on already.
        attempt: u32,
        /// In how many milliseconds the plugin is killed if it has not answered.
        deadline_ms: u64,
        /// At least one, at most as many as `max_events` of `ready`.
        #[schemars(with = "Vec<Event>")]
        events: &'a [Box<RawValue>],
    },
    /// Asks whether a delivery would get through, without making one. `checked` answers it.
    Check {},
    /// Asks for a sign of life. `pong` answers it.
    Ping {
        /// Any number. The answer repeats it.
        n: u64,
    },
    /// The last message: standard input is closed after it. The plugin has 5 seconds to exit with
    /// code 0, then gets TERM, and KILL after 5 more.
    Shutdown {},
}

/// What a plugin answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPlugin {
    /// To `hello`: deliveries can come.
    Ready {
        /// The number of the protocol that the plugin speaks: 1.
        protocol: u32,
        /// What the plugin calls itself.
        #[serde(default)]
        name: Option<String>,
        /// Its own version.
        #[serde(default)]
        version: Option<String>,
        /// The most events that it takes in one delivery; as many as fit into a line if absent.
        #[serde(default)]
        #[schemars(range(min = 1))]
        max_events: Option<u64>,
    },
    /// To `hello`: nothing can be done with this configuration. The sink is stopped until a person
    /// has changed it.
    Error {
        /// The way to the setting that is wrong: `urls[0]`.
        #[serde(default)]
        path: Option<String>,
        /// What is wrong and what was expected, without secrets.
        message: String,
    },
    /// To `deliver`: what became of the events. At most one of `retry`, `reject` and `disable`
    /// tells about the event after those that were accepted.
    Result {
        /// The delivery.
        id: String,
        /// How many events were passed on, counted from the first.
        accepted: u64,
        /// The next event may be accepted later.
        #[serde(default)]
        retry: Option<RetryLater>,
        /// The next event never will be: it becomes a dead letter.
        #[serde(default)]
        reject: Option<Because>,
        /// Nothing will be until a person acts: the sink is stopped.
        #[serde(default)]
        disable: Option<Because>,
    },
    /// To `check`.
    Checked {
        /// What stands in the way of a delivery; absent if nothing does.
        #[serde(default)]
        error: Option<String>,
    },
    /// To `ping`.
    Pong {
        /// The number that was sent.
        n: u64,
    },
}

impl FromPlugin {
    const TYPES: [&str; 5] = ["ready", "error", "result", "checked", "pong"];

    /// What `type` calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::Error { .. } => "error",
            Self::Result { .. } => "result",
            Self::Checked { .. } => "checked",
            Self::Pong { .. } => "pong",
        }
    }
}

/// Why an event was not passed on, and when to try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryLater {
    /// For how many milliseconds the receiver asks to be left alone; the rest is up to seatwatch.
    #[serde(default)]
    pub after_ms: Option<u64>,
    /// What happened and what to do, without secrets.
    #[serde(default)]
    pub reason: String,
}

/// Why an event was not passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Because {
    /// What happened and what to do, without secrets.
    #[serde(default)]
    pub reason: String,
}

/// A JSON Schema of all messages, both ways.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let both = [
        generator.subschema_for::<ToPlugin<'_>>().to_value(),
        generator.subschema_for::<FromPlugin>().to_value(),
    ];
    let definitions = generator.take_definitions(true);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seatwatch plugin protocol",
        "description": "One line of what seatwatch and a plugin say to each other: `ToPlugin` on \
            the plugin's standard input, `FromPlugin` on its standard output.",
        "anyOf": both,
        "$defs": definitions,
    })
}

/// A message as a line, line feed included.
pub(crate) fn line(message: &ToPlugin<'_>) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("a message holds texts, numbers and JSON");
    line.push(b'\n');
    line
}

/// What a line of a plugin is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Message(FromPlugin),
    /// It says that it is a message of a type that we know, and is none.
    Malformed {
        r#type: String,
        why: String,
    },
    /// A message of a type that we do not know.
    Unknown {
        r#type: String,
    },
    /// No message at all: something that the program prints.
    Noise,
}

/// Reads a line of a plugin.
pub(crate) fn read(line: &[u8]) -> Said {
    let Ok(value) = serde_json::from_slice::<Value>(line) else { return Said::Noise };
    let Some(r#type) = value.get("type").and_then(Value::as_str).map(str::to_owned) else {
        return Said::Noise;
    };
    if !FromPlugin::TYPES.contains(&r#type.as_str()) {
        return Said::Unknown { r#type };
    }
    match serde_json::from_value(value) {
        Ok(message) => Said::Message(message),
        Err(error) => Said::Malformed { r#type, why: error.to_string() },
    }
}
