//! Makes texts that others chose harmless where they are shown.

use std::borrow::Cow;

/// A text as a CSV cell that no spreadsheet calculates.
///
/// Spreadsheets calculate what begins with `=`, `+`, `-` or `@`, some also its full-width form or
/// what follows white space; with a leading `'` it is a text. See
/// <https://owasp.org/www-community/attacks/CSV_Injection>.
pub fn formula_safe(text: &str) -> Cow<'_, str> {
    let first = text.trim_start().chars().next();
    let formula = first.is_some_and(|first| "=+-@＝＋－＠".contains(first));
    if formula || text.starts_with(['\t', '\r', '\n']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
