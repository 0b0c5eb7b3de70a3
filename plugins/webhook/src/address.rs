//! The URL that events are posted to, and how much of it is shown.
//!
//! Its query may be a secret and is never shown; one from a file may be a secret from its path
//! on. No error quotes a URL.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::read_text;
use serde::{Deserialize, Deserializer};
use url::{Host, Position, Url};

use crate::off_limits::names_off_limits;
use crate::value::digest;

const WHAT: &str = "a URL such as `https://siem.example.com/in`";

/// A URL with `https` or `http`, without user name, password and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole of it.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// What a log may show: everything but the query.
    pub(crate) fn shown(&self) -> &str {
        &self.0[..Position::AfterPath]
    }

    /// What a log may show of an address that is a secret: up to the path.
    pub(crate) fn shown_origin(&self) -> &str {
        &self.0[..Position::BeforePath]
    }

    /// Whether it leads to this very machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Why nothing is sent there, and what to do, if that is so.
    pub(crate) fn refusal(&self, allow_http: bool) -> Option<(&'static str, &'static str)> {
        if names_off_limits(&self.0) {
            return Some((
                "a link-local or metadata address is refused",
                "name the receiver itself; no collector of events lives there",
            ));
        }
        let is_exposed = self.0.scheme() == "http" && !self.is_loopback();
        (is_exposed && !allow_http).then_some((
            "a URL without TLS is refused",
            "use `https`, or set `allow_http: true` to have events read by others on the way",
        ))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = self.0.query().map(digest);
        let query = query.map_or_else(String::new, |digest| format!("?*** ({digest})"));
        write!(f, "{}{query}", self.shown())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = parse(text, WHAT)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with user name or password is refused\n\
                        put `authorization: Basic …` into a file and name it in `headers_file`"
                .to_owned());
        }
        if url.fragment().is_some() {
            return Err("a URL with `#` is refused\nwhat follows `#` is never sent".to_owned());
        }
        Ok(Self(url))
    }
}

/// Parses a URL with `https` or `http`; `what` is what was expected.
pub(crate) fn parse(text: &str, what: &str) -> Result<Url, String> {
    let hint = format!("expected {what}");
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}\n{hint}"))?;
    if !matches!(url.scheme(), "https" | "http") {
        // What looks like a scheme may be the user name of a URL without one.
        return Err(format!("the URL begins with neither `https://` nor `http://`\n{hint}"));
    }
    Ok(url)
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, WHAT)
    }
}

impl JsonSchema for Address {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "title": WHAT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_query_is_never_shown_but_tells_two_addresses_apart() {
        let address = |query: &str| address(&format!("https://siem.test:8443/a/b?{query}"));
        assert_eq!(address("t0ken").shown(), "https://siem.test:8443/a/b");
        assert_eq!(address("t0ken").shown_origin(), "https://siem.test:8443");
        let shown = format!("{:?}", address("t0ken"));
        assert_eq!(shown, "https://siem.test:8443/a/b?*** (b46c09677343261f)");
        assert_ne!(shown, format!("{:?}", address("t0kem")));
    }

    #[test]
    fn what_others_on_the_way_could_read_needs_a_word() {
        let refusal = |text: &str| address(text).refusal(false).map(|(text, _)| text);
        for text in ["https://a.test", "http://127.0.0.1:80", "http://[::1]", "http://localhost"] {
            assert_eq!(refusal(text), None, "{text}");
        }
        for text in ["http://a.test", "http://10.0.0.1", "http://localhost.a.test"] {
            assert_eq!(refusal(text), Some("a URL without TLS is refused"), "{text}");
            assert_eq!(address(text).refusal(true), None, "{text}");
        }
        assert!(address("http://169.254.169.254").refusal(true).is_some());
    }
}
