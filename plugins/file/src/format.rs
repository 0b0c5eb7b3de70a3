//! What a line of each format is: how it is written, told apart, and recognized again.
//!
//! Here is all that differs between formats; whoever reads or writes the file asks here. Both keep
//! one law: an event is exactly one line, so a line feed always ends an event.

use seatwatch_sdk::Event;

use crate::Format;

mod csv;
mod ndjson;

impl Format {
    /// What stands before the first event, with its line feed; may be nothing.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Ndjson => "",
            Self::Csv => csv::HEADER,
        }
    }

    /// Writes the event as one line, line feed included.
    pub(crate) fn write(self, event: &Event, line: &mut Vec<u8>) {
        match self {
            Self::Ndjson => ndjson::write(event, line),
            Self::Csv => csv::write(event, line),
        }
    }

    /// The id of the event in a whole line, given without its line feed; none if it is something
    /// else.
    pub(crate) fn read(self, line: &[u8]) -> Option<String> {
        match self {
            Self::Ndjson => ndjson::read(line),
            Self::Csv => csv::read(line),
        }
    }

    /// Whether a file that starts like this is one of ours; what it may start with is shorter
    /// than [`HEAD_BYTES`](Self::HEAD_BYTES).
    ///
    /// # Errors
    ///
    /// What the file holds instead, to follow "the file".
    pub(crate) fn check_head(self, head: &[u8]) -> Result<(), &'static str> {
        match self {
            _ if head.is_empty() => Ok(()),
            Self::Ndjson => ndjson::check_head(head),
            Self::Csv => csv::check_head(head),
        }
    }

    /// Whether bytes without a line feed can be what a crash left of a line of ours.
    pub(crate) fn is_torn(self, bytes: &[u8]) -> bool {
        let zeros = bytes.iter().all(|&byte| byte == 0); // A power failure can leave them.
        zeros
            || match self {
                Self::Ndjson => ndjson::is_torn(bytes),
                Self::Csv => true, // The header has proved that the file is ours.
            }
    }

    /// How much of a file's start [`check_head`](Self::check_head) wants to see.
    pub(crate) const HEAD_BYTES: usize = 256;
}
