//! What came back from one question, before anybody knows what it means.

use reqwest::StatusCode;

use super::wire::parse_detail;

/// What came back, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    pub(super) location: Option<String>,
}

impl Answer {
    /// The server's reason for refusing, where it gives one in Codecov's way.
    pub(super) fn detail(&self) -> Option<String> {
        if self.status.is_success() { None } else { parse_detail(&self.body) }
    }

    /// Whether the server says that what was asked for is elsewhere. Other 3xx say something else:
    /// 304, that it has not changed.
    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }
}

/// A status as people read it: `404 Not Found`, or the number alone where it has no name.
pub(super) fn shown_status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
