//! Which templates a sink uses in place of the built-in ones.

use schemars::JsonSchema;
use seatwatch_sdk::{FilePath, Origin};
use serde::Deserialize;

/// Files with templates of your own, in the language of
/// [minijinja](https://docs.rs/minijinja/latest/minijinja/syntax/), which is Jinja's. What is not
/// named here is built in. A template is tried with samples of all events when the configuration
/// is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Templates {
    /// The subject, one line.
    pub subject: Option<FilePath>,
    /// The mail as text.
    pub text: Option<FilePath>,
    /// The mail as HTML. What is put in is escaped.
    pub html: Option<FilePath>,
}

impl Templates {
    /// Takes the paths as relative to the configuration.
    pub(super) fn resolve(&mut self, origin: &Origin<'_>) {
        for path in [&mut self.subject, &mut self.text, &mut self.html].into_iter().flatten() {
            path.resolve(origin);
        }
    }
}
