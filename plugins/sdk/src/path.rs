//! A path as a configuration names it.
//!
//! An empty one is refused: joined to a directory it would be that directory, and what is written
//! in place of a variable that nobody has set is empty.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::Origin;

/// A path that is not empty, of a file or a directory. Used as a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FilePath(PathBuf);

impl FilePath {
    /// Takes it as relative to the configuration in `origin`; a sink calls it for each of its paths.
    /// Done again, it changes nothing.
    pub fn resolve(&mut self, origin: &Origin<'_>) {
        self.0 = origin.directory.join(&self.0);
    }
}

impl Deref for FilePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl From<PathBuf> for FilePath {
    /// Takes what the program itself names as it is.
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl From<FilePath> for PathBuf {
    fn from(FilePath(path): FilePath) -> Self {
        path
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = PathBuf::deserialize(deserializer)?;
        if path.as_os_str().is_empty() {
            return Err(de::Error::custom(
                "the path is empty\nname one, or remove it; a variable in its place may be unset",
            ));
        }
        Ok(Self(path))
    }
}

impl JsonSchema for FilePath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FilePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "title": "a path" })
    }
}
