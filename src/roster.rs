//! The complete list of an organization's members at one moment.
//!
//! A roster is sorted by member key and has no key twice; rows that name nobody are kept apart.
//!
//! Pure: knows neither Codecov's wire format nor how a roster is stored.

use std::collections::BTreeSet;
use std::fmt;

use itertools::{EitherOrBoth, Itertools as _};
use seatwatch_sdk::{Profile, Totals, Unnamed};
use serde::{Deserialize, Serialize};

/// A username as Codecov shows it, with the form it is compared by.
///
/// Codecov compares usernames without letter case (`docs/CODECOV_API.md` section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    shown: Box<str>,
    /// The lower-case form, where it differs from the one shown.
    folded: Option<Box<str>>,
}

impl Username {
    /// Keeps the letter case of `shown` and compares without it.
    pub fn new(shown: impl Into<Box<str>>) -> Self {
        let shown = shown.into();
        let folded = folded(&shown);
        Self { shown, folded }
    }

    /// As Codecov shows it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// In lower case: the key of the member.
    pub fn key(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.shown)
    }
}

/// A username, or another text that is compared without letter case, in lower case where that
/// differs.
pub(crate) fn folded(shown: &str) -> Option<Box<str>> {
    // Most names are what they are compared by, which is told without writing it down.
    let is_folded = |c: u8| c.is_ascii() && !c.is_ascii_uppercase();
    if shown.bytes().all(is_folded) {
        return None;
    }
    // Letter by letter, as a database does: no letter depends on its neighbours.
    let folded: Box<str> = shown.chars().flat_map(char::to_lowercase).collect();
    (*folded != *shown).then_some(folded)
}

/// One identified row of a roster.
///
/// Its texts share one piece of memory: there are some hundred thousand members to make, compare
/// and free.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The username as shown, in lower case where that differs, the name and the email.
    texts: Box<str>,
    /// Where in `texts` each but the last ends.
    ends: [u32; 3],
    /// Whether there is a name, and an email.
    given: [bool; 2],
    /// Holds a paid seat.
    pub seat: bool,
    /// Is an admin of the organization.
    pub admin: bool,
}

impl Member {
    /// A member whose username, as Codecov shows it, is not empty.
    pub fn new(
        username: &str,
        name: Option<&str>,
        email: Option<&str>,
        seat: bool,
        admin: bool,
    ) -> Self {
        let folded = folded(username);
        let parts = [Some(username), folded.as_deref(), name, email].map(Option::unwrap_or_default);
        let texts: Box<str> = parts.concat().into();
        let mut end = 0;
        let ends = [0, 1, 2].map(|index: usize| {
            end += parts[index].len();
            u32::try_from(end).expect("no text has gigabytes")
        });
        Self { texts, ends, given: [name.is_some(), email.is_some()], seat, admin }
    }

    /// As Codecov shows it.
    pub fn username(&self) -> &str {
        self.text(0, self.ends[0])
    }

    /// The lower-cased username, which identifies the member.
    pub fn key(&self) -> &str {
        let [shown, folded, _] = self.ends;
        if shown == folded { self.username() } else { self.text(shown, folded) }
    }

    /// Free text.
    pub fn name(&self) -> Option<&str> {
        self.given[0].then(|| self.text(self.ends[1], self.ends[2]))
    }

    /// Free text, not validated by Codecov.
    pub fn email(&self) -> Option<&str> {
        self.given[1].then(|| self.texts.get(self.ends[2] as usize..).expect(WHOLE))
    }

    fn text(&self, start: u32, end: u32) -> &str {
        self.texts.get(start as usize..end as usize).expect(WHOLE)
    }

    /// The member as events show it.
    pub fn profile(&self) -> Profile {
        Profile {
            username: self.username().to_owned(),
            name: self.name().map(str::to_owned),
            email: self.email().map(str::to_owned),
            seat: self.seat,
            admin: self.admin,
        }
    }
}

const WHOLE: &str = "texts end where the next ones begin";

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profile().fmt(f)
    }
}

/// A row that names nobody: a deleted account, or one whose name another account took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnnamedRow {
    /// The address that is left of the person: the trace by which a take-over is told.
    pub email: Option<Box<str>>,
    /// Holds a paid seat.
    pub seat: bool,
}

/// All members of an organization, by key, and the rows that name nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    members: Vec<Member>,
    unnamed: Vec<UnnamedRow>,
}

impl Roster {
    /// Sorts the members.
    ///
    /// # Errors
    ///
    /// The key of a member that is there twice.
    pub fn new(mut members: Vec<Member>, unnamed: Vec<UnnamedRow>) -> Result<Self, TwiceListed> {
        // Codecov lists by an order of its own, the store by key.
        if !members.is_sorted_by(|a, b| a.key() < b.key()) {
            // Most are told apart by their heads, without a look at where the keys are.
            members.sort_by_cached_key(|member| head(member.key()));
            members.sort_by(|a, b| a.key().cmp(b.key()));
        }
        match members.iter().tuple_windows().find(|(a, b)| a.key() == b.key()) {
            Some((twice, _)) => Err(TwiceListed { username: twice.username().to_owned() }),
            None => Ok(Self { members, unnamed }),
        }
    }

    /// The members in the order of their keys.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The rows that name nobody, in the order in which Codecov listed them.
    pub fn unnamed(&self) -> &[UnnamedRow] {
        &self.unnamed
    }

    /// All rows, named and unnamed: what Codecov counts.
    pub fn rows(&self) -> usize {
        self.members.len() + self.unnamed.len()
    }

    /// The member of that key.
    pub fn get(&self, key: &str) -> Option<&Member> {
        let index = self.members.binary_search_by(|member| member.key().cmp(key)).ok()?;
        self.members.get(index)
    }

    /// Counts everything there is to count.
    pub fn totals(&self) -> Totals {
        let count =
            |bit: fn(&Member) -> bool| self.members.iter().filter(|m| bit(m)).count() as u64;
        Totals {
            members: self.members.len() as u64,
            seats: count(|member| member.seat),
            admins: count(|member| member.admin),
            unnamed: Unnamed {
                members: self.unnamed.len() as u64,
                seats: self.unnamed.iter().filter(|row| row.seat).count() as u64,
            },
        }
    }

    /// Both readings of one list together: presence in either is proof, absence from one is not.
    ///
    /// Who is in both has the row of `later`. Unnamed rows cannot be told apart, so the reading
    /// that has more of them counts.
    #[must_use]
    pub fn union(self, later: Self) -> Self {
        let members = self
            .members
            .into_iter()
            .merge_join_by(later.members, |a, b| a.key().cmp(b.key()))
            .map(|pair| match pair {
                EitherOrBoth::Left(member) | EitherOrBoth::Right(member) => member,
                EitherOrBoth::Both(_, newer) => newer,
            })
            .collect();
        let unnamed =
            if self.unnamed.len() > later.unnamed.len() { self.unnamed } else { later.unnamed };
        Self { members, unnamed }
    }
}

/// The beginning of a key: where two differ, they are in the order of the keys.
fn head(key: &str) -> u128 {
    let mut head = [0; 16];
    for (to, from) in head.iter_mut().zip(key.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(head)
}

/// What a newer roster lacks: the measure of the guard, and what a person approves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Keys of those who left, renames aside.
    pub leavers: BTreeSet<String>,
    /// Keys of those who stay but lost their seat.
    pub seat_losers: BTreeSet<String>,
    /// There was an admin, and there is none.
    pub last_admin: bool,
}

/// A username that stands in a list twice, letter case aside: the list is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list names `{username}` twice")]
pub struct TwiceListed {
    /// As one of the two rows shows it.
    pub username: String,
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn member(key: &str) -> Member {
        Member::new(key, None, None, false, false)
    }

    #[test]
    fn names_are_compared_without_case_letter_by_letter() {
        for (shown, key) in [("Ann", "ann"), ("ann-7", "ann-7"), ("ZOË", "zoë"), ("ẞ", "ß")] {
            assert_eq!(Username::new(shown).key(), key);
            assert_eq!(Username::new(shown).shown(), shown);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Also where keys are longer than their heads, or a part of one another.
        #[test]
        fn members_are_in_the_order_of_their_keys(
            keys in btree_set("(a{0,17}|b{14,16})[a-c\u{0}é]{0,3}", 0..12),
            seed: u64,
        ) {
            let sorted: Vec<Member> = keys.iter().map(|key| member(key)).collect();
            let mut shuffled = sorted.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let roster = Roster::new(shuffled.clone(), Vec::new()).unwrap();
            prop_assert_eq!(roster.members(), &*sorted);
            if let Some(twice) = shuffled.first().cloned() {
                shuffled.push(twice);
                prop_assert!(Roster::new(shuffled, Vec::new()).is_err());
            }
        }
    }
}
