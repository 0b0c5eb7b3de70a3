//! One installation of Codecov: its address, whom to trust there, and how fast to ask.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use rustls_pki_types::CertificateDer;
use seatwatch_sdk::{read_certificates, with_bundled_authorities};
use url::{Host, Url};

use super::error::{Error, Reason};
use super::retry::Policy;
use super::route::api_root;

const USER_AGENT: &str = concat!("seatwatch/", env!("CARGO_PKG_VERSION"));

/// Where a Codecov is and how to treat it: the `codecov` part of the configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The server's root, with or without `/api/v2`; a path prefix is kept, user info is not.
    pub base_url: Url,
    /// How many rows to ask for at once where a roster is larger than 1,000; at least 1.
    pub page_size: u32,
    /// For one request, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Above 0; for all sessions of the server together.
    pub requests_per_second: f64,
    /// Whom to trust besides those whom the machine trusts.
    pub authorities: Option<Authorities>,
}

/// Certificates to trust, as they stood in a file when it was read.
///
/// They are part of the settings, and not only their path: a file that was renewed is another
/// setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Authorities {
    file: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads a file of certificates in PEM form. Blocks.
    ///
    /// # Errors
    ///
    /// [`Reason::Tls`]: it cannot be read or holds no certificate.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let certificates =
            read_certificates(file).map_err(|error| Self::unusable(file, &error.to_string()))?;
        Ok(Self { file: file.to_owned(), certificates })
    }

    fn to_reqwest(&self) -> Result<Vec<Certificate>, Error> {
        let certificates = self.certificates.iter().map(|it| Certificate::from_der(it));
        certificates.collect::<Result<_, _>>().map_err(|error| {
            Self::unusable(&self.file, "holds a certificate of no use").caused_by(error)
        })
    }

    fn unusable(file: &Path, what: &str) -> Error {
        Error::new(Reason::Tls, format!("ca_file: `{}` {what}", file.display()))
            .with_hint("`codecov.ca_file` names a file of certificates in PEM form")
    }
}

/// Is told of every request that was sent: the status of its answer, or nothing where no whole
/// answer came, and how long that took. It must not block.
pub type Observer = Arc<dyn Fn(Option<u16>, Duration) + Send + Sync>;

/// A Codecov that can be asked; cheap to clone.
///
/// The clones share connections and rate limit, so there should be one per base URL.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
    observer: Option<Observer>,
}

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) limiter: DefaultDirectRateLimiter,
    pub(super) api_root: Url,
    pub(super) page_size: u64,
    pub(super) timeout: Duration,
    pub(super) policy: Policy,
}

impl Server {
    /// Prepares to ask, with these attempts and pauses; no request is made.
    ///
    /// # Errors
    ///
    /// [`Reason::Tls`]: no trust can be put in the authorities.
    pub fn new(settings: &Settings, policy: Policy) -> Result<Self, Error> {
        let inner = Arc::new(Inner {
            client: build_client(settings)?,
            limiter: RateLimiter::direct(quota(settings.requests_per_second)),
            api_root: api_root(&settings.base_url),
            page_size: u64::from(settings.page_size.max(1)),
            timeout: settings.timeout,
            policy,
        });
        Ok(Self { inner, observer: None })
    }

    /// The same server, whose requests are told to `observer` too.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    pub(super) fn observer(&self) -> Option<&Observer> {
        self.observer.as_ref()
    }
}

/// So many requests a second, evenly spaced: in no second are there more.
fn quota(requests_per_second: f64) -> Quota {
    let period = Duration::try_from_secs_f64(requests_per_second.recip());
    let slowest = Quota::per_hour(NonZeroU32::MIN);
    period.ok().and_then(Quota::with_period).unwrap_or(slowest)
}

fn build_client(settings: &Settings) -> Result<Client, Error> {
    // Whoever comes first installs ring for the whole process; it is all the same to us.
    rustls::crypto::ring::default_provider().install_default().ok();
    let extra = settings.authorities.as_ref().map(Authorities::to_reqwest).transpose()?;
    let extra = extra.unwrap_or_default();
    // A machine that trusts nobody makes no client at all, not even for a URL without TLS.
    builder(settings).tls_certs_merge(extra.clone()).build().or_else(|_| {
        let client = with_bundled_authorities(|bundled| {
            let bundled = bundled.iter().filter_map(|it| Certificate::from_der(it).ok());
            builder(settings).tls_certs_only(bundled.chain(extra)).build()
        });
        client.map_err(|error| {
            let what = match &settings.authorities {
                Some(Authorities { file, .. }) => {
                    format!("no trust can be put in `{}`", file.display())
                }
                None => "no HTTP client can be made".to_owned(),
            };
            Error::new(Reason::Tls, what).caused_by(error.without_url())
        })
    })
}

/// Whether it leads to this very machine: what is sent there, nobody can read on the way.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn builder(settings: &Settings) -> ClientBuilder {
    let mut builder = Client::builder();
    if is_loopback(&settings.base_url) {
        // What the environment names as a proxy is elsewhere, and would get the token.
        builder = builder.no_proxy();
    }
    builder
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static("application/json"),
        )]))
        .redirect(redirect::Policy::none())
        .timeout(settings.timeout)
}
