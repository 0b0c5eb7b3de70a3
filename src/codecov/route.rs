//! The GET requests that there are, and their URLs.
//!
//! A route is shown to people with its URL, which holds no secret: the server's address without
//! user info and query, and a member's name only as `{username}`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::quote::bare;
use crate::organization::{OrganizationId, Service};
use crate::roster::Username;

/// What is left as it is in a path segment. `:` separates subgroups and must not become `/`
/// (`docs/CODECOV_API.md` section 1, owner slug).
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// One question to Codecov about an organization.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route<'a> {
    /// Whether the owner exists: public, asked without the token (section 6).
    Owner,
    /// One page of the member list, counted from 1 (section 1).
    Users { page: u64, page_size: u64 },
    /// One member (section 5).
    User(&'a Username),
    /// One page of the admin-only list of log-in sessions, counted from 1 (section 4).
    Sessions { page: u64, page_size: u64 },
}

/// One request, as it is sent and as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) url: Url,
    /// The URL as errors and log lines show it.
    pub(super) shown: String,
    /// Whether the token is sent along.
    pub(super) needs_token: bool,
}

impl Route<'_> {
    /// The request, under the root that [`api_root`] made.
    pub(super) fn question(self, api_root: &Url, organization: &OrganizationId) -> Question {
        Question {
            url: self.url(api_root, organization),
            shown: self.shown(api_root, organization),
            needs_token: !matches!(self, Self::Owner),
        }
    }

    fn url(self, api_root: &Url, organization: &OrganizationId) -> Url {
        let path = match self {
            Self::Owner => String::new(),
            Self::Users { .. } => "users/".to_owned(),
            Self::User(username) => {
                format!("users/{}/", utf8_percent_encode(username.shown(), SEGMENT))
            }
            Self::Sessions { .. } => "user-sessions/".to_owned(),
        };
        let (service, owner) = (organization.service(), organization.owner());
        let owner = utf8_percent_encode(owner, SEGMENT);
        let mut url = api_root.clone();
        url.set_path(&format!("{}{service}/{owner}/{path}", api_root.path()));
        match self {
            Self::Owner | Self::User(_) => {}
            Self::Users { page, page_size } | Self::Sessions { page, page_size } => {
                set_page(&mut url, page, page_size);
            }
        }
        url
    }

    fn shown(self, api_root: &Url, organization: &OrganizationId) -> String {
        match self {
            Self::User(_) => {
                let owner = Route::Owner.url(api_root, organization);
                format!("{owner}users/{{username}}/")
            }
            _ => self.url(api_root, organization).into(),
        }
    }
}

/// The request for one page of the owners that the token sees on a service (section 6).
pub(super) fn owners(api_root: &Url, service: Service, page: u64, page_size: u64) -> Question {
    let mut url = api_root.clone();
    url.set_path(&format!("{}{service}/", api_root.path()));
    set_page(&mut url, page, page_size);
    Question { shown: url.clone().into(), url, needs_token: true }
}

fn set_page(url: &mut Url, page: u64, page_size: u64) {
    url.set_query(Some(&format!("page={page}&page_size={page_size}")));
}

/// Where the API begins on a server: the root with its path prefix, and `api/v2/` if that is
/// not already there. User info, query and fragment are dropped.
pub(super) fn api_root(base_url: &Url) -> Url {
    let prefix = base_url.path().trim_end_matches('/');
    let prefix = prefix.strip_suffix("/api/v2").unwrap_or(prefix);
    let mut root = bare(base_url.clone());
    root.set_path(&format!("{prefix}/api/v2/"));
    root
}

/// Whether a member can be asked for by name (`docs/CODECOV_API.md` section 5).
///
/// A `/` cannot be addressed, `.` and `..` would climb out of the path, and a name that Python
/// reads as a number (`7`, `-7`, `4_2`) may be the internal number of somebody else.
pub fn can_be_looked_up(username: &Username) -> bool {
    let name = username.shown();
    let digits = name.trim().trim_start_matches(['+', '-']);
    let number = digits.chars().all(|c| c.is_numeric() || c == '_');
    !number && name != "." && name != ".." && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base_url: &str, organization: &str, route: Route<'_>, url: &str) {
        let root = api_root(&base_url.parse().unwrap());
        assert_eq!(route.url(&root, &organization.parse().unwrap()).as_str(), url);
    }

    #[test]
    fn a_prefix_is_kept_and_a_version_is_not_doubled() {
        for (base_url, root) in [
            ("https://api.codecov.io", "https://api.codecov.io/api/v2/"),
            ("https://api.codecov.io/api/v2", "https://api.codecov.io/api/v2/"),
            ("https://api.codecov.io/api/v2/", "https://api.codecov.io/api/v2/"),
            ("http://[::1]:8080/tools/codecov/", "http://[::1]:8080/tools/codecov/api/v2/"),
            ("https://me:secret@x.test/p?key=secret#a", "https://x.test/p/api/v2/"),
        ] {
            check(base_url, "github/acme", Route::Owner, &format!("{root}github/acme/"));
        }
    }

    #[test]
    fn names_are_one_segment() {
        let base = "https://x.test";
        let page = Route::Users { page: 2, page_size: 1000 };
        let users = "https://x.test/api/v2/gitlab/grp:sub/users/?page=2&page_size=1000";
        check(base, "gitlab/grp/sub", page, users);
        for (name, segment) in [
            ("dependabot[bot]", "dependabot%5Bbot%5D"),
            ("zoë?x=1#y", "zo%C3%AB%3Fx%3D1%23y"),
            ("100%", "100%25"),
            ("a b\\c", "a%20b%5Cc"),
        ] {
            let url = format!("https://x.test/api/v2/github/acme/users/{segment}/");
            check(base, "github/acme", Route::User(&Username::new(name)), &url);
        }
    }

    #[test]
    fn what_is_shown_names_nobody() {
        let root = api_root(&"https://x.test".parse().unwrap());
        let shown = Route::User(&Username::new("ann")).shown(&root, &"gh/acme".parse().unwrap());
        assert_eq!(shown, "https://x.test/api/v2/github/acme/users/{username}/");
    }

    #[test]
    fn not_every_name_can_be_looked_up() {
        for name in ["ann", "dependabot[bot]", "4711a", "...", "zoë-名前"] {
            assert!(can_be_looked_up(&Username::new(name)), "{name}");
        }
        for name in ["", ".", "..", "a/b", "4711", "４７１１"] {
            assert!(!can_be_looked_up(&Username::new(name)), "{name}");
        }
    }
}
