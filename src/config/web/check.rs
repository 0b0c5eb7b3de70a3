//! Checks the values of a web configuration against each other, and reads the files that it names.

use std::num::NonZeroU32;
use std::path::Path;

use axum::http::{HeaderName, HeaderValue, header};
use governor::Quota;
use rustls::crypto::ring;
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;
use seatwatch_sdk::{Origin, SecretSource, read_certificates};

use super::options::{
    CipherSuite, ClientAuthType, ContentTypeOptions, Curve, FrameOptions, HeaderOptions,
    HeaderText, RateLimitOptions, TlsOptions, TlsVersion, WebOptions,
};
use super::{CertificateFiles, Clients, TlsConfig, WebConfig, authorities_of};
use crate::config::check::Section;
use crate::config::problem::Problem;
use crate::config::reader;
use crate::config::tree::Node;

const TLS: &str = "tls_server_config";
const HTTP: &str = "http_server_config";
const USERS: &str = "basic_auth_users";

/// Reads and checks `text`, which stands in a file in `origin`. There is a configuration if nothing
/// is wrong, and sometimes if something is.
pub(super) fn check(text: &str, origin: &Origin<'_>) -> (Option<WebConfig>, Vec<Problem>) {
    let says_something = |line: &str| !matches!(line.trim().chars().next(), None | Some('#'));
    if !text.lines().any(says_something) {
        return (Some(WebConfig::default()), Vec::new());
    }
    let mut root = match Node::parse(text) {
        Ok(root) => root,
        Err(problem) => return (None, vec![problem]),
    };
    let mut problems = Vec::new();
    let options: Option<WebOptions> = reader::read(&mut root, &[], &mut problems);
    let Some(options) = options else { return (None, problems) };
    let top = Section { node: &root, path: &[] };
    let mut checker = Checker { top, origin, problems };
    let web = checker.web(options);
    (web, checker.problems)
}

struct Checker<'a> {
    top: Section<'a>,
    origin: &'a Origin<'a>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn web(&mut self, options: WebOptions) -> Option<WebConfig> {
        let WebOptions { tls_server_config, http_server_config, basic_auth_users, rate_limit } =
            options;
        if http_server_config.http2 == Some(true) {
            let text = "there is no HTTP/2 here: a connection carries one request";
            self.wrong(&[HTTP, "http2"], text, "remove the line, or say `false`");
        }
        let has_tls = self.top.has(&[TLS]);
        let headers = self.headers(http_server_config.headers, has_tls);
        let users = basic_auth_users.unwrap_or_default();
        for name in users.keys() {
            if name.is_empty() || name.contains(|c: char| c == ':' || c.is_control()) {
                let text = "nobody can have this name, which is empty or holds `:`";
                self.wrong(&[USERS, name], text, "give the user another name");
            }
        }
        let tls = match tls_server_config {
            Some(options) => Some(self.tls(&options)?),
            None => None,
        };
        let rate_limit = rate_limit.as_ref().and_then(rate_limit_of);
        Some(WebConfig { tls, headers, users, rate_limit })
    }

    fn wrong(&mut self, keys: &[&str], text: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(self.top.place(keys).error(text).with_hint(hint));
    }

    /// The headers that are set, in a fixed order.
    fn headers(&mut self, options: HeaderOptions, has_tls: bool) -> Vec<(HeaderName, HeaderValue)> {
        if options.strict_transport_security.is_some() && !has_tls {
            let keys = [HTTP, "headers", "Strict-Transport-Security"];
            let text = "browsers pass this over where there is no TLS";
            self.wrong(&keys, text, "add `tls_server_config`, or remove the line");
        }
        let text = |text: Option<HeaderText>| text.map(|text| text.0);
        let frames = options.x_frame_options.map(|frames| match frames {
            FrameOptions::Deny => HeaderValue::from_static("deny"),
            FrameOptions::SameOrigin => HeaderValue::from_static("sameorigin"),
        });
        let types = options.x_content_type_options.map(|types| match types {
            ContentTypeOptions::NoSniff => HeaderValue::from_static("nosniff"),
        });
        let headers = [
            (header::CONTENT_SECURITY_POLICY, text(options.content_security_policy)),
            (header::X_FRAME_OPTIONS, frames),
            (header::X_CONTENT_TYPE_OPTIONS, types),
            (header::X_XSS_PROTECTION, text(options.x_xss_protection)),
            (header::STRICT_TRANSPORT_SECURITY, text(options.strict_transport_security)),
        ];
        let set = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.filter(|(_, value)| !value.is_empty()).collect()
    }

    fn tls(&mut self, options: &TlsOptions) -> Option<TlsConfig> {
        let files = CertificateFiles {
            certificate: self.locate(&options.cert_file),
            key: self.locate(&options.key_file),
        };
        if let Err(error) = files.read() {
            self.wrong(&[TLS, error.key], error.to_string(), error.hint);
        }
        let clients = self.clients(options);
        self.client_names(options);
        let (versions, cipher_suites) = self.versions(options)?;
        Some(TlsConfig {
            files,
            clients: clients?,
            client_names: options.client_allowed_sans.clone().unwrap_or_default(),
            versions,
            cipher_suites,
            curves: match options.curve_preferences.as_deref() {
                None | Some([]) => ring::default_provider().kx_groups,
                Some(curves) => curves.iter().map(|curve| Curve::found(*curve)).collect(),
            },
            prefers_own_order: options.prefer_server_cipher_suites.unwrap_or(true),
        })
    }

    fn locate(&self, name: &Path) -> SecretSource {
        SecretSource::locate(name, self.origin)
    }

    fn clients(&mut self, options: &TlsOptions) -> Option<Clients> {
        let authorities = match &options.client_ca_file {
            Some(name) => Some(self.authorities(name)?),
            None => None,
        };
        let kind = [TLS, "client_auth_type"];
        match (options.client_auth_type, authorities) {
            (ClientAuthType::NoClientCert, None) => Some(Clients::All),
            (ClientAuthType::VerifyClientCertIfGiven, Some(roots)) => {
                Some(Clients::Optional(roots))
            }
            (ClientAuthType::RequireAndVerifyClientCert, Some(roots)) => {
                Some(Clients::Required(roots))
            }
            (ClientAuthType::NoClientCert, Some(_)) => {
                let text = "authorities of client certificates, and no client is asked for one";
                let hint = "add `client_auth_type: RequireAndVerifyClientCert`";
                self.wrong(&[TLS, "client_ca_file"], text, hint);
                None
            }
            (
                ClientAuthType::VerifyClientCertIfGiven
                | ClientAuthType::RequireAndVerifyClientCert,
                None,
            ) => {
                let text =
                    "client certificates are to be verified, and `client_ca_file` is missing";
                self.wrong(&kind, text, "name a file of the authorities that sign them");
                None
            }
            (
                ClientAuthType::RequestClientCert
                | ClientAuthType::RequireAnyClientCert
                | ClientAuthType::RequireClientCert,
                _,
            ) => {
                let text = "takes any certificate, also one that its owner has made up";
                let hint = "use `RequireAndVerifyClientCert` with a `client_ca_file`";
                self.wrong(&kind, text, hint);
                None
            }
        }
    }

    /// Names are looked at in certificates that were verified, and in no others.
    fn client_names(&mut self, options: &TlsOptions) {
        let keys = [TLS, "client_allowed_sans"];
        match options.client_allowed_sans.as_deref() {
            Some([]) => {
                let hint = "remove the line, or name some";
                self.wrong(&keys, "no names, and so nobody could come in", hint);
            }
            Some(_) if options.client_auth_type == ClientAuthType::NoClientCert => {
                let text = "names in client certificates, and no client is asked for one";
                let hint = "add `client_auth_type: RequireAndVerifyClientCert`";
                self.wrong(&keys, text, hint);
            }
            Some(_) | None => {}
        }
    }

    fn authorities(&mut self, name: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let source = self.locate(name);
        let read = source.path().map(read_certificates)?.map_err(|error| error.to_string());
        let usable = read.and_then(|all| match authorities_of(&all) {
            Ok(_) => Ok(all),
            Err(_) => Err("holds a certificate that cannot be an authority's".to_owned()),
        });
        usable
            .map_err(|text| {
                let hint = "name a file of certificates in PEM form";
                self.wrong(&[TLS, "client_ca_file"], format!("`{source}` {text}"), hint);
            })
            .ok()
    }

    /// The versions, and the cipher suites with which they are spoken.
    fn versions(
        &mut self,
        options: &TlsOptions,
    ) -> Option<(Vec<&'static SupportedProtocolVersion>, Vec<SupportedCipherSuite>)> {
        let least = options.min_version.unwrap_or(TlsVersion::Tls12);
        let most = options.max_version.unwrap_or(TlsVersion::Tls13);
        if least > most {
            let hint = "TLS12 is before TLS13";
            self.wrong(&[TLS, "min_version"], "`min_version` is above `max_version`", hint);
            return None;
        }
        let versions: Vec<_> = [TlsVersion::Tls13, TlsVersion::Tls12]
            .into_iter()
            .filter(|version| (least..=most).contains(version))
            .map(TlsVersion::found)
            .collect();
        let all = ring::default_provider().cipher_suites;
        let mut suites: Vec<SupportedCipherSuite> = match options.cipher_suites.as_deref() {
            None | Some([]) => all.clone(),
            Some(names) => names.iter().map(|name| CipherSuite::found(*name)).collect(),
        };
        // In Go, from which the format comes, the list is about TLS 1.2 and those of 1.3 are
        // always there: so they are here, unless the list names some.
        if !suites.iter().any(|suite| suite.tls13().is_some()) {
            suites.extend(all.iter().filter(|suite| suite.tls13().is_some()));
        }
        let can_speak = |version: &&&SupportedProtocolVersion| {
            suites.iter().any(|suite| suite.version() == **version)
        };
        if let Some(version) = versions.iter().find(|version| !can_speak(version)) {
            let text = format!("none of these is for {:?}", version.version);
            let hint = "add one, or `min_version: TLS13`";
            self.wrong(&[TLS, "cipher_suites"], text, hint);
            return None;
        }
        Some((versions, suites))
    }
}

/// None where there is no time between two requests.
fn rate_limit_of(options: &RateLimitOptions) -> Option<Quota> {
    let burst = NonZeroU32::new(u32::try_from(options.burst.0).ok()?)?;
    Some(Quota::with_period(options.interval.0)?.allow_burst(burst))
}
