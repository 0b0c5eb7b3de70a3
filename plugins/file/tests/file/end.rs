//! What the file ends with decides what is written: torn lines, repeats, other people's lines.

use std::fs::File;

use seatwatch_file::Format;
use seatwatch_sdk::Outcome;
use seatwatch_sdk::samples::events;

use crate::world::{World, ids};

const FORMATS: [Format; 2] = [Format::Ndjson, Format::Csv];

/// A crash in mid-write: wherever it tore the last line, the file ends up whole.
#[tokio::test]
async fn a_torn_line_is_cut() {
    let events = events(3);
    for format in FORMATS {
        let mut world = World::new(format);
        world.accepts(&events[..2]).await;
        let whole = world.length();
        world.accepts(&events[2..]).await;
        for torn in [whole + 1, whole + 40, world.length() - 1] {
            world.truncate(torn);
            world.restart();
            world.accepts(&events[2..]).await;
            assert_eq!(world.ids(), ids(&events), "torn at byte {torn}");
        }
    }
}

#[tokio::test]
async fn a_torn_header_is_written_anew() {
    let events = events(1);
    let mut world = World::new(Format::Csv);
    world.append(b"time,sequ");
    world.accepts(&events).await;
    assert_eq!(world.ids(), ids(&events));
}

/// Some file systems fill with zeros what a power failure left unwritten.
#[tokio::test]
async fn zeros_at_the_end_are_cut() {
    let events = events(2);
    for format in FORMATS {
        let mut world = World::new(format);
        world.accepts(&events[..1]).await;
        world.append(&[0; 3000]);
        world.accepts(&events[1..]).await;
        assert_eq!(world.ids(), ids(&events));
    }
}

#[tokio::test]
async fn a_repeat_adds_only_what_is_missing() {
    let events = events(40);
    for format in FORMATS {
        let mut world = World::new(format);
        world.accepts(&events[..25]).await;
        for attempt in [2, 3] {
            assert_eq!(world.deliver(&events[20..], attempt).await, Outcome::Accepted);
        }
        assert_eq!(world.ids(), ids(&events));
    }
}

/// What a person wants delivered anew is written anew.
#[tokio::test]
async fn a_first_attempt_writes_what_it_is_given() {
    let events = events(4);
    for format in FORMATS {
        let mut world = World::new(format);
        world.accepts(&events).await;
        world.accepts(&events[1..]).await;
        assert_eq!(world.ids(), [ids(&events), ids(&events[1..])].concat());
    }
}

/// A path may be mistyped: nothing of anybody else's is ever cut or added to.
#[tokio::test]
async fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    #[track_caller]
    fn check(world: &World, content: &[u8], found: &str, reason: &str) {
        assert_eq!(found, reason);
        assert_eq!(world.text().as_bytes(), content, "the file was changed");
    }
    for (format, content, reason) in [
        (
            Format::Ndjson,
            &b"root:x:0:0"[..],
            "`[DIR]/events` does not begin with a JSON object; it was left as it is: \
             move it away, or set another `path`",
        ),
        (
            Format::Ndjson,
            b"{\"a\": 1}\n{\"b\": ",
            "`[DIR]/events` ends in half a line that is no event; it was left as it is: \
             end it with a line feed, or move the file away",
        ),
        (
            Format::Csv,
            b"time,event\n",
            "`[DIR]/events` does not begin with the header of this version's `csv` format; \
             it was left as it is: move it away, or set another `path`",
        ),
    ] {
        let mut world = World::new(format);
        world.append(content);
        let found = world.refuses(&events(1)).await;
        check(&world, content, &found, reason);
        let found = world.check().await;
        check(&world, content, &found, reason);
    }
}

#[tokio::test]
async fn lines_of_others_stay_where_they_are() {
    let events = events(3);
    let mut world = World::new(Format::Ndjson);
    world.accepts(&events[..2]).await;
    world.append(b"{\"note\": \"rotated by hand\"}\n");
    assert_eq!(world.deliver(&events[1..], 2).await, Outcome::Accepted);
    let text = world.text();
    let notes = text.lines().map(|line| line.contains("note")).collect::<Vec<_>>();
    assert_eq!(notes, [false, false, true, false]);
}

#[tokio::test]
async fn a_second_writer_has_to_wait() {
    let events = events(2);
    let mut world = World::new(Format::Ndjson);
    world.accepts(&events[..1]).await;
    let other = File::open(world.path()).unwrap();
    other.lock().unwrap();
    let reason = world.refuses(&events[1..]).await;
    assert!(reason.starts_with("`[DIR]/events` is being written by somebody else"), "{reason}");
    assert_eq!(world.check().await, "", "a writer at work is nothing to complain about");
    drop(other);
    world.accepts(&events[1..]).await;
    assert_eq!(world.ids(), ids(&events));
}
