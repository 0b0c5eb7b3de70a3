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

    /// Skips the walk.
    #[cfg(test)]
    #[allow(dead_code, reason = "for the unit tests of the parts that take a roster")]
    pub(crate) fn for_test(whole: T) -> Self {
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
/// Independent of how the rows were split into pages: hashed is the inside of each page's list,
/// joined with `,`. Equal digests mean equal rosters; different ones need not mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes the JSON arrays of all pages as the one array that they are parts of.
    pub(super) fn of_pages<'a>(arrays: impl IntoIterator<Item = &'a str>) -> Self {
        let insides = arrays.into_iter().map(inside).filter(|inside| !inside.is_empty());
        let mut hasher = Sha256::new();
        for (index, inside) in insides.enumerate() {
            if index > 0 {
                hasher.update(",");
            }
            hasher.update(inside);
        }
        Self(hasher.finalize().into())
    }

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

impl TryFrom<&[u8]> for Digest {
    type Error = std::array::TryFromSliceError;

    /// Takes back what [`as_bytes`](Self::as_bytes) gave to the store.
    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// What stands between the brackets of a JSON array.
fn inside(array: &str) -> &str {
    let array = array.trim();
    let array = array.strip_prefix('[').unwrap_or(array);
    array.strip_suffix(']').unwrap_or(array).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_does_not_know_the_pages() {
        let whole = Digest::of_pages([r#"[{"a":1},{"b":2},{"c":3}]"#]);
        for pages in [
            &[r#"[{"a":1}]"#, r#"[{"b":2}]"#, r#"[{"c":3}]"#][..],
            &[r#"[ {"a":1},{"b":2} ]"#, r#"[{"c":3}]"#],
            &[r#"[{"a":1},{"b":2},{"c":3}]"#, "[]"],
        ] {
            assert_eq!(Digest::of_pages(pages.iter().copied()), whole, "{pages:?}");
        }
        assert_ne!(Digest::of_pages([r#"[{"b":2},{"a":1},{"c":3}]"#]), whole);
        assert_eq!(Digest::try_from(&whole.as_bytes()[..]).unwrap(), whole);
    }
}
