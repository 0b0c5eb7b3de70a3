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
}
