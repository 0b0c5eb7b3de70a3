//! A receiver's own words, made fit for a log: short, on one line, and without the secrets that
//! it may well repeat.
//!
//! Servers quote what they do not understand, and a header or a login is part of that. Where a
//! secret stands as it is, it alone is hidden. Where a part of it is left, or an encoded one, the
//! words are withheld altogether: better no reason than half a secret.

mod readings;

use crate::{Secret, shown};

/// How much of a receiver's words is shown.
const QUOTED_CHARS: usize = 200;

/// What is shorter is no secret, and would be found in any text.
const SECRET_CHARS: usize = 4;

/// As much of a longer secret is told by chance by nobody.
const RUN_BYTES: usize = 8;

/// What stands in place of words that cannot be shown.
const WITHHELD: &str = "(not shown: it repeats a secret)";

/// Shortens what a receiver said, and escapes or hides what must not be shown. Nothing if it is
/// blank.
///
/// Secrets are found as they are, whatever the case; in the escapes of URLs, JSON and HTML; in
/// base64 and in hexadecimal digits. Those of less than four characters are not looked for.
pub fn quote(text: &str, secrets: &[Secret]) -> Option<String> {
    let mut secrets: Vec<_> = secrets.iter().map(Secret::expose).collect();
    secrets.retain(|secret| secret.chars().count() >= SECRET_CHARS);
    // The longest first, so that a part of a secret does not hide only a part of it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let text = text.trim().to_owned();
    let text = secrets.iter().fold(text, |text, secret| hidden(&text, secret));
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(QUOTED_CHARS).collect();
    if head.is_empty() {
        return None;
    }
    if secrets.iter().any(|secret| is_repeated(&head, secret)) {
        return Some(WITHHELD.to_owned());
    }
    let more = if chars.next().is_some() { "…" } else { "" };
    Some(format!("{}{more}", shown(&head)))
}

/// A text with `***` for each secret that stands in it as it is.
fn hidden(text: &str, secret: &str) -> String {
    // In ASCII, both cases are as long.
    let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut hidden = String::with_capacity(text.len());
    let mut end = 0;
    for (start, _) in lower.match_indices(&secret) {
        hidden.extend([text.get(end..start).unwrap_or_default(), "***"]);
        end = start + secret.len();
    }
    hidden + text.get(end..).unwrap_or_default()
}

/// Whether a text has a run of a secret in it, in some form; of a short secret, all of it.
fn is_repeated(text: &str, secret: &str) -> bool {
    let own = secret.as_bytes().to_vec();
    // A secret may itself be an encoded one: the user and password of `Basic`, a `whsec_` key.
    let decoded = readings::from_base64(secret).filter(|decoded| decoded.len() >= RUN_BYTES);
    let secrets: Vec<_> = decoded.chain([own]).collect();
    readings::of(text).any(|text| secrets.iter().any(|secret| have_run(&text, secret)))
}

fn have_run(text: &[u8], secret: &[u8]) -> bool {
    let length = RUN_BYTES.min(secret.len());
    let mut runs = text.windows(length);
    runs.any(|run| secret.windows(length).any(|other| run.eq_ignore_ascii_case(other)))
}

#[cfg(test)]
mod tests;
