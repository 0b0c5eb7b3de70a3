//! The keys of the web configuration, named as exporter-toolkit names them.
//!
//! What it knows and we do not is refused by name, and never passed over: who asks for a limit must
//! not believe that it holds.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::http::HeaderValue;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use seatwatch_sdk::{FilePath, read_as_written};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::PasswordHash;
use crate::config::value::{Period, Within};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebOptions {
    pub(super) tls_server_config: Option<TlsOptions>,
    pub(super) http_server_config: HttpServerOptions,
    pub(super) basic_auth_users: Option<BTreeMap<String, PasswordHash>>,
    pub(super) rate_limit: Option<RateLimitOptions>,
}

/// Who we are, and whom we let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsOptions {
    pub(super) cert_file: FilePath,
    pub(super) key_file: FilePath,
    #[serde(default)]
    pub(super) client_auth_type: ClientAuthType,
    #[serde(default)]
    pub(super) client_ca_file: Option<FilePath>,
    #[serde(default)]
    pub(super) client_allowed_sans: Option<Vec<String>>,
    #[serde(default)]
    pub(super) min_version: Option<TlsVersion>,
    #[serde(default)]
    pub(super) max_version: Option<TlsVersion>,
    #[serde(default)]
    pub(super) cipher_suites: Option<Vec<CipherSuite>>,
    #[serde(default)]
    pub(super) prefer_server_cipher_suites: Option<bool>,
    #[serde(default)]
    pub(super) curve_preferences: Option<Vec<Curve>>,
    #[expect(dead_code, reason = "refused while it is read")]
    #[serde(default)]
    cert: Option<InlineCertificate>,
    #[expect(dead_code, reason = "refused while it is read")]
    #[serde(default)]
    key: Option<InlineKey>,
    #[expect(dead_code, reason = "refused while it is read")]
    #[serde(default)]
    client_ca: Option<InlineAuthority>,
}

/// What answers are like.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpServerOptions {
    pub(super) http2: Option<bool>,
    pub(super) headers: HeaderOptions,
}

/// The headers that may be added. An empty text is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HeaderOptions {
    #[serde(rename = "Content-Security-Policy")]
    pub(super) content_security_policy: Option<HeaderText>,
    #[serde(rename = "X-Frame-Options")]
    pub(super) x_frame_options: Option<FrameOptions>,
    #[serde(rename = "X-Content-Type-Options")]
    pub(super) x_content_type_options: Option<ContentTypeOptions>,
    #[serde(rename = "X-XSS-Protection")]
    pub(super) x_xss_protection: Option<HeaderText>,
    #[serde(rename = "Strict-Transport-Security")]
    pub(super) strict_transport_security: Option<HeaderText>,
}

/// How many requests there may be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitOptions {
    pub(super) interval: Period<0>,
    pub(super) burst: Within<1, 1_000_000>,
}

/// What is asked of clients that have certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum ClientAuthType {
    #[default]
    NoClientCert,
    RequestClientCert,
    RequireAnyClientCert,
    RequireClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

/// The versions of TLS that are not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum TlsVersion {
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

impl TlsVersion {
    pub(super) fn found(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

/// A cipher suite by its name in the registry of the IANA.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum CipherSuite {
    #[serde(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128,
    #[serde(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256,
    #[serde(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    ChaCha,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdsaAes128,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]
    EcdsaAes256,
    #[serde(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdsaChaCha,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    RsaAes128,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    RsaAes256,
    #[serde(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    RsaChaCha,
}

impl CipherSuite {
    pub(super) fn found(self) -> SupportedCipherSuite {
        match self {
            Self::Aes128 => cipher_suite::TLS13_AES_128_GCM_SHA256,
            Self::Aes256 => cipher_suite::TLS13_AES_256_GCM_SHA384,
            Self::ChaCha => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            Self::EcdsaAes128 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            Self::EcdsaAes256 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            Self::EcdsaChaCha => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            Self::RsaAes128 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            Self::RsaAes256 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            Self::RsaChaCha => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        }
    }
}

/// A group of the key exchange, by Go's name for it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Curve {
    #[serde(rename = "CurveP256")]
    P256,
    #[serde(rename = "CurveP384")]
    P384,
    X25519,
}

impl Curve {
    pub(super) fn found(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::P256 => kx_group::SECP256R1,
            Self::P384 => kx_group::SECP384R1,
            Self::X25519 => kx_group::X25519,
        }
    }
}

/// Whether a page may stand in a frame.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FrameOptions {
    Deny,
    SameOrigin,
}

/// Whether a browser may guess what an answer is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ContentTypeOptions {
    NoSniff,
}

/// The value of a header.
#[derive(Clone, Debug)]
pub(super) struct HeaderText(pub(super) HeaderValue);

impl FromStr for HeaderText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let value = HeaderValue::from_str(text);
        value.map(Self).map_err(|_| "not the value of a header, expected one line of text")
    }
}

impl<'de> Deserialize<'de> for HeaderText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_as_written(deserializer, "a text")
    }
}

/// Keys that are refused, whatever stands there, and what to do about each.
macro_rules! refused {
    ($($name:ident: $text:literal),* $(,)?) => {
        $(
            #[derive(Debug, Deserialize)]
            #[serde(try_from = "IgnoredAny")]
            struct $name;

            impl TryFrom<IgnoredAny> for $name {
                type Error = &'static str;

                fn try_from(_: IgnoredAny) -> Result<Self, &'static str> {
                    Err($text)
                }
            }
        )*
    };
}

refused! {
    InlineCertificate: "certificates do not stand in this file\nname a file in `cert_file`",
    InlineKey: "secrets do not stand in this file\nname a file in `key_file`",
    InlineAuthority: "certificates do not stand in this file\nname a file in `client_ca_file`",
}
