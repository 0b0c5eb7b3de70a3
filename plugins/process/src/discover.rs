//! External plugins by name: `type: NAME` is an executable `seatwatch-sink-NAME` in one of the
//! plugin directories.
//!
//! The first directory that has the name decides, also where the file there may not be started: a
//! plugin is never silently replaced by another one. Starts nothing.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seatwatch_sdk::io_reason;

use crate::trust::{self, Distrust, Rule};

/// What the names of all plugins begin with.
const PREFIX: &str = "seatwatch-sink-";

/// Why there is no plugin of that name to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// It could lead out of the directory.
    #[error("`{name}` cannot be the name of a plugin")]
    BadName {
        /// What was asked for.
        name: String,
    },
    /// No directory has one.
    #[error("there is no program `{PREFIX}{name}` in {}", list_of(directories))]
    NotFound {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// There is one, but it is not one that we may start.
    #[error(transparent)]
    Distrusted(Distrust),
}

impl FindError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::BadName { .. } => "a name is letters, digits, `-`, `_` and `.`".to_owned(),
            Self::NotFound { name, .. } => install(name),
            Self::Distrusted(distrust) => distrust.hint(),
        }
    }
}

/// Services that the plugin `apprise` sends to, by the names that a plugin for one would have.
const OF_APPRISE: [&str; 20] = [
    "discord",
    "gchat",
    "googlechat",
    "gotify",
    "matrix",
    "mattermost",
    "msteams",
    "ntfy",
    "opsgenie",
    "pagerduty",
    "pushbullet",
    "pushover",
    "rocketchat",
    "signal",
    "slack",
    "teams",
    "telegram",
    "twilio",
    "webex",
    "zulip",
];

/// What to do where there is no plugin of this name.
pub(crate) fn install(name: &str) -> String {
    let install = "install the plugin there, or name its directory in `plugin_dirs`";
    if OF_APPRISE.contains(&name.to_lowercase().as_str()) {
        format!("write `type: apprise`: that plugin sends to {name}, too; or {install}")
    } else {
        install.to_owned()
    }
}

fn list_of(directories: &[PathBuf]) -> String {
    if directories.is_empty() {
        return "`plugin_dirs`, which is empty".to_owned();
    }
    let names: Vec<_> = directories.iter().map(|it| format!("`{}`", it.display())).collect();
    names.join(" or ")
}

/// The plugin of that name, ready to be started.
///
/// # Errors
///
/// No directory has one, or the first that there is may not be started.
pub fn find(name: &str, directories: &[PathBuf]) -> Result<PathBuf, FindError> {
    if !is_name(name) {
        return Err(FindError::BadName { name: name.to_owned() });
    }
    let path = place(name, directories).filter(|path| path.symlink_metadata().is_ok());
    let Some(path) = path else {
        let directories = directories.to_owned();
        return Err(FindError::NotFound { name: name.to_owned(), directories });
    };
    trust::check(&path, Rule::Ours).map_err(FindError::Distrusted)?;
    Ok(path)
}

/// Where the plugin of that name is, or would be looked for first; none if no directory is named.
pub fn place(name: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let file = format!("{PREFIX}{name}");
    let mut paths = directories.iter().map(|it| it.join(&file));
    let first = paths.clone().next();
    paths.find(|it| it.symlink_metadata().is_ok()).or(first)
}

/// A file that is named like a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What `type` calls it; empty for a directory that cannot be read.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not used, and what to do about it.
    pub problem: Option<String>,
}

/// All that is named like a plugin, by directory and name.
///
/// A directory that does not exist holds none; one that cannot be read stands for itself.
pub fn list(directories: &[PathBuf]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for directory in directories {
        let files = match files_in(directory) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let problem = Some(format!("cannot be read: {}", io_reason(&error)));
                all.push(Found { name: String::new(), path: directory.clone(), problem });
                continue;
            }
        };
        for file in files {
            if let Some(name) = file.to_str().and_then(|file| file.strip_prefix(PREFIX)) {
                let path = directory.join(&file);
                let problem = problem(name, &path, &all);
                all.push(Found { name: name.to_owned(), path, problem });
            }
        }
    }
    all
}

fn problem(name: &str, path: &Path, earlier: &[Found]) -> Option<String> {
    if let Some(first) = earlier.iter().find(|found| found.name == name) {
        return Some(format!("hidden by `{}`", first.path.display()));
    }
    if !is_name(name) {
        return Some(format!("`{name}` cannot be the name of a plugin"));
    }
    let checked = trust::check(path, Rule::Ours);
    checked.err().map(|distrust| format!("{distrust}: {}", distrust.hint()))
}

fn files_in(directory: &Path) -> io::Result<Vec<OsString>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
