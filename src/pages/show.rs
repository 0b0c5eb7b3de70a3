//! Numbers, times and names as pages show them.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::Serialize;

pub(super) use crate::text::grouped;
use crate::text::shown;

/// The most characters of a name or an address; more would hide what is beside it.
const NAME: usize = 320;
/// The most characters of a message or a hint.
const SENTENCE: usize = 1200;

/// A name that others chose.
pub(super) fn name(text: &str) -> String {
    bounded(text, NAME)
}

/// A message that others chose.
pub(super) fn sentence(text: &str) -> String {
    bounded(text, SENTENCE)
}

/// A text without anything that hides or deceives, and not longer than `most` characters.
fn bounded(text: &str, most: usize) -> String {
    let mut letters = text.chars();
    let head: String = letters.by_ref().take(most).collect();
    let end = if letters.next().is_some() { "…" } else { "" };
    shown(&head) + end
}

/// A time for eyes, and for machines.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Moment {
    /// RFC 3339, in UTC.
    iso: String,
    /// `2026-11-23`, in the zone of the page.
    day: String,
    /// `2026-11-23 11:00`.
    minute: String,
    /// `2026-11-23 11:00 CET`.
    full: String,
}

impl Moment {
    pub(super) fn of(time: DateTime<Utc>, zone: Tz) -> Self {
        let local = time.with_timezone(&zone);
        Self {
            iso: time.to_rfc3339_opts(SecondsFormat::Secs, true),
            day: local.format("%F").to_string(),
            minute: local.format("%F %R").to_string(),
            full: local.format("%F %R %Z").to_string(),
        }
    }
}

/// Since when somebody is something.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SinceWhen {
    at: Moment,
    /// Whether it may have been so for longer: nothing is known of the time before.
    or_longer: bool,
}

impl SinceWhen {
    pub(super) fn of(at: DateTime<Utc>, known_since: Option<DateTime<Utc>>, zone: Tz) -> Self {
        let or_longer = known_since.is_some_and(|known_since| at <= known_since);
        Self { at: Moment::of(at, zone), or_longer }
    }
}
