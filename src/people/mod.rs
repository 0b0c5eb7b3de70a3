//! A list of people from somewhere else, next to who is on Codecov: who takes a seat and should
//! not, who has no access and might need it.
//!
//! The list is a file that somebody exported from an identity provider, a personnel system or a
//! spreadsheet: CSV or JSON, in whatever encoding and with whatever columns. [`read`] takes from it
//! what people can be told by, [`compare()`] holds it against rosters. Where there is nothing to
//! tell somebody by, or more than one possibility, that is the answer: nobody is called a ghost by
//! a guess.
//!
//! Knows neither the store nor with which code a command ends; [`compare()`] is pure.

mod columns;
mod compare;
mod error;
mod file;
mod gather;
mod index;
mod json;
mod table;

use std::io::{BufReader, Read as _};
use std::path::Path;

use encoding_rs::WINDOWS_1252;
use encoding_rs_io::DecodeReaderBytesBuilder;

pub use columns::{Columns, ColumnsError};
pub use compare::{
    COLUMNS, Comparison, Count, Entry, Finding, Listed, MatchedBy, Sums, UnnamedSeats, compare,
};
pub use error::{Error, ErrorKind};
use gather::{Gathering, Row};

/// More people than any employer has.
const MOST_ROWS: u32 = 5_000_000;

/// So many bytes of decoded text are looked at to tell of what kind it is.
const PEEK_BYTES: u64 = 64 * 1024;

/// Who is in a list, without repetitions and in an order that does not depend on the list's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// All texts, one after the other: a list may have millions of rows.
    texts: String,
    rows: Vec<Row>,
    warnings: Vec<String>,
}

/// One row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// The how-manyth row it is, where the header is the first and empty lines do not count; in
    /// JSON, the how-manyth object.
    pub number: u32,
    /// Separated by line feeds, as are the usernames.
    emails: &'a str,
    usernames: &'a str,
    name: &'a str,
}

/// Reads a list of people. Blocks, but waits for nobody.
///
/// `columns` says what the columns are called; without it, those are read whose names are usual.
///
/// # Errors
///
/// It cannot be read or is too large, it is neither CSV nor JSON, it has no column to tell people
/// by or not those that `columns` names, or there is nobody in it. Of a part of a list nothing is
/// ever concluded.
pub fn read(path: &Path, columns: Option<&Columns>) -> Result<People, Error> {
    from_file(path, columns).map_err(|kind| Error { path: path.to_owned(), kind })
}

fn from_file(path: &Path, columns: Option<&Columns>) -> Result<People, ErrorKind> {
    let (file, encoding) = file::open(path)?;
    let mut text = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(file);
    let mut start = Vec::new();
    text.by_ref().take(PEEK_BYTES).read_to_end(&mut start)?;
    let mut gathering = Gathering::new(MOST_ROWS);
    if encoding == WINDOWS_1252 {
        gathering.warn("is not UTF-8, read as Windows-1252: letters beyond ASCII may be wrong");
    }
    match start.trim_ascii_start().first() {
        None => return Err(ErrorKind::Empty),
        Some(b'[' | b'{') => {
            json::read(BufReader::new(start.chain(text)), columns, &mut gathering)?;
        }
        Some(_) => table::read(&start, text, columns, &mut gathering)?,
    }
    gathering.into_people()
}

impl People {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nobody, which no list that was read says.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Person<'_>> {
        self.rows.iter().map(|row| row.person(&self.texts))
    }

    /// What a person should know before believing what comes of the list: each is the end of a
    /// sentence that begins with the file.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn get(&self, index: u32) -> Person<'_> {
        self.rows[index as usize].person(&self.texts)
    }
}

impl<'a> Person<'a> {
    /// Their addresses, in lower case.
    pub fn emails(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        parts(self.emails)
    }

    /// Their usernames, in lower case.
    pub fn usernames(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        parts(self.usernames)
    }

    /// As the list has it.
    pub fn name(&self) -> Option<&'a str> {
        (!self.name.is_empty()).then_some(self.name)
    }
}

fn parts(texts: &str) -> impl Iterator<Item = &str> {
    texts.split('\n').filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
