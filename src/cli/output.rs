//! What commands write: tables for people, JSON and CSV for machines.
//!
//! People never see a raw control or bidi character that stood in somebody's name; machines get
//! names as they are, except that no CSV cell is a formula.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use serde::Serializer as _;
use serde::ser::SerializeSeq as _;

pub(super) use crate::rows::{Row, row, utc};
use crate::rows::{as_io, cells, write_csv, write_json};
pub(super) use crate::text::{count, lane_name, shown};

use super::exit::Stop;

/// For whom a command writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For machines: one array of objects.
    Json,
    /// For machines and spreadsheets: rows under a header.
    Csv,
}

/// Writes rows for machines; `header` stands in CSV also where there are no rows.
pub(super) fn write_rows(
    format: Format,
    header: &[&str],
    rows: &[Row],
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Csv => write_csv(header, rows, out),
        Format::Json | Format::Table => write_json(rows, out),
    }
}

/// Writes rows for machines as they come, page by page, until there is no more; see
/// [`write_rows`].
pub(super) fn write_pages(
    format: Format,
    header: &[&str],
    mut next: impl FnMut() -> Result<Vec<Row>, Stop>,
    out: &mut dyn Write,
) -> Result<(), Stop> {
    let mut pages = std::iter::from_fn(|| match next() {
        Ok(page) if page.is_empty() => None,
        page => Some(page),
    });
    if format != Format::Csv {
        let mut serializer = serde_json::Serializer::pretty(&mut *out);
        let mut rows = serializer.serialize_seq(None).map_err(io::Error::from)?;
        for page in &mut pages {
            page?
                .iter()
                .try_for_each(|row| rows.serialize_element(row))
                .map_err(io::Error::from)?;
        }
        rows.end().map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(header).map_err(as_io)?;
    for page in &mut pages {
        for row in page? {
            writer.write_record(cells(header, &row)).map_err(as_io)?;
        }
    }
    Ok(writer.flush()?)
}

/// The blanks on both sides of a cell.
const PADDING: u16 = 2;

/// So wide a column may always be: less would not tell one name from another.
const NARROW: u16 = 24;

/// A table for people: without lines, and as wide as its content. A terminal wraps what is too
/// long better than a table that breaks names into letters.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

/// Aligns columns of numbers to the right.
pub(super) fn align_right(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes a table without the blanks that surround its lines. On a terminal, a name that alone
/// would make every line longer than it is wide ends in `…`; elsewhere all of it stands there.
///
/// It has colours where errors have them: the table's own idea of `$NO_COLOR` leaves empty escapes
/// behind, and it has none of `$TERM`.
pub(super) fn write_table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let mut shown = table.clone();
    if let Some(width) = table.width() {
        shown = elided(shown, width);
    }
    if AutoStream::choice(&io::stdout()) == ColorChoice::Never {
        shown.force_no_tty();
    }
    write_lines(&shown, out)
}

/// The columns of what people call themselves, at any length. All others hold what somebody asked
/// for or has to type, as a reason or an organization's name: of that, nothing is cut.
const NAMES: [&str; 3] = ["USERNAME", "NAME", "EMAIL"];

/// The table with the widest of its [`NAMES`] cut so far that it fits into a width, but none to
/// less than [`NARROW`].
fn elided(mut table: Table, width: u16) -> Table {
    let header = table.header().into_iter().flat_map(comfy_table::Row::cell_iter);
    let is_name = header.map(|cell| NAMES.contains(&&*cell.content()));
    let columns: Vec<(bool, u16)> = is_name.zip(table.column_max_content_widths()).collect();
    let fits = |most: u16| {
        let cut = |&(is_name, width): &(bool, u16)| if is_name { width.min(most) } else { width };
        let widths = columns.iter().map(|column| u32::from(cut(column) + PADDING));
        // The first blank and the last are not written.
        widths.sum::<u32>() <= u32::from(width + PADDING)
    };
    let names = columns.iter().filter(|(is_name, _)| *is_name);
    let widest = names.map(|(_, width)| *width).max().unwrap_or_default();
    if fits(widest) {
        return table;
    }
    let most = (NARROW..widest).rev().find(|most| fits(*most)).unwrap_or(NARROW);
    for (column, (is_name, width)) in table.column_iter_mut().zip(columns) {
        if is_name && width > most {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(most + PADDING)));
        }
    }
    for row in table.row_iter_mut() {
        row.max_height(1);
    }
    table
}

fn write_lines(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    table.lines().try_for_each(|line| {
        let line = line.strip_prefix(' ').unwrap_or(&line);
        writeln!(out, "{}", line.trim_end())
    })
}

/// A time for people, in a zone that they named.
pub(super) fn local(time: Option<DateTime<Utc>>, zone: Tz) -> String {
    let format = |time: DateTime<Utc>| time.with_timezone(&zone).format("%F %R %Z").to_string();
    time.map_or_else(|| "–".to_owned(), format)
}

/// A time for people to the second: where one is compared with another, or is to be typed.
pub(super) fn exact(time: DateTime<Utc>, zone: Tz) -> String {
    time.with_timezone(&zone).format("%F %T %Z").to_string()
}

/// A time; of what is as old as all that is known, that it may be older.
pub(super) fn since_when(
    time: Option<DateTime<Utc>>,
    known_since: DateTime<Utc>,
    zone: Tz,
) -> String {
    let minute = |time: DateTime<Utc>| time.with_timezone(&zone).format("%F %R").to_string();
    match time {
        Some(time) if time <= known_since => format!("≤ {}", minute(time)),
        Some(time) => minute(time),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut out = Vec::new();
        write_lines(table, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// One name makes a line of a thousand columns; all others stay as they are.
    #[test]
    fn on_a_terminal_a_long_name_is_cut() {
        let mut table = table(&["USERNAME", "NAME", "MEMBER SINCE"]);
        table.add_row(vec!["ann", "Ann", "2026-11-23 10:00"]);
        table.add_row(vec!["bob-the-builder-of-bridges", &"名前 and so on ".repeat(30), "≤ 2026"]);
        let whole = written(&table);
        assert_eq!(written(&elided(table.clone(), 600)), whole);
        for width in [80, 30] {
            insta::assert_snapshot!(
                format!("on_{width}_columns"),
                written(&elided(table.clone(), width))
            );
        }
    }

    /// What a command exists to say stands there to its end, also beside a name that is cut.
    #[test]
    fn on_a_terminal_nothing_but_names_is_cut() {
        let reason = "`http://127.0.0.1:36105/` answered 422: the field `sender` is missing";
        let mut heads = table(&["SINK", "NEXT EVENT", "REASON"]);
        heads.add_row(vec!["post", "github/acme: joined ann", reason]);
        assert_eq!(written(&elided(heads.clone(), 40)), written(&heads));
        let mut changes = table(&["MEMBER", "NAME", "DETAILS"]);
        changes.add_row(vec!["a-long-former-name → ann-of-the-bridge", &"Ann ".repeat(20), reason]);
        insta::assert_snapshot!(written(&elided(changes, 40)), @"
        MEMBER                                  NAME                      DETAILS
        a-long-former-name → ann-of-the-bridge  Ann Ann Ann Ann Ann Ann…  `http://127.0.0.1:36105/` answered 422: the field `sender` is missing
        ");
    }
}
