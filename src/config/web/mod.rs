//! How the HTTP endpoints are protected: the web configuration, a file of its own.
//!
//! Its format is that of Prometheus' exporters ([exporter-toolkit]), so that one file, one way to
//! make passwords and one way to renew certificates serve them all. It is read as strictly as our
//! own: what is not honoured is refused.
//!
//! Here are the file, the files that it names, and the rule about when there must be one. Knows no
//! connection and no request.
//!
//! [exporter-toolkit]: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md

mod certificate;
mod check;
mod options;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue};
use governor::Quota;
use rustls::crypto::SupportedKxGroup;
use rustls::{RootCertStore, SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use seatwatch_sdk::{Origin, SecretSource, read_file, read_text};
use serde::{Deserialize, Deserializer};

pub use self::certificate::{Certificate, CertificateError, CertificateFiles};
use super::check::Place;
use super::problem::Problem;

/// More than hundreds of users take.
const MOST_BYTES: u64 = 64 * 1024;

/// Up to here, an answer to a wrong password takes about a second.
const MOST_COST: u32 = 14;

/// How the endpoints are protected. The default is not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebConfig {
    /// Who we prove to be, and how; without it, HTTP is spoken in the clear.
    pub tls: Option<TlsConfig>,
    /// What answers carry besides.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may ask; where there is nobody, everybody may.
    pub users: BTreeMap<String, PasswordHash>,
    /// How many requests there may be, of all clients together.
    pub rate_limit: Option<Quota>,
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate and its key.
    pub files: CertificateFiles,
    /// Which clients may come in.
    pub clients: Clients,
    /// For one of these names, if there are any, the certificate of a client has to be.
    pub client_names: Vec<String>,
    /// At least one.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// In the order in which they are liked; at least one for each version.
    pub cipher_suites: Vec<SupportedCipherSuite>,
    /// In the order in which they are liked; at least one.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
    /// Whether our order counts, and not that of the client.
    pub prefers_own_order: bool,
}

impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        // A key that is added has to be compared, too.
        let Self {
            files,
            clients,
            client_names,
            versions,
            cipher_suites,
            curves,
            prefers_own_order,
        } = self;
        let names = |curves: &[&'static dyn SupportedKxGroup]| -> Vec<_> {
            curves.iter().map(|curve| curve.name()).collect()
        };
        *files == other.files
            && *clients == other.clients
            && *client_names == other.client_names
            && *versions == other.versions
            && *cipher_suites == other.cipher_suites
            && *prefers_own_order == other.prefers_own_order
            && names(curves) == names(&other.curves)
    }
}

/// Which clients may come in, by their certificates.
#[derive(Clone, Debug, PartialEq)]
pub enum Clients {
    /// All, and none is asked for one.
    All,
    /// Who shows one that leads to these authorities, or none.
    Optional(Vec<CertificateDer<'static>>),
    /// Who shows one that leads to these authorities.
    Required(Vec<CertificateDer<'static>>),
}

/// Those that may sign the certificates of clients.
///
/// # Errors
///
/// One of these cannot be an authority's.
pub(crate) fn authorities_of(
    certificates: &[CertificateDer<'static>],
) -> Result<RootCertStore, rustls::Error> {
    let mut authorities = RootCertStore::empty();
    certificates.iter().try_for_each(|one| authorities.add(one.clone()))?;
    Ok(authorities)
}

/// What is kept of a password: `$2y$10$…`. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// As the file has it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for PasswordHash {
    type Err = &'static str;

    /// Never quotes the text: it may be the password itself.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts = bcrypt::HashParts::from_str(text);
        match parts.map(|parts| parts.get_cost()) {
            // The mark of hashes that a mistake in an old library made.
            Err(_) | Ok(..4) => Err("not the bcrypt hash of a password\n\
                                     `htpasswd -nBC 10 NAME` asks for a password and prints one"),
            Ok(_) if text.starts_with("$2x$") => {
                Err("a hash of the broken kind `$2x$`\nmake it anew with `htpasswd -nBC 10 NAME`")
            }
            Ok(cost) if cost > MOST_COST => {
                Err("the cost of the hash is above 14, and each password would take seconds\n\
                     make it anew with `htpasswd -nBC 10 NAME`")
            }
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "the bcrypt hash of a password")
    }
}

/// A web configuration that the configuration names, or does without.
#[derive(Clone, Debug)]
pub struct WebFile {
    /// The file, and where it is named.
    pub(super) named: Option<(SecretSource, Place)>,
    /// Where the address stands, if what is there must be protected.
    pub(super) exposed: Option<(SocketAddr, Place)>,
}

impl WebFile {
    /// Where it is, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.named.as_ref()?.0.path()
    }

    /// Reads it and the files that it names, bare names first in `credentials`, and makes sure that
    /// it is enough for the address. Blocks.
    pub(super) fn read(&self, credentials: Option<&Path>) -> Result<WebConfig, Vec<Problem>> {
        // Without a file, whoever checked the configuration has said what is missing.
        let Some((source, place)) = &self.named else { return Ok(WebConfig::default()) };
        let web = read(source, place, credentials)?;
        match &self.exposed {
            Some((address, place)) => {
                exposure(*address, place, &web, self.path()).map_or(Ok(web), |it| Err(vec![it]))
            }
            None => Ok(web),
        }
    }
}

/// What is missing where other machines can reach the pages, if anything is.
pub(super) fn exposure(
    address: SocketAddr,
    place: &Place,
    web: &WebConfig,
    file: Option<&Path>,
) -> Option<Problem> {
    let lacks = match (file, &web.tls, web.users.is_empty()) {
        (_, Some(_), false) => return None,
        (None, ..) => "there is neither TLS nor basic auth".to_owned(),
        (Some(file), tls, has_nobody) => {
            let tls = tls.is_none().then_some("`tls_server_config`");
            let users = has_nobody.then_some("`basic_auth_users`");
            let missing: Vec<&str> = tls.into_iter().chain(users).collect();
            format!("`{}` has no {}", file.display(), missing.join(" and no "))
        }
    };
    let text = format!("{address} is not a loopback address, the pages show names, and {lacks}");
    Some(place.error(text).with_hint(
        "listen on `127.0.0.1:9642` and reach the pages with `ssh -L`, or name a file with TLS and \
         basic auth in `http.web_config_file`, or set `http.pages: false`, which leaves metrics \
         and health alone",
    ))
}

fn read(
    source: &SecretSource,
    place: &Place,
    credentials: Option<&Path>,
) -> Result<WebConfig, Vec<Problem>> {
    let path = source.path().unwrap_or("".as_ref());
    let text = read_file(path, MOST_BYTES).map_err(|error| {
        let problem = place.error(format!("`{}` {error}", path.display()));
        vec![problem.with_hint("name a web configuration; docs/http.md shows one")]
    })?;
    let text = String::from_utf8(text)
        .map_err(|_| vec![place.error(format!("`{}` is not UTF-8 text", path.display()))])?;
    let directory = path.parent().unwrap_or("/".as_ref());
    let origin = Origin { directory, credentials, ..Origin::default() };
    let (web, problems) = check::check(&text, &origin);
    let mut problems: Vec<_> = problems.into_iter().map(|it| it.within(path)).collect();
    // Weak passwords are found out by whoever can read their hashes.
    if web.as_ref().is_some_and(|web| !web.users.is_empty())
        && let Err(error) = source.probe()
    {
        problems.push(place.error(error.to_string()).with_hint(error.hint()));
    }
    match web {
        Some(web) if problems.is_empty() => Ok(web),
        _ => Err(problems),
    }
}
