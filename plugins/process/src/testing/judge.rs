//! What is thought of something that a plugin did.
//!
//! Pure, but for a look at the file of the program.

use std::path::Path;

use seatwatch_sdk::{Failure, Outcome};

use super::Grade;
use crate::protocol::PROTOCOL;
use crate::trust::{self, Rule};

/// What was seen of a promise that was kept, more or less, or not tried.
pub(super) type Good = (Grade, String);

/// What was seen of a promise; of a broken one, what went wrong.
pub(super) type Seen = Result<Good, String>;

/// That a promise was kept.
pub(super) fn well(seen: &str) -> Good {
    (Grade::Ok, seen.to_owned())
}

/// That there was no plugin to try it with.
pub(super) fn not_tried() -> Good {
    (Grade::Skipped, "it never got ready".to_owned())
}

/// Of the owner and the mode of the program.
pub(super) fn owned(program: &Path) -> Good {
    match trust::check(program, Rule::Ours) {
        Ok(()) => well("it may stand in a directory of `plugin_dirs`"),
        Err(distrust) => {
            let seen = format!("not used from `plugin_dirs`: {distrust}: {}", distrust.hint());
            (Grade::Warning, seen)
        }
    }
}

/// Of the number of the protocol.
pub(super) fn speaks(protocol: u32) -> Seen {
    let seen = format!("`protocol` is {protocol}");
    if protocol == PROTOCOL { Ok(well(&seen)) } else { Err(seen) }
}

/// Of `max_events`.
pub(super) fn size(max_events: Option<u64>) -> Seen {
    match max_events {
        Some(0) => Err("`max_events` is 0: it takes no events at all".to_owned()),
        Some(count) => Ok(well(&format!("`max_events` is {count}"))),
        None => Ok(well("no `max_events`: it gets as many as fit into a line of 1 MiB")),
    }
}

/// Of the result of a delivery of `sent` events.
pub(super) fn judge(outcome: &Outcome, sent: usize) -> Good {
    let events = if sent == 1 { "1 event".to_owned() } else { format!("{sent} events") };
    match outcome {
        Outcome::Accepted => well(&format!("it accepted {events}")),
        Outcome::Prefix { accepted } => {
            well(&format!("it accepted {accepted} of {events}; it would get the rest next"))
        }
        Outcome::Refused { reason } => {
            (Grade::Warning, format!("it refused all of {events}: it {reason}"))
        }
        Outcome::Partial { accepted, then } => {
            let what = match then {
                Failure::Retry { .. } => "asked to come again",
                Failure::Reject { .. } => "rejected the next for good",
                Failure::Disable { .. } => "asked to be stopped",
            };
            let reason = then.reason();
            let seen = format!("it accepted {accepted} of {events} and {what}: it {reason}");
            (Grade::Warning, seen)
        }
    }
}
