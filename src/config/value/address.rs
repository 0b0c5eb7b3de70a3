//! Where to listen, and by which names to be called.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::Written;

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl Written for Listen {
    const WHAT: &'static str = "an address with a port such as `127.0.0.1:9642`";
}
written!(Listen);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            let hint = "write `0.0.0.0:9642` for every address, `\"[::1]:9642\"` in quotes for \
                        IPv6, and port 0 for a free one";
            format!("`{}` is not {}\n{hint}", text.escape_debug(), Self::WHAT)
        })
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A host as URLs name it, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostName(pub(crate) String);

impl Written for HostName {
    const WHAT: &'static str = "a host name such as `seatwatch.example.com`";
}
written!(HostName);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = address.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !label.is_empty() && label.len() <= 63 && label.chars().all(allowed)
        };
        if name.len() <= 253 && name.split('.').all(is_label) {
            return Ok(Self(name.to_ascii_lowercase()));
        }
        let hint = "give the name alone, without `http://` and without a port; any port is meant";
        Err(format!("`{}` is not {}\n{hint}", text.escape_debug(), Self::WHAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for text in ["127.0.0.1:9642", "0.0.0.0:0", "[::1]:9642", "[::]:80"] {
            assert_eq!(text.parse::<Listen>().unwrap().0.to_string(), text);
        }
        for text in ["", "9642", ":9642", "localhost:9642", "127.0.0.1", "::1:9642", "1.2.3.4:x"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let host = |text: &str| text.parse::<HostName>().unwrap().0;
        assert_eq!(host("Watch.Example.com."), "watch.example.com");
        assert_eq!(host("10.0.0.7"), "10.0.0.7");
        assert_eq!((host("[fd00:0::7]"), host("fd00::7")), ("fd00::7".into(), "fd00::7".into()));
        for text in ["", ".", "a..b", "a:80", "http://a", "a/b", "ä.example", "*.example.com"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}
