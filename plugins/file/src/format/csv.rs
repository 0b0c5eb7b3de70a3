//! `csv`: a table for spreadsheets, with a header; an event is a row, and a row is one line.

use ::csv::{ReaderBuilder, StringRecord};
use seatwatch_sdk::{Event, TABLE_COLUMNS, write_table_row};

/// The first line. A file with another one is not ours.
pub(super) const HEADER: &str =
    "time,sequence,event,organization,username,name,email,seat,admin,status,id,details\n";
const COLUMNS: usize = TABLE_COLUMNS.len();
const SEQUENCE: usize = 1;
const ID: usize = 10;

pub(super) fn write(event: &Event, line: &mut Vec<u8>) {
    write_table_row(event, line);
}

pub(super) fn read(line: &[u8]) -> Option<String> {
    let mut row = StringRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line);
    let found = reader.read_record(&mut row).ok()?;
    let whole = found && row.len() == COLUMNS;
    row.get(SEQUENCE).filter(|_| whole)?.parse::<u64>().ok()?;
    row.get(ID).map(str::to_owned)
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
    use seatwatch_sdk::EventKind;
    use seatwatch_sdk::samples::{event, events};

    use super::*;

    fn line(event: &Event) -> String {
        let mut line = Vec::new();
        write(event, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_row_holds_what_the_header_names() {
        assert_eq!(HEADER, format!("{}\n", TABLE_COLUMNS.join(",")));
        assert_eq!(
            line(&event()),
            "2026-11-23T10:00:04.120Z,00000000000000000042,seat_lost,github/acme,octocat,Mona,\
             mona@example.com,false,false,disabled,01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003,\n",
        );
    }

    #[test]
    fn null_is_an_empty_cell_and_details_are_json() {
        let line = |kind| line(events(64).iter().find(|event| event.data.event == kind).unwrap());
        assert!(line(EventKind::Heartbeat).contains(",heartbeat,,,,,,,,01936f0e"));
        assert!(line(EventKind::RosterHeld).contains(r#""{""members"":80,"#));
        assert!(line(EventKind::Renamed).contains(r#""{""before"":{""username"":""old-"#));
    }

    #[test]
    fn every_row_is_one_line_and_is_read_back() {
        for event in events(64) {
            let line = line(&event);
            assert_eq!(line.find(['\n', '\r']), Some(line.len() - 1), "{line}");
            assert_eq!(read(line.trim_end_matches('\n').as_bytes()), Some(event.id));
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
