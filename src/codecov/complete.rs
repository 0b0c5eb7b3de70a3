//! Marks what a whole walk gave, and tells two walks apart without parsing them.

use sha2::{Digest as _, Sha256};

use crate::roster::Roster;

/// Something read in a walk whose pages fit together.
///
/// Only such a walk makes one, so that what is compared and committed cannot be a roster that
/// is obviously in pieces. That it misses nobody is not proof, but the most that the API can
/// give (`docs/CODECOV_API.md` section 8): the guard confirms who seems to have left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete<T>(T);

impl<T> Complete<T> {
    /// For the walk alone, after its shape check.
    pub(super) fn passed(whole: T) -> Self {
        Self(whole)
    }

    /// What was read.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was read, without the mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Complete<Roster> {
    /// Two walks together, as [`Roster::union`] has it: what either shows is there.
    #[must_use]
    pub fn union(self, later: Self) -> Self {
        Self(self.0.union(later.0))
    }
}

/// The SHA-256 of all rows of a walk, as they were sent and in their order.
///
/// Independent of how the rows were split into pages: hashed are the rows of each page, joined
/// with `,`. Equal digests mean equal rosters; different ones need not mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// Makes a [`Digest`] of the pages' rows, as of the one list that they are parts of.
#[derive(Default)]
pub(super) struct Digester {
    hasher: Sha256,
    has_rows: bool,
}

impl Digester {
    /// Adds the next page.
    pub(super) fn add(&mut self, rows: &str) {
        if rows.is_empty() {
            return;
        }
        if self.has_rows {
            self.hasher.update(",");
        }
        self.hasher.update(rows);
        self.has_rows = true;
    }

    /// The digest of all pages.
    pub(super) fn finish(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl Digest {
    /// For storing.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pages: &[&str]) -> Digest {
        let mut digester = Digester::default();
        for page in pages {
            digester.add(page);
        }
        digester.finish()
    }

    #[test]
    fn a_digest_does_not_know_the_pages() {
        let whole = digest(&[r#"{"a":1},{"b":2},{"c":3}"#]);
        for pages in [
            &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#][..],
            &[r#"{"a":1},{"b":2}"#, r#"{"c":3}"#],
            &[r#"{"a":1},{"b":2},{"c":3}"#, ""],
        ] {
            assert_eq!(digest(pages), whole, "{pages:?}");
        }
        assert_ne!(digest(&[r#"{"b":2},{"a":1},{"c":3}"#]), whole);
    }
}
