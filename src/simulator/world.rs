//! The tables behind the answers: owners, organizations and tokens, and every edit of them.
//!
//! As at Codecov, people and organizations share one table and one sequence of ids; a person
//! says which organizations they are in, an organization says who is seated and who is admin.
//! The list of an organization is kept in order while people come and go, so that a page costs
//! what a page holds.
//!
//! Pure: knows neither HTTP nor time. An edit of somebody who is not there changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::organization::{OrganizationId, Service};

/// The service word of a person queued for deletion.
pub(super) const TO_BE_DELETED: &str = "to_be_deleted";

/// The number of a row in Codecov's table of owners: creation order, and the order of every list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub(super) u64);

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a person shows of themselves; all of it may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name on the git service, in its letter case.
    pub username: Option<String>,
    /// Free text.
    pub name: Option<String>,
    /// Free text.
    pub email: Option<String>,
}

impl Person {
    /// Somebody of that username, with neither name nor address.
    pub fn named(username: &str) -> Self {
        Self { username: Some(username.to_owned()), ..Self::default() }
    }

    /// The same person with a name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// The same person with an address.
    #[must_use]
    pub fn email(self, email: &str) -> Self {
        Self { email: Some(email.to_owned()), ..self }
    }
}

/// What the git host says when Codecov asks it about a caller who is not a recorded admin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum GitHost {
    #[default]
    Member,
    Admin,
    Unauthorized,
    Forbidden,
    NotFound,
    RateLimited,
    Broken,
}

#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) service: &'static str,
    pub(super) person: Person,
    /// `None` until Codecov has once learnt an organization of theirs.
    pub(super) organizations: Option<BTreeSet<OwnerId>>,
    pub(super) session_expires: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Organization {
    /// Members and seated people, ascending: what the list shows.
    pub(super) listed: Vec<OwnerId>,
    pub(super) members: BTreeSet<OwnerId>,
    pub(super) seated: BTreeSet<OwnerId>,
    pub(super) admins: BTreeSet<OwnerId>,
    /// How many seats were bought; `None` is an organization without a plan.
    pub(super) seats: Option<u64>,
    pub(super) git_host: GitHost,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) label: String,
    pub(super) owner: OwnerId,
    pub(super) expired: bool,
}

/// Everything that Codecov has stored.
#[derive(Clone, Debug, Default)]
pub struct World {
    last_id: u64,
    last_token: u128,
    pub(super) owners: BTreeMap<OwnerId, Owner>,
    pub(super) organizations: BTreeMap<OwnerId, Organization>,
    by_name: HashMap<(&'static str, String), OwnerId>,
    pub(super) tokens: HashMap<Uuid, Token>,
    /// Who may read sessions on a self-hosted installation; `None` is the hosted service.
    pub(super) installation_admins: Option<BTreeSet<OwnerId>>,
}

/// Who is there.
impl World {
    /// Adds an organization; `slug` keeps its letter case, as Codecov does.
    pub fn add_organization(
        &mut self,
        service: Service,
        slug: &str,
        name: Option<&str>,
    ) -> OwnerId {
        let name = name.map(str::to_owned);
        let id = self.add_owner(
            service.word(),
            Person { username: Some(slug.to_owned()), name, email: None },
        );
        let organization = Organization { seats: Some(u64::MAX), ..Organization::default() };
        self.organizations.insert(id, organization);
        id
    }

    /// The organization of that identity, added when there is none yet.
    pub fn organization(&mut self, id: &OrganizationId) -> OwnerId {
        match self.find(id.service(), id.owner()) {
            Some(found) => found,
            None => self.add_organization(id.service(), id.owner(), None),
        }
    }

    /// Adds a person who is in no organization. A username that is taken is taken over.
    pub fn add_person(&mut self, service: Service, person: Person) -> OwnerId {
        self.add_owner(service.word(), person)
    }

    /// Lets the next owner have an id of at least `id`; no effect when it is past that.
    pub fn skip_ids_to(&mut self, id: u64) {
        self.last_id = self.last_id.max(id.saturating_sub(1));
    }

    /// The person or organization of that name, letter case aside.
    pub fn find(&self, service: Service, username: &str) -> Option<OwnerId> {
        self.find_word(service.word(), username)
    }

    pub(super) fn find_word(&self, service: &'static str, username: &str) -> Option<OwnerId> {
        self.by_name.get(&(service, username.to_lowercase())).copied()
    }

    /// Whether somebody shows that address.
    pub(super) fn has_address(&self, email: &str) -> bool {
        self.owners.values().any(|owner| owner.person.email.as_deref() == Some(email))
    }

    /// What that owner shows of themselves.
    pub fn person(&self, id: OwnerId) -> Option<&Person> {
        Some(&self.owners.get(&id)?.person)
    }

    fn add_owner(&mut self, service: &'static str, mut person: Person) -> OwnerId {
        self.last_id += 1;
        let id = OwnerId(self.last_id);
        let username = person.username.take();
        let owner = Owner { service, person, organizations: None, session_expires: None };
        self.owners.insert(id, owner);
        self.set_username(id, username);
        id
    }

    /// Gives `id` the username, and blanks it at whoever had it: the database's trigger.
    fn set_username(&mut self, id: OwnerId, username: Option<String>) {
        let Some(owner) = self.owners.get_mut(&id) else { return };
        let service = owner.service;
        if let Some(old) = std::mem::replace(&mut owner.person.username, username.clone()) {
            self.by_name.remove(&(service, old.to_lowercase()));
        }
        let Some(username) = username else { return };
        let holder = self.by_name.insert((service, username.to_lowercase()), id);
        if let Some(holder) = holder.and_then(|holder| self.owners.get_mut(&holder)) {
            holder.person.username = None;
        }
    }
}

/// Who belongs where.
impl World {
    /// Makes the person a member.
    pub fn join(&mut self, organization: OwnerId, person: OwnerId) {
        if !self.organizations.contains_key(&organization) {
            return;
        }
        let Some(owner) = self.owners.get_mut(&person) else { return };
        owner.organizations.get_or_insert_default().insert(organization);
        self.change(organization, person, |organization| organization.members.insert(person));
    }

    /// Ends the membership. A seat stays, and with a seat the person stays listed.
    pub fn leave(&mut self, organization: OwnerId, person: OwnerId) {
        let owner = self.owners.get_mut(&person);
        if let Some(organizations) = owner.and_then(|owner| owner.organizations.as_mut()) {
            organizations.remove(&organization);
        }
        self.change(organization, person, |organization| organization.members.remove(&person));
    }

    /// Gives the person a seat, member or not.
    pub fn seat(&mut self, organization: OwnerId, person: OwnerId) {
        if self.owners.contains_key(&person) {
            self.change(organization, person, |organization| organization.seated.insert(person));
        }
    }

    /// Takes the seat; who is no member disappears from the list.
    pub fn unseat(&mut self, organization: OwnerId, person: OwnerId) {
        self.change(organization, person, |organization| organization.seated.remove(&person));
    }

    /// Records the person as an admin, member or not.
    pub fn grant_admin(&mut self, organization: OwnerId, person: OwnerId) {
        self.change(organization, person, |organization| organization.admins.insert(person));
    }

    /// Strikes the person off the admins.
    pub fn revoke_admin(&mut self, organization: OwnerId, person: OwnerId) {
        self.change(organization, person, |organization| organization.admins.remove(&person));
    }

    /// Limits the seats; `None` is an organization without a plan, which breaks PATCH.
    pub fn limit_seats(&mut self, organization: OwnerId, seats: Option<u64>) {
        if let Some(organization) = self.organizations.get_mut(&organization) {
            organization.seats = seats;
        }
    }

    /// Makes the list exactly this: `"ann* bob! cat"` is three members, ann has a seat, bob is
    /// an admin. Who is not named leaves and loses the seat; who is new is added at the end.
    pub fn set_members(&mut self, organization: OwnerId, cast: &str) {
        let Some(service) = self.service_of(organization) else { return };
        for person in self.listed(organization).to_vec() {
            self.leave(organization, person);
            self.unseat(organization, person);
            self.revoke_admin(organization, person);
        }
        for word in cast.split_whitespace() {
            let username = word.trim_end_matches(['*', '!']);
            let person = self.find(service, username).unwrap_or_else(|| {
                self.add_person(
                    service,
                    Person::named(username)
                        .name(username)
                        .email(&format!("{username}@example.com")),
                )
            });
            self.join(organization, person);
            if word.contains('*') {
                self.seat(organization, person);
            }
            if word.contains('!') {
                self.grant_admin(organization, person);
            }
        }
    }

    fn service_of(&self, id: OwnerId) -> Option<Service> {
        self.owners.get(&id)?.service.parse().ok()
    }

    /// Changes an organization and keeps its list in step.
    fn change(
        &mut self,
        organization: OwnerId,
        person: OwnerId,
        change: impl FnOnce(&mut Organization) -> bool,
    ) {
        let Some(organization) = self.organizations.get_mut(&organization) else { return };
        change(organization);
        let belongs =
            organization.members.contains(&person) || organization.seated.contains(&person);
        match (organization.listed.binary_search(&person), belongs) {
            (Err(index), true) => organization.listed.insert(index, person),
            (Ok(index), false) => drop(organization.listed.remove(index)),
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
}

/// What becomes of a person or an organization.
impl World {
    /// Changes the name on the git service; the row keeps its place. Slugs of organizations
    /// change the same way, and the old one is not found any more.
    pub fn rename(&mut self, id: OwnerId, username: &str) {
        self.set_username(id, Some(username.to_owned()));
    }

    /// Changes the display name.
    pub fn set_name(&mut self, id: OwnerId, name: Option<&str>) {
        if let Some(owner) = self.owners.get_mut(&id) {
            owner.person.name = name.map(str::to_owned);
        }
    }

    /// Changes the address.
    pub fn set_email(&mut self, id: OwnerId, email: Option<&str>) {
        if let Some(owner) = self.owners.get_mut(&id) {
            owner.person.email = email.map(str::to_owned);
        }
    }

    /// Says when the latest log-in session ends.
    pub fn set_session(&mut self, id: OwnerId, expires: Option<DateTime<Utc>>) {
        if let Some(owner) = self.owners.get_mut(&id) {
            owner.session_expires = expires;
        }
    }

    /// Another account takes the username: the old holder's becomes null, and the new person
    /// stands at the end of the same organizations. Nothing happens to who has no username.
    pub fn take_over(&mut self, old: OwnerId) -> Option<OwnerId> {
        let owner = self.owners.get(&old)?;
        let (service, organizations) = (owner.service, owner.organizations.clone());
        let username = owner.person.username.clone()?;
        let email = format!("{username}@new.example.com");
        let newcomer = Person::named(&username).email(&email);
        let new = self.add_owner(service, newcomer);
        for organization in organizations.unwrap_or_default() {
            self.join(organization, new);
        }
        Some(new)
    }

    /// The account is being deleted: what was not null reads `deleted_user_<id>`.
    pub fn delete(&mut self, id: OwnerId) {
        let Some(owner) = self.owners.get_mut(&id) else { return };
        let deleted = format!("deleted_user_{id}");
        let person = &mut owner.person;
        for text in [&mut person.name, &mut person.email] {
            *text = text.take().map(|_| deleted.clone());
        }
        if person.username.is_some() {
            self.set_username(id, Some(deleted));
        }
    }

    /// The account is queued for deletion: an empty row, which a seat alone keeps in a list.
    pub fn queue_deletion(&mut self, id: OwnerId) {
        self.set_username(id, None);
        let Some(owner) = self.owners.get_mut(&id) else { return };
        owner.service = TO_BE_DELETED;
        owner.person = Person::default();
        for organization in owner.organizations.clone().unwrap_or_default() {
            self.leave(organization, id);
        }
    }
}

/// Who may ask.
impl World {
    /// Makes a token of `owner`, a person or an organization, and returns it; the label names
    /// it in the request log.
    pub fn issue_token(&mut self, label: &str, owner: OwnerId) -> String {
        self.last_token += 1;
        let token = Uuid::from_u128(0x5ea7_0000_0000_4000_8000_0000_0000_0000 + self.last_token);
        self.tokens.insert(token, Token { label: label.to_owned(), owner, expired: false });
        token.to_string()
    }

    /// Lets the token expire: it answers like an unknown one.
    pub fn expire_token(&mut self, token: &str) {
        let token = Uuid::parse_str(token).ok();
        if let Some(token) = token.and_then(|token| self.tokens.get_mut(&token)) {
            token.expired = true;
        }
    }

    /// Forgets the token.
    pub fn revoke_token(&mut self, token: &str) {
        if let Ok(token) = Uuid::parse_str(token) {
            self.tokens.remove(&token);
        }
    }

    /// Says what the git host answers about callers who are not recorded as admins.
    pub fn set_git_host(&mut self, organization: OwnerId, git_host: GitHost) {
        if let Some(organization) = self.organizations.get_mut(&organization) {
            organization.git_host = git_host;
        }
    }

    /// Turns this into a self-hosted installation, where its own admins alone read sessions.
    pub fn self_host(&mut self, admins: impl IntoIterator<Item = OwnerId>) {
        self.installation_admins = Some(admins.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usernames(world: &World, organization: OwnerId) -> String {
        let rows = world.rows(organization);
        rows.iter().map(|row| row.username.unwrap_or("-")).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(edit: impl FnOnce(&mut World, OwnerId, &dyn Fn(&str) -> OwnerId), list: &str) {
        let mut world = World::default();
        let acme = world.add_organization(Service::Github, "acme", None);
        world.set_members(acme, "ann* bob! cat");
        let before = world.clone();
        let id = |username: &str| before.find(Service::Github, username).unwrap();
        edit(&mut world, acme, &id);
        assert_eq!(usernames(&world, acme), list);
    }

    #[test]
    fn the_list_is_members_and_seated_people_in_creation_order() {
        check(|_, _, _| {}, "ann bob cat");
        check(|world, acme, id| world.leave(acme, id("bob")), "ann cat"); // Still in the admins.
        check(|world, acme, id| world.leave(acme, id("ann")), "ann bob cat"); // Still seated.
        check(
            |world, acme, id| {
                world.leave(acme, id("ann"));
                world.unseat(acme, id("ann"));
            },
            "bob cat",
        );
        check(|world, acme, _| world.set_members(acme, "dan cat* ann"), "ann cat dan");
        check(|world, _, id| world.rename(id("bob"), "zed"), "ann zed cat");
    }

    #[test]
    fn a_username_belongs_to_one_person() {
        check(|world, _, id| assert!(world.take_over(id("ann")).is_some()), "- bob cat ann");
        check(|world, _, id| world.rename(id("cat"), "ANN"), "- bob ANN");
    }

    #[test]
    fn a_deleted_person_is_a_row_without_a_face() {
        check(|world, _, id| world.delete(id("bob")), "ann deleted_user_3 cat");
        check(|world, _, id| world.queue_deletion(id("bob")), "ann cat");
        check(|world, _, id| world.queue_deletion(id("ann")), "- bob cat");
    }
}
