//! The registry: the one place that knows which kinds of sinks there are.
//!
//! A new built-in kind is a crate in `plugins/` and one line here. Any other `type` is the name of
//! an external plugin: a program in one of the plugin directories.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator};
use seatwatch_process::{ExternalConfig, ExternalSettings, discover};
use seatwatch_sdk::{BuiltIn, SinkConfig};
use serde::Deserialize as _;

use crate::config::{Mistake, Reader};

pub use seatwatch_process::discover::{
    FindError, Found, find as find_plugin, place as plugin_path,
};

/// All built-in kinds.
pub const KINDS: &[Kind] = &[
    Kind::of::<seatwatch_file::FileConfig>(),
    Kind::of::<seatwatch_email::EmailConfig>(),
    Kind::of::<seatwatch_webhook::WebhookConfig>(),
    Kind::of::<seatwatch_process::ProcessConfig>(),
];

/// All that is named like an external plugin, by directory and name. What a built-in kind is called
/// is never looked for there.
pub fn list_plugins(directories: &[PathBuf]) -> Vec<Found> {
    let mut all = discover::list(directories);
    for found in &mut all {
        if KINDS.iter().any(|kind| kind.name == found.name) {
            found.problem = Some("a type of this name comes with seatwatch".to_owned());
        }
    }
    all
}

/// Reads a sink's own part of the configuration.
pub(crate) type Read = dyn Fn(Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake>;

/// A kind of sink.
#[derive(Debug)]
pub struct Kind {
    /// What `type` calls it.
    pub name: &'static str,
    /// For how long it groups events where its `wait` does not say.
    pub wait: Duration,
    /// Reads its own part of the configuration.
    pub(crate) read: fn(Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake>,
    /// What that part may hold.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    const fn of<C: BuiltIn>() -> Self {
        Self { name: C::TYPE, wait: C::WAIT, read: read::<C>, schema: C::json_schema }
    }

    /// The keys that its own part must have.
    pub(crate) fn needed(&self) -> Vec<String> {
        let schema = (self.schema)(&mut SchemaGenerator::default());
        let needed = schema.get("required").and_then(|keys| keys.as_array());
        needed.into_iter().flatten().filter_map(|key| Some(key.as_str()?.to_owned())).collect()
    }
}

fn read<C: BuiltIn>(reader: Reader<'_>) -> Result<Box<dyn SinkConfig>, Mistake> {
    C::deserialize(reader).map(|config| Box::new(config) as Box<dyn SinkConfig>)
}

/// The kind that `type` names, if it is a built-in one.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Whether sinks of a kind hand their events to a program, which alone knows its receiver.
pub(crate) fn is_a_program(kind: &str) -> bool {
    find(kind).is_none() || kind == <seatwatch_process::ProcessConfig as BuiltIn>::TYPE
}

/// What reads the settings of an external plugin, whose program is or should be at `program`.
pub(crate) fn plugin(name: &str, program: PathBuf) -> Box<Read> {
    let name = name.to_owned();
    Box::new(move |reader| {
        let settings = ExternalSettings::deserialize(reader)?;
        Ok(Box::new(ExternalConfig::new(name.clone(), program.clone(), settings)))
    })
}

/// The argument that makes this program the guard of another one; no command of the user's.
const GUARD: &str = "plugin-guard";

/// What the program is to be instead of itself: the guard of a plugin, if its arguments say so.
/// Otherwise, plugins are started under such guards from now on.
pub fn guard(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1).peekable();
    if arguments.next_if(|first| first == GUARD).is_some() {
        return Some(seatwatch_process::guard::run(arguments));
    }
    // Also after an upgrade, the link leads to the program that runs.
    seatwatch_process::set_guard(vec!["/proc/self/exe".into(), GUARD.into()]);
    None
}
