//! The keys of a sink of type `process`. Their comments are the reference text.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use seatwatch_sdk::{BuiltIn, Origin, Problem, Sink, SinkConfig};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::environment::Environment;
use crate::plugin::{Owner, Plugin};
use crate::settings::Settings;
use crate::sink::ProcessSink;
use crate::trust::Rule;

/// Hands events to a program of yours, which stays running and answers on its standard output.
///
/// The program is started without a shell, in `/`, when there is something to deliver, and started
/// again when it has ended. It gets the environment variables `PATH`, `HOME`, `LANG`, `TZ` and
/// `TMPDIR` and those in `env`, no others. What it writes to its standard error goes to the log.
/// What it has to answer is told by `seatwatch schema plugin`; `seatwatch plugin test` tries it.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The program and its arguments, a list. A program with a `/` in its name is a path, which
    /// starts at the directory of the config file where it is relative; another one is looked for
    /// in `PATH`. One that everybody may change is refused.
    pub command: Argv,
    /// Environment variables for the program, by name.
    #[serde(default)]
    pub env: Environment,
    /// What the program gets as `config` when it is greeted: any mapping. The value of a key that
    /// ends in `_file`, at any depth, is the file of a secret, or a list of such files: the program
    /// gets their absolute paths, and nobody else may be able to read them.
    #[serde(default)]
    pub config: Settings,
    #[serde(skip)]
    owner: Owner,
}

/// A program and its arguments: at least the program.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct Argv(#[schemars(length(min = 1), title = "a program and its arguments")] Vec<String>);

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        if words.first().is_none_or(String::is_empty) {
            return Err(D::Error::custom(
                "there is no program to start\n\
                 a list: the program, then its arguments: `[/usr/local/bin/notify, --quiet]`",
            ));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(D::Error::custom("no argument can hold a NUL character"));
        }
        Ok(Self(words))
    }
}

impl ProcessConfig {
    fn plugin(&self) -> Plugin {
        let (program, arguments) = self.command.0.split_first().expect("checked when it was read");
        Plugin {
            program: program.into(),
            arguments: arguments.to_vec(),
            rule: Rule::NotEverybodys,
            environment: self.env.clone(),
            settings: self.config.values().clone(),
            owner: self.owner.clone(),
        }
    }
}

/// Arguments, variables and settings may hold secrets, so that only a digest of them is shown.
impl fmt::Debug for ProcessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = self.plugin();
        let mut fields = f.debug_struct("ProcessConfig");
        fields.field("program", &plugin.program).field("digest", &plugin.digest());
        fields.finish_non_exhaustive()
    }
}

impl SinkConfig for ProcessConfig {
    fn resolve(&mut self, origin: &Origin<'_>) {
        if let Some(program) = self.command.0.first_mut().filter(|program| program.contains('/')) {
            let path: &Path = program.as_ref();
            // Collected again, a path loses its `./`.
            let path: std::path::PathBuf = origin.directory.join(path).components().collect();
            *program = path.to_string_lossy().into_owned();
        }
        self.config.resolve(origin);
        self.owner = Owner::of(origin);
    }

    fn file_problems(&self) -> Vec<Problem> {
        let program = self.plugin().locate().err().map(|distrust| {
            Problem::at(&["command", "0"], distrust.to_string()).with_hint(distrust.hint())
        });
        program.into_iter().chain(self.config.file_problems(&["config"])).collect()
    }

    fn build(&self, _lane: &str) -> Box<dyn Sink> {
        Box::new(ProcessSink::new(self.plugin()))
    }
}

impl BuiltIn for ProcessConfig {
    const TYPE: &'static str = "process";
}
