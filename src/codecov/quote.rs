//! A server's own words, made fit for a terminal and a log: short, on one line, and without the
//! token, which a server may well repeat.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// How much of a server's text is shown.
const QUOTED_CHARS: usize = 200;

/// Shortens and escapes a text.
pub(super) fn quote(text: &str, token: &SecretString) -> String {
    let text = masked(text, token.expose_secret());
    let mut quoted = String::new();
    for c in text.chars().take(QUOTED_CHARS) {
        match c {
            '"' | '\'' => quoted.push(c),
            _ => quoted.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(QUOTED_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}

/// The text without the token, in any of the forms in which Codecov takes it: with or without
/// dashes and braces, in any letter case (`docs/CODECOV_API.md` section 3).
fn masked(text: &str, token: &str) -> String {
    if token.is_empty() {
        return text.to_owned();
    }
    let bare = |text: &str| text.replace(['-', '{', '}'], "").to_lowercase();
    let text = text.replace(token, "***");
    if bare(&text).contains(&bare(token)) { "***".to_owned() } else { text }
}

/// Quotes a redirect's target as seen from `base`, without what may be secret in a URL.
pub(super) fn quote_target(location: &str, base: &Url, token: &SecretString) -> String {
    match base.join(location) {
        Ok(target) => quote(bare(target).as_str(), token),
        Err(_) => "an address that is none".to_owned(),
    }
}

/// The URL without user info, query and fragment.
pub(super) fn bare(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs without a host, which have neither.
    url.set_username("").ok();
    url.set_password(None).ok();
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_short_line_without_the_token() {
        for (text, quoted) in [
            (r#"Method "POST" isn't allowed."#, r#"Method "POST" isn't allowed."#),
            ("zoë 名前", "zoë 名前"),
            ("a\r\nb\tc\u{7}\u{202e}\u{1b}[31m", r"a\r\nb\tc\u{7}\u{202e}\u{1b}[31m"),
            ("no t0ken, t0ken", "no ***, ***"),
        ] {
            assert_eq!(quote(text, &"t0ken".into()), quoted);
        }
        assert_eq!(quote("abc", &"".into()), "abc");
        let long = quote(&"é".repeat(201), &"t0ken".into());
        assert_eq!(long, "é".repeat(200) + "…");
    }

    #[test]
    fn a_target_has_no_secrets() {
        let base = "https://x.test/api/v2/".parse().unwrap();
        for (location, quoted) in [
            ("https://me:pw@new.test/a?key=1#b", "https://new.test/a"),
            ("/login?next=/", "https://x.test/login"),
            ("//t0ken.test/t0ken", "https://***.test/***"),
            ("http://[", "an address that is none"),
        ] {
            assert_eq!(quote_target(location, &base, &"t0ken".into()), quoted);
        }
    }
}
