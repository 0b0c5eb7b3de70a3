//! People who come and go by themselves, the same ones in the same order for the same seed.
//!
//! Between two requests and between the count and the rows of one, as on the real server under
//! load (`CODECOV_API.md` section 8). Early members who leave are among those who come back, as
//! it takes a low id to shift the pages behind it.
//!
//! Pure but for its own random numbers: the world goes in, the change that was made comes out.

use fastrand::Rng;

use super::change::{Action, Change, joining_address};
use super::people;
use super::world::World;
use crate::organization::{OrganizationId, Service};

/// How often an idea may come to nothing before there is no change.
const TRIES: usize = 32;

/// A seeded source of changes in some organizations.
#[derive(Clone, Debug)]
pub struct Churn {
    random: Rng,
    organizations: Vec<OrganizationId>,
    everything: bool,
    at_most: usize,
    /// Something happens one time in so many.
    one_in: u32,
    /// Nothing happens to these.
    spared: Vec<String>,
    /// Who left and may come back.
    away: Vec<(OrganizationId, String)>,
    newcomers: usize,
}

impl Churn {
    /// Joins, leaves, seats, admins, renames and edits, up to three at a time.
    pub fn new(organizations: impl IntoIterator<Item = OrganizationId>, seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            organizations: organizations.into_iter().collect(),
            everything: true,
            at_most: 3,
            one_in: 1,
            spared: Vec::new(),
            away: Vec::new(),
            newcomers: 0,
        }
    }

    /// Lets people join and leave, and nothing else happen.
    #[must_use]
    pub fn coming_and_going(self) -> Self {
        Self { everything: false, ..self }
    }

    /// Lets nothing happen to people of these usernames: the holders of tokens, say.
    #[must_use]
    pub fn sparing(self, usernames: impl IntoIterator<Item = String>) -> Self {
        Self { spared: usernames.into_iter().collect(), ..self }
    }

    /// Makes 0 to `changes` changes each time.
    #[must_use]
    pub fn at_most(self, changes: usize) -> Self {
        Self { at_most: changes, ..self }
    }

    /// Makes changes one time in `times` only: a list that is read in many pages would else
    /// never hold still for a walk.
    #[must_use]
    pub fn one_in(self, times: u32) -> Self {
        Self { one_in: times.max(1), ..self }
    }

    /// Makes some changes and returns those.
    pub fn churn(&mut self, world: &mut World) -> Vec<Change> {
        if self.one_in > 1 && self.random.u32(..self.one_in) > 0 {
            return Vec::new();
        }
        let times = self.random.usize(0..=self.at_most);
        (0..times).filter_map(|_| self.change(world)).collect()
    }

    /// Makes one change; none when it finds nobody that something could happen to.
    pub fn change(&mut self, world: &mut World) -> Option<Change> {
        let change = (0..TRIES).find_map(|_| self.idea(world))?;
        world.apply(&change).ok()?;
        if change.action == Action::LeaveAndUnseat {
            self.away.push((change.organization.clone(), change.username.clone()));
        }
        Some(change)
    }

    /// A change that would make a difference, unless it met somebody to whom it would make none.
    fn idea(&mut self, world: &World) -> Option<Change> {
        let organization = self.random.choice(&self.organizations)?.clone();
        let kind = self.random.u32(0..if self.everything { 12 } else { 6 });
        if kind < 3 {
            return Some(self.arrival(world, organization));
        }
        let id = world.find(organization.service(), organization.owner())?;
        let person = *self.random.choice(world.listed(id))?;
        let row = world.row(id, person)?;
        let username =
            row.username.filter(|username| !self.spared.iter().any(|it| it == username))?;
        let number = self.random.u8(..);
        let action = match (kind, row.activated, row.is_admin) {
            (3..6, _, _) => Action::LeaveAndUnseat,
            (6 | 7, false, _) => Action::Seat,
            (8, true, _) => Action::Unseat,
            (9, _, false) => Action::GrantAdmin,
            (9, _, true) => Action::RevokeAdmin,
            (10, _, _) => {
                let new = format!("{username}{}", number % 10);
                // Whoever is called so would lose the name.
                if world.find(organization.service(), &new).is_some() {
                    return None;
                }
                Action::Rename(new)
            }
            (11, _, _) => Action::Email(Some(format!("{username}.{number}@example.com"))),
            _ => return None,
        };
        Some(Change { username: username.to_owned(), organization, action })
    }

    /// Somebody who was away, or, one time in three, somebody new.
    fn arrival(&mut self, world: &World, organization: OrganizationId) -> Change {
        let returns = !self.away.is_empty() && self.random.u8(0..3) > 0;
        if returns {
            let index = self.random.usize(..self.away.len());
            let (organization, username) = self.away.swap_remove(index);
            return Change { organization, username, action: Action::Join };
        }
        let username = self.newcomer(world, organization.service());
        Change { organization, username, action: Action::Join }
    }

    fn newcomer(&mut self, world: &World, service: Service) -> String {
        loop {
            let username = people::person(self.newcomers).username.unwrap_or_default();
            self.newcomers += 1;
            // Whoever was once called so may go by another name now, with the old address.
            let address = joining_address(&username);
            if world.find(service, &username).is_none() && !world.has_address(&address) {
                return username;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use itertools::Itertools as _;

    use super::*;

    fn history(seed: u64) -> String {
        let acme: OrganizationId = "github/acme".parse().unwrap();
        let mut world = World::default();
        let id = world.organization(&acme);
        world.populate(id, 20);
        let mut churn = Churn::new([acme], seed);
        let changes: Vec<_> = (0..200).filter_map(|_| churn.change(&mut world)).collect();
        changes.iter().join("\n")
    }

    #[test]
    fn nobody_takes_a_name_that_somebody_has() {
        let acme: OrganizationId = "github/acme".parse().unwrap();
        for seed in 0..50 {
            let mut world = World::default();
            let id = world.organization(&acme);
            world.set_members(id, "a a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
            let everybody = world.listed(id).to_vec();
            let mut churn = Churn::new([acme.clone()], seed);
            for _ in 0..50 {
                churn.change(&mut world);
            }
            let has_name = |id| world.person(id).is_some_and(|person| person.username.is_some());
            assert!(everybody.iter().copied().all(has_name), "seed {seed}");
        }
    }

    #[test]
    fn a_seed_is_a_history() {
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        assert!(history(7).lines().count() > 150);
    }
}
