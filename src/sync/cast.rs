//! Rosters in a line of text, random rosters, and what a reader of events makes of them: for the
//! tests of the parts that decide.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use seatwatch_sdk::{EventKind, Profile};

use crate::roster::{Member, Roster, UnnamedRow};

/// `"ann* bob! Cat/name=e1 _*=e2"`: ann has a seat, bob is an admin, Cat has a name and an
/// email, and there is an unnamed row with a seat and an email. `␣` is a space.
pub(super) fn roster(cast: &str) -> Roster {
    let (mut members, mut unnamed) = (Vec::new(), Vec::new());
    for word in cast.split_whitespace() {
        let (head, email) = cut(word, '=');
        let (head, name) = cut(head, '/');
        let username = head.trim_end_matches(['*', '!']);
        let (seat, admin) = (head.contains('*'), head.contains('!'));
        if username == "_" {
            unnamed.push(UnnamedRow { email, seat });
        } else {
            members.push(Member::new(username, name.as_deref(), email.as_deref(), seat, admin));
        }
    }
    Roster::new(members, unnamed).expect("nobody stands in a cast twice")
}

fn cut(word: &str, mark: char) -> (&str, Option<Box<str>>) {
    match word.split_once(mark) {
        Some((head, text)) => (head, Some(text.replace('␣', " ").into())),
        None => (word, None),
    }
}

/// Loud or not, name, email, seat and admin.
type Fields = (bool, Option<&'static str>, Option<Box<str>>, bool, bool);

/// Few names and few emails, so that rosters of one organization have much in common.
pub(super) fn rosters() -> impl Strategy<Value = Roster> {
    let email = || {
        let emails = [None, None, Some(""), Some(" "), Some("e1"), Some("e2"), Some("e3")];
        select(emails.to_vec()).prop_map(|email| email.map(Box::from))
    };
    let name = select(vec![None, Some(""), Some("Ann\u{0}\n'\"")]);
    let row = (any::<bool>(), name, email(), any::<bool>(), any::<bool>());
    let keys = select(vec!["ann", "bob", "cat", "dan", "zoë", "x'; --"]);
    let unnamed = vec((email(), any::<bool>()), 0..3);
    (btree_map(keys, row, 0..6), unnamed).prop_map(|(members, unnamed)| {
        let member = |(key, (loud, name, email, seat, admin)): (&str, Fields)| {
            let shown = if loud { key.to_uppercase() } else { key.to_owned() };
            Member::new(&shown, name, email.as_deref(), seat, admin)
        };
        let unnamed = unnamed.into_iter().map(|(email, seat)| UnnamedRow { email, seat });
        let members = members.into_iter().map(member).collect();
        Roster::new(members, unnamed.collect()).expect("the keys of a map are unique")
    })
}

/// The members as somebody knows them who reads nothing but events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listener(BTreeMap<String, Profile>);

impl Listener {
    /// Who knows this roster.
    pub(super) fn of(roster: &Roster) -> Self {
        Self(roster.members().iter().map(|m| (m.key().to_owned(), m.profile())).collect())
    }

    /// Takes in one event. The seat and the admin right change by their own events only.
    pub(super) fn hear(
        &mut self,
        event: EventKind,
        before: Option<&Profile>,
        after: Option<&Profile>,
    ) {
        let key = |profile: &Profile| profile.username.to_lowercase();
        let taken = before.map(key).filter(|_| event != EventKind::Joined);
        match (event, after) {
            (EventKind::Left, None) => {
                let known = self.0.remove(&taken.expect("who left was there"));
                assert_eq!(known.as_ref(), before, "who left was known otherwise");
            }
            (EventKind::Joined, Some(after)) => {
                let bare = Profile { seat: false, admin: false, ..after.clone() };
                assert_eq!(self.0.insert(key(after), bare), None, "who joined was there");
            }
            (EventKind::Renamed | EventKind::Updated, Some(after)) => {
                let known = self.0.remove(&taken.expect("who changed was there"));
                let Profile { seat, admin, .. } = known.expect("who changed was known");
                let known = Profile { seat, admin, ..after.clone() };
                assert_eq!(self.0.insert(key(after), known), None, "two under one name");
            }
            (_, Some(after)) => {
                let known = self.0.get_mut(&key(after)).expect("who changed was known");
                let (bit, on) = match event {
                    EventKind::SeatGained => (&mut known.seat, true),
                    EventKind::SeatLost => (&mut known.seat, false),
                    EventKind::AdminGranted => (&mut known.admin, true),
                    EventKind::AdminRevoked => (&mut known.admin, false),
                    event => panic!("{event} is not about a member"),
                };
                assert_ne!(*bit, on, "{event} changes nothing");
                *bit = on;
            }
            (EventKind::SeatLost, None) => assert!(before.expect("had a seat").seat),
            (EventKind::AdminRevoked, None) => assert!(before.expect("was an admin").admin),
            (event, None) => panic!("{event} of somebody who is gone"),
        }
    }
}
