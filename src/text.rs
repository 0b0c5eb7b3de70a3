//! Texts as people may see them, also those that others chose: on a terminal and in the daemon's
//! log.
//!
//! Machines get names as they are; this is for eyes only.

/// `1 member`, `2 members`.
pub(crate) fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}

pub(crate) use seatwatch_sdk::shown;
