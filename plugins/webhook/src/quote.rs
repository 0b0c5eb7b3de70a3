//! A receiver's own words, made fit for a log: short, on one line, and without the secrets that
//! it may well repeat.

use seatwatch_sdk::{Secret, shown};

/// How much of a receiver's text is shown.
const QUOTED_CHARS: usize = 200;

/// What is shorter is no secret, and would be found in any text.
const SECRET_CHARS: usize = 4;

/// Shortens a text, and escapes or hides what must not be shown. Nothing if it is blank.
pub(crate) fn quote(text: &str, secrets: &[Secret]) -> Option<String> {
    let text = masked(text.trim(), secrets);
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(QUOTED_CHARS).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    (!head.is_empty()).then(|| format!("{}{more}", shown(&head)))
}

/// The longest first, so that a part of a secret does not hide only a part of it.
fn masked(text: &str, secrets: &[Secret]) -> String {
    let mut secrets: Vec<_> = secrets.iter().map(Secret::expose).collect();
    secrets.retain(|secret| secret.chars().count() >= SECRET_CHARS);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, quoted: Option<&str>) {
        let secrets = ["t0ken", "t0ken-of-ours", "1", ""].map(Secret::new);
        assert_eq!(quote(text, &secrets).as_deref(), quoted);
    }

    #[test]
    fn a_text_is_shown_on_one_line_and_without_secrets() {
        check("no such index", Some("no such index"));
        check(" \r\n", None);
        check("a\r\nb\u{1b}[31m\u{202e}", Some("a\\u{d}\\u{a}b\\u{1b}[31m\\u{202e}"));
        check("t0ken-of-ours and t0ken, 1 time", Some("*** and ***, 1 time"));
    }

    #[test]
    fn a_long_text_is_cut_after_its_secrets_were_hidden() {
        check(&"x".repeat(200), Some(&"x".repeat(200)));
        check(&"x".repeat(201), Some(&format!("{}…", "x".repeat(200))));
        check(&format!("{}t0ken", "x".repeat(198)), Some(&format!("{}**…", "x".repeat(198))));
    }
}
