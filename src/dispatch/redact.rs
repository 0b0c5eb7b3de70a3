//! Leaves out of events what a sink is not to know.
//!
//! The log keeps everything; this is for what leaves the program. So a change of `redact` counts
//! for all that is delivered from then on, what was tried before too.

use std::borrow::Cow;
use std::collections::BTreeSet;

use seatwatch_sdk::{Event, Profile};

use crate::config::Redacted;

/// The same events without what is `redacted` of their members.
pub(super) fn redact<'a>(events: &'a [Event], redacted: &BTreeSet<Redacted>) -> Cow<'a, [Event]> {
    if redacted.is_empty() {
        return Cow::Borrowed(events);
    }
    let mut events = events.to_vec();
    for event in &mut events {
        let data = &mut event.data;
        let member = data.member.as_mut().map(|member| &mut member.profile);
        let profiles = [member, data.before.as_mut(), data.after.as_mut()];
        for profile in profiles.into_iter().flatten() {
            for what in redacted {
                *field(profile, *what) = None;
            }
        }
    }
    Cow::Owned(events)
}

fn field(profile: &mut Profile, what: Redacted) -> &mut Option<String> {
    match what {
        Redacted::Email => &mut profile.email,
        Redacted::Name => &mut profile.name,
    }
}

#[cfg(test)]
mod tests {
    use seatwatch_sdk::samples::events;

    use super::*;

    #[test]
    fn what_is_redacted_stands_nowhere_and_the_rest_is_as_it_was() {
        let (before, both) = (events(64), BTreeSet::from([Redacted::Email, Redacted::Name]));
        let after = redact(&before, &both);
        let text = serde_json::to_string(&after).unwrap();
        for told in ["HYPERLINK", "=was", "gnp"] {
            assert!(serde_json::to_string(&before).unwrap().contains(told));
            assert!(!text.contains(told), "{told} stands in {text}");
        }
        for told in before.iter().filter_map(|event| event.data.before.as_ref()) {
            assert!(text.contains(&told.username), "{} does not stand in {text}", told.username);
        }
        assert_eq!(redact(&before, &BTreeSet::new()), before);
        let email = BTreeSet::from([Redacted::Email]);
        assert!(serde_json::to_string(&redact(&before, &email)).unwrap().contains("HYPERLINK"));
    }
}
