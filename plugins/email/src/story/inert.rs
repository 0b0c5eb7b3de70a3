//! Breaks what a mail program would make a link of.
//!
//! Anybody may call themselves `Visit http://evil.example now`, and whoever reads that in a mail from
//! their own server clicks. So nothing in a name can be clicked, and all of it can still be read:
//! `http[:]//evil[.]example`.

/// A free text without links: neither URLs nor host names alone, which many programs take for such.
/// A mail address stays as it is.
pub(super) fn free_text(text: &str) -> String {
    url(text).split_inclusive(char::is_whitespace).map(without_host).collect()
}

/// A text without URLs; host names may be in it, because `jane.doe` is a username like any other.
pub(super) fn url(text: &str) -> String {
    let mut shown = text.replace("://", "[:]//");
    let lower = shown.to_ascii_lowercase();
    for (start, www) in lower.rmatch_indices("www.") {
        let end = start + www.len();
        shown.replace_range(end - 1..end, "[.]");
    }
    shown
}

/// Whether a word is nothing but a mail address, of characters that such have as a rule.
fn is_address(word: &str) -> bool {
    let only = |text: &str, others: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    word.trim_end()
        .split_once('@')
        .is_some_and(|(local, domain)| only(local, "._%+-") && only(domain, ".-"))
}

/// A word without the dots of a host name, unless it is a mail address.
fn without_host(word: &str) -> String {
    if is_address(word) {
        return word.to_owned();
    }
    let mut labels = word.split('.');
    let first = labels.next().unwrap_or_default().to_owned();
    labels.fold(first, |before, label| {
        let begins = label.chars().take(2).filter(|c| c.is_alphabetic()).count() == 2;
        let ends = before.ends_with(|c: char| c != '.');
        let dot = if ends && begins { "[.]" } else { "." };
        before + dot + label
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(free_text(text), shown);
    }

    #[test]
    fn nothing_in_a_name_can_be_clicked() {
        check("Visit http://evil.example/ now", "Visit http[:]//evil[.]example/ now");
        check("HTTPS://EVIL.EXAMPLE", "HTTPS[:]//EVIL[.]EXAMPLE");
        check("evil.example/a.html?b", "evil[.]example/a[.]html?b");
        check("www.evil.example", "www[.]evil[.]example");
        check("evil.example/@mona", "evil[.]example/@mona");
        check("https://mona@evil.example", "https[:]//mona@evil[.]example");
        check("böse.рф", "böse[.]рф");
        check("ev\u{301}.example", "ev\u{301}[.]example");
        check("evil.example?@mona", "evil[.]example?@mona");
        check("evil.example,a@b.example", "evil[.]example,a@b[.]example");
        check("x evil.example;@y", "x evil[.]example;@y");
    }

    #[test]
    fn what_nobody_can_click_stays() {
        for text in
            ["Mona Lisa", "J.R.R. Tolkien", "Ph.D", "3.14", "...", "mona.l@mail.example.com"]
        {
            check(text, text);
        }
    }

    #[test]
    fn a_username_keeps_its_dots() {
        assert_eq!(url("jane.doe"), "jane.doe");
        assert_eq!(url("WWW.evil.example"), "WWW[.]evil.example");
        assert_eq!(url("https://evil.example"), "https[:]//evil.example");
    }
}
