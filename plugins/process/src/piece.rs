//! How much of a delivery a plugin is given at once: what it takes, and what fits into a line. What
//! a sync says of a member is not cut in two where that can be helped.

use std::time::{Duration, Instant};

use seatwatch_sdk::{Delivery, Event, whole_members};
use serde_json::value::{RawValue, to_raw_value};

use crate::protocol::{MAX_LINE_BYTES, ToPlugin, line};

/// The first events of a delivery, as the line that is sent.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) line: Vec<u8>,
    /// How many events are in it, at least 1.
    pub(crate) events: usize,
}

/// Cuts off as many events as a plugin takes at once. None if the first is too long for a line.
pub(crate) fn cut(delivery: &Delivery<'_>, deadline: Instant, max_events: usize) -> Option<Piece> {
    let left = deadline.saturating_duration_since(Instant::now());
    let message = |events| ToPlugin::Deliver {
        id: delivery.id,
        attempt: delivery.attempt,
        deadline_ms: milliseconds(left),
        events,
    };
    let mut room_bytes = MAX_LINE_BYTES.checked_sub(line(&message(&[])).len())?;
    let mut events = Vec::new();
    for event in delivery.events.iter().take(max_events) {
        let event = raw(event);
        // Between two events stands a comma.
        let needed_bytes = event.get().len() + usize::from(!events.is_empty());
        let Some(left_bytes) = room_bytes.checked_sub(needed_bytes) else { break };
        room_bytes = left_bytes;
        events.push(event);
    }
    events.truncate(whole_members(delivery.events, events.len()));
    let piece = Piece { line: line(&message(&events)), events: events.len() };
    Some(piece).filter(|piece| piece.events > 0)
}

fn raw(event: &Event) -> Box<RawValue> {
    to_raw_value(event).expect("an event holds texts, numbers and JSON")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use seatwatch_sdk::samples::events;

    use super::*;

    /// The sizes of the pieces in which events with names of that length are sent.
    fn pieces(name_bytes: &[usize], max_events: usize) -> Vec<usize> {
        let mut events = events(name_bytes.len());
        for (event, bytes) in events.iter_mut().zip(name_bytes) {
            event.data.details = Some("x".repeat(*bytes).into());
        }
        let mut rest = events.as_slice();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let deadline = Instant::now() + Duration::from_secs(30);
            let delivery = Delivery { id: "d", attempt: 1, deadline, events: rest };
            let Some(piece) = cut(&delivery, deadline, max_events) else { break };
            assert!(piece.line.len() <= MAX_LINE_BYTES, "{} bytes", piece.line.len());
            let line_feed = piece.line.iter().position(|byte| *byte == b'\n');
            assert_eq!(line_feed, Some(piece.line.len() - 1));
            rest = &rest[piece.events..];
            pieces.push(piece.events);
        }
        pieces
    }

    #[test]
    fn a_piece_holds_what_the_plugin_takes_and_a_line_has_room_for() {
        assert_eq!(pieces(&[0; 7], usize::MAX), [7]);
        assert_eq!(pieces(&[0; 7], 3), [3, 3, 1]);
        assert_eq!(pieces(&[300_000; 7], usize::MAX), [3, 3, 1]);
        assert_eq!(pieces(&[1, 1_100_000, 1], usize::MAX), [1]);
        assert_eq!(pieces(&[1_100_000], usize::MAX), [0; 0]);
    }

    #[test]
    fn a_line_is_filled_to_the_last_byte() {
        let event = |bytes: usize| {
            let mut event = events(1);
            event[0].data.details = Some("x".repeat(bytes).into());
            event
        };
        let length = |bytes| {
            let deadline = Instant::now();
            let delivery = Delivery { id: "d", attempt: 1, deadline, events: &event(bytes) };
            cut(&delivery, deadline, 1).map(|piece| piece.line.len())
        };
        let most = MAX_LINE_BYTES - length(0).unwrap();
        assert_eq!(length(most), Some(MAX_LINE_BYTES));
        assert_eq!(length(most + 1), None);
    }
}
