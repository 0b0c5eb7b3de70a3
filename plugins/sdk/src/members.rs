//! Where a row of events can be cut: what one sync says of one member should come together.

use crate::Event;

/// How many of the first `most` events to take, so that they end with the last event of a member: all
/// of them where they are about no other.
pub fn whole_members(events: &[Event], most: usize) -> usize {
    let (taken, Some(next)) = (events.iter().take(most), events.get(most)) else {
        return events.len();
    };
    let is_same = |event: &&Event| {
        next.subject.is_some()
            && (&event.subject, &event.correlationid) == (&next.subject, &next.correlationid)
    };
    let begun = taken.rev().take_while(is_same).count();
    if begun < most { most - begun } else { most }
}

#[cfg(all(test, feature = "samples"))]
mod tests {
    use super::*;
    use crate::samples::events;

    /// How many of the first three are taken, where each is about the member of this letter.
    fn taken(members: &str) -> usize {
        let mut events = events(members.len());
        for (event, member) in events.iter_mut().zip(members.chars()) {
            event.subject = member.is_alphabetic().then(|| member.to_string());
            "one".clone_into(&mut event.correlationid);
        }
        whole_members(&events, 3)
    }

    #[test]
    fn a_cut_comes_behind_a_member() {
        let cases =
            [("", 0), ("ab", 2), ("abc", 3), ("abcd", 3), ("abbb", 1), ("aabbb", 2), ("aaaa", 3)];
        for (members, expected) in cases {
            assert_eq!(taken(members), expected, "{members}");
        }
        assert_eq!(taken("----"), 3, "events about nobody have nothing in common");
    }

    #[test]
    fn another_sync_is_another_matter() {
        let mut events = events(4);
        for (event, sync) in events.iter_mut().zip(["one", "one", "one", "two"]) {
            (event.subject, event.correlationid) = (Some("a".to_owned()), sync.to_owned());
        }
        assert_eq!(whole_members(&events, 3), 3);
    }
}
