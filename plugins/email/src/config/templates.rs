//! Which templates a sink uses in place of the built-in ones.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

/// Files with templates of your own, in the language of
/// [minijinja](https://docs.rs/minijinja/latest/minijinja/syntax/), which is Jinja's. What is not
/// named here is built in. A template is tried with samples of all events when the configuration
/// is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Templates {
    /// The subject, one line.
    #[schemars(title = "a path")]
    pub subject: Option<PathBuf>,
    /// The mail as text.
    #[schemars(title = "a path")]
    pub text: Option<PathBuf>,
    /// The mail as HTML. What is put in is escaped.
    #[schemars(title = "a path")]
    pub html: Option<PathBuf>,
}

impl Templates {
    /// Takes the paths as relative to `directory`.
    pub(super) fn resolve(&mut self, directory: &Path) {
        for path in [&mut self.subject, &mut self.text, &mut self.html].into_iter().flatten() {
            *path = directory.join(&path);
        }
    }
}
