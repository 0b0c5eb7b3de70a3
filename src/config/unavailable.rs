//! Capabilities that the documentation names and this version does not have.
//!
//! A key for one of them is refused with these words rather than called unknown: who copied it
//! from the documentation made no typo. Whoever builds a capability takes its line out.

use super::tree::Step;

/// How the sentence about one of them ends.
pub(crate) const TEXT: &str = "not available in this version of seatwatch";

const HTTP: &[&str] = &["pages"];

/// Whether `name` is a key that the mapping at `parent` will have one day.
pub(crate) fn key(parent: &[Step], name: &str) -> bool {
    let later = match parent {
        [Step::Key(http)] if http == "http" => HTTP,
        _ => return false,
    };
    later.contains(&name)
}
