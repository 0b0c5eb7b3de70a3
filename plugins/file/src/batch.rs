//! A delivery as the file will hold it: every event's line, ready before the file is touched.

use std::collections::HashMap;

use seatwatch_sdk::Event;

use crate::Format;

/// The lines of a delivery, one after the other.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where each line ends in `bytes`.
    ends: Vec<usize>,
    /// The index of each event by its id, if the file may have some of them already.
    indices: Option<HashMap<String, usize>>,
}

/// What most lines take, so that there is room at once.
const USUAL_BYTES: usize = 1024;

impl Batch {
    /// The lines of these events; of a repeat, some may be in the file already.
    pub(crate) fn new(format: Format, events: &[Event], is_repeat: bool) -> Self {
        let mut bytes = Vec::with_capacity(events.len() * USUAL_BYTES);
        let write = |event| {
            format.write(event, &mut bytes);
            bytes.len()
        };
        let ends = events.iter().map(write).collect();
        let ids = events.iter().map(|event| event.id.clone());
        let indices = is_repeat.then(|| ids.zip(0..).collect());
        Self { bytes, ends, indices }
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes their lines have.
    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the file may have some of the events.
    pub(crate) fn is_repeat(&self) -> bool {
        self.indices.is_some()
    }

    /// Which of the events has this id; none where it is no [repeat](Self::is_repeat).
    pub(crate) fn index(&self, id: &str) -> Option<usize> {
        self.indices.as_ref()?.get(id).copied()
    }

    /// What is to be written: `header`, then the lines of the events that are not `held`.
    pub(crate) fn missing(&self, held: &[bool], header: &str) -> Missing {
        let mut bytes = Vec::with_capacity(header.len() + self.bytes.len());
        bytes.extend_from_slice(header.as_bytes());
        let mut missing = Missing { bytes, lines: Vec::new(), events: self.len() };
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        for (index, (start, &end)) in starts.zip(&self.ends).enumerate() {
            if !held[index] {
                missing.bytes.extend_from_slice(&self.bytes[start..end]);
                missing.lines.push(Line { index, end: missing.bytes.len() });
            }
        }
        missing
    }
}

/// The part of a delivery that the file does not have.
#[derive(Debug)]
pub(crate) struct Missing {
    /// What to append.
    pub(crate) bytes: Vec<u8>,
    lines: Vec<Line>,
    /// How many events the whole delivery has.
    events: usize,
}

#[derive(Debug)]
struct Line {
    /// The event's index in the delivery.
    index: usize,
    /// Where the line ends in the bytes to append.
    end: usize,
}

impl Missing {
    /// What that many written bytes are worth: how many of them make whole lines, and how many
    /// events of the delivery, counted from the first, the file then has.
    pub(crate) fn whole(&self, written_bytes: usize) -> (usize, usize) {
        let whole = self.lines.partition_point(|line| line.end <= written_bytes);
        let kept = self.lines[..whole].last().map_or(0, |line| line.end);
        (kept, self.lines.get(whole).map_or(self.events, |line| line.index))
    }
}

#[cfg(test)]
mod tests {
    use seatwatch_sdk::samples::events;

    use super::*;

    #[test]
    fn what_is_held_is_not_written_again() {
        let batch = Batch::new(Format::Csv, &events(3), true);
        let missing = batch.missing(&[true, false, true], "");
        let mut line = Vec::new();
        Format::Csv.write(&events(3)[1], &mut line);
        assert_eq!(missing.bytes, line);
        assert_eq!(missing.whole(line.len() - 1), (0, 1));
        assert_eq!(missing.whole(line.len()), (line.len(), 3));
    }

    #[test]
    fn a_header_alone_is_worth_nothing() {
        let missing = Batch::new(Format::Csv, &events(1), false).missing(&[false], "header\n");
        assert_eq!(missing.whole(10), (0, 0));
    }
}
