//! Why a sync committed no roster.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::codecov::{self, Reason};
use crate::config::SecretError;

/// Why a sync brought no roster. What was known stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Codecov did not answer, or not with a whole roster.
    #[error(transparent)]
    Codecov(#[from] codecov::Error),
    /// The token cannot be read.
    #[error(transparent)]
    Token(#[from] SecretError),
    /// The token is not an organization admin's, so it may be shown a part only.
    #[error(
        "the token is not an admin's of this organization, so Codecov may show it only a part of the members"
    )]
    NotAdmin,
    /// Codecov asked to be left alone for longer.
    #[error("Codecov asked not to be called before {}", until.to_rfc3339_opts(SecondsFormat::Secs, true))]
    Postponed {
        /// Until then.
        until: DateTime<Utc>,
    },
}

impl SyncError {
    /// The word for metrics, events and exit codes.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Codecov(error) => error.reason(),
            Self::Token(_) => Reason::TokenRefused,
            Self::NotAdmin => Reason::TokenNotAdmin,
            Self::Postponed { .. } => Reason::RateLimited,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Codecov(error) => error.hint(),
            Self::Token(error) => error.hint(),
            Self::NotAdmin => "use the token of an admin of the organization; where Codecov is \
                               self-hosted, which answers this question otherwise, set \
                               `require_admin: false`"
                .to_owned(),
            Self::Postponed { .. } => {
                "nothing to do: the first sync after that time asks again".to_owned()
            }
        }
    }

    /// Until when the server asked to be left alone.
    pub fn postponed_until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Codecov(error) => error.postpone_until(),
            Self::Postponed { until } => Some(*until),
            Self::Token(_) | Self::NotAdmin => None,
        }
    }
}
