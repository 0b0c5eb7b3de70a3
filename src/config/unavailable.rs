//! Capabilities that the documentation names and this version does not have.
//!
//! A key for one of them is refused with these words rather than called unknown: who copied it
//! from the documentation made no typo. Whoever builds a capability takes its line out.

use super::tree::Step;

/// How the sentence about one of them ends.
pub(crate) const TEXT: &str = "not available in this version of seatwatch";

const TOP: &[&str] = &["discover"];
const SEATS: &[&str] = &["currency", "price_per_seat"];

/// Whether `name` is a key that the mapping at `parent` will have one day.
pub(crate) fn key(parent: &[Step], name: &str) -> bool {
    let later = match parent {
        [] => TOP,
        [.., Step::Key(seats)] if seats == "seats" => SEATS,
        _ => return false,
    };
    later.contains(&name)
}
