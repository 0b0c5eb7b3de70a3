//! What is wrong with a configuration: where, what was expected, and what to do.
//!
//! The texts are for people at a terminal and in a log, so they quote names and values that are
//! wrong, but never a neighbouring line and never what might be a secret.
//!
//! Pure: knows neither YAML nor the keys of the configuration.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a text, both counted from 1 in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, though probably not as meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// In which file, if not in the one that was read but in one that it names.
    pub file: Option<Box<Path>>,
    /// Where in the file; nothing if the whole file is meant.
    pub position: Option<Position>,
    /// The key, such as `organizations[1].schedule`; empty for the whole file.
    pub path: String,
    /// What is wrong and what was expected.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    /// An error about the file as a whole.
    pub(crate) fn of_file(text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: None,
            position: None,
            path: String::new(),
            text: text.into(),
            hint: None,
        }
    }

    /// The same problem with advice.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem, in a file that the configuration names.
    #[must_use]
    pub(crate) fn within(mut self, file: &Path) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same problem, at a position.
    #[must_use]
    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}

/// All that is wrong with one file, in the order of the file, and then with those that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file, as it was named.
    pub origin: PathBuf,
    /// Sorted by file and position; warnings are among them.
    pub problems: Vec<Problem>,
}

impl Problems {
    pub(crate) fn new(origin: impl Into<PathBuf>, mut problems: Vec<Problem>) -> Self {
        problems
            .sort_by(|one, other| (&one.file, one.position).cmp(&(&other.file, other.position)));
        Self { origin: origin.into(), problems }
    }

    /// At most `count` of them: a warning stands back behind an error.
    pub(crate) fn first(count: usize, origin: impl Into<PathBuf>, problems: Vec<Problem>) -> Self {
        let is_warning = |problem: &Problem| problem.severity == Severity::Warning;
        let Self { origin, mut problems } = Self::new(origin, problems);
        problems.sort_by_key(is_warning);
        problems.truncate(count);
        Self::new(origin, problems)
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    /// Each problem as `error: FILE:LINE:COLUMN: PATH: TEXT`, its hint on a line of its own, and
    /// an empty line between problems. No line end after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            let severity = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let file = problem.file.as_deref().unwrap_or(&self.origin);
            write!(f, "{severity}: {}", file.display())?;
            if let Some(position) = problem.position {
                write!(f, ":{position}")?;
            }
            if !problem.path.is_empty() {
                write!(f, ": {}", problem.path)?;
            }
            write!(f, ": {}", problem.text)?;
            if let Some(hint) = &problem.hint {
                write!(f, "\nhint: {hint}")?;
            }
        }
        Ok(())
    }
}

/// The name among `known` that somebody who wrote `written` most likely meant, if any is near.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&written, &name.to_lowercase());
    let far = (written.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Advice after a wrong name: the nearest known one, or else all of them.
pub(crate) fn did_you_mean(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name() {
        assert_eq!(did_you_mean("schedul", &["splay", "schedule"]), "did you mean `schedule`?");
        assert_eq!(did_you_mean("Instance", &["instance"]), "did you mean `instance`?");
        assert_eq!(did_you_mean("colour", &["splay", "schedule"]), "known here: splay, schedule");
    }
}
