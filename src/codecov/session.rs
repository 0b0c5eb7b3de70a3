//! The questions that a sync asks, and what the answers' statuses mean.
//!
//! Codecov answers much with one 404 (`docs/CODECOV_API.md` section 3); what can be told apart
//! is told apart here, because people do different things about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use secrecy::SecretString;

use super::answer::Answer;
use super::asker::Asker;
use super::error::{Error, Reason};
use super::route::{Question, Route, can_be_looked_up};
use super::server::Server;
use super::walk::bad_row;
use super::wire::{
    BAD_TOKEN, Fault, NO_OWNER, NO_PAGE, NO_PERMISSION, NO_SERVICE, Page, Row, parse_owner,
    row_name,
};
use crate::clock::Clock;
use crate::organization::OrganizationId;
use crate::roster::{Member, Username};

/// All requests of one sync of one organization.
///
/// Dropping any of its futures is safe: nothing at Codecov changes, and none is in debt.
pub struct Session {
    pub(super) asker: Asker,
    pub(super) organization: OrganizationId,
    pub(super) progress: Arc<Progress>,
}

/// What is known about the token's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminProof {
    /// An admin of the organization.
    Admin,
    /// Codecov says that it is none. A self-hosted Codecov says so of organization admins who
    /// are not in its own configuration.
    NotAdmin,
    /// Codecov could not tell: mostly because the git host, which it asks, could not.
    Unknown {
        /// As a part of a sentence, lower case.
        why: String,
    },
}

/// How far the walk is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    rows_read: AtomicU64,
    rows_expected: AtomicU64,
}

impl Progress {
    /// The rows read so far; starts again when a walk is repeated.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.load(Ordering::Relaxed)
    }

    /// The rows that Codecov says there are; 0 before the first answer.
    pub fn rows_expected(&self) -> u64 {
        self.rows_expected.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, read: u64, expected: u64) {
        self.rows_read.store(read, Ordering::Relaxed);
        self.rows_expected.store(expected, Ordering::Relaxed);
    }
}

impl Server {
    /// Opens what one sync of one organization asks through.
    ///
    /// Nothing of it goes on after `deadline`.
    pub fn session(
        &self,
        organization: &OrganizationId,
        token: SecretString,
        clock: Arc<dyn Clock>,
        deadline: tokio::time::Instant,
    ) -> Session {
        let asker = Asker::new(self.clone(), token, clock, deadline);
        Session { asker, organization: organization.clone(), progress: Arc::default() }
    }
}

impl Session {
    /// Asks whether the token is an admin's, once: what the git host cannot say now is unknown.
    ///
    /// # Errors
    ///
    /// [`Reason::TokenRefused`], and [`Reason::RateLimited`] where the server asks to be left alone
    /// for longer than the session lasts.
    pub async fn prove_admin(&self) -> Result<AdminProof, Error> {
        let route = Route::Sessions { page: 1, page_size: 1 };
        let answer = match self.asker.ask_once(&self.question(route)).await {
            Ok(answer) => answer,
            Err(error) if error.reason() == Reason::TokenRefused => return Err(error),
            Err(error) if error.postpone_until().is_some() => return Err(error),
            Err(error) => return Ok(AdminProof::Unknown { why: error.to_string() }),
        };
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (200, _) => Ok(match Page::open(answer.body) {
                Ok(_) => AdminProof::Admin,
                Err(fault) => AdminProof::Unknown { why: self.faulty(route, fault).to_string() },
            }),
            (401, Some(BAD_TOKEN)) => Err(self.refusal(route, &answer)),
            (403, Some(NO_PERMISSION)) => Ok(AdminProof::NotAdmin),
            _ => Ok(AdminProof::Unknown {
                why: self.asker.what_was_answered(&self.question(route), &answer),
            }),
        }
    }

    /// Asks for one member by name; `None` when the organization lists nobody of that name.
    ///
    /// Codecov answers the same when the token has lost the organization, so after `None` only
    /// [`still_listed`](Self::still_listed) tells that the member is gone. The name must be one
    /// that [`can_be_looked_up`].
    ///
    /// # Errors
    ///
    /// No usable answer, with any reason but those that speak of the organization.
    pub async fn look_up(&self, member: &Username) -> Result<Option<Member>, Error> {
        debug_assert!(can_be_looked_up(member), "the caller asks for names only");
        let route = Route::User(member);
        let answer = self.ask(route).await?;
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (200, _) => {
                let body = &answer.body;
                let row = Row::parse(body).map_err(|fault| self.faulty(route, fault))?;
                let name = row_name(body).map_err(|fault| self.faulty(route, fault))?;
                if name.is_none_or(|name| name.key() != member.key()) {
                    let what = format!(
                        "the answer to `{}` is about another member",
                        self.question(route).shown
                    );
                    return Err(Error::new(Reason::BadResponse, what));
                }
                match row {
                    Row::Named(found) => Ok(Some(found)),
                    // The same person, about to be deleted.
                    Row::Unnamed(_) => Ok(None),
                }
            }
            (404, Some(NO_OWNER)) => Ok(None),
            _ => Err(self.refusal(route, &answer)),
        }
    }

    /// When half of the time that the session has left is over.
    pub fn halfway(&self) -> tokio::time::Instant {
        let now = tokio::time::Instant::now();
        now + self.asker.deadline.saturating_duration_since(now) / 2
    }

    /// Makes sure that the organization can still be read and has members, of whom one is read.
    ///
    /// # Errors
    ///
    /// As [`read_roster`](Self::read_roster).
    pub async fn still_listed(&self) -> Result<(), Error> {
        let page = self.first_page(1).await?;
        // A row that no sync can read is no member.
        page.read_rows().map_err(|(number, fault)| bad_row(number, 1, fault))?;
        if page.rows == 0 {
            let what = "the member list shows nobody although it counts somebody";
            return Err(Error::new(Reason::Inconsistent, what));
        }
        Ok(())
    }

    /// The owner's name as Codecov writes it; `None` where it knows none on that service.
    ///
    /// Asked without the token, so that the answer does not depend on whose it is.
    ///
    /// # Errors
    ///
    /// No usable answer.
    pub async fn owner(&self) -> Result<Option<String>, Error> {
        let route = Route::Owner;
        let answer = self.ask(route).await?;
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (200, _) => parse_owner(&answer.body).map(Some).map_err(|f| self.faulty(route, f)),
            (404, Some(NO_OWNER | NO_SERVICE)) => Ok(None),
            _ => Err(self.refusal(route, &answer)),
        }
    }

    /// How many requests have been sent so far, repeated ones included.
    pub fn requests(&self) -> u64 {
        self.asker.requests()
    }

    /// How far ahead of ours the server's clock is, as its last answer says; negative where it is
    /// behind, nothing where no answer has told it.
    pub fn clock_ahead(&self) -> Option<TimeDelta> {
        self.asker.clock_ahead()
    }

    /// Watches [`read_roster`](Self::read_roster) from elsewhere.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Asks for the page of the member list that is always there, of a list that is never empty.
    pub(super) async fn first_page(&self, page_size: u64) -> Result<Page, Error> {
        let Some(page) = self.page(1, page_size).await? else {
            let what = format!("the member list of `{}` has no first page", self.organization);
            return Err(Error::new(Reason::BadResponse, what));
        };
        if page.count == 0 && page.rows == 0 {
            let what = format!("Codecov lists no members of `{}`", self.organization);
            return Err(Error::new(Reason::Empty, what));
        }
        Ok(page)
    }

    /// Asks for a page of the member list; `None` when there is no such page (any more).
    pub(super) async fn page(&self, number: u64, page_size: u64) -> Result<Option<Page>, Error> {
        let route = Route::Users { page: number, page_size };
        let answer = self.ask(route).await?;
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (200, _) => Page::open(answer.body).map(Some).map_err(|f| self.faulty(route, f)),
            (404, Some(NO_PAGE)) => Ok(None),
            (404, Some(NO_OWNER)) => Err(self.not_listed().await),
            (404, Some(NO_SERVICE)) => {
                let what = format!("Codecov knows no service `{}`", self.organization.service());
                Err(Error::new(Reason::OrganizationNotFound, what))
            }
            _ => Err(self.refusal(route, &answer)),
        }
    }

    /// Why the list was refused as if there were no such owner.
    async fn not_listed(&self) -> Error {
        let organization = &self.organization;
        match self.owner().await {
            Ok(Some(_)) => {
                let what = format!("the token may not see the members of `{organization}`");
                Error::new(Reason::NotAMember, what)
            }
            Ok(None) => {
                let what = format!("Codecov knows no owner `{organization}`");
                Error::new(Reason::OrganizationNotFound, what)
            }
            // What the list said is known all the same; but the server may say more next time.
            Err(error)
                if matches!(
                    error.reason(),
                    Reason::RateLimited | Reason::Timeout | Reason::Unreachable | Reason::Tls
                ) =>
            {
                error
            }
            Err(error) => {
                let what = format!(
                    "the token may not see the members of `{organization}`, or there is no such \
                     owner"
                );
                let hint = "check the service and the spelling of the owner, and that the token \
                            is that of an admin of the organization";
                Error::new(Reason::NotAMember, what).with_hint(hint).caused_by(error)
            }
        }
    }

    async fn ask(&self, route: Route<'_>) -> Result<Answer, Error> {
        self.asker.ask(&self.question(route)).await
    }

    fn refusal(&self, route: Route<'_>, answer: &Answer) -> Error {
        self.asker.refusal(&self.question(route), answer)
    }

    fn faulty(&self, route: Route<'_>, fault: Fault) -> Error {
        Asker::faulty(&self.question(route), fault)
    }

    pub(super) fn question(&self, route: Route<'_>) -> Question {
        route.question(&self.asker.server.inner().api_root, &self.organization)
    }
}
