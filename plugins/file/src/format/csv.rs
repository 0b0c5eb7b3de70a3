//! `csv`: a table for spreadsheets, with a header; an event is a row, and a row is one line.
//!
//! CSV allows line breaks inside quotes. Written like that, the end of a row could be told only by
//! reading the file from its start, and half a row could not be cut. So a line break in a cell is
//! written as `\n` or `\r`, here and only here.

use ::csv::{QuoteStyle, ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use chrono::SecondsFormat;
use seatwatch_sdk::{Data, Event, EventKind, formula_safe};
use serde_json::{Value, json};

use super::Mark;

/// The first line. A file with another one is not ours.
pub(super) const HEADER: &str =
    "time,sequence,event,organization,username,name,email,seat,admin,status,id,details\n";
const COLUMNS: usize = 12;
const SEQUENCE: usize = 1;
const ID: usize = 10;

pub(super) fn write(event: &Event, line: &mut Vec<u8>) {
    let data = &event.data;
    let member = data.member.as_ref();
    let profile = member.map(|member| &member.profile);
    let word = |truth: bool| if truth { "true" } else { "false" };
    let organization = data.organization.as_ref();
    let row: [String; COLUMNS] = [
        event.time.to_rfc3339_opts(SecondsFormat::Millis, true),
        format!("{:020}", event.sequence),
        data.event.word().to_owned(),
        organization.map_or_else(String::new, |it| text(&format!("{}/{}", it.service, it.owner))),
        profile.map_or_else(String::new, |it| text(&it.username)),
        profile.and_then(|it| it.name.as_deref()).map_or_else(String::new, text),
        profile.and_then(|it| it.email.as_deref()).map_or_else(String::new, text),
        profile.map_or("", |it| word(it.seat)).to_owned(),
        profile.map_or("", |it| word(it.admin)).to_owned(),
        member.map_or("", |it| it.status.word()).to_owned(),
        event.id.clone(),
        details(data).map_or_else(String::new, |details| text(&details.to_string())),
    ];
    WriterBuilder::new()
        .quote_style(QuoteStyle::Necessary)
        .terminator(Terminator::Any(b'\n'))
        .from_writer(line)
        .write_record(&row)
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

pub(super) fn read(line: &[u8]) -> Option<Mark> {
    let mut row = StringRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line);
    let found = reader.read_record(&mut row).ok()?;
    let whole = found && row.len() == COLUMNS;
    let sequence = row.get(SEQUENCE).filter(|_| whole)?.parse().ok()?;
    Some(Mark { id: row.get(ID)?.to_owned(), sequence })
}

pub(super) fn check_head(head: &[u8]) -> Result<(), &'static str> {
    let header = HEADER.as_bytes();
    if head.starts_with(header) || header.starts_with(head) {
        return Ok(());
    }
    Err("does not begin with the header of this version's `csv` format")
}

#[cfg(test)]
mod tests {
    use seatwatch_sdk::conformance::{event, events};

    use super::*;

    fn line(event: &Event) -> String {
        let mut line = Vec::new();
        write(event, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_row_holds_what_the_header_names() {
        assert_eq!(HEADER.split(',').count(), COLUMNS);
        assert_eq!(
            line(&event()),
            "2026-11-23T10:00:04.120Z,00000000000000000042,seat_lost,github/acme,octocat,Mona,\
             mona@example.com,false,false,disabled,01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003,\n",
        );
    }

    #[test]
    fn null_is_an_empty_cell_and_details_are_json() {
        let line = |kind| line(events(16).iter().find(|event| event.data.event == kind).unwrap());
        assert!(line(EventKind::Heartbeat).contains(",heartbeat,,,,,,,,01936f0e"));
        assert!(line(EventKind::RosterHeld).contains(r#""{""members"":80,"#));
        assert!(line(EventKind::Renamed).contains(r#""{""before"":{""username"":""old-10"","#));
    }

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

    #[test]
    fn every_row_is_one_line_and_is_read_back() {
        for event in events(64) {
            let line = line(&event);
            assert_eq!(line.find(['\n', '\r']), Some(line.len() - 1), "{line}");
            let mark = Mark { id: event.id, sequence: event.sequence };
            assert_eq!(read(line.trim_end_matches('\n').as_bytes()), Some(mark));
        }
        assert_eq!(read(HEADER.trim_end().as_bytes()), None);
    }

    #[test]
    fn another_header_is_refused_and_half_of_ours_is_not() {
        assert_eq!(check_head(HEADER.as_bytes()), Ok(()));
        assert_eq!(check_head(b"time,sequ"), Ok(()));
        assert!(check_head(b"time,event\n").is_err());
    }
}
