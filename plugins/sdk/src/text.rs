//! Makes texts that others chose harmless where they are shown.

use std::borrow::Cow;
use std::io;

use nix::errno::Errno;

/// A text as a CSV cell that no spreadsheet calculates.
///
/// Spreadsheets calculate what begins with `=`, `+`, `-` or `@`, some also its full-width form or
/// what follows white space or characters that cannot be seen; with a leading `'` it is a text.
/// See <https://owasp.org/www-community/attacks/CSV_Injection>.
pub fn formula_safe(text: &str) -> Cow<'_, str> {
    let first = text.chars().find(|c| !c.is_whitespace() && !is_unseen(*c));
    let formula = first.is_some_and(|first| "=+-@＝＋－＠".contains(first));
    if formula || text.starts_with(['\t', '\r', '\n']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a character cannot be seen, or does something to the text around it: controls,
/// directions (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>), fillers
/// and tags.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text for eyes only: what a reader would not see, and what would deceive them, is escaped.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// An I/O error in lower case and without its number.
pub fn io_reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_lowercase(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_deceive_a_reader_is_escaped() {
        assert_eq!(shown("Zoë 名前 🦀"), "Zoë 名前 🦀");
        assert_eq!(shown("a\u{202e}b\u{7}\r\n"), "a\\u{202e}b\\u{7}\\u{d}\\u{a}");
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_a_text() {
        for text in
            ["=1", "+1", "-1", "@a", "＝1", " =1", "\t", "\u{0}=1", "\u{feff}=1", "\u{1b}+1"]
        {
            assert_eq!(formula_safe(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "a=1", "1-1", "a@example.com", "'=1"] {
            assert_eq!(formula_safe(text), text);
        }
    }
}
