//! Plain text with backticks as manual pages write it: what stands in backticks is bold.

use std::fmt::Write as _;

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// The text on one line of the source; whoever shows it breaks it.
pub(super) fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

/// A source that others wrote, with what stands in backticks in bold.
pub(super) fn emphasized(source: &str) -> String {
    let parts = source.split('`').enumerate();
    let parts = parts.map(|(index, part)| match index % 2 {
        1 => format!("\\fB{part}\\fR"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// A paragraph of its own.
pub(super) fn paragraph(page: &mut Roff, text: &str) {
    page.control("PP", []).text(inlines(text));
}

/// Something with what it is.
pub(super) fn item(page: &mut Roff, what: Vec<Inline>, text: &str) {
    page.control("TP", []).text(what).text(inlines(text));
}

/// Lines that stand as they are, with what they are for before them.
pub(super) fn literal(page: &mut Roff, what: &str, text: &str) {
    page.text(inlines(what)).control("RS", ["4"]).control("EX", []);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("EE", []).control("RE", []).control("sp", []);
}

/// A page without a letter that not every reader of such pages knows.
pub(super) fn ascii(page: &[u8]) -> String {
    let mut ascii = String::with_capacity(page.len());
    for letter in String::from_utf8_lossy(page).chars() {
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            write!(ascii, "\\[u{:04X}]", u32::from(letter)).expect("a text takes all");
        }
    }
    ascii
}

/// References to other pages, in one sentence.
pub(super) fn see_also(page: &mut Roff, pages: &[(String, &str)]) {
    page.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (index, (name, section)) in pages.iter().enumerate() {
        line.push(bold(name.clone()));
        line.push(roman(format!("({section})")));
        line.extend((index + 1 < pages.len()).then(|| roman(", ")));
    }
    page.text(line);
}
