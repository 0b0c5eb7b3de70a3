//! The `details` of an organization event, whatever of them is there.
//!
//! They are read with care: an event may have been written by an older or a newer version.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::Data;
use serde_json::Value;

use super::words;

/// A view of an event's details.
#[derive(Clone, Copy)]
pub(super) struct Details<'a>(Option<&'a Value>);

impl<'a> Details<'a> {
    pub(super) fn of(data: &'a Data) -> Self {
        Self(data.details.as_ref())
    }

    fn get(self, key: &str) -> Option<&'a Value> {
        self.0.and_then(|details| details.get(key))
    }

    /// The details within the value of a key.
    pub(super) fn within(self, key: &str) -> Self {
        Self(self.get(key))
    }

    pub(super) fn number(self, key: &str) -> Option<u64> {
        self.get(key).and_then(Value::as_u64)
    }

    /// A number that is there and not 0.
    pub(super) fn some(self, key: &str) -> Option<u64> {
        self.number(key).filter(|number| *number > 0)
    }

    pub(super) fn is(self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// A text that is fit for eyes.
    pub(super) fn text(self, key: &str, most: usize) -> Option<String> {
        let text = self.get(key).and_then(Value::as_str)?;
        Some(words::bounded(text, most)).filter(|text| !text.is_empty())
    }

    /// Usernames that are fit for eyes.
    pub(super) fn usernames(self, key: &str) -> Vec<String> {
        let list = self.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(words::username).collect()
    }

    pub(super) fn time(self, key: &str, timezone: Tz) -> Option<String> {
        let time: DateTime<Utc> = self.get(key).and_then(Value::as_str)?.parse().ok()?;
        Some(words::at(time, timezone))
    }
}
