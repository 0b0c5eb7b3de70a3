//! A sink's own part of the configuration: plain data that says what is wrong with it and makes
//! the sink.
//!
//! Three steps, and the first two touch nothing outside: read and [resolved](SinkConfig::resolve),
//! then asked for its [problems](SinkConfig::problems); only then are the files looked at that it
//! [names](SinkConfig::file_problems).

use std::fmt;
use std::path::Path;
use std::time::Duration;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::Sink;

/// A sink's own part of the configuration, already deserialized.
///
/// A built-in sink implements it for a plain struct with `serde::Deserialize` (strict:
/// `deny_unknown_fields`), `schemars::JsonSchema` and doc comments that are the reference text.
/// Its `Debug` output tells two configurations apart and holds no secret: where it changes, the
/// sink is started anew.
pub trait SinkConfig: fmt::Debug + Send + Sync {
    /// Takes paths as relative to where the config file is, and notes whose the sink is.
    fn resolve(&mut self, origin: &Origin<'_>);

    /// What the values say against each other. Touches nothing outside.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// What is wrong with the files that it names: secrets, certificates, templates. May block.
    fn file_problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// The receivers that are served independently, each in order, by a name unique in the sink.
    fn lanes(&self) -> Vec<String> {
        vec!["main".to_owned()]
    }

    /// Names the place that two sinks cannot both deliver to, if there is one. May follow links.
    fn receiver(&self) -> Option<String> {
        None
    }

    /// The directory whose disk deliveries fill, if they fill one on this machine.
    fn fills(&self) -> Option<&Path> {
        None
    }

    /// The most events that one delivery may hold, at least 1.
    fn max_events(&self) -> usize {
        1000
    }

    /// Makes the sink for one of the [`lanes`](Self::lanes). Does no I/O.
    fn build(&self, lane: &str) -> Box<dyn Sink>;
}

/// A kind of sink that comes with seatwatch: what the registry wants to know of it.
pub trait BuiltIn: SinkConfig + DeserializeOwned + JsonSchema + 'static {
    /// What `type` calls it.
    const TYPE: &'static str;

    /// For how long it groups events where its `wait` does not say.
    const WAIT: Duration = Duration::ZERO;
}

/// Where a sink's configuration stands.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The directory of the config file, absolute: relative paths start here.
    pub directory: &'a Path,
    /// Where systemd keeps secrets for us, if it does.
    pub credentials: Option<&'a Path>,
    /// The name of the installation.
    pub instance: &'a str,
    /// The name of the sink.
    pub sink: &'a str,
    /// The time zone in which people there read times.
    pub timezone: Tz,
}

impl Default for Origin<'_> {
    /// Of a sink without a config file, such as one under test.
    fn default() -> Self {
        Self {
            directory: Path::new("/"),
            credentials: None,
            instance: "test",
            sink: "test",
            timezone: Tz::UTC,
        }
    }
}

/// One thing that is wrong with a sink's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The way to the value: keys of mappings and, from 0, indices of lists: `server`, `port`.
    pub keys: Vec<String>,
    /// What is wrong and what was expected. No secret, and no more of a neighbour than its name.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
    /// The ways to values without which there would be no problem. Where one stands in the file and
    /// could not be read, that was told, and this is not.
    pub for_want_of: Vec<Vec<String>>,
}

impl Problem {
    /// A problem with the value of one key.
    pub fn new(key: &str, text: impl Into<String>) -> Self {
        Self::at(&[key], text)
    }

    /// A problem with the value at the end of `keys`.
    pub fn at(keys: &[&str], text: impl Into<String>) -> Self {
        Self { keys: owned(keys), text: text.into(), hint: None, for_want_of: Vec::new() }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same problem, which is there only because nothing stands at the end of `keys`.
    #[must_use]
    pub fn for_want_of(mut self, keys: &[&str]) -> Self {
        self.for_want_of.push(owned(keys));
        self
    }

    /// That a secret cannot be read.
    pub fn of_secret(keys: &[&str], error: &crate::SecretError) -> Self {
        Self::at(keys, error.to_string()).with_hint(error.hint())
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
