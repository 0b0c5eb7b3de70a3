//! Made-up people, as many as wanted.
//!
//! Person number n is always the same one. Names and addresses are fictitious; every eleventh
//! shows no name, every thirteenth no address, as in real organizations.
//!
//! Pure.

use super::world::{OwnerId, Person, World};

const GIVEN: [&str; 24] = [
    "Ada", "Bela", "Chidi", "Dana", "Emil", "Fay", "Goran", "Hana", "Ines", "Jonas", "Kemal",
    "Lena", "Mona", "Noor", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera",
    "Wen", "Zoë",
];

const FAMILY: [&str; 17] = [
    "Albers",
    "Brandt",
    "Castillo",
    "Dubois",
    "Eklund",
    "Farkas",
    "Grünwald",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalska",
    "Lindqvist",
    "Moreau",
    "Novák",
    "Okafor",
    "Petrov",
    "Rossi",
];

/// Person number `index`; no two have one username.
pub(super) fn person(index: usize) -> Person {
    // 24 and 17 share no divisor, so both names move on with every person, and a pair comes
    // back only after 24 × 17 people.
    let (given, family) = (GIVEN[index % GIVEN.len()], FAMILY[index % FAMILY.len()]);
    let round = index / (GIVEN.len() * FAMILY.len());
    let suffix = if round == 0 { String::new() } else { (round + 1).to_string() };
    let username = format!("{}-{}{suffix}", ascii(given), ascii(family));
    let email = format!("{}.{}{suffix}@example.com", ascii(given), ascii(family));
    Person {
        name: (index % 11 != 10).then(|| format!("{given} {family}")),
        email: (index % 13 != 12).then_some(email),
        username: Some(username),
    }
}

fn ascii(name: &str) -> String {
    let plain = |c| match c {
        'ë' => 'e',
        'ü' => 'u',
        'á' => 'a',
        other => other,
    };
    name.to_lowercase().chars().map(plain).collect()
}

impl World {
    /// Fills an organization with the made-up people number 0 to `members` − 1: three in five
    /// have a seat, the first and every fortieth after that is an admin.
    ///
    /// People whom the service knows already join as they are.
    pub fn populate(&mut self, organization: OwnerId, members: usize) {
        let service = self.owners.get(&organization).and_then(|owner| owner.service.parse().ok());
        let Some(service) = service else { return };
        for index in 0..members {
            let made_up = person(index);
            let known = made_up.username.as_deref().and_then(|name| self.find(service, name));
            let member = known.unwrap_or_else(|| self.add_person(service, made_up));
            self.join(organization, member);
            if index % 5 < 3 {
                self.seat(organization, member);
            }
            if index % 40 == 0 {
                self.grant_admin(organization, member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::organization::Service;

    #[test]
    fn nobody_is_made_up_twice() {
        let usernames: HashSet<_> = (0..10_000).map(|index| person(index).username).collect();
        assert_eq!(usernames.len(), 10_000);
        assert_eq!(person(0).username.unwrap(), "ada-albers");
    }

    #[test]
    fn an_organization_of_any_size_is_filled() {
        let mut world = World::default();
        let acme = world.add_organization(Service::Github, "acme", None);
        world.populate(acme, 100_000);
        let rows = world.rows(acme);
        assert_eq!(rows.len(), 100_000);
        assert_eq!(rows.iter().filter(|row| row.activated).count(), 60_000);
        assert_eq!(rows.iter().filter(|row| row.is_admin).count(), 2_500);
    }
}
