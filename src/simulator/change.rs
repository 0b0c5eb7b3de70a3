//! A change in the world as a value: what scripts write, churn makes, and the record keeps.
//!
//! People are named by username, because that is all that anybody outside Codecov ever sees.
//!
//! Pure.

use std::fmt;

use serde::Deserialize;

use super::world::{Person, World};
use crate::organization::OrganizationId;

/// One thing that happens to one person in one organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// `github/acme`.
    pub organization: OrganizationId,
    /// Who, in any letter case.
    pub username: String,
    /// What happens.
    pub action: Action,
}

/// What can happen to a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Becomes a member; who is not known yet is added at the end of the list.
    Join,
    /// Is a member no longer; a seat stays, and keeps the person in the list.
    Leave,
    /// Leaves and loses the seat: the row goes.
    LeaveAndUnseat,
    /// Gets a seat.
    Seat,
    /// Loses the seat.
    Unseat,
    /// Is recorded as an admin.
    GrantAdmin,
    /// Is an admin no longer.
    RevokeAdmin,
    /// Is called otherwise from now on, and keeps the place in the list.
    Rename(String),
    /// Shows another display name, or none.
    Name(Option<String>),
    /// Shows another address, or none.
    Email(Option<String>),
    /// Another account takes the username.
    TakeOver,
    /// The account is deleted: the row reads `deleted_user_<id>`.
    Delete,
    /// The account is queued for deletion.
    QueueDeletion,
}

impl World {
    /// Lets it happen.
    ///
    /// # Errors
    ///
    /// The organization or the person is not there; nothing has changed.
    pub fn apply(&mut self, change: &Change) -> Result<(), ChangeError> {
        let service = change.organization.service();
        let organization = self
            .find(service, change.organization.owner())
            .ok_or_else(|| ChangeError::NoOrganization(change.organization.clone()))?;
        let person = match (self.find(service, &change.username), &change.action) {
            (Some(person), _) => person,
            (None, Action::Join) => {
                let username = &change.username;
                let person = Person::named(username).email(&joining_address(username));
                self.add_person(service, person)
            }
            (None, _) => return Err(ChangeError::NoPerson(change.username.clone())),
        };
        match &change.action {
            Action::Join => self.join(organization, person),
            Action::Leave => self.leave(organization, person),
            Action::LeaveAndUnseat => {
                self.leave(organization, person);
                self.unseat(organization, person);
            }
            Action::Seat => self.seat(organization, person),
            Action::Unseat => self.unseat(organization, person),
            Action::GrantAdmin => self.grant_admin(organization, person),
            Action::RevokeAdmin => self.revoke_admin(organization, person),
            Action::Rename(username) => self.rename(person, username),
            Action::Name(name) => self.set_name(person, name.as_deref()),
            Action::Email(email) => self.set_email(person, email.as_deref()),
            Action::TakeOver => {
                self.take_over(person);
            }
            Action::Delete => self.delete(person),
            Action::QueueDeletion => self.queue_deletion(person),
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ", self.organization, self.username)?;
        match &self.action {
            Action::Join => f.write_str("joins"),
            Action::Leave => f.write_str("leaves, and stays listed if there is a seat"),
            Action::LeaveAndUnseat => f.write_str("leaves, and loses the seat if there was one"),
            Action::Seat => f.write_str("gets a seat"),
            Action::Unseat => f.write_str("loses the seat"),
            Action::GrantAdmin => f.write_str("becomes an admin"),
            Action::RevokeAdmin => f.write_str("is an admin no longer"),
            Action::Rename(username) => write!(f, "is now called {username}"),
            Action::Name(Some(name)) => write!(f, "changes the display name to `{name}`"),
            Action::Name(None) => f.write_str("hides the display name"),
            Action::Email(Some(email)) => write!(f, "changes the address to {email}"),
            Action::Email(None) => f.write_str("hides the address"),
            Action::TakeOver => f.write_str("is taken over by another account"),
            Action::Delete => f.write_str("is deleted"),
            Action::QueueDeletion => f.write_str("is queued for deletion"),
        }
    }
}

/// The address of somebody who joins and was not known before.
pub(super) fn joining_address(username: &str) -> String {
    format!("{username}@example.com")
}

/// Why a change did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such organization.
    #[error("the simulator has no organization `{0}`")]
    NoOrganization(OrganizationId),
    /// Nobody of that name is known on the service.
    #[error("nobody is called `{0}`")]
    NoPerson(String),
}
