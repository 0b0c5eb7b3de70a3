//! A program and all that it is started with and told: what a configuration comes down to.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use seatwatch_sdk::Origin;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::environment::Environment;
use crate::trust::{self, Distrust, Rule};

/// What is started, and what it gets.
#[derive(Clone)]
pub(crate) struct Plugin {
    /// Absolute, or to be looked for in `PATH`.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) rule: Rule,
    pub(crate) environment: Environment,
    pub(crate) settings: Map<String, Value>,
    pub(crate) owner: Owner,
}

/// Whose the plugin is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) instance: String,
    pub(crate) sink: String,
}

impl Owner {
    pub(crate) fn of(origin: &Origin<'_>) -> Self {
        Self { instance: origin.instance.to_owned(), sink: origin.sink.to_owned() }
    }
}

impl Plugin {
    /// Where the program is, once it is sure that we may start it.
    ///
    /// # Errors
    ///
    /// There is none, or somebody else may change it.
    pub(crate) fn locate(&self) -> Result<PathBuf, Distrust> {
        let path = if self.program.is_absolute() {
            self.program.clone()
        } else {
            look_up(&self.program, &self.environment)
                .ok_or_else(|| Distrust::not_in_path(&self.program))?
        };
        trust::check(&path, self.rule)?;
        Ok(path)
    }

    /// Differs wherever two plugins differ, and gives none of their secrets away.
    pub(crate) fn digest(&self) -> String {
        let Self { program, arguments, rule: _, environment, settings, owner } = self;
        let Owner { instance, sink } = owner;
        let all = json!([program, arguments, environment, settings, instance, sink]);
        let digest = Sha256::digest(all.to_string());
        digest.iter().fold(String::from("sha256:"), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes all");
            text
        })
    }
}

/// The first executable file of that name in `PATH`.
fn look_up(name: &Path, environment: &Environment) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        let metadata = path.metadata();
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    let path = environment.path();
    // An empty entry, or a relative one, would mean wherever we happen to be.
    let directories = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(name)).find(is_program)
}
