//! When an organization is due.
//!
//! Pure: cron expression, zone and splay in, an instant out.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use crate::config::Organization;
use crate::organization::OrganizationId;

/// The first time after `after` at which an organization is due, its share of the splay included.
pub fn next_run(
    organization: &Organization,
    splay: Duration,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let offset = TimeDelta::from_std(offset(&organization.id, splay)).ok()?;
    let occurrence = organization
        .schedule
        .next_after(organization.timezone, after.checked_sub_signed(offset)?)?;
    occurrence.checked_add_signed(offset)
}

/// An organization's own place within the splay: always the same, and evenly spread over them.
fn offset(id: &OrganizationId, splay: Duration) -> Duration {
    let digest: [u8; 32] = Sha256::digest(id.to_string()).into();
    let (head, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    let share = u64::from_be_bytes(*head);
    let seconds = splay.as_secs();
    Duration::from_secs(share.checked_rem(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_fixed_and_below_the_splay() {
        let acme: OrganizationId = "github/acme".parse().unwrap();
        let splay = Duration::from_secs(600);
        assert_eq!(offset(&acme, splay), offset(&acme, splay));
        assert!(offset(&acme, splay) < splay);
        assert_eq!(offset(&acme, Duration::ZERO), Duration::ZERO);
    }
}
pub mod ticks;
pub use ticks::{Beat, Ticks};
pub mod timetable;
pub use timetable::Timetable;
/// stub
pub struct Ticker;
impl Ticker {
    /// stub
    pub async fn start() -> Result<(Self, Ticks), std::io::Error> {
        let (beat, ticks) = Ticks::by_hand();
        #[allow(clippy::disallowed_methods)]
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                beat.strike();
            }
        });
        Ok((Self, ticks))
    }
    /// stub
    pub async fn stop(self) {}
}
