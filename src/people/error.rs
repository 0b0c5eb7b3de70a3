//! Why a list of people cannot be used, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use itertools::Itertools as _;
use seatwatch_sdk::io_reason;

use crate::config;
use crate::text::shown;

/// So many columns are named where the right ones are not among them.
const COLUMNS_SHOWN: usize = 20;

/// So much of a name that is shown is enough to know it by.
const CHARACTERS_SHOWN: usize = 40;

/// A list that cannot be used.
#[derive(Debug)]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

/// What can be wrong with a list. As a text, it is the end of a sentence that begins with the file.
#[derive(Debug, thiserror::Error)]
pub enum ErrorKind {
    /// It is not there, or we may not read it, or the disk fails.
    #[error("cannot be read: {}", io_reason(.0))]
    Unreadable(#[from] io::Error),
    /// It is a directory, a named pipe, a device.
    #[error("is not a regular file")]
    NotRegular,
    /// It has no text in it.
    #[error("is empty, expected a list of people")]
    Empty,
    /// There is a header, or an array, and nothing in it.
    #[error("lists nobody")]
    Nobody,
    /// There are rows, and none has anything to tell a person by.
    #[error("has neither an email address nor a username in any row")]
    NothingToTellBy,
    /// It is larger than any list of people.
    #[error("is larger than {} MiB", most_bytes / (1024 * 1024))]
    TooLarge {
        /// How large it might be.
        most_bytes: u64,
    },
    /// It has more rows than any list of people.
    #[error("has more than {most} rows")]
    TooMany {
        /// How many there might be.
        most: u32,
    },
    /// It holds bytes that no text has.
    #[error("is not text")]
    NotText,
    /// It is a spreadsheet program's own kind of file.
    #[error("is a workbook or another archive, expected CSV or JSON")]
    Workbook,
    /// No column has a name that is usual for addresses or usernames.
    #[error("has no column that is known to hold email addresses or usernames; {}", all(found))]
    NoKnownColumn {
        /// What the columns are called.
        found: Vec<String>,
    },
    /// As above, of JSON, where a column is a key of the objects.
    #[error("has no key that is known to hold email addresses or usernames; {}", all(found))]
    NoKnownKey {
        /// What the keys are called.
        found: Vec<String>,
    },
    /// A column that was asked for is not there.
    #[error("has no column `{}`; {}", shown(column), all(found))]
    NoSuchColumn {
        /// What was asked for.
        column: String,
        /// What the columns are called.
        found: Vec<String>,
    },
    /// A row is so long that it is likely many.
    #[error("row {number} is longer than any person's")]
    Runaway {
        /// The how-manyth it is.
        number: u32,
    },
    /// A quotation mark is not closed, or is one too many.
    #[error(
        "a quotation mark is not closed: who stands after it is not found, up to the end, row {number}"
    )]
    OpenQuote {
        /// The how-manyth row is the last that was read.
        number: u32,
    },
    /// It begins like JSON, and is no JSON or no list of people.
    #[error("{message}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
}

/// Names all columns, or the first of many.
fn all(found: &[String]) -> String {
    let names = found.iter().map(|name| format!("`{}`", short(name)));
    let more = found.len().saturating_sub(COLUMNS_SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let names = names.take(COLUMNS_SHOWN).chain(more).join(", ");
    if names.is_empty() { "no column has a name".to_owned() } else { format!("it has {names}") }
}

fn short(name: &str) -> String {
    let all = shown(name);
    let mut short: String = all.chars().take(CHARACTERS_SHOWN).collect();
    if short.len() < all.len() {
        short.push('…');
    }
    short
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    /// The place, as far as there is one, and what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let ErrorKind::Json { line, column, .. } = &self.kind {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match &self.kind {
            ErrorKind::Unreadable(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "the user that runs this must be able to read it"
                }
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    "name a file that is there"
                }
                _ => "see whether the disk that it is on is well",
            },
            ErrorKind::NotRegular => {
                "it is read twice, so name a file, and neither a pipe nor a directory"
            }
            ErrorKind::Empty | ErrorKind::Nobody => {
                "next to an empty list, everybody would be a stranger: export it again"
            }
            ErrorKind::NothingToTellBy => {
                "if other columns have them, name those: `--columns email=COLUMN,username=COLUMN`"
            }
            ErrorKind::TooLarge { .. } | ErrorKind::TooMany { .. } => {
                "leave out the columns and people that do not matter here"
            }
            ErrorKind::NotText | ErrorKind::Workbook => "save it as CSV, in UTF-8",
            ErrorKind::NoKnownColumn { .. } => {
                "the first line must name the columns; say which they are: \
                 `--columns email=COLUMN,username=COLUMN`"
            }
            ErrorKind::NoKnownKey { .. } => {
                "say which they are: `--columns email=KEY,username=KEY`; where they are nested in \
                 another object, flatten the list first: `jq '[.[].profile]' users.json`"
            }
            ErrorKind::NoSuchColumn { column, found } => {
                return match config::nearest(column, found.iter().map(String::as_str)) {
                    Some(name) => format!("did you mean `{}`?", short(name)),
                    None => "`--columns` takes the names as the list has them".to_owned(),
                };
            }
            ErrorKind::OpenQuote { .. } => {
                "close it; one that is meant to be there is written twice (`\"\"`), in quotes"
            }
            ErrorKind::Runaway { .. } => "see whether a quotation mark there is not closed",
            ErrorKind::Json { .. } => {
                "expected is an array of objects, one for each person: \
                 `[{\"email\": \"mona@example.com\", \"username\": \"mona\"}]`"
            }
        }
        .to_owned()
    }
}
