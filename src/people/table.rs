//! A list as CSV: a line that names the columns, and a row for each person.

use std::io::{self, Read};

use csv::{ErrorKind as Csv, ReaderBuilder, StringRecord};

use super::columns::{self, Columns, Roles};
use super::error::ErrorKind;
use super::gather::{Gathering, Oddity};

/// Separators that exports use; the first where none is in the line of the header.
const SEPARATORS: [u8; 3] = *b",;\t";

/// Longer than all that is told of one person. What is, has swallowed others.
const MOST_ROW_BYTES: usize = 1024 * 1024;

/// So much is read of a row at most, in which a quotation mark may stand twice.
const MOST_READ_BYTES: usize = 4 * MOST_ROW_BYTES;

/// More lines than a cell has that somebody wrote.
const MOST_LINES: usize = 10;

/// A text, and whether a quotation mark in what was read of it is still open: all that follows on
/// one is a single cell, and nobody in it is found.
struct Quotes<R> {
    text: R,
    is_open: bool,
    /// How much may be read before the row has to end.
    allowance: usize,
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.allowance == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = self.text.read(bytes)?;
        self.allowance = self.allowance.saturating_sub(length);
        let read = bytes.get(..length).unwrap_or_default();
        self.is_open = read.iter().fold(self.is_open, |is_open, byte| is_open ^ (*byte == b'"'));
        Ok(length)
    }
}

/// The rows, of which one is kept at a time.
struct Rows<R> {
    reader: csv::Reader<Quotes<R>>,
    row: StringRecord,
    /// The how-manyth it is.
    number: u32,
}

impl<R: Read> Rows<R> {
    /// Goes on to the next one, if there is any.
    fn advance(&mut self) -> Result<bool, ErrorKind> {
        self.reader.get_mut().allowance = MOST_READ_BYTES;
        let number = self.number.saturating_add(1);
        let is_one = self.reader.read_record(&mut self.row);
        let is_runaway = self.row.as_slice().len() > MOST_ROW_BYTES;
        if is_runaway || (is_one.is_err() && self.reader.get_ref().allowance == 0) {
            return Err(ErrorKind::Runaway { number });
        }
        let is_one = is_one.map_err(failed)?;
        self.number = if is_one { number } else { self.number };
        Ok(is_one)
    }
}

/// Reads all rows, however many cells they have, of a text that begins with `start`.
pub(super) fn read(
    start: &[u8],
    rest: impl Read,
    columns: Option<&Columns>,
    gathering: &mut Gathering,
) -> Result<(), ErrorKind> {
    let reader = ReaderBuilder::new()
        .delimiter(separator(start))
        .flexible(true)
        .has_headers(false)
        .from_reader(Quotes { text: start.chain(rest), is_open: false, allowance: 0 });
    let mut rows = Rows { reader, row: StringRecord::new(), number: 0 };
    while is_blank(&rows.row) || names_separator(&rows.row) {
        if !rows.advance()? {
            return Err(ErrorKind::Empty);
        }
    }
    columns::check(columns, rows.row.iter())?;
    let width = rows.row.len();
    let wanted: Vec<(usize, Roles)> = rows
        .row
        .iter()
        .map(|name| columns::roles(columns, name))
        .enumerate()
        .filter(|(_, roles)| roles.is_any())
        .collect();
    let last = wanted.last().map_or(0, |(index, _)| *index);
    let (mut long, mut short, mut tall) = (Oddity::default(), Oddity::default(), Oddity::default());
    while rows.advance()? {
        let (row, number) = (&rows.row, rows.number);
        if is_blank(row) {
            continue;
        }
        if row.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
            long.note(number);
        }
        if row.len() <= last {
            short.note(number);
        }
        if row.as_slice().matches('\n').count() > MOST_LINES {
            tall.note(number);
        }
        for (index, roles) in &wanted {
            gathering.cell(*roles, row.get(*index).unwrap_or_default());
        }
        gathering.end_row(number)?;
    }
    gathering.warn_of(
        long,
        "with more cells than the header, as a separator in a text without quotes makes them",
    );
    gathering.warn_of(short, "with too few cells for the columns that matter");
    gathering.warn_of(tall, "over many lines, as a quotation mark that is not closed makes them");
    if rows.reader.get_ref().is_open {
        return Err(ErrorKind::OpenQuote { number: rows.number });
    }
    Ok(())
}

/// What separates the cells of the first line that has any: the most frequent outside of quotes.
fn separator(start: &[u8]) -> u8 {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut is_quoted = false;
    for byte in start.trim_ascii_start() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'\n' | b'\r' => break,
            _ => {
                if let Some(index) = SEPARATORS.iter().position(|separator| separator == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let most_first = SEPARATORS.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
    most_first.map_or(b',', |(separator, _)| *separator)
}

/// `sep=;`, by which some programs tell others how they separate.
fn names_separator(row: &StringRecord) -> bool {
    row.get(0).is_some_and(|cell| cell.trim().to_ascii_lowercase().starts_with("sep="))
}

fn is_blank(row: &StringRecord) -> bool {
    row.iter().all(|cell| cell.trim().is_empty())
}

fn failed(error: csv::Error) -> ErrorKind {
    match error.into_kind() {
        Csv::Io(error) => ErrorKind::Unreadable(error),
        // Rows of any length are taken, and what is decoded is UTF-8.
        _ => ErrorKind::NotText,
    }
}
