//! The HTTP client: whom it trusts, who it says it is, and how it gets out.
//!
//! It keeps connections between deliveries, and is made anew where a certificate or the proxy
//! changed. Follows no redirect, unpacks no answer, and connects to no address that is
//! [off limits](crate::off_limits).

use reqwest::{Certificate, ClientBuilder, Identity, Proxy, redirect};
use seatwatch_sdk::{Problem, with_bundled_authorities};

use crate::material::Connection;
use crate::off_limits::Resolver;
use crate::proxy::Route;
use crate::trouble::{CONNECT_TIMEOUT, chain};

const USER_AGENT: &str = concat!("seatwatch/", env!("CARGO_PKG_VERSION"));

/// A client, and what it is made of.
#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    http: reqwest::Client,
}

impl Client {
    /// Makes one, or tells what in the configuration is in the way. No connection is made. Blocks:
    /// it reads the authorities that the machine trusts.
    pub(crate) fn new(connection: Connection) -> Result<Self, Vec<Problem>> {
        // Whoever comes first installs ring for the whole process; it is all the same to us.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = make(&connection).map_err(|problem| vec![problem])?;
        Ok(Self { connection, http })
    }

    /// Whether it would be made of this again.
    pub(crate) fn fits(&self, connection: &Connection) -> bool {
        self.connection == *connection
    }

    /// What makes the requests.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

fn make(connection: &Connection) -> Result<reqwest::Client, Problem> {
    let authorities = authorities(connection)?;
    let (merged, alone) = (builder(connection)?, builder(connection)?);
    // A machine that trusts nobody makes no client at all, not even for a URL without TLS.
    merged.tls_certs_merge(authorities.clone()).build().or_else(|_| {
        let client = with_bundled_authorities(|bundled| {
            let bundled = bundled.iter().filter_map(|it| Certificate::from_der(it).ok());
            alone.tls_certs_only(bundled.chain(authorities)).build()
        });
        client.map_err(|error| unusable(connection, error))
    })
}

fn builder(connection: &Connection) -> Result<ClientBuilder, Problem> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .no_gzip()
        .no_brotli()
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(Resolver);
    match &connection.route {
        Route::Direct => builder = builder.no_proxy(),
        // reqwest takes it from there itself.
        Route::Environment(_) => {}
        Route::Configured(proxy) => {
            let proxy = Proxy::all(proxy.url().as_str()).map_err(|error| {
                Problem::new(
                    "proxy",
                    format!("no proxy can be made of it: {}", error.without_url()),
                )
            })?;
            builder = builder.proxy(proxy);
        }
    }
    if let Some(identity) = &connection.identity {
        let identity = Identity::from_pem(identity.expose().as_bytes()).map_err(|_| {
            Problem::new("client_cert_file", "there is no certificate with its private key")
                .with_hint(
                    "`client_cert_file` holds certificates and `client_key_file` one key without \
                     a password, both in PEM form",
                )
        })?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn authorities(connection: &Connection) -> Result<Vec<Certificate>, Problem> {
    let certificates = connection.authorities.iter().map(|it| Certificate::from_der(it));
    certificates.collect::<Result<_, _>>().map_err(|error| unusable(connection, error))
}

/// Everything has the right form, and yet rustls will not have it: mostly a key that belongs to
/// another certificate.
fn unusable(connection: &Connection, error: reqwest::Error) -> Problem {
    let key = if connection.identity.is_some() { "client_cert_file" } else { "ca_file" };
    let error = chain(&error.without_url());
    Problem::new(key, format!("no TLS client can be made: {error}"))
        .with_hint("`client_key_file` must hold the key of the certificate in `client_cert_file`")
}
