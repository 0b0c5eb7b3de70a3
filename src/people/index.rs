//! Finds people in a list by an address or a username.
//!
//! Pure.

use std::ops::Range;

use super::People;

/// All addresses or all usernames of a list, in order, each with whose it is.
#[derive(Debug)]
pub(super) struct Index<'a>(Vec<(&'a str, u32)>);

impl<'a> Index<'a> {
    pub(super) fn of_emails(people: &'a People) -> Self {
        Self::new(people.iter().map(|person| person.emails()))
    }

    pub(super) fn of_usernames(people: &'a People) -> Self {
        Self::new(people.iter().map(|person| person.usernames()))
    }

    fn new(keys: impl Iterator<Item = impl Iterator<Item = &'a str>>) -> Self {
        let number = |keys, index| (keys, u32::try_from(index).expect("people have u32 indexes"));
        let mut all: Vec<(&str, u32)> = keys
            .enumerate()
            .flat_map(|(index, keys)| keys.map(move |key| number(key, index)))
            .collect();
        all.sort_unstable();
        Self(all)
    }

    /// Whether the list tells nobody by this.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where those are who have this key.
    pub(super) fn find(&self, key: &str) -> Range<usize> {
        let start = self.0.partition_point(|(known, _)| *known < key);
        let length = self.0[start..].partition_point(|(known, _)| *known == key);
        start..start + length
    }

    /// Who they are, each once.
    pub(super) fn people(&self, found: &Range<usize>) -> impl Iterator<Item = u32> + Clone {
        self.0[found.clone()].iter().map(|(_, person)| *person)
    }
}
