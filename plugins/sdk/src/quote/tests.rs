//! What is shown of words that repeat a secret, as many a server would write it.

use std::fmt::Write as _;

use base64::prelude::{
    BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD, Engine as _,
};

use super::*;

/// A secret with all that an encoding may change.
const TOKEN: &str = "s3cr<t/of \"Ours\"&theirs+pä55?>~";

#[track_caller]
fn check(secret: &str, text: &str, quoted: &str) {
    let secrets = [Secret::new(secret)];
    assert_eq!(quote(text, &secrets).as_deref(), Some(quoted), "{text}");
}

/// Each byte or character written alike.
fn each<T: std::fmt::Display>(parts: impl IntoIterator<Item = T>) -> String {
    parts.into_iter().fold(String::new(), |mut all, part| {
        write!(all, "{part}").unwrap();
        all
    })
}

#[test]
fn a_text_is_shown_on_one_line_and_without_secrets() {
    let check = |text: &str, quoted: Option<&str>| {
        let secrets = ["t0ken", "t0ken-of-ours", "1", ""].map(Secret::new);
        assert_eq!(quote(text, &secrets).as_deref(), quoted);
    };
    check("no such index", Some("no such index"));
    check(" \r\n", None);
    check("a\r\nb\u{1b}[31m\u{202e}", Some("a\\u{d}\\u{a}b\\u{1b}[31m\\u{202e}"));
    check("t0ken-of-ours and T0KEN, 1 time", Some("*** and ***, 1 time"));
}

#[test]
fn a_long_text_is_cut_after_its_secrets_were_hidden() {
    let x = |count| "x".repeat(count);
    check("t0ken", &x(200), &x(200));
    check("t0ken", &x(201), &format!("{}…", x(200)));
    check("t0ken", &format!("{}t0ken", x(198)), &format!("{}**…", x(198)));
}

#[test]
fn a_secret_is_known_in_every_encoding() {
    let json = serde_json::to_string(TOKEN).unwrap();
    let percent = each(TOKEN.bytes().map(|byte| format!("%{byte:02x}")));
    let url = percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC);
    let url = url.to_string();
    let html = TOKEN.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let hex = each(TOKEN.bytes().map(|byte| format!("{byte:02x}")));
    let encodings = [
        json.replace('/', "\\/"),
        serde_json::to_string(&json).unwrap(),
        each(TOKEN.encode_utf16().map(|unit| format!("\\u{unit:04x}"))),
        each(TOKEN.encode_utf16().map(|unit| format!("\\u{unit:04X}"))),
        each(TOKEN.bytes().map(|byte| format!("\\x{byte:02x}"))),
        percent.to_uppercase(),
        percent.replace('%', "%25"),
        percent,
        url.replace("%20", "+"),
        url.to_lowercase(),
        url,
        each(TOKEN.chars().map(|c| format!("&#{};", u32::from(c)))),
        each(TOKEN.chars().map(|c| format!("&#x{:X};", u32::from(c)))),
        html,
        hex.to_uppercase(),
        format!("0x{hex}"),
        format!("f{hex}f"),
    ];
    for encoded in encodings {
        check(TOKEN, &encoded, WITHHELD);
        check(TOKEN, &format!("no such key: '{encoded}' (401)"), WITHHELD);
    }
}

#[test]
fn a_secret_is_known_in_base64_wherever_it_stands() {
    let engines =
        [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD];
    for engine in engines {
        for before in ["", "a", "ab", "Bearer ", "\0ann\0"] {
            let encoded = engine.encode(format!("{before}{TOKEN}"));
            for around in ["", "/", "in/", "key", "-"] {
                check(TOKEN, &format!("{around}{encoded}{around} ?"), WITHHELD);
            }
            check(TOKEN, &encoded.replace('/', "\\/").replace('=', "%3D"), WITHHELD);
        }
    }
    // Of one that is encoded already, what is in it.
    check("YW5uOm91ci1wYXNzd29yZA==", "no such user: ann:our-password", WITHHELD);
    check("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "0b6155b0140886bb1c0a1950", WITHHELD);
}

#[test]
fn a_part_of_a_secret_is_not_shown_either() {
    check("0123456789abcdef", "bad key: 01234567", WITHHELD);
    check("0123456789abcdef", "bad key: …89ABCDEF", WITHHELD);
    check("0123456789abcdef", "bad key: 0123456…", "bad key: 0123456…");
    check("0123456789abcdef", &format!("{}0123456789abcdeX", "x".repeat(192)), WITHHELD);
    check("s3cr/t", "s3cr%2ft", WITHHELD);
    check("s3cr/t", "s3cr%2f", "s3cr%2f");
}

#[test]
fn what_repeats_no_secret_is_shown() {
    for text in [
        "550 5.7.1 <ann@example.com>: relay access denied",
        "{\"error\":\"no such index: \\\"events\\\"\",\"path\":\"https:\\/\\/a.test\\/in\"}",
        "100 % of \\u \\x \\ & &; &#; &#xfffffff; %zz =?",
        "request 01936f0e-7c1a-7d52-9a41-3f0f6d1c2b88, see aHR0cHM6Ly9leGFtcGxlLmNvbQ==",
    ] {
        check(TOKEN, text, text);
    }
}
