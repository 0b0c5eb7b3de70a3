//! Which owners a token sees on a git service: the organizations of its user, and the user.
//!
//! Codecov does not mark which row the user is (`docs/CODECOV_API.md` section 6). So an owner of
//! this list is a candidate; that it has a member list to read is asked of its
//! [`Session`](super::Session).

use std::borrow::Cow;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Deserialize;

use super::answer::Answer;
use super::asker::Asker;
use super::error::{Error, Reason};
use super::list::{List, ListRow};
use super::route::{Question, owners};
use super::server::Server;
use super::wire::{Fault, Field, object, present, read, read_text};
use crate::clock::Clock;
use crate::organization::{OrganizationId, Service};
use crate::roster::Username;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// On which git service, in Codecov's word.
    pub service: String,
    /// The name on the git service, as Codecov shows it; none for a row that names nobody.
    pub username: Option<Username>,
    /// Free text.
    pub name: Option<String>,
}

impl Owner {
    /// Whether the name is one that owners have.
    fn is_usable(&self, service: Service) -> bool {
        let username = self.username.as_ref();
        username.is_some_and(|username| OrganizationId::new(service, username.shown()).is_ok())
    }
}

impl ListRow for Owner {
    /// One row of the list (`docs/CODECOV_API.md` section 6).
    fn parse(json: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            service: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            username: Field<'a>,
            #[serde(borrow, default, deserialize_with = "present")]
            name: Field<'a>,
        }
        let wire: Wire<'_> = object(json)?;
        let username = read_text("username", wire.username)?;
        let name = read_text("name", wire.name)?;
        Ok(Self {
            service: read("service", wire.service)?,
            username: username.filter(|username| !username.is_empty()).map(Username::new),
            name: name.map(Cow::into_owned),
        })
    }

    fn key(&self) -> Option<&str> {
        self.username.as_ref().map(Username::key)
    }
}

/// All requests for what one token sees.
///
/// Dropping its future is safe: nothing at Codecov changes.
pub struct Owners(Asker);

struct OwnerList<'a>(&'a Asker, Service);

impl List for OwnerList<'_> {
    type Row = Owner;

    const NAME: &'static str = "list of owners";

    fn question(&self, page: u64, page_size: u64) -> Question {
        owners(&self.0.server.inner().api_root, self.1, page, page_size)
    }

    fn refusal(&self, asker: &Asker, question: &Question, answer: &Answer) -> Error {
        let is_unknown = |detail: &str| detail.starts_with("Service not found");
        match answer.detail() {
            Some(detail) if answer.status.as_u16() == 404 && is_unknown(&detail) => {
                let what = format!("Codecov knows no service `{}`", self.1);
                Error::new(Reason::OrganizationNotFound, what)
            }
            _ => asker.refusal(question, answer),
        }
    }
}

impl Server {
    /// Opens what is asked through about a token, rather than about an organization.
    ///
    /// Nothing of it goes on after `deadline`.
    pub fn owners(
        &self,
        token: SecretString,
        clock: Arc<dyn Clock>,
        deadline: tokio::time::Instant,
    ) -> Owners {
        Owners(Asker::new(self.clone(), token, clock, deadline))
    }
}

impl Owners {
    /// As of a [`Session`](super::Session::clock_ahead).
    pub fn clock_ahead(&self) -> Option<TimeDelta> {
        self.0.clock_ahead()
    }

    /// Reads whom the token sees on a service: never nobody, because its user is among them.
    ///
    /// # Errors
    ///
    /// Any [`Reason`] but [`TokenNotAdmin`](Reason::TokenNotAdmin) and
    /// [`NotAMember`](Reason::NotAMember). [`Empty`](Reason::Empty) is a token of another service,
    /// [`BadResponse`](Reason::BadResponse) also a list of rows that all name nobody there.
    pub async fn read(&self, service: Service) -> Result<Vec<Owner>, Error> {
        let owners = self.0.read_list(&OwnerList(&self.0, service)).await;
        let mut owners = owners.map_err(|error| match error.reason() {
            Reason::ServerError => error.with_hint(
                "Codecov answers so where it has no organization on record for the token's user, \
                 too: log in to Codecov once as that user, and make sure that the organization is \
                 shown there",
            ),
            _ => error,
        })?;
        if owners.is_empty() {
            let what = format!("Codecov lists nobody on {service} whom the token could see");
            let hint = "not even its own user: the token is of an account on another git service";
            return Err(Error::new(Reason::Empty, what).with_hint(hint));
        }
        // All are of the service that was asked for; another's name would be somebody else's.
        owners.retain(|owner| owner.service == service.word());
        if !owners.iter().any(|owner| owner.is_usable(service)) {
            let what = format!("the list of owners names nobody who could be on {service}");
            return Err(Error::new(Reason::BadResponse, what));
        }
        Ok(owners)
    }
}
