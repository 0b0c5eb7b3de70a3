//! The URL of a Codecov server.

use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::Url;

use super::Written;
use crate::codecov::is_loopback;

/// The root of a Codecov server, with a trailing `/` so that paths can be joined to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl(pub(crate) Url);

impl BaseUrl {
    /// Whether what is sent there, such as the token, can be read on the way.
    pub(crate) fn is_exposed(&self) -> bool {
        self.0.scheme() == "http" && !is_loopback(&self.0)
    }
}

impl Written for BaseUrl {
    const WHAT: &'static str = "a URL such as `https://api.codecov.io`";
}
written!(BaseUrl);

impl FromStr for BaseUrl {
    type Err = String;

    /// Never quotes the URL: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        const HINT: &str = "give the server's root, such as `https://api.codecov.io`";
        let mut url = Url::parse(text).map_err(|error| format!("not a URL: {error}\n{HINT}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with user name or password is refused\n\
                        put the token into a file and name it in `token_file`"
                .to_owned());
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(format!("the scheme `{}` is not supported\n{HINT}", url.scheme()));
        }
        if url.host_str() == Some("app.codecov.io") {
            return Err(format!("that is Codecov's web site and not its API\n{HINT}"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("a URL with `?` or `#` is refused\n{HINT}"));
        }
        let root = url.path().trim_end_matches('/');
        let root = root.strip_suffix("/api/v2").unwrap_or(root).trim_end_matches('/');
        let root = format!("{root}/");
        url.set_path(&root);
        Ok(Self(url))
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_the_servers_root() {
        let root = |text: &str| text.parse::<BaseUrl>().unwrap().0.to_string();
        for text in ["https://cov.test", "https://cov.test/", "https://cov.test/api/v2"] {
            assert_eq!(root(text), "https://cov.test/");
        }
        for text in
            ["https://cov.test/a/b", "https://cov.test/a/b/", "https://cov.test/a/b/api/v2/"]
        {
            assert_eq!(root(text), "https://cov.test/a/b/");
        }
        for text in
            ["cov.test", "ftp://cov.test", "https://", "https://u:p@cov.test", "https://c/?a"]
        {
            let error = text.parse::<BaseUrl>().unwrap_err();
            assert!(!error.contains("u:p"), "{error}");
        }
    }

    #[test]
    fn what_others_on_the_network_could_read_is_exposed() {
        let is_exposed = |text: &str| text.parse::<BaseUrl>().unwrap().is_exposed();
        for text in ["https://cov.test", "http://127.0.0.1:80", "http://[::1]", "http://localhost"]
        {
            assert!(!is_exposed(text), "{text}");
        }
        for text in ["http://cov.test", "http://10.0.0.1", "http://localhost.cov.test"] {
            assert!(is_exposed(text), "{text}");
        }
    }
}
