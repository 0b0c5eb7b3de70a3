//! Why a server's certificate is not trusted, in words that say what to do.
//!
//! All that connects by TLS tells it alike; only the keys of the configuration differ.

use std::fmt::Display;

use rustls::{CertificateError, OtherError};

use crate::quote;

/// The keys that decide which certificate is trusted, as people read them: `server.ca_file`.
#[derive(Clone, Copy, Debug)]
pub struct CertificateKeys {
    /// The one with the name or URL that is connected to.
    pub address: &'static str,
    /// The one with the file of further authorities.
    pub authorities: &'static str,
}

/// A certificate that is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    /// What is wrong with it: ``the certificate of `siem.test` has expired``.
    pub fault: String,
    /// What to do about it: `its owner must renew it`.
    pub advice: String,
}

impl Untrusted {
    /// What that error says of the certificate that `host` has shown.
    pub fn new(error: &CertificateError, host: &str, keys: CertificateKeys) -> Self {
        use CertificateError as E;

        let CertificateKeys { address, authorities } = keys;
        let (fault, advice) = match error {
            E::Expired | E::ExpiredContext { .. } => {
                ("has expired".to_owned(), "its owner must renew it".to_owned())
            }
            E::NotValidYet | E::NotValidYetContext { .. } => {
                ("is not valid yet".to_owned(), "check the clocks".to_owned())
            }
            E::UnknownIssuer => (
                "comes from an authority that is not trusted".to_owned(),
                format!("if the authority is your own, name its certificate in `{authorities}`"),
            ),
            // The latter where the two keys are not even of one kind.
            E::BadSignature | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
                "is not signed by the authority of that name that is trusted".to_owned(),
                format!("name the certificate of the one that signed it in `{authorities}`"),
            ),
            E::UnsupportedSignatureAlgorithmContext { .. } => {
                ("is signed in a way that is too old or unknown".to_owned(), have_another())
            }
            E::NotValidForName => (
                "is for another name".to_owned(),
                format!("use the name in the certificate in `{address}`"),
            ),
            E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                ("is for no name at all".to_owned(), have_another())
            }
            E::NotValidForNameContext { presented, .. } => (
                format!("is not for that name but for {}", names(presented)),
                format!("use the name in the certificate in `{address}`"),
            ),
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => (
                "is not meant for servers".to_owned(),
                "have one issued with `extendedKeyUsage=serverAuth`".to_owned(),
            ),
            E::Other(OtherError(error)) if error.to_string() == OF_AN_AUTHORITY => (
                "is that of an authority, which no server may use for its own".to_owned(),
                format!(
                    "`openssl req -x509` makes such a one: add `-addext \
                     basicConstraints=critical,CA:FALSE`, and name the new one in `{authorities}`"
                ),
            ),
            E::Other(OtherError(error)) => (unnamed(error), have_another()),
            error => (unnamed(error), have_another()),
        };
        let fault = format!("the certificate of `{host}` {fault}");
        Self { fault, advice }
    }

    /// Both in one sentence.
    pub fn sentence(&self) -> String {
        format!("{}; {}", self.fault, self.advice)
    }
}

/// What rustls passes on of webpki's `Error::CaUsedAsEndEntity`, of which it has no word itself.
const OF_AN_AUTHORITY: &str = "CaUsedAsEndEntity";

/// What there are no words for here: what it is called in the code, without what it holds.
fn unnamed(error: &dyn Display) -> String {
    let text = error.to_string();
    let name = text.split(['{', '(']).next().unwrap_or_default();
    format!("cannot be trusted: {}", name.trim_end())
}

fn have_another() -> String {
    "its owner must replace it".to_owned()
}

/// Those that a certificate is for, which come as `DnsName("siem.test")`. They are the server's
/// words, so they are shortened and escaped.
fn names(presented: &[String]) -> String {
    let name = |name: &String| {
        let name = name.split_once('(').map_or(name.as_str(), |(_, name)| name);
        name.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let names: Vec<_> = presented.iter().map(name).collect();
    quote(&names.join(", "), &[]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn every_fault_says_what_to_do() {
        use CertificateError as E;

        let other = |text: &str| E::Other(OtherError(Arc::from(Box::from(text))));
        let name = |presented: &[&str]| E::NotValidForNameContext {
            expected: ServerName::try_from("siem.test").unwrap(),
            presented: presented.iter().map(|&name| name.to_owned()).collect(),
        };
        let keys = CertificateKeys { address: "url", authorities: "ca_file" };
        let faults = [
            E::Expired,
            E::NotValidYet,
            E::UnknownIssuer,
            E::BadSignature,
            E::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![6, 8, 42],
                public_key_algorithm_id: vec![6, 7, 42],
            },
            E::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![6, 8, 42],
                supported_algorithms: Vec::new(),
            },
            E::NotValidForName,
            name(&[]),
            name(&["DnsName(\"a\u{202e}.test\")"]),
            name(&["IpAddress(10.0.0.1)", "DnsName(\"b.test\")"]),
            E::InvalidPurpose,
            other("CaUsedAsEndEntity"),
            other("UnsupportedCertVersion"),
            other("TrailingData(Certificate)"),
            E::Revoked,
        ];
        let told = faults.map(|fault| Untrusted::new(&fault, "siem.test", keys).sentence());
        insta::assert_snapshot!(told.join("\n"), @r"
        the certificate of `siem.test` has expired; its owner must renew it
        the certificate of `siem.test` is not valid yet; check the clocks
        the certificate of `siem.test` comes from an authority that is not trusted; if the authority is your own, name its certificate in `ca_file`
        the certificate of `siem.test` is not signed by the authority of that name that is trusted; name the certificate of the one that signed it in `ca_file`
        the certificate of `siem.test` is not signed by the authority of that name that is trusted; name the certificate of the one that signed it in `ca_file`
        the certificate of `siem.test` is signed in a way that is too old or unknown; its owner must replace it
        the certificate of `siem.test` is for another name; use the name in the certificate in `url`
        the certificate of `siem.test` is for no name at all; its owner must replace it
        the certificate of `siem.test` is not for that name but for a\u{202e}.test; use the name in the certificate in `url`
        the certificate of `siem.test` is not for that name but for 10.0.0.1, b.test; use the name in the certificate in `url`
        the certificate of `siem.test` is not meant for servers; have one issued with `extendedKeyUsage=serverAuth`
        the certificate of `siem.test` is that of an authority, which no server may use for its own; `openssl req -x509` makes such a one: add `-addext basicConstraints=critical,CA:FALSE`, and name the new one in `ca_file`
        the certificate of `siem.test` cannot be trusted: UnsupportedCertVersion; its owner must replace it
        the certificate of `siem.test` cannot be trusted: TrailingData; its owner must replace it
        the certificate of `siem.test` cannot be trusted: Revoked; its owner must replace it
        ");
    }
}
