//! The keys of a sink of type `file`. Their comments are the reference text.

use std::path::Path;

use schemars::JsonSchema;
use seatwatch_sdk::{BuiltIn, FilePath, Origin, Sink, SinkConfig};
use serde::{Deserialize, Serialize};

use crate::FileSink;

/// Appends events to a file, one a line, and syncs it to disk before they count as delivered.
///
/// The file is created with mode 0640, whatever the umask is; its directory must exist. Rotate it
/// by renaming: the next delivery starts a new file. No event stands twice in a file, even if a
/// delivery was cut short and repeated, unless `seatwatch replay` was told to deliver it anew; if a
/// rotation came between, it may stand in both files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file. A relative path starts at the directory of the config file. A symbolic link is
    /// refused, so that nobody can point the sink elsewhere; links among its directories are fine.
    pub path: FilePath,
    /// How an event is written.
    #[serde(default)]
    pub format: Format,
}

/// How a file holds events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Each line is one event: a CloudEvents 1.0 JSON object.
    #[default]
    Ndjson,
    /// A table for spreadsheets. Its columns are time, sequence, event, organization, username,
    /// name, email, seat, admin, status, id, details; what there is not is an empty cell. `details`
    /// is JSON: those of an organization event, or what a renamed or updated member was before.
    /// Every row is one line: a line break in a name is written as `\n` or `\r`. A text that a
    /// spreadsheet could take for a formula gets a leading `'`.
    Csv,
}

impl SinkConfig for FileConfig {
    /// By its directory's real name: `./` and links do not make two files of one. Where there is no
    /// directory, nothing is written, either.
    fn receiver(&self) -> Option<String> {
        let real = self.path.parent()?.canonicalize().ok();
        let path = real.and_then(|directory| Some(directory.join(self.path.file_name()?)));
        Some(path.as_deref().unwrap_or(&self.path).display().to_string())
    }

    fn resolve(&mut self, origin: &Origin<'_>) {
        self.path.resolve(origin);
    }

    fn fills(&self) -> Option<&Path> {
        self.path.parent()
    }

    /// A file takes any number; so many are a few megabytes, and worth the fsyncs of a delivery.
    fn max_events(&self) -> usize {
        2_000
    }

    fn build(&self, _lane: &str) -> Box<dyn Sink> {
        Box::new(FileSink::new(self.clone()))
    }
}

impl BuiltIn for FileConfig {
    const TYPE: &'static str = "file";
}
