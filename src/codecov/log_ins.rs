//! Who of an organization is logged in at Codecov, and until when they were.
//!
//! The list has the people of the roster, and tells of Codecov's own website only: whose commits
//! and pull requests are measured needs no session there (`docs/CODECOV_API.md` section 4).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::answer::Answer;
use super::asker::Asker;
use super::error::{Error, Reason};
use super::list::{List, ListRow};
use super::route::{Question, Route};
use super::session::Session;
use super::wire::{
    BAD_TOKEN, Fault, Field, NO_OWNER, NO_PERMISSION, NO_SERVICE, NO_TOKEN, object, present, read,
    read_text,
};
use crate::roster::Username;

/// The log-in sessions of everybody in an organization, as Codecov told them at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// When Codecov was asked: what is active was active then.
    pub asked_at: DateTime<Utc>,
    /// One for each member of the list, in Codecov's order; no username stands there twice.
    pub rows: Vec<SessionRow>,
}

/// What is known of one person's log-in sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// As Codecov shows it; none for a row that names nobody.
    pub username: Option<Username>,
    /// Whether one of their sessions has not expired.
    pub active: bool,
    /// When the latest of their sessions expires or expired; none where Codecov has none stored.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ListRow for SessionRow {
    /// One row of the list (`docs/CODECOV_API.md` section 4).
    fn parse(json: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            username: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            has_active_session: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            expiry_date: Field<'a>,
        }
        let wire: Wire<'_> = object(json)?;
        let username = read_text("username", wire.username)?;
        Ok(Self {
            username: username.filter(|username| !username.is_empty()).map(Username::new),
            active: read("has_active_session", wire.has_active_session)?,
            expires_at: read("expiry_date", wire.expiry_date)?,
        })
    }

    fn key(&self) -> Option<&str> {
        self.username.as_ref().map(Username::key)
    }
}

struct SessionList<'a>(&'a Session);

impl List for SessionList<'_> {
    type Row = SessionRow;

    const NAME: &'static str = "list of log-in sessions";

    fn question(&self, page: u64, page_size: u64) -> Question {
        self.0.question(Route::Sessions { page, page_size })
    }

    fn refusal(&self, asker: &Asker, question: &Question, answer: &Answer) -> Error {
        let organization = &self.0.organization;
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (401, Some(BAD_TOKEN | NO_TOKEN)) => asker.refusal(question, answer),
            (403, Some(NO_PERMISSION)) => Error::new(
                Reason::TokenNotAdmin,
                format!("Codecov shows the log-in sessions of `{organization}` to its admins only"),
            )
            .with_hint(
                "use the token of an admin of the organization; a self-hosted Codecov shows them \
                 only to the admins of its own configuration",
            ),
            (404, Some(NO_OWNER | NO_SERVICE)) => Error::new(
                Reason::OrganizationNotFound,
                format!("Codecov knows no owner `{organization}`"),
            ),
            // Codecov asks the git host about whoever it has not recorded as an admin, and passes
            // on what goes wrong there under its own status.
            (401 | 403 | 404, Some(_)) => {
                let what = asker.what_was_answered(question, answer);
                let hint = "Codecov could not find out whether the token is an admin's: try again \
                            later, or use the token of somebody whom Codecov lists as an admin";
                Error::new(Reason::ServerError, what).with_hint(hint)
            }
            _ => asker.refusal(question, answer),
        }
    }
}

impl Session {
    /// Reads who is logged in, of everybody in the organization.
    ///
    /// # Errors
    ///
    /// Any [`Reason`] but [`Empty`](Reason::Empty) and [`NotAMember`](Reason::NotAMember);
    /// [`TokenNotAdmin`](Reason::TokenNotAdmin) where Codecov says that the list is not for the
    /// token's user.
    pub async fn read_log_ins(&self) -> Result<Sessions, Error> {
        let asked_at = self.asker.clock.now();
        let rows = self.asker.read_list(&SessionList(self)).await?;
        Ok(Sessions { asked_at, rows })
    }
}
