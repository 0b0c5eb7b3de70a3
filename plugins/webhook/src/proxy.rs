//! How a request gets out: straight, or through a proxy that the configuration or the
//! environment names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use hyper_util::client::proxy::matcher::Matcher;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::read_text;
use serde::{Deserialize, Deserializer};
use url::{Position, Url};

use crate::address::{Address, parse};
use crate::off_limits::names_off_limits;

const WHAT: &str = "the URL of a proxy such as `http://proxy.example.com:3128`";

/// The URL of an HTTP proxy; one from a file may have user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyAddress(Url);

impl ProxyAddress {
    /// Takes one from a secret file, where user name and password may stand in it.
    pub(crate) fn parse_secret(text: &str) -> Result<Self, String> {
        let url = parse(text, WHAT)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("a proxy's URL ends with its host and port\nexpected {WHAT}"));
        }
        if names_off_limits(&url) {
            return Err("a link-local or metadata address is refused\nname the proxy".to_owned());
        }
        Ok(Self(url))
    }

    /// The whole of it.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it says who we are.
    fn has_login(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// What a log may show.
    pub(crate) fn shown(&self) -> String {
        let (scheme, host) = (self.0.scheme(), &self.0[Position::BeforeHost..Position::AfterPort]);
        format!("{scheme}://{host}")
    }
}

impl fmt::Debug for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl FromStr for ProxyAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let proxy = Self::parse_secret(text)?;
        if proxy.has_login() {
            return Err("a URL with user name or password is refused\n\
                        put the URL into a file and name it in `proxy_file`"
                .to_owned());
        }
        Ok(proxy)
    }
}

impl<'de> Deserialize<'de> for ProxyAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, WHAT)
    }
}

impl JsonSchema for ProxyAddress {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ProxyAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://", "title": WHAT })
    }
}

/// The way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Without a proxy.
    Direct,
    /// Through the one that the configuration names.
    Configured(ProxyAddress),
    /// Through the one that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names.
    Environment(ProxyAddress),
}

impl Route {
    /// The way that the environment wants. What leads to this machine never leaves it.
    pub(crate) fn from_environment(address: &Address) -> Result<Self, String> {
        if address.is_loopback() {
            return Ok(Self::Direct);
        }
        let uri = address.url().as_str().parse().ok();
        // What reqwest asks, too: the answer here only tells of which proxy to speak.
        let Some(proxy) = uri.and_then(|uri| Matcher::from_system().intercept(&uri)) else {
            return Ok(Self::Direct);
        };
        ProxyAddress::parse_secret(&proxy.uri().to_string()).map(Self::Environment)
    }

    /// The proxy, as a log may show it.
    pub(crate) fn shown_proxy(&self) -> Option<String> {
        match self {
            Self::Direct => None,
            Self::Configured(proxy) | Self::Environment(proxy) => Some(proxy.shown()),
        }
    }

    /// Why a proxy answers 407, and what to do about it.
    pub(crate) fn without_login(&self) -> &'static str {
        match self {
            Self::Configured(proxy) if proxy.has_login() => {
                "the proxy refuses the user name and password in `proxy_file`"
            }
            Self::Environment(proxy) if proxy.has_login() => {
                "the proxy refuses the user name and password that the environment has for it"
            }
            _ => {
                "the proxy asks for user name and password; put its URL with both into `proxy_file`"
            }
        }
    }
}
