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
