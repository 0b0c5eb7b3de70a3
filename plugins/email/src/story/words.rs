//! Numbers, times and names as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::{Organization, shown};

use super::inert;

/// The most characters of a name that a mail shows: more would hide what is beside it.
pub(super) const NAME: usize = 80;

/// The most characters of a message or a hint.
pub(super) const SENTENCE: usize = 600;

/// A text that others chose: no character hides or turns others, and none is past `most`.
pub(super) fn bounded(text: &str, most: usize) -> String {
    // Escaped, a character may be eight: the rest of a very long text would be made for nothing.
    let head: String = text.chars().take(most + 1).collect();
    let shown = shown(&head);
    if shown.chars().count() <= most {
        return shown;
    }
    shown.chars().take(most - 1).chain(['…']).collect()
}

/// A username, at a readable length.
pub(super) fn username(text: &str) -> String {
    bounded(&inert::url(text), NAME)
}

/// A name or an address, at a readable length: a stranger chose it, and nobody has looked at it.
pub(super) fn free_text(text: &str) -> String {
    bounded(&inert::free_text(text), NAME)
}

/// `1 seat`, `2 seats`.
pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// `2026-11-23 11:00 CET`.
pub(super) fn at(time: DateTime<Utc>, timezone: Tz) -> String {
    time.with_timezone(&timezone).format("%Y-%m-%d %H:%M %Z").to_string()
}

/// `github/acme`, as commands name it.
pub(super) fn name_of(organization: &Organization) -> String {
    bounded(&organization.to_string(), NAME)
}

/// A message of a program, which begins in lower case and has no end, among sentences.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    first.into_iter().chain(letters).chain(end.chars()).collect()
}

/// `a`, `a, and b`, `a, b, and c`.
pub(super) fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{}, and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_agrees_with_its_thing() {
        assert_eq!([0, 1, 2].map(|number| count(number, "seat")), ["0 seats", "1 seat", "2 seats"]);
    }

    #[test]
    fn a_long_text_is_cut_after_it_was_escaped() {
        assert_eq!(bounded("Zoë", 3), "Zoë");
        assert_eq!(bounded("Zoë!", 3), "Zo…");
        assert_eq!(bounded("\u{202e}gnp", 12), "\\u{202e}gnp");
        assert_eq!(bounded("\u{202e}gnp.exe", 12), "\\u{202e}gnp…");
        assert_eq!(bounded(&"x".repeat(1000), 80).chars().count(), 80);
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("no answer"), "No answer.");
        assert_eq!(sentence("`x` is gone!"), "`x` is gone!");
        assert_eq!(sentence("über"), "über.");
    }

    #[test]
    fn a_time_is_that_of_the_zone() {
        let time = |text: &str| at(text.parse().unwrap(), chrono_tz::Europe::Berlin);
        assert_eq!(time("2026-11-23T10:00:04Z"), "2026-11-23 11:00 CET");
        assert_eq!(time("2026-07-31T22:30:00Z"), "2026-08-01 00:30 CEST");
    }
}
