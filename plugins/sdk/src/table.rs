//! An event as a row of a table for spreadsheets: the same columns wherever there are tables.
//!
//! CSV allows line breaks inside quotes. Written like that, the end of a row could be told only by
//! reading a table from its start, and half a row could not be cut. So a line break in a cell is
//! written as `\n` or `\r`: an event is exactly one line.

use chrono::SecondsFormat;
use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde_json::{Value, json};

use crate::{Data, Event, EventKind, formula_safe};

/// The names of the columns, in their order.
pub const TABLE_COLUMNS: [&str; 12] = [
    "time",
    "sequence",
    "event",
    "organization",
    "username",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "id",
    "details",
];

/// Writes the names of the columns as a line of CSV, line feed included.
pub fn write_table_header(table: &mut Vec<u8>) {
    write(&TABLE_COLUMNS.map(str::to_owned), table);
}

/// Writes an event as a line of CSV, line feed included. No cell of it is a formula.
///
/// What there is not is an empty cell. `details` is JSON: those of an organization event, or what
/// a renamed or updated member was before.
pub fn write_table_row(event: &Event, table: &mut Vec<u8>) {
    let data = &event.data;
    let member = data.member.as_ref();
    let profile = member.map(|member| &member.profile);
    let word = |truth: bool| if truth { "true" } else { "false" };
    let organization = data.organization.as_ref();
    let row = [
        event.time.to_rfc3339_opts(SecondsFormat::Millis, true),
        event.sequence_text(),
        data.event.word().to_owned(),
        organization.map_or_else(String::new, |it| text(&it.to_string())),
        profile.map_or_else(String::new, |it| text(&it.username)),
        profile.and_then(|it| it.name.as_deref()).map_or_else(String::new, text),
        profile.and_then(|it| it.email.as_deref()).map_or_else(String::new, text),
        profile.map_or("", |it| word(it.seat)).to_owned(),
        profile.map_or("", |it| word(it.admin)).to_owned(),
        member.map_or("", |it| it.status.word()).to_owned(),
        event.id.clone(),
        details(data).map_or_else(String::new, |details| text(&details.to_string())),
    ];
    write(&row, table);
}

fn write(row: &[String; TABLE_COLUMNS.len()], table: &mut Vec<u8>) {
    WriterBuilder::new()
        .quote_style(QuoteStyle::Necessary)
        .terminator(Terminator::Any(b'\n'))
        .from_writer(table)
        .write_record(row)
        .expect("memory takes all, and every row has as many cells as the header");
}

/// What the other columns do not tell: an organization event's own details, and what a member
/// whose name or address changed was called before.
fn details(data: &Data) -> Option<Value> {
    let renamed = matches!(data.event, EventKind::Renamed | EventKind::Updated);
    let before = data.before.as_ref().filter(|_| renamed);
    data.details.clone().or_else(|| before.map(|before| json!({"before": before})))
}

/// A text that others chose, as a cell: on one line, and never a formula.
fn text(text: &str) -> String {
    formula_safe(text).replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let check = |found: &str, cell: &str| assert_eq!(text(found), cell);
        check("=1+1", "'=1+1");
        check("+49 30", "'+49 30");
        check("-1", "'-1");
        check("@sum", "'@sum");
        check("\tx", "'\tx");
        check("\rx", "'\\rx");
        check(" =1", "' =1");
        check("＝1", "'＝1");
        check("＠x", "'＠x");
        check("a=b", "a=b");
        check("two\nlines", "two\\nlines");
        check("", "");
    }
}
