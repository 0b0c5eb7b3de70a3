//! Whose program it is: nobody but root and us may be able to change what we start.
//!
//! A file can also be changed by whoever may write to its directory. Of a symbolic link, the file
//! that it leads to counts, and both directories. What is judged here is judged again right before
//! each start; who can change the file between the two could change it at any time.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access, geteuid};
use seatwatch_sdk::io_reason;

/// How much is demanded of a program and its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Both belong to root or us, and neither their group nor everybody may write to them: found
    /// in a directory, by name.
    Ours,
    /// Not everybody may change it: a person has named this very program.
    NotEverybodys,
}

/// Why a program is not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distrust {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    NotInPath,
    Unreadable(String),
    NotAFile,
    NotExecutable,
    Foreign { what: &'static str, uid: u32 },
    Writable { what: &'static str, by: &'static str, mode: u32 },
}

impl Distrust {
    /// That a program was looked for by name, in vain.
    pub(crate) fn not_in_path(name: &Path) -> Self {
        Self { path: name.to_owned(), kind: Kind::NotInPath }
    }

    /// What to do.
    pub fn hint(&self) -> String {
        let path = self.path.display();
        match &self.kind {
            Kind::Missing => "install the program there, or name another one".to_owned(),
            Kind::NotInPath => "install it in a directory of `PATH`, or name its path".to_owned(),
            Kind::Unreadable(_) => {
                format!("let the user that seatwatch runs as reach `{path}`")
            }
            Kind::NotAFile => "name the program itself".to_owned(),
            Kind::NotExecutable => format!("`chmod a+x {path}`"),
            Kind::Foreign { .. } => format!("`chown root {path}`"),
            Kind::Writable { .. } => format!("`chmod go-w {path}`"),
        }
    }
}

impl Distrust {
    /// Whether there is no such program.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::Missing)
    }
}

impl std::error::Error for Distrust {}

impl std::fmt::Display for Distrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Missing => write!(f, "the program `{path}` does not exist"),
            Kind::NotInPath => write!(f, "no directory of `PATH` has a program `{path}`"),
            Kind::Unreadable(why) => write!(f, "`{path}` cannot be looked at: {why}"),
            Kind::NotAFile => write!(f, "the program `{path}` is not a regular file"),
            Kind::NotExecutable => write!(f, "the program `{path}` is not executable for us"),
            Kind::Foreign { what, uid } => {
                write!(f, "the {what} `{path}` belongs to user {uid}, who is neither root nor us")
            }
            Kind::Writable { what, by, mode } => {
                write!(f, "the {what} `{path}` can be changed by {by} (mode {mode:04o})")
            }
        }
    }
}

/// Makes sure that the file is a program, and that only those may change it who are trusted to.
///
/// # Errors
///
/// The first thing that is wrong with it or its directories.
pub(crate) fn check(path: &Path, rule: Rule) -> Result<(), Distrust> {
    let file = look(path)?;
    let distrust = |kind| Err(Distrust { path: path.to_owned(), kind });
    if !file.is_file() {
        return distrust(Kind::NotAFile);
    }
    let real = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    judge(&real, &file, "program", rule)?;
    for directory in [path.parent(), real.parent()].into_iter().flatten() {
        judge(directory, &look(directory)?, "directory", rule)?;
    }
    if access(path, AccessFlags::X_OK).is_err() {
        return distrust(Kind::NotExecutable);
    }
    Ok(())
}

fn judge(path: &Path, metadata: &Metadata, what: &'static str, rule: Rule) -> Result<(), Distrust> {
    const STICKY: u32 = 0o1000;
    let distrust = |kind| Err(Distrust { path: path.to_owned(), kind });
    let mode = metadata.mode() & 0o7777;
    let uid = metadata.uid();
    match rule {
        Rule::Ours => {
            if uid != 0 && uid != geteuid().as_raw() {
                return distrust(Kind::Foreign { what, uid });
            }
            if mode & 0o020 != 0 && mode & 0o002 == 0 {
                return distrust(Kind::Writable { what, by: "its group", mode });
            }
        }
        // In `/tmp` and the like, everybody may add files, but not replace those of others.
        Rule::NotEverybodys if metadata.is_dir() && mode & STICKY != 0 => return Ok(()),
        Rule::NotEverybodys => {}
    }
    if mode & 0o002 != 0 {
        return distrust(Kind::Writable { what, by: "everybody", mode });
    }
    Ok(())
}

fn look(path: &Path) -> Result<Metadata, Distrust> {
    path.metadata().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Distrust {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => Kind::Missing,
        _ => Kind::Unreadable(io_reason(error)),
    };
    Distrust { path: path.to_owned(), kind }
}
