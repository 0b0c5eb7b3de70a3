//! A request, read the way that Codecov's framework reads it.
//!
//! The path is decoded before it is taken apart, so `%2F` parts it like a slash. What is asked
//! for is a [`Target`]; who asks is left as [`Credentials`], because looking them up belongs to
//! the order of checks.
//!
//! Pure: knows neither the world nor what the answer will be.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

/// One request, taken apart.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Decoded, with the prefix that the installation may have.
    pub(super) path: String,
    pub(super) target: Target,
    /// Decoded pairs in their order.
    pub(super) query: Vec<(String, String)>,
    pub(super) credentials: Credentials,
    pub(super) format: Format,
    /// `http://api.codecov.test`: what links start with.
    pub(super) origin: String,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

/// What the path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/` and `/health/`.
    Health,
    /// `/api/v2/{service}/`.
    Owners { service: String },
    /// `/api/v2/{service}` without the slash.
    OwnersWithoutSlash,
    /// `/api/v2/{service}/{owner}/`.
    Owner { service: String, owner: String },
    /// `/api/v2/{service}/{owner}/users/`.
    Users { service: String, owner: String },
    /// `/api/v2/{service}/{owner}/users/{user}/`.
    User { service: String, owner: String, user: String },
    /// `/api/v2/{service}/{owner}/user-sessions/`.
    Sessions { service: String, owner: String },
    /// An `/api/` without `v2`: another API, which answers 200 with something else.
    OtherApi { pulls: String },
    /// Nothing.
    Unknown,
}

impl Target {
    /// Reads a decoded path without its prefix.
    fn of(path: &str) -> Self {
        if matches!(path, "/" | "/health/" | "/health") {
            return Self::Health;
        }
        let Some(path) = path.strip_prefix("/api/") else { return Self::Unknown };
        let (path, slash) = match path.strip_suffix('/') {
            Some(path) => (path, true),
            None => (path, false),
        };
        let segments: Vec<&str> = path.split('/').collect();
        let text = |text: &str| text.to_owned();
        match *segments.as_slice() {
            ref segments if segments.iter().any(|segment| segment.is_empty()) => Self::Unknown,
            ["v2", service] if slash => Self::Owners { service: text(service) },
            ["v2", _] => Self::OwnersWithoutSlash,
            ["v2", service, owner] => Self::Owner { service: text(service), owner: text(owner) },
            ["v2", service, owner, "users"] => {
                Self::Users { service: text(service), owner: text(owner) }
            }
            ["v2", service, owner, "users", user] => {
                Self::User { service: text(service), owner: text(owner), user: text(user) }
            }
            ["v2", service, owner, "user-sessions"] => {
                Self::Sessions { service: text(service), owner: text(owner) }
            }
            ["v2", ..] => Self::Unknown,
            [service, owner, repo] | ["v1", service, owner, repo] => {
                Self::OtherApi { pulls: format!("/internal/{service}/{owner}/repos/{repo}/pulls") }
            }
            _ => Self::Unknown,
        }
    }
}

/// What the `Authorization` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// No header, or one of a scheme that is not looked at.
    None,
    /// `Basic`: the server stumbles over it.
    Basic,
    /// `Bearer` and nothing.
    Empty,
    /// `Bearer` and several words.
    Spaces,
    /// `Bearer` and something that is no UUID.
    Malformed,
    /// A token that may be known.
    Token(Uuid),
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::None };
        let value = String::from_utf8_lossy(value.as_bytes());
        let mut words = value.split_whitespace();
        let scheme = words.next().unwrap_or_default().to_ascii_lowercase();
        match (scheme.as_str(), words.next(), words.next()) {
            ("basic", ..) => Self::Basic,
            ("bearer", None, _) => Self::Empty,
            ("bearer", Some(_), Some(_)) => Self::Spaces,
            ("bearer", Some(token), None) => {
                Uuid::parse_str(token).map_or(Self::Malformed, Self::Token)
            }
            _ => Self::None,
        }
    }
}

/// What the answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// What a program wants.
    Json,
    /// A page for people.
    Html,
    /// `Accept` names nothing that the server can write.
    NotAcceptable,
    /// `?format=` names nothing that the server can write.
    Unknown,
}

impl Format {
    fn of(headers: &HeaderMap, query: &[(String, String)]) -> Self {
        match last(query, "format") {
            Some("json") => return Self::Json,
            Some("api") => return Self::Html,
            Some(other) if !other.is_empty() => return Self::Unknown,
            Some(_) | None => {}
        }
        let accepted = headers.get(header::ACCEPT).map(header::HeaderValue::as_bytes);
        let accepted = String::from_utf8_lossy(accepted.unwrap_or(b"*/*")).into_owned();
        let kinds: Vec<&str> =
            accepted.split(',').filter_map(|kind| kind.split(';').next()).map(str::trim).collect();
        // The more precise kind wins whatever its `q` says; among equals the server's own order.
        for (json, html) in
            [("application/json", "text/html"), ("application/*", "text/*"), ("*/*", "")]
        {
            if kinds.iter().any(|kind| kind.eq_ignore_ascii_case(json)) {
                return Self::Json;
            }
            if kinds.iter().any(|kind| !html.is_empty() && kind.eq_ignore_ascii_case(html)) {
                return Self::Html;
            }
        }
        Self::NotAcceptable
    }
}

impl Request {
    /// Takes a request apart; `prefix` is what the installation's paths start with.
    pub(super) fn read(parts: &Parts, body: Bytes, prefix: &str) -> Self {
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let query = parts.uri.query().unwrap_or_default();
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let text = |name| {
            let value = parts.headers.get(name).map(|value: &header::HeaderValue| value.as_bytes());
            String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
        };
        // The peer is on loopback, which is where the real one believes this header too.
        let https = text(header::HeaderName::from_static("x-forwarded-proto")) == "https";
        let scheme = if https { "https" } else { "http" };
        Self {
            method: parts.method.clone(),
            target: path.strip_prefix(prefix).map_or(Target::Unknown, Target::of),
            credentials: Credentials::of(&parts.headers),
            format: Format::of(&parts.headers, &query),
            origin: format!("{scheme}://{}", text(header::HOST)),
            content_type: text(header::CONTENT_TYPE),
            path,
            query,
            body,
        }
    }

    /// The last value of a parameter, which is the one that counts.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        last(&self.query, name)
    }
}

fn last<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http;

    use super::*;

    fn read(path: &str, headers: &[(&'static str, &str)]) -> Request {
        let mut request = http::Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Request::read(&parts, Bytes::new(), "")
    }

    #[track_caller]
    fn target(path: &str, expected: &str) {
        let short = match read(path, &[]).target {
            Target::Users { service, owner } => format!("users of {service} {owner}"),
            Target::User { owner, user, .. } => format!("{user} in {owner}"),
            other => format!("{other:?}"),
        };
        assert_eq!(short, expected, "{path}");
    }

    #[test]
    fn paths_are_decoded_before_they_are_parted() {
        target("/api/v2/github/acme/users", "users of github acme");
        target("/api/v2/GH/%61cme/users/", "users of GH acme");
        target("/api/v2/gl/grp%3Asub/users/", "users of gl grp:sub");
        target("/api/v2/gl/grp%2Fsub/users/", "Unknown");
        target("/api/v2/github/acme/users/dependabot%5Bbot%5D/", "dependabot[bot] in acme");
        target("/api/v2/github/acme//users/", "Unknown");
        target("/api/v2/github/acme/USERS/", "Unknown");
        target("/api/v3/github/acme/users/x/", "Unknown");
        target("/api/v2/github", "OwnersWithoutSlash");
    }

    #[track_caller]
    fn credentials(header: &str, expected: &Credentials) {
        assert_eq!(read("/", &[("authorization", header)]).credentials, *expected, "{header}");
    }

    #[test]
    fn tokens_are_read_in_every_spelling_that_the_server_takes() {
        let plain = "5ea70000-0000-4000-8000-000000000001";
        let token = Credentials::Token(plain.parse().unwrap());
        for spelling in [
            plain,
            "5EA70000000040008000000000000001",
            &format!("urn:uuid:{plain}"),
            &format!("{{{plain}}}"),
        ] {
            credentials(&format!("bearer  {spelling}"), &token);
        }
        credentials("Bearer", &Credentials::Empty);
        credentials("Bearer a b", &Credentials::Spaces);
        credentials("Bearer x", &Credentials::Malformed);
        credentials(&format!("Token {plain}"), &Credentials::None);
        credentials(plain, &Credentials::None);
        credentials("Basic eDp5", &Credentials::Basic);
    }

    #[track_caller]
    fn format(path: &str, accept: &str, expected: Format) {
        assert_eq!(read(path, &[("accept", accept)]).format, expected, "{path} {accept}");
    }

    #[test]
    fn the_most_precise_kind_is_answered() {
        format("/", "application/json", Format::Json);
        format("/", "*/*", Format::Json);
        format("/", "text/html,application/xml;q=0.9,*/*;q=0.8", Format::Html);
        format("/", "text/html, application/json;q=0.1", Format::Json);
        format("/", "text/csv", Format::NotAcceptable);
        format("/?format=api", "application/json", Format::Html);
        format("/?format=xml", "application/json", Format::Unknown);
    }
}
