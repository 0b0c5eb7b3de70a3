//! How the endpoints are protected, as a web configuration says: TLS, users, a rate, headers.
//!
//! A connection keeps to the end what was so when it came, so that what one reload allows and what
//! another encrypts never mix.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls_pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;

use super::certificate::Served;
use super::clients::Named;
use super::users::{Stranger, Users};
use crate::config::{CertificateError, Clients, TlsConfig, WebConfig, authorities_of};

/// How the endpoints are protected. The default is not at all.
#[derive(Default)]
pub struct Protection {
    web: WebConfig,
    tls: Option<(TlsAcceptor, Arc<Served>)>,
    users: Option<Users>,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// Why a web configuration protects nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// The certificate is another by now, and is wrong.
    #[error("the certificate cannot be used")]
    Certificate(#[from] CertificateError),
    /// TLS cannot be spoken as it says.
    #[error("TLS cannot be spoken as the web configuration says")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}

impl Protection {
    /// As this says. Reads the certificate, and blocks for it. Nobody is known yet.
    ///
    /// # Errors
    ///
    /// The certificate is wrong, or what is said of TLS does not go together.
    pub fn new(web: &WebConfig) -> Result<Self, ProtectionError> {
        let tls = match &web.tls {
            Some(config) => Some(tls(config)?),
            None => None,
        };
        let limiter = web.rate_limit.map(RateLimiter::direct);
        Ok(Self { web: web.clone(), tls, users: Users::new(&web.users), limiter })
    }

    /// What it was made of.
    pub fn web(&self) -> &WebConfig {
        &self.web
    }

    /// Until when the certificate that is served now is valid; none without TLS.
    pub fn certificate_expiry(&self) -> Option<DateTime<Utc>> {
        self.tls.as_ref().map(|(_, served)| served.not_after())
    }

    /// What speaks TLS, with the certificate of this moment; none where HTTP is spoken in the
    /// clear.
    pub(super) async fn acceptor(&self) -> Option<TlsAcceptor> {
        let (acceptor, served) = self.tls.as_ref()?;
        served.follow().await;
        Some(acceptor.clone())
    }

    /// Whether nobody on the way can read along, and only who is known may ask.
    pub(super) fn is_whole(&self) -> bool {
        self.tls.is_some() && self.users.is_some()
    }

    /// Lets a request in, or says why not.
    pub(super) async fn admit(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Response> {
        if self.limiter.as_ref().is_some_and(|limiter| limiter.check().is_err()) {
            let text = "too many requests\n";
            return Err((StatusCode::TOO_MANY_REQUESTS, text).into_response());
        }
        let Some(users) = &self.users else { return Ok(()) };
        users.admit(peer, headers).await.map_err(|stranger| match stranger {
            Stranger::Unknown => {
                let challenge = [(WWW_AUTHENTICATE, r#"Basic realm="seatwatch", charset="UTF-8""#)];
                let text = "user and password are needed, and right\n";
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
            Stranger::Hasty => {
                let text = "too many passwords at once from one address\n";
                (StatusCode::TOO_MANY_REQUESTS, text).into_response()
            }
        })
    }

    /// Adds the headers of the web configuration, which take the place of ours. A policy does not:
    /// browsers keep to both, so that it can forbid more and allow nothing.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.web.headers {
            let (name, value): (HeaderName, HeaderValue) = (name.clone(), value.clone());
            if name == CONTENT_SECURITY_POLICY {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
    }
}

fn tls(config: &TlsConfig) -> Result<(TlsAcceptor, Arc<Served>), ProtectionError> {
    let served = Arc::new(Served::read(&config.files)?);
    let spoken = spoken(config, Arc::clone(&served)).map_err(ProtectionError::Tls)?;
    Ok((TlsAcceptor::from(Arc::new(spoken)), served))
}

/// How TLS is spoken, with the certificate of each moment.
fn spoken(
    config: &TlsConfig,
    served: Arc<Served>,
) -> Result<ServerConfig, Box<dyn Error + Send + Sync>> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: config.cipher_suites.clone(),
        kx_groups: config.curves.clone(),
        ..ring::default_provider()
    });
    let verifier = |authorities: &[CertificateDer<'static>]| {
        let roots = Arc::new(authorities_of(authorities)?);
        let provider = Arc::clone(&provider);
        Ok::<_, rustls::Error>(WebPkiClientVerifier::builder_with_provider(roots, provider))
    };
    let clients = match &config.clients {
        Clients::All => Arc::new(NoClientAuth),
        Clients::Optional(authorities) => verifier(authorities)?.allow_unauthenticated().build()?,
        Clients::Required(authorities) => verifier(authorities)?.build()?,
    };
    let clients: Arc<dyn ClientCertVerifier> = match &config.client_names[..] {
        [] => clients,
        names => Arc::new(Named { verifier: clients, names: names.to_vec() }),
    };
    let mut spoken = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&config.versions)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(served);
    spoken.ignore_client_order = config.prefers_own_order;
    spoken.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(spoken)
}
