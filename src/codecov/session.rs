//! The questions that a sync asks, and what the answers' statuses mean.
//!
//! Codecov answers much with one 404 (`docs/CODECOV_API.md` section 3); what can be told apart
//! is told apart here, because people do different things about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::SecretString;

use super::error::{Error, Reason};
use super::quote::{quote, quote_target};
use super::request::Answer;
use super::route::{Route, can_be_looked_up};
use super::server::Server;
use super::wire::{Fault, Page, Row, parse_owner, row_name};
use crate::clock::Clock;
use crate::organization::OrganizationId;
use crate::roster::{Member, Username};

/// The one 404 for an owner that is unknown, or whose members the token may not see, and for a
/// member who is not listed.
const NO_OWNER: &str = "No Owner matches the given query.";
/// The 404 for a service that the server does not know.
const NO_SERVICE: &str = "Invalid service for Owner.";
/// The 404 for a page past the end: the list has shrunk since the page before.
const NO_PAGE: &str = "Invalid page.";
/// The only 401 that is sure to speak of Codecov's own token (section 3).
const BAD_TOKEN: &str = "Invalid token.";
/// The only 403 that is sure to say that the token's user is no admin (section 4).
const NO_PERMISSION: &str = "You do not have permission to perform this action.";

/// All requests of one sync of one organization.
///
/// Dropping any of its futures is safe: nothing at Codecov changes, and none is in debt.
pub struct Session {
    pub(super) server: Server,
    pub(super) organization: OrganizationId,
    pub(super) token: SecretString,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) deadline: tokio::time::Instant,
    pub(super) requests: AtomicU64,
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

impl Session {
    pub(super) fn new(
        server: Server,
        organization: OrganizationId,
        token: SecretString,
        clock: Arc<dyn Clock>,
        deadline: tokio::time::Instant,
    ) -> Self {
        let (requests, progress) = (AtomicU64::default(), Arc::default());
        Self { server, organization, token, clock, deadline, requests, progress }
    }

    /// Asks whether the token is an admin's, once: what the git host cannot say now is unknown.
    ///
    /// # Errors
    ///
    /// [`Reason::TokenRefused`], and [`Reason::RateLimited`] where the server asks to be left alone
    /// for longer than the session lasts.
    pub async fn prove_admin(&self) -> Result<AdminProof, Error> {
        let route = Route::Sessions;
        let answer = match self.ask_once(route).await {
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
            _ => Ok(AdminProof::Unknown { why: self.what_was_answered(route, &answer) }),
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
                    let what =
                        format!("the answer to `{}` is about another member", self.shown(route));
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

    /// Makes sure that the organization can still be read and has members.
    ///
    /// # Errors
    ///
    /// As [`read_roster`](Self::read_roster), less [`Reason::Inconsistent`].
    pub async fn still_listed(&self) -> Result<(), Error> {
        let page = self.first_page(1).await?;
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
        self.requests.load(Ordering::Relaxed)
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
            Err(error) => error,
        }
    }

    /// What no question has a better word for.
    fn refusal(&self, route: Route<'_>, answer: &Answer) -> Error {
        let what = self.what_was_answered(route, answer);
        let status = answer.status;
        // Without a reason in Codecov's way it is something in front of Codecov that refuses.
        let refused = matches!(status.as_u16(), 401 | 403) && answer.detail().is_some();
        if refused && route.needs_token() {
            return Error::new(Reason::TokenRefused, what);
        }
        let error = Error::new(Reason::BadResponse, what);
        if status.is_redirection() {
            error.with_hint(
                "redirects are not followed, because the token would go along: set \
                 `codecov.base_url` to where the server really is",
            )
        } else {
            error
        }
    }

    fn what_was_answered(&self, route: Route<'_>, answer: &Answer) -> String {
        let (url, status) = (self.shown(route), answer.status);
        let target = answer.location.as_deref().filter(|_| status.is_redirection());
        if let Some(target) = target {
            let target = quote_target(target, &self.server.inner().api_root, &self.token);
            return format!("`{url}` redirects to `{target}`");
        }
        match answer.detail() {
            Some(detail) => format!("`{url}` answered {status}: `{}`", quote(&detail, &self.token)),
            None => format!("`{url}` answered {status}"),
        }
    }

    /// An answer that came whole and is not what was asked for.
    fn faulty(&self, route: Route<'_>, fault: Fault) -> Error {
        let what = format!("the answer to `{}` {fault}", self.shown(route));
        Error::new(Reason::BadResponse, what)
    }

    /// The URL of a request for people.
    pub(super) fn shown(&self, route: Route<'_>) -> String {
        route.shown(&self.server.inner().api_root, &self.organization)
    }
}
