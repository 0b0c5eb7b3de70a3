//! What a text may stand for: all that it reads as when somebody decodes it.
//!
//! Nobody says how a text was encoded, so every way is tried on all of it. What was not encoded
//! like that decodes to nonsense, which does no harm: nothing that is read here is ever shown.

use std::iter::{once, successors};

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

/// How often a text is unescaped: a URL may stand in JSON, or in another URL.
const LAYERS: usize = 3;

/// Takes a part of an encoded text for all of it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text itself, and all that it may stand for.
pub(super) fn of(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let layers = successors(Some(text.to_owned()), |text| Some(unescaped(text)));
    layers.take(1 + LAYERS).flat_map(|text| {
        // In a form, a blank is written `+`.
        let form = text.replace('+', " ").into_bytes();
        let decoded: Vec<_> = from_base64(&text).chain(from_hex(&text)).collect();
        once(text.into_bytes()).chain(once(form)).chain(decoded)
    })
}

/// What stands in a text in base64 (RFC 4648 sections 4 and 5), wherever it begins.
pub(super) fn from_base64(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    text.split(move |c| !is_digit(c)).flat_map(|digits| {
        let digits = digits.replace('-', "+").replace('_', "/");
        // What precedes it may look like a part of it, such as the path of a URL.
        let starts = (0..4).map(move |start| digits.get(start..).unwrap_or_default().to_owned());
        starts.filter_map(|mut digits| {
            // One digit alone is less than a byte.
            if digits.len() % 4 == 1 {
                digits.pop();
            }
            BASE64.decode(digits).ok()
        })
    })
}

/// What stands in a text in hexadecimal digits.
fn from_hex(text: &str) -> impl Iterator<Item = Vec<u8>> {
    text.split(|c: char| !c.is_ascii_hexdigit()).flat_map(|digits| {
        let starts = (0..2).map(|start| digits.as_bytes().get(start..).unwrap_or_default());
        starts.map(|digits| {
            let pairs = digits.chunks_exact(2).map(str::from_utf8);
            pairs.filter_map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
        })
    })
}

/// A text without one layer of escapes: those of URLs (RFC 3986 section 2.1), JSON (RFC 8259
/// section 7) and HTML.
fn unescaped(text: &str) -> String {
    let text = percent_decode_str(text).decode_utf8_lossy();
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(start) = rest.find(['\\', '&']) {
        let (before, at) = rest.split_at(start);
        plain.push_str(before);
        let mut chars = at.chars();
        let verbatim = chars.next().map(|c| (c, chars.as_str()));
        let Some((c, after)) = escape(at).or(verbatim) else { break };
        plain.push(c);
        rest = after;
    }
    plain + rest
}

/// What an escape at the start of a text stands for, and what follows it.
fn escape(text: &str) -> Option<(char, &str)> {
    let from_hex = |digits| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    if let Some(text) = text.strip_prefix('\\') {
        let mut chars = text.chars();
        let digits = match chars.next()? {
            'u' => 4,
            'x' => 2,
            c => return Some((c, chars.as_str())),
        };
        let (digits, rest) = chars.as_str().split_at_checked(digits)?;
        return Some((from_hex(digits)?, rest));
    }
    let (name, rest) = text.strip_prefix('&')?.split_once(';')?;
    let c = match name {
        "amp" => '&',
        "apos" => '\'',
        "gt" => '>',
        "lt" => '<',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            match number.strip_prefix(['x', 'X']) {
                Some(digits) => from_hex(digits)?,
                None => number.parse().ok().and_then(char::from_u32)?,
            }
        }
    };
    Some((c, rest))
}
