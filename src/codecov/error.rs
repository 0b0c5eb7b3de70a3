//! Why Codecov gave no roster, in a word, a sentence and a hint.
//!
//! The [`Reason`] is what callers branch on and what metrics, events and exit codes carry; the
//! sentence and the hint are for people. Neither ever holds the token: a server's text is quoted
//! without it, and transport errors come without their URL.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What went wrong, as one word of a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Codecov does not know the token, or not any more.
    TokenRefused,
    /// The token belongs to somebody who is not an admin of the organization.
    TokenNotAdmin,
    /// Codecov knows no such owner on that service.
    OrganizationNotFound,
    /// The token may not see the owner's members. The owner exists, unless the sentence says that
    /// this could not be found out.
    NotAMember,
    /// A list without a single row, which no organization has.
    Empty,
    /// The server asks to come back later.
    RateLimited,
    /// No connection, or none that lasted for a whole answer.
    Unreachable,
    /// An answer, or the whole sync, took too long.
    Timeout,
    /// No trusted connection: certificates.
    Tls,
    /// Codecov answered 5xx.
    ServerError,
    /// An answer that Codecov's user API does not give.
    BadResponse,
    /// The roster kept changing while it was read.
    Inconsistent,
}

impl Reason {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 12] = [
        Self::TokenRefused,
        Self::TokenNotAdmin,
        Self::OrganizationNotFound,
        Self::NotAMember,
        Self::Empty,
        Self::RateLimited,
        Self::Unreachable,
        Self::Timeout,
        Self::Tls,
        Self::ServerError,
        Self::BadResponse,
        Self::Inconsistent,
    ];

    /// The word in metrics, events and machine-readable output.
    pub fn word(self) -> &'static str {
        match self {
            Self::TokenRefused => "token_refused",
            Self::TokenNotAdmin => "token_not_admin",
            Self::OrganizationNotFound => "organization_not_found",
            Self::NotAMember => "not_a_member",
            Self::Empty => "empty",
            Self::RateLimited => "rate_limited",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::ServerError => "server_error",
            Self::BadResponse => "bad_response",
            Self::Inconsistent => "inconsistent",
        }
    }

    /// What to do about it, where nothing more exact is known.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TokenRefused => {
                "make an API token in the Codecov settings of an admin of the organization and \
                 put it into the token file; it is read afresh each time"
            }
            Self::TokenNotAdmin => {
                "use the token of an admin of the organization; for a self-hosted Codecov see \
                 `require_admin`"
            }
            Self::OrganizationNotFound => "check the service and the spelling of the owner",
            Self::NotAMember => {
                "use the token of an admin of the organization; if the owner is a person's user \
                 name, there is no member list to read"
            }
            Self::Empty => {
                "the owner may be a person's user name, whose list is always empty: name the \
                 organization instead"
            }
            Self::RateLimited => "sync less often, or lower `codecov.requests_per_second`",
            Self::Unreachable => {
                "check `codecov.base_url`, the network, and the proxy in the environment"
            }
            Self::Timeout => {
                "if the server is merely slow, raise `codecov.timeout` and `sync_timeout`, or \
                 lower `codecov.page_size`"
            }
            Self::Tls => {
                "if the server's certificate comes from an authority of your own, name its \
                 certificate in `codecov.ca_file`"
            }
            Self::ServerError => {
                "the server has a problem of its own, which may be over when it is asked again"
            }
            Self::Inconsistent => {
                "the list may hold still when it is asked for again; if it never does, raise \
                 `codecov.page_size`, so that it is read in fewer pages"
            }
            Self::BadResponse => {
                "check that `codecov.base_url` is the root of a Codecov server and that no proxy \
                 answers in its place"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        let known = Self::ALL.into_iter().find(|reason| reason.word() == word);
        known.ok_or_else(|| UnknownReason(word.to_owned()))
    }
}

/// A word that is no [`Reason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason for which a sync fails")]
pub struct UnknownReason(String);

type Cause = Box<dyn StdError + Send + Sync>;

/// Why Codecov gave no answer that can be used.
///
/// Displays as one sentence that says what happened; [`source`](StdError::source) adds to it
/// and is never repeated in it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    reason: Reason,
    message: String,
    hint: Option<String>,
    postpone_until: Option<DateTime<Utc>>,
    #[source]
    source: Option<Cause>,
}

impl Error {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { reason, message, hint: None, postpone_until: None, source: None }
    }

    pub(super) fn caused_by(mut self, source: impl Into<Cause>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn postponed_until(mut self, time: DateTime<Utc>) -> Self {
        self.postpone_until = Some(time);
        self
    }

    /// Adds that it was not for want of trying.
    pub(super) fn after_attempts(mut self, attempts: u32) -> Self {
        if attempts > 1 {
            self.message = format!("{} after {attempts} attempts", self.message);
        }
        self
    }

    /// The word to branch on.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What to do about it, as a line of its own.
    pub fn hint(&self) -> String {
        self.hint.clone().unwrap_or_else(|| self.reason.hint().to_owned())
    }

    /// The time before which the server does not want to be asked again, where the last answer
    /// said one.
    pub fn postpone_until(&self) -> Option<DateTime<Utc>> {
        self.postpone_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_word_everywhere() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.word());
        }
        assert!("gone_fishing".parse::<Reason>().is_err());
    }
}
