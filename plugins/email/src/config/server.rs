//! The mail server: where it is, how it is protected, and who we are to it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seatwatch_sdk::{FilePath, Origin, Problem, SecretSource};
use serde::{Deserialize, Deserializer, de};

/// The server that takes the mails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Its name or address, without a port.
    pub host: Host,
    /// Its port. By default that of `tls`: 465 with `tls`, 587 with `starttls`, 25 with `none`.
    pub port: Option<Port>,
    /// How the connection is encrypted. By default `tls` on port 465 and `starttls` elsewhere.
    pub tls: Option<Tls>,
    /// The user to log in as. Without one, nobody logs in.
    pub username: Option<Username>,
    /// The file with the password: one line. It is read at each login, so that another password
    /// needs no reload.
    pub password_file: Option<SecretSource>,
    /// A file of certificates in PEM form to trust besides those of the machine.
    pub ca_file: Option<FilePath>,
}

impl ServerConfig {
    /// How the connection is encrypted.
    pub(crate) fn tls(&self) -> Tls {
        let by_port = || match self.port {
            Some(Port(465)) => Tls::Tls,
            _ => Tls::Starttls,
        };
        self.tls.unwrap_or_else(by_port)
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        let by_tls = || match self.tls() {
            Tls::Tls => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        };
        self.port.map_or_else(by_tls, |port| port.0)
    }

    pub(super) fn resolve(&mut self, origin: &Origin<'_>) {
        if let Some(password) = &mut self.password_file {
            password.resolve(origin);
        }
        if let Some(path) = &mut self.ca_file {
            path.resolve(origin);
        }
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.tls() == Tls::None && !self.host.is_loopback() {
            let text = format!(
                "`none` would send names and addresses to `{}` as anybody can read them; it is \
                 for loopback only",
                self.host
            );
            let hint = "set `tls` (port 465) or `starttls` (port 587)";
            problems.push(Problem::at(&["server", "tls"], text).with_hint(hint));
        }
        if self.tls() == Tls::None && self.ca_file.is_some() {
            let text = "there is no certificate to check where `tls` is `none`";
            problems.push(Problem::at(&["server", "ca_file"], text));
        }
        match (&self.username, &self.password_file) {
            (Some(_), None) => {
                let hint = "name a file that holds the password in `password_file`";
                let text = "a `username` needs a `password_file`";
                problems.push(
                    Problem::at(&["server", "username"], text)
                        .with_hint(hint)
                        .for_want_of(&["server", "password_file"]),
                );
            }
            (None, Some(_)) => {
                let text = "a `password_file` needs a `username`";
                problems.push(
                    Problem::at(&["server", "password_file"], text)
                        .for_want_of(&["server", "username"]),
                );
            }
            _ => {}
        }
        problems
    }
}

impl fmt::Display for ServerConfig {
    /// What a reason calls it: `smtp.example.com:587`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port();
        match self.host.0.parse() {
            Ok(IpAddr::V6(address)) => write!(f, "[{address}]:{port}"),
            _ => write!(f, "{}:{port}", self.host),
        }
    }
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte on (RFC 8314 section 3.3); what port 465 is for.
    Tls,
    /// After a few words in the clear (RFC 3207). A server that does not offer it gets no mail.
    Starttls,
    /// Not at all. For a server on the same machine only.
    None,
}

/// A host name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// The name to resolve, and to find in the server's certificate.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether it is this machine, by its name alone (RFC 6761 section 6.3).
    fn is_loopback(&self) -> bool {
        let address = self.0.parse().map(|address: IpAddr| address.to_canonical());
        self.0 == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let name = address.unwrap_or(text).to_ascii_lowercase();
        // Whatever a certificate can name can be a host.
        if rustls::pki_types::ServerName::try_from(name.as_str()).is_ok() {
            return Ok(Self(name));
        }
        let hint = "give the name alone, such as `smtp.example.com`; the port has a key of its own";
        Err(format!("`{}` is not a host name\n{hint}", text.escape_debug()))
    }
}

/// A TCP port, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = i64::deserialize(deserializer)?;
        match u16::try_from(found) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(de::Error::custom(format!(
                "`{found}` is not a port from 1 to 65535\n465 is for `tls`, 587 for `starttls`"
            ))),
        }
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let title = "a port from 1 to 65535";
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535, "title": title })
    }
}

/// A user of a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A zero byte separates the user from the password (RFC 4616 section 2).
        if text.is_empty() || text.contains(char::is_control) {
            return Err(format!("`{}` is not a user name", text.escape_debug()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Gives a type that is written as one text the traits by which serde and schemars know it.
macro_rules! written {
    ($type:ident, $title:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "title": $title })
            }
        }
    };
}

written!(Host, "a host name such as `smtp.example.com`");
written!(Username, "a user name");
