//! Answers as Codecov writes them: status, headers, and a body to the byte.
//!
//! JSON is compact, in UTF-8, with the keys in their order. The two generic errors of the web
//! framework have a space after the colon and other headers than what the API says itself.
//!
//! Pure: knows no route.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

/// What the API lets be done with a list, and with one user.
pub(super) const LIST_METHODS: &str = "GET, HEAD, OPTIONS";
pub(super) const USER_METHODS: &str = "GET, PATCH, HEAD, OPTIONS";

/// A whole answer, before anything happens to it on the way.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// An answer of the API, with the headers that every one of them has.
    pub(super) fn api(status: StatusCode, methods: &'static str, body: &impl Serialize) -> Self {
        // Rows and literals always serialize; an empty body would be seen at once.
        let body = serde_json::to_string(body).unwrap_or_default();
        // The real one escapes these two, which JavaScript takes for line ends.
        let body = body.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        let answer = Self::plain(status, "application/json", body.into_bytes());
        answer.with(header::VARY, "Accept, Cookie, origin").with(header::ALLOW, methods)
    }

    /// A refusal of the API: `{"detail": …}`.
    pub(super) fn refusal(status: StatusCode, methods: &'static str, detail: &str) -> Self {
        Self::api(status, methods, &json!({ "detail": detail }))
    }

    /// 404 in the shape of the API.
    pub(super) fn not_found(methods: &'static str, detail: &str) -> Self {
        Self::refusal(StatusCode::NOT_FOUND, methods, detail)
    }

    /// 401, with the challenge that tells a bad token of Codecov's from one of the git host's.
    pub(super) fn unauthorized(methods: &'static str, detail: &str) -> Self {
        Self::refusal(StatusCode::UNAUTHORIZED, methods, detail)
            .with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// What the web framework says where there is no route.
    pub(super) fn page_not_found() -> Self {
        Self::framework(StatusCode::NOT_FOUND, br#"{"error": "Page Not Found (404)"}"#)
    }

    /// What the web framework says when the application broke.
    pub(super) fn server_error() -> Self {
        Self::framework(StatusCode::INTERNAL_SERVER_ERROR, br#"{"error": "Server Error (500)"}"#)
    }

    fn framework(status: StatusCode, body: &[u8]) -> Self {
        Self::plain(status, "application/json", body.to_vec()).with(header::VARY, "Cookie, origin")
    }

    /// An answer with the headers of the web framework and no others.
    pub(super) fn plain(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self { status, headers: HeaderMap::from_iter(headers), body }
    }

    /// The same answer with a header more.
    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The same answer as the page that people get in a browser, and programs that do not say
    /// what they accept.
    pub(super) fn into_html(self) -> Self {
        let body = include_str!("browsable.html").as_bytes().to_vec();
        Self { body, ..self.with(header::CONTENT_TYPE, "text/html; charset=utf-8") }
    }
}
