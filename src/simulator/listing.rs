//! Who is in an organization's list, and how a row of it reads.
//!
//! Count and rows are two questions, as they are two statements at Codecov; between them the
//! world may have changed (`CODECOV_API.md` section 8). Without a filter both cost no more than
//! what they return.
//!
//! Pure: knows the world and nothing of the request that asks.

use std::ops::Range;

use serde::Serialize;

use super::world::{Organization, Owner, OwnerId, World};

/// A row as Codecov shows it, keys in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are Codecov's")]
pub struct Row<'a> {
    pub service: &'a str,
    pub username: Option<&'a str>,
    pub name: Option<&'a str>,
    pub activated: bool,
    pub is_admin: bool,
    pub email: Option<&'a str>,
}

/// What narrows a list down.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) seated: Option<bool>,
    pub(super) admin: Option<bool>,
    /// In lower case; each has to be found in name, username or email.
    pub(super) words: Vec<String>,
}

impl Filter {
    fn lets_all_through(&self) -> bool {
        self.seated.is_none() && self.admin.is_none() && self.words.is_empty()
    }

    fn matches(&self, row: &Row<'_>) -> bool {
        let found = |word: &String| {
            [row.name, row.username, row.email]
                .into_iter()
                .flatten()
                .any(|text| text.to_lowercase().contains(word.as_str()))
        };
        self.seated.is_none_or(|seated| seated == row.activated)
            && self.admin.is_none_or(|admin| admin == row.is_admin)
            && self.words.iter().all(found)
    }
}

impl World {
    /// The list as it is now: what a reader without paging would get.
    pub fn rows(&self, organization: OwnerId) -> Vec<Row<'_>> {
        let everybody = 0..self.listed(organization).len();
        self.page(organization, &Filter::default(), everybody)
    }

    /// The ids in the list, ascending; empty for a person and for who is unknown.
    pub fn listed(&self, organization: OwnerId) -> &[OwnerId] {
        self.organizations.get(&organization).map_or(&[], |organization| &organization.listed)
    }

    /// How many rows there are; the first of the two statements.
    pub(super) fn count(&self, organization: OwnerId, filter: &Filter) -> usize {
        if filter.lets_all_through() {
            return self.listed(organization).len();
        }
        self.filtered(organization, filter).count()
    }

    /// The rows in that range, cut where the list ends; the second of the two statements.
    pub(super) fn page(
        &self,
        organization: OwnerId,
        filter: &Filter,
        range: Range<usize>,
    ) -> Vec<Row<'_>> {
        if filter.lets_all_through() {
            let listed = self.listed(organization);
            let end = range.end.min(listed.len());
            let ids = listed.get(range.start..end).unwrap_or_default();
            return ids.iter().filter_map(|id| self.row(organization, *id)).collect();
        }
        self.filtered(organization, filter).skip(range.start).take(range.len()).collect()
    }

    /// The row of one person, listed or not.
    pub fn row(&self, organization: OwnerId, person: OwnerId) -> Option<Row<'_>> {
        Some(row(self.organizations.get(&organization)?, person, self.owners.get(&person)?))
    }

    fn filtered(&self, id: OwnerId, filter: &Filter) -> impl Iterator<Item = Row<'_>> {
        let candidates: Box<dyn Iterator<Item = OwnerId>> = match self.organizations.get(&id) {
            // Whoever has a seat is listed; of the admins not everybody is.
            Some(organization) if filter.seated == Some(true) => {
                Box::new(organization.seated.iter().copied())
            }
            Some(organization) if filter.admin == Some(true) => Box::new(
                organization
                    .admins
                    .iter()
                    .copied()
                    .filter(|admin| organization.listed.binary_search(admin).is_ok()),
            ),
            _ => Box::new(self.listed(id).iter().copied()),
        };
        candidates.filter_map(move |person| self.row(id, person)).filter(|row| filter.matches(row))
    }
}

fn row<'a>(organization: &Organization, id: OwnerId, owner: &'a Owner) -> Row<'a> {
    Row {
        service: owner.service,
        username: owner.person.username.as_deref(),
        name: owner.person.name.as_deref(),
        activated: organization.seated.contains(&id),
        is_admin: organization.admins.contains(&id),
        email: owner.person.email.as_deref(),
    }
}
