//! All that a delivery needs from files, read anew for each: a rotated secret or certificate
//! needs no reload.
//!
//! What is wrong with them is told by key, for `seatwatch check`; a delivery takes the first of
//! it for a reason to try again. No problem quotes a secret.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use seatwatch_sdk::{
    FileError, Problem, Secret, SecretError, SecretSource, read_certificates, read_file,
};

use crate::WebhookConfig;
use crate::address::Address;
use crate::config::without_url;
use crate::headers::Headers;
use crate::proxy::{ProxyAddress, Route};
use crate::sign::Key;

/// Far more than a certificate takes, with those between it and its authority.
const MOST_CHAIN_BYTES: u64 = 1024 * 1024;

/// What one delivery is made with.
#[derive(Debug)]
pub(crate) struct Material {
    /// Where to.
    pub(crate) address: Address,
    /// What to call that where people read it.
    pub(crate) shown: String,
    /// What to sign with; the newest first, possibly none.
    pub(crate) keys: Vec<Key>,
    /// Those of the configuration, and `Authorization`.
    pub(crate) headers: HeaderMap,
    /// How to connect.
    pub(crate) connection: Connection,
    /// What must not be repeated from an answer.
    pub(crate) secrets: Vec<Secret>,
}

/// What a client is made of: while it stays the same, so can the client.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Certificates to trust besides those of the machine.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// Our own certificate and its key, in PEM form.
    pub(crate) identity: Option<Secret>,
    /// How to get out.
    pub(crate) route: Route,
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        let Self { authorities, identity, route } = self;
        *authorities == other.authorities
            && *route == other.route
            && identity.as_ref().map(Secret::expose) == other.identity.as_ref().map(Secret::expose)
    }
}

impl Material {
    /// Reads all files that the configuration names, or tells all that is wrong with them. Blocks.
    pub(crate) fn read(config: &WebhookConfig) -> Result<Self, Vec<Problem>> {
        let parts = (
            address(config).and_then(|address| Ok((route(config, &address)?, address))),
            keys(config),
            headers(config),
            authorities(config),
            identity(config),
        );
        let ((route, address), (keys, mut secrets), headers, authorities, identity) = match parts {
            (Ok(way), Ok(keys), Ok(headers), Ok(authorities), Ok(identity)) => {
                (way, keys, headers, authorities, identity)
            }
            (way, keys, headers, authorities, identity) => {
                let problems =
                    [way.err(), keys.err(), headers.err(), authorities.err(), identity.err()];
                return Err(problems.into_iter().flatten().collect());
            }
        };
        let is_secret = config.url_file.is_some();
        secrets.extend(secret_parts(&address, is_secret));
        secrets.extend(headers.iter().flat_map(|(name, value)| secret_words(name, value)));
        let shown = if is_secret { address.shown_origin() } else { address.shown() }.to_owned();
        let connection = Connection { authorities, identity, route };
        Ok(Self { address, shown, keys, headers, connection, secrets })
    }
}

fn address(config: &WebhookConfig) -> Result<Address, Problem> {
    let address = match (&config.url, &config.url_file) {
        (Some(url), _) => return Ok(url.clone()),
        (None, Some(file)) => parse_file(file, "url_file", str::parse::<Address>)?,
        (None, None) => return Err(without_url()),
    };
    match address.refusal(config.allow_http) {
        Some((text, hint)) => {
            Err(Problem::new("url_file", text).with_hint(hint).for_want_of(&["allow_http"]))
        }
        None => Ok(address),
    }
}

/// The keys, and the texts that they were.
fn keys(config: &WebhookConfig) -> Result<(Vec<Key>, Vec<Secret>), Problem> {
    const KEY: &str = "secret_file";
    let Some(file) = &config.secret_file else { return Ok((Vec::new(), Vec::new())) };
    let secrets = file.read_several().map_err(|error| of_secret(KEY, &error))?;
    let keys = (1..).zip(&secrets).map(|(number, secret)| {
        Key::parse(secret).map_err(|error| {
            let text = format!("number {number} of the secrets in `{file}` {error}");
            let hint =
                "write `whsec_` and the key in base64, as `openssl rand -base64 32` makes it";
            Problem::new(KEY, text).with_hint(hint)
        })
    });
    Ok((keys.collect::<Result<_, _>>()?, secrets))
}

fn headers(config: &WebhookConfig) -> Result<HeaderMap, Problem> {
    let mut all = HeaderMap::new();
    config.headers.extend(&mut all);
    if let Some(file) = &config.headers_file {
        const KEY: &str = "headers_file";
        let text = file.read_lines().map_err(|error| of_secret(KEY, &error))?;
        let headers = Headers::parse_lines(text.expose()).map_err(|error| {
            Problem::new(KEY, format!("`{file}`: {error}")).with_hint("write `Name: value` lines")
        })?;
        let is_double = headers.authorize() && config.bearer_token_file.is_some();
        let double = headers.common(&config.headers).or(is_double.then_some("authorization"));
        if let Some(name) = double {
            let text = format!("the header `{name}` in `{file}` is set by another key, too");
            return Err(Problem::new(KEY, text).with_hint("leave out one of them"));
        }
        headers.extend(&mut all);
    }
    if let Some(file) = &config.bearer_token_file {
        const KEY: &str = "bearer_token_file";
        let token = file.read().map_err(|error| of_secret(KEY, &error))?;
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| {
            Problem::new(KEY, format!("what `{file}` holds cannot stand in a header"))
                .with_hint("put the token alone into it")
        })?;
        value.set_sensitive(true);
        all.insert(AUTHORIZATION, value);
    }
    Ok(all)
}

fn authorities(config: &WebhookConfig) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let Some(path) = &config.ca_file else { return Ok(Vec::new()) };
    read_certificates(path).map_err(|error| of_certificates("ca_file", path, &error))
}

fn identity(config: &WebhookConfig) -> Result<Option<Secret>, Problem> {
    let (Some(path), Some(file)) = (&config.client_cert_file, &config.client_key_file) else {
        return Ok(None);
    };
    let key = file.read_lines().map_err(|error| of_secret("client_key_file", &error))?;
    let certificate = read_file(path, MOST_CHAIN_BYTES);
    let certificate =
        certificate.map_err(|error| of_certificates("client_cert_file", path, &error))?;
    let certificate = String::from_utf8_lossy(&certificate);
    Ok(Some(Secret::new(format!("{certificate}\n{}", key.expose()))))
}

/// The way to the receiver, as the configuration says, or else the environment.
fn route(config: &WebhookConfig, address: &Address) -> Result<Route, Problem> {
    match (&config.proxy, &config.proxy_file) {
        (Some(proxy), _) => Ok(Route::Configured(proxy.clone())),
        (None, Some(file)) => {
            parse_file(file, "proxy_file", ProxyAddress::parse_secret).map(Route::Configured)
        }
        (None, None) => Route::from_environment(address).map_err(|error| {
            let error = error.lines().next().unwrap_or_default();
            let text = format!("the proxy that the environment names cannot be used: {error}");
            Problem::new("proxy", text).with_hint("name one in `proxy`, or unset `HTTPS_PROXY`")
        }),
    }
}

/// A secret file that holds one value; an error's second line is advice.
fn parse_file<T>(
    file: &SecretSource,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Problem> {
    let secret = file.read().map_err(|error| of_secret(key, &error))?;
    parse(secret.expose()).map_err(|error| {
        let (text, hint) = error.split_once('\n').unwrap_or((&error, "put the URL into it"));
        Problem::new(key, format!("`{file}`: {text}")).with_hint(hint)
    })
}

fn of_secret(key: &str, error: &SecretError) -> Problem {
    Problem::of_secret(&[key], error)
}

fn of_certificates(key: &str, path: &Path, error: &FileError) -> Problem {
    Problem::new(key, format!("`{}` {error}", path.display()))
        .with_hint("name a file of certificates in PEM form that seatwatch may read")
}

/// The parts of a URL that may be secrets.
fn secret_parts(address: &Address, is_secret: bool) -> Vec<Secret> {
    let url = address.url();
    let path = is_secret.then(|| url.path_segments()).flatten().into_iter().flatten();
    let pairs = url.query_pairs().flat_map(|(key, value)| [key.into_owned(), value.into_owned()]);
    let raw = url.query().into_iter().flat_map(|query| query.split(['&', '=']));
    let whole = url.query().into_iter().chain(path).chain(raw).map(str::to_owned);
    whole.chain(pairs).map(Secret::new).collect()
}

/// The value of a header and the words in it. Of `Bearer TOKEN`, that is the token alone; of
/// `Basic`, also the user and password that it encodes (RFC 7617 section 2).
fn secret_words(name: &HeaderName, value: &HeaderValue) -> Vec<Secret> {
    let value = value.to_str().unwrap_or_default();
    let scheme = value.split_once(' ').filter(|_| name == AUTHORIZATION);
    let (scheme, value) = scheme.unwrap_or(("", value));
    let mut words = vec![value.to_owned()];
    words.extend(value.split_whitespace().map(str::to_owned));
    if scheme.eq_ignore_ascii_case("basic") {
        let login = BASE64_STANDARD.decode(value.trim()).unwrap_or_default();
        let login = String::from_utf8_lossy(&login).into_owned();
        words.extend(login.split_once(':').map(|(_, password)| password.to_owned()));
        words.push(login);
    }
    words.into_iter().map(Secret::new).collect()
}
