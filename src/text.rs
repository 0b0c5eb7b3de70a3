//! Texts as people may see them, also those that others chose: on a terminal and in the daemon's
//! log.
//!
//! Machines get names as they are; this is for eyes only.

/// `1 member`, `2 members`.
pub(crate) fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {singular}{plural}")
}

/// A text without anything that a reader would not see: control and bidi characters are escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if seatwatch_sdk::is_unseen(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_deceive_a_reader_is_escaped() {
        assert_eq!(shown("Zoë 名前 🦀"), "Zoë 名前 🦀");
        assert_eq!(shown("a\u{202e}b\u{7}\r\n"), "a\\u{202e}b\\u{7}\\u{d}\\u{a}");
    }
}
