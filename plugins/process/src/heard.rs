//! What a plugin says that is no answer, and the log line that it becomes.
//!
//! A plugin may write megabytes a second. A line of the log holds only the beginning of one of
//! theirs, and of many lines in a minute the rest is only counted. That it ended is ours to say,
//! and always said.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use seatwatch_sdk::shown;

/// Something that a plugin has said beside its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A line on its standard error.
    Stderr(&'a str),
    /// A line on its standard output that is no message.
    Noise(&'a str),
    /// A message of a type that is not known here.
    Unknown(&'a str),
    /// A message that nobody has asked for.
    Unasked(&'a str),
    /// That it ended while nothing was asked of it, and how.
    Ended(&'a str),
}

/// Who listens to what a plugin says beside its answers. Called from several threads.
pub(crate) trait Ear: Send + Sync {
    fn hear(&self, heard: Heard<'_>);
}

/// How many characters of a line are shown.
const MAX_CHARS: usize = 1000;

/// The beginning of a text that a plugin chose, harmless to look at.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", shown(text.get(..end).unwrap_or_default())),
        None => shown(text),
    }
}

/// Writes what it hears to the log.
pub(crate) struct Log {
    sink: String,
    budget: Mutex<Budget>,
}

impl Log {
    pub(crate) fn new(sink: &str) -> Self {
        Self { sink: sink.to_owned(), budget: Mutex::new(Budget::new(Instant::now())) }
    }
}

impl Ear for Log {
    fn hear(&self, heard: Heard<'_>) {
        let sink = &self.sink;
        let granted = match heard {
            Heard::Ended(_) => Some(0),
            _ => self.budget.lock().ok().and_then(|mut budget| budget.ask(Instant::now())),
        };
        let Some(skipped) = granted else { return };
        if skipped > 0 {
            tracing::warn!(%sink, skipped, "the plugin wrote more than the log takes");
        }
        match heard {
            Heard::Stderr(line) => tracing::info!(%sink, line = excerpt(line), "plugin says"),
            Heard::Noise(line) => tracing::warn!(
                %sink, line = excerpt(line), "the plugin wrote something to stdout that is no message; skipped"
            ),
            Heard::Unknown(name) => tracing::warn!(
                %sink, r#type = excerpt(name), "the plugin sent a message of an unknown type; skipped"
            ),
            Heard::Unasked(name) => tracing::warn!(
                %sink, r#type = excerpt(name), "the plugin answered what was not asked; skipped"
            ),
            Heard::Ended(how) => tracing::warn!(
                %sink, %how, "the plugin ended between deliveries; it is started again"
            ),
        }
    }
}

/// How much of the log a plugin may fill: so many lines in each minute.
struct Budget {
    minute: Instant,
    used: u32,
    skipped: u64,
}

impl Budget {
    const LINES_PER_MINUTE: u32 = 100;
    const MINUTE: Duration = Duration::from_secs(60);

    fn new(now: Instant) -> Self {
        Self { minute: now, used: 0, skipped: 0 }
    }

    /// Whether there is room for one more line; if so, how many had none since the last.
    fn ask(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.minute) >= Self::MINUTE {
            (self.minute, self.used) = (now, 0);
        }
        if self.used == Self::LINES_PER_MINUTE {
            self.skipped += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_later() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let granted = (0..1000).filter(|_| budget.ask(start).is_some()).count();
        assert_eq!(granted, 100);
        assert_eq!(budget.ask(start + Duration::from_secs(59)), None);
        assert_eq!(budget.ask(start + Duration::from_secs(60)), Some(901));
        assert_eq!(budget.ask(start + Duration::from_secs(60)), Some(0));
    }

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("fine\n"), "fine");
        assert_eq!(excerpt("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(excerpt(&"ä".repeat(5000)).chars().count(), 1001);
    }
}
