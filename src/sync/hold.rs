//! What becomes of a hold when the roster that it keeps back is read again.
//!
//! Pure. A hold is told once, and again as a reminder until a person has rejected it. Its id
//! names exactly its losses: when they change, so does the id, and an approval of the old id
//! does not cover the new one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::health::has_passed;
use crate::roster::Losses;
use crate::store::Hold;

/// The most names that a `roster_held` event shows.
pub(super) const NAMES_SHOWN: usize = 20;

/// The hold after this reading, and whether to tell `roster_held`.
pub(super) fn held(
    previous: Option<Hold>,
    losses: Losses,
    remind_every: Duration,
    now: DateTime<Utc>,
) -> (Hold, bool) {
    let id = id(&losses);
    let Some(previous) = previous else {
        let (told_id, told_losses) = (id.clone(), losses.clone());
        let hold =
            Hold { id, losses, told_id, told_losses, told_at: now, since: now, rejected_at: None };
        return (hold, true);
    };
    if previous.rejected_at.is_none() && has_passed(previous.told_at, remind_every, now) {
        let (told_id, told_losses) = (id.clone(), losses.clone());
        (Hold { id, losses, told_id, told_losses, told_at: now, ..previous }, true)
    } else {
        (Hold { id, losses, ..previous }, false)
    }
}

/// Eight digits that name a set of losses: short enough to type, and told apart by a person.
fn id(losses: &Losses) -> String {
    let mut hasher = Sha256::new();
    for (mark, keys) in [("leaver", &losses.leavers), ("seat loser", &losses.seat_losers)] {
        for key in keys {
            hasher.update(mark);
            hasher.update([0]);
            hasher.update(key);
            hasher.update([0]);
        }
    }
    hasher.update([u8::from(losses.last_admin)]);
    let digest: [u8; 32] = hasher.finalize().into();
    let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    format!("{:08x}", u32::from_be_bytes(*head))
}
