//! Why no answer came, in words that say what to do.
//!
//! The cause lies deep in a chain of errors of reqwest, hyper and rustls; here it is dug out. No
//! text has more of a URL than its host.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::time::Duration;

use rustls::{AlertDescription, InvalidMessage};
use seatwatch_sdk::{CertificateKeys, Untrusted, io_reason};

use crate::off_limits::OffLimits;
use crate::proxy::Route;

/// Who does not take a connection within that time does not exist.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that was not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered<'a> {
    /// What to call the receiver.
    pub(crate) shown: &'a str,
    /// The receiver's host.
    pub(crate) host: &'a str,
    /// Whether it was spoken to with TLS: `https`.
    pub(crate) is_encrypted: bool,
    /// The way to it.
    pub(crate) route: &'a Route,
    /// For how long an answer was waited for.
    pub(crate) patience: Duration,
}

impl Unanswered<'_> {
    /// What happened, as far as the error knows.
    pub(crate) fn explain(&self, error: &reqwest::Error) -> String {
        let Self { shown, route, .. } = self;
        let what = self.cause(error);
        match route.shown_proxy() {
            Some(proxy) => format!("cannot reach `{shown}` through the proxy `{proxy}`: {what}"),
            None => format!("cannot reach `{shown}`: {what}"),
        }
    }

    fn cause(&self, error: &reqwest::Error) -> String {
        if let Some(OffLimits(address)) = find(error) {
            let name = self.peer();
            return format!(
                "{name} resolves to {address}, a link-local or metadata address, which is refused"
            );
        }
        if let Some(error) = find(error) {
            return self.tls(error);
        }
        if error.is_dns() {
            let why = innermost(error);
            return format!("the name of {} cannot be resolved: {why}", self.peer());
        }
        if error.is_timeout() {
            let (what, patience) = if error.is_connect() {
                ("connection", self.patience.min(CONNECT_TIMEOUT))
            } else {
                ("answer", self.patience)
            };
            let millis = patience.as_millis().try_into().unwrap_or(u64::MAX);
            return format!("no {what} within {:?}", Duration::from_millis(millis));
        }
        match find::<hyper::Error>(error) {
            Some(error) if error.is_parse_too_large() => {
                return "the head of its answer is too large to be read".to_owned();
            }
            Some(error) if error.is_parse() => {
                return format!(
                    "what answers there does not speak HTTP ({error}); check the scheme and the port"
                );
            }
            _ => {}
        }
        let io = find::<io::Error>(error).map(io::Error::kind);
        match io {
            Some(ErrorKind::ConnectionRefused) => {
                format!("{} refused the connection; is it running?", self.peer())
            }
            Some(
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof,
            ) => self.closed(),
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
                format!("there is no way to {}", self.peer())
            }
            _ => self.other(error),
        }
    }

    /// What has no type of its own that could be asked.
    fn other(&self, error: &reqwest::Error) -> String {
        let text = chain(error);
        if text.contains("proxy authorization required") {
            return self.route.without_login().to_owned();
        }
        if text.contains("tunnel error") {
            return format!("it makes no connection to `{}`", self.host);
        }
        if text.contains("connection closed before message completed") {
            return self.closed();
        }
        text
    }

    /// So does a server that wants TLS to whoever comes without.
    fn closed(&self) -> String {
        let closed = "the connection was closed before the answer came";
        if self.is_encrypted {
            closed.to_owned()
        } else {
            format!("{closed}; if it always is, check the scheme in `url`")
        }
    }

    /// Whom we connect to.
    fn peer(&self) -> String {
        match self.route {
            Route::Direct => format!("`{}`", self.host),
            Route::Configured(_) | Route::Environment(_) => "the proxy".to_owned(),
        }
    }

    fn tls(&self, error: &rustls::Error) -> String {
        let host = self.host;
        match error {
            rustls::Error::InvalidCertificate(error) => {
                let keys = CertificateKeys { address: "url", authorities: "ca_file" };
                Untrusted::new(error, host, keys).sentence()
            }
            rustls::Error::AlertReceived(alert) => refused_by_peer(*alert),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                format!("what answers at `{host}` does not speak TLS; check the scheme in `url`")
            }
            _ => format!("TLS with `{host}` failed: {error}"),
        }
    }
}

/// The other side ended the handshake.
fn refused_by_peer(alert: AlertDescription) -> String {
    use AlertDescription as A;

    match alert {
        A::CertificateRequired => "the receiver asks for a client certificate; name one in \
                                   `client_cert_file` and `client_key_file`"
            .to_owned(),
        A::UnknownCA
        | A::BadCertificate
        | A::CertificateUnknown
        | A::CertificateExpired
        | A::CertificateRevoked
        | A::UnsupportedCertificate
        | A::AccessDenied => format!(
            "the receiver does not accept the client certificate ({alert:?}); check \
             `client_cert_file`"
        ),
        A::HandshakeFailure => "the receiver ended the TLS handshake (HandshakeFailure); it may \
                                ask for a client certificate, or for ciphers of old"
            .to_owned(),
        _ => format!("the receiver ended the TLS connection ({alert:?})"),
    }
}

/// The whole chain below reqwest's and hyper's own words, which say nothing.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let text = |error: &(dyn Error + 'static)| {
        error.downcast_ref().map_or_else(|| error.to_string(), io_reason)
    };
    let mut texts: Vec<_> = causes(error).skip(1).map(text).collect();
    texts.retain(|text| !text.starts_with("client error ("));
    texts.dedup();
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The error in the chain that is of this type.
fn find<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// The error, what caused it, what caused that, and so on.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error as &'a (dyn Error + 'static)), |error| {
        // An I/O error passes over what it wraps and names the cause of that.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| (*error).source(), |wrapped| Some(wrapped))
    })
}

#[cfg(test)]
mod tests {
    use reqwest::dns::{Name, Resolve, Resolving};

    use super::*;

    /// Stands for a name that whoever answers for it has pointed at a metadata service.
    struct Rebound;

    impl Resolve for Rebound {
        fn resolve(&self, _: Name) -> Resolving {
            let address = std::net::Ipv4Addr::new(169, 254, 169, 254);
            Box::pin(async move { Err(OffLimits(address.into()).into()) })
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_astray_is_told() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().dns_resolver(Rebound).no_proxy().build().unwrap();
        let error = client.get("http://siem.test/in?t0ken").send().await.unwrap_err();
        let patience = Duration::from_secs(15);
        let (shown, host) = ("http://siem.test/in", "siem.test");
        let route = &Route::Direct;
        let told = Unanswered { shown, host, is_encrypted: false, route, patience }.explain(&error);
        insta::assert_snapshot!(told, @"cannot reach `http://siem.test/in`: `siem.test` resolves to 169.254.169.254, a link-local or metadata address, which is refused");
    }
}
