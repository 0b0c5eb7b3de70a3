//! `ndjson`: a line is the event's CloudEvents JSON, which never contains a raw line feed.

use std::borrow::Cow;

use seatwatch_sdk::Event;
use serde::Deserialize;

/// How every line of ours begins, so that half a line of somebody else's is never cut.
const START: &[u8] = br#"{"specversion":"1.0","id":""#;

pub(super) fn write(event: &Event, line: &mut Vec<u8>) {
    serde_json::to_writer(&mut *line, event)
        .expect("an event has text keys only, and memory takes all");
    line.push(b'\n');
}

/// The attributes by which an event of ours is known.
#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
}

pub(super) fn read(line: &[u8]) -> Option<String> {
    let Attributes { id, sequence } = serde_json::from_slice(line).ok()?;
    sequence.parse::<u64>().ok()?;
    Some(id.into_owned())
}

pub(super) fn check_head(head: &[u8]) -> Result<(), &'static str> {
    match head.first() {
        Some(b'{') => Ok(()),
        _ => Err("does not begin with a JSON object"),
    }
}

pub(super) fn is_torn(bytes: &[u8]) -> bool {
    let compared = bytes.len().min(START.len());
    bytes[..compared] == START[..compared]
}

#[cfg(test)]
mod tests {
    use seatwatch_sdk::samples::{event, events};

    use super::*;

    fn line(event: &Event) -> Vec<u8> {
        let mut line = Vec::new();
        write(event, &mut line);
        line
    }

    /// The example of the design, section *Events*, less its line breaks.
    #[test]
    fn a_line_is_the_event_as_documented() {
        let documented = concat!(
            r#"{"specversion":"1.0","id":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88-0003","source":"/seatwatch/prod/codecov/github/acme","#,
            r#""type":"dev.seatwatch.seat_lost.v1","subject":"m-4f1c9a2be07d5513","time":"2026-11-23T10:00:04.120Z","datacontenttype":"application/json","#,
            r#""sequence":"00000000000000000042","correlationid":"01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88","#,
            r#""data":{"event":"seat_lost","organization":{"service":"github","owner":"acme"},"#,
            r#""member":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false,"status":"disabled"},"#,
            r#""before":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":true,"admin":false},"#,
            r#""after":{"username":"octocat","name":"Mona","email":"mona@example.com","seat":false,"admin":false},"#,
            r#""totals":{"members":41,"seats":30,"admins":3,"unnamed":{"members":1,"seats":0}},"#,
            r#""previous_totals":{"members":41,"seats":31,"admins":3,"unnamed":{"members":1,"seats":0}},"#,
            r#""since":"2026-11-23T09:00:03.870Z"}}"#,
            "\n",
        );
        assert_eq!(String::from_utf8(line(&event())).unwrap(), documented);
    }

    #[test]
    fn a_line_is_read_back_and_every_beginning_of_it_is_known_as_torn() {
        for event in events(32) {
            let line = line(&event);
            let (feed, text) = line.split_last().unwrap();
            assert_eq!((*feed, text.contains(&b'\n')), (b'\n', false));
            assert_eq!(read(text), Some(event.id));
            assert!((0..text.len()).all(|length| is_torn(&text[..length])));
        }
    }

    #[test]
    fn what_is_not_ours_is_neither_read_nor_torn() {
        for text in ["", "# comment", r#"{"id":"x"}"#, r#"{"id":"x","sequence":"y"}"#, "[1"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert!(!is_torn(b"root:x:0:0") && !is_torn(br#"{"specversion":"2.0"#));
    }
}
