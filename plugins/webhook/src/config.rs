//! The keys of a sink of type `webhook`. Their comments are the reference text.

use schemars::JsonSchema;
use seatwatch_sdk::{BuiltIn, FilePath, Origin, Problem, SecretSource, Sink, SinkConfig};
use serde::Deserialize;

use crate::WebhookSink;
use crate::address::Address;
use crate::client::Client;
use crate::headers::Headers;
use crate::material::Material;
use crate::proxy::ProxyAddress;
use crate::value::{BatchSize, Timeout};

/// Posts events to a URL as CloudEvents 1.0, one a request or in batches.
///
/// Any answer of 2xx accepts; 400, 413, 415 and 422 reject the event, 410 stops the sink, and all
/// else is tried again, after the time in `Retry-After` if there is one. Redirects are not
/// followed. Every request has a `webhook-id`, the same on every attempt, and a
/// `webhook-timestamp`, the time of the attempt.
///
/// `seatwatch check --online` sends an `OPTIONS` request, which is not a delivery; any answer will
/// do, unless it is a redirect, 401, 403, 407 or 410.
///
/// Link-local addresses and the metadata services of clouds are refused, also where a name leads
/// there. Secrets and certificates are read at every delivery, so they can be replaced without a
/// reload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to post to. User name and password are refused; a query is sent, but never shown.
    #[serde(default)]
    pub url: Option<Address>,
    /// A file that holds the URL, where the URL itself is a secret: of it, only the host is ever
    /// shown. Either this or `url` is required.
    #[serde(default)]
    pub url_file: Option<SecretSource>,
    /// Signs every request after Standard Webhooks (`webhook-signature`). The file holds a secret,
    /// `whsec_` and then 24 to 64 bytes in base64. During a rotation it holds several, the newest
    /// first, one a line, and every request is signed with each of them.
    #[serde(default)]
    pub secret_file: Option<SecretSource>,
    /// More headers for every request. Those that the sink sets itself are refused, and so are
    /// `Authorization` and `Cookie`, whose values are secret: they go into `headers_file`.
    #[serde(default)]
    pub headers: Headers,
    /// A file with more headers whose values are secret: `Authorization: Splunk …`,
    /// `DD-API-KEY: …`. One a line.
    #[serde(default)]
    pub headers_file: Option<SecretSource>,
    /// A file that holds a token: sent as `Authorization: Bearer TOKEN`.
    #[serde(default)]
    pub bearer_token_file: Option<SecretSource>,
    /// Sends events in arrays of at most that many, 1 to 1000, as a CloudEvents batch
    /// (`application/cloudevents-batch+json`); one event is an array, too. Without it, each event
    /// is a request (`application/cloudevents+json`). A batch that is refused is sent in smaller
    /// parts, until only the event that the receiver refuses is left: that one is rejected.
    #[serde(default)]
    pub batch: Option<BatchSize>,
    /// For how long one request may take, from connecting to the answer; at most 25s.
    #[serde(default)]
    #[schemars(extend("default" = "15s"))]
    pub timeout: Timeout,
    /// Certificates of authorities to trust besides those of the machine, in PEM form.
    #[serde(default)]
    pub ca_file: Option<FilePath>,
    /// The certificate by which seatwatch shows who it is, in PEM form, with those between it and
    /// its authority. Needs `client_key_file`.
    #[serde(default)]
    pub client_cert_file: Option<FilePath>,
    /// The private key of `client_cert_file`, in PEM form.
    #[serde(default)]
    pub client_key_file: Option<SecretSource>,
    /// The HTTP proxy to go through. Without it, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY` in the environment say; what leads to this machine needs it said here.
    #[serde(default)]
    pub proxy: Option<ProxyAddress>,
    /// A file that holds the proxy's URL, where user name and password stand in it.
    #[serde(default)]
    pub proxy_file: Option<SecretSource>,
    /// Allows a URL without TLS that does not lead to this machine.
    #[serde(default)]
    pub allow_http: bool,
}

impl WebhookConfig {
    /// The most events that one request may hold.
    pub(crate) fn request_events(&self) -> usize {
        self.batch.map_or(1, |batch| batch.0)
    }

    /// Where one of two keys is required, or one excludes or needs the other.
    fn pairs(&self) -> impl Iterator<Item = Problem> {
        let both = |first: bool, second: bool, keys: [&str; 2]| {
            let text = format!("`{}` and `{}` exclude each other", keys[0], keys[1]);
            (first && second).then(|| Problem::new(keys[1], text))
        };
        let without = |first: bool, second: bool, keys: [&str; 2]| {
            let text = format!("`{}` is of no use without `{}`", keys[0], keys[1]);
            (first && !second).then(|| Problem::new(keys[0], text).for_want_of(&keys[1..]))
        };
        let (certificate, key) = (self.client_cert_file.is_some(), self.client_key_file.is_some());
        let neither = self.url.is_none() && self.url_file.is_none();
        [
            neither.then(without_url),
            both(self.url.is_some(), self.url_file.is_some(), ["url", "url_file"]),
            both(self.proxy.is_some(), self.proxy_file.is_some(), ["proxy", "proxy_file"]),
            without(certificate, key, ["client_cert_file", "client_key_file"]),
            without(key, certificate, ["client_key_file", "client_cert_file"]),
        ]
        .into_iter()
        .flatten()
    }
}

/// That nothing says where to post to.
pub(crate) fn without_url() -> Problem {
    Problem::new("url", "`url` or `url_file` is required").for_want_of(&["url_file"])
}

impl SinkConfig for WebhookConfig {
    fn resolve(&mut self, origin: &Origin<'_>) {
        let secrets = [
            &mut self.url_file,
            &mut self.secret_file,
            &mut self.headers_file,
            &mut self.bearer_token_file,
            &mut self.client_key_file,
            &mut self.proxy_file,
        ];
        for secret in secrets.into_iter().flatten() {
            secret.resolve(origin);
        }
        for path in [&mut self.ca_file, &mut self.client_cert_file].into_iter().flatten() {
            path.resolve(origin);
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let refusal = self.url.as_ref().and_then(|url| url.refusal(self.allow_http));
        let refusal = refusal.map(|(text, hint)| {
            Problem::new("url", text).with_hint(hint).for_want_of(&["allow_http"])
        });
        self.pairs().chain(refusal).collect()
    }

    fn file_problems(&self) -> Vec<Problem> {
        let client = Material::read(self).and_then(|material| Client::new(material.connection));
        client.err().unwrap_or_default()
    }

    /// So many that a delivery is a request, and the cursor moves with what the receiver took.
    fn max_events(&self) -> usize {
        self.request_events()
    }

    fn build(&self, _lane: &str) -> Box<dyn Sink> {
        Box::new(WebhookSink::new(self.clone()))
    }
}

impl BuiltIn for WebhookConfig {
    const TYPE: &'static str = "webhook";
}
