//! Where each page is. Whatever a name has in it, its link leads to it and nowhere else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use crate::organization::OrganizationId;

/// What stands for something else in a part of a path.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// `/org/github/acme`.
pub(super) fn organization(id: &OrganizationId) -> String {
    format!("/org/{}/{}", id.service(), utf8_percent_encode(id.owner(), ENCODED))
}

/// `/org/github/acme/member/ann`.
pub(super) fn member(id: &OrganizationId, username: &str) -> String {
    let base = organization(id);
    // Browsers take these, encoded or not, for a step up.
    if matches!(username, "." | "..") {
        return with(&format!("{base}/member"), &[("name", username)]);
    }
    format!("{base}/member/{}", utf8_percent_encode(username, ENCODED))
}

/// A path with what is asked there; what is empty is not asked.
pub(super) fn with(path: &str, query: &[(&str, &str)]) -> String {
    let asked = query.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_is_in_it() {
        let id = "gitlab/grp/sub".parse().unwrap();
        let check = |username, href: &str| assert_eq!(member(&id, username), href);
        assert_eq!(organization(&id), "/org/gitlab/grp:sub");
        check("ann", "/org/gitlab/grp:sub/member/ann");
        check("a/b?c#d%2F", "/org/gitlab/grp:sub/member/a%2Fb%3Fc%23d%252F");
        check("\"<é>\n", "/org/gitlab/grp:sub/member/%22%3C%C3%A9%3E%0A");
        check("..", "/org/gitlab/grp:sub/member?name=..");
        check("...", "/org/gitlab/grp:sub/member/...");
    }

    #[test]
    fn what_is_empty_is_not_asked() {
        assert_eq!(with("/", &[("q", ""), ("page", "")]), "/");
        assert_eq!(with("/", &[("q", "a&b=c d"), ("page", "2")]), "/?q=a%26b%3Dc+d&page=2");
    }
}
