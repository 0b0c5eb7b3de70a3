//! Who is the same person in several organizations.
//!
//! Two members are one person if they show the same email, or if they have the same username on
//! the same service. Codecov shows nothing better: an address that several people share makes one
//! of them, and somebody with another address on every service is several.
//!
//! Pure: members in, persons out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::organization::{OrganizationId, Service};
use crate::roster::Member;

/// One person, and what they are in each organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// Their memberships, in the order in which the organizations were given; never empty.
    pub memberships: Vec<Membership<'a>>,
}

/// What one person is in one organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership<'a> {
    /// In which.
    pub organization: &'a OrganizationId,
    /// As whom.
    pub member: &'a Member,
}

impl<'a> Person<'a> {
    /// Their addresses, as shown, each once.
    pub fn emails(&self) -> Vec<&'a str> {
        self.each(|member| member.email().filter(|email| !email.trim().is_empty()))
    }

    /// Their usernames, as shown, each once.
    pub fn usernames(&self) -> Vec<&'a str> {
        self.each(|member| Some(member.username()))
    }

    /// Their names, as shown, each once.
    pub fn names(&self) -> Vec<&'a str> {
        self.each(Member::name)
    }

    /// The organizations in which they are what `is` asks for.
    pub fn organizations(&self, is: impl Fn(&Member) -> bool) -> Vec<&'a OrganizationId> {
        let wanted = self.memberships.iter().filter(|it| is(it.member));
        let ids: BTreeSet<&OrganizationId> = wanted.map(|it| it.organization).collect();
        ids.into_iter().collect()
    }

    fn each(&self, text: impl Fn(&'a Member) -> Option<&'a str>) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let texts = self.memberships.iter().filter_map(|it| text(it.member));
        texts.filter(|text| seen.insert(text.to_lowercase())).collect()
    }
}

/// The persons that some members are, by address and else by username.
pub fn persons<'a>(
    members: impl IntoIterator<Item = (&'a OrganizationId, &'a Member)>,
) -> Vec<Person<'a>> {
    let members: Vec<_> = members.into_iter().collect();
    let mut sets = Sets::new(members.len());
    let mut by_email: HashMap<String, usize> = HashMap::new();
    let mut by_username: HashMap<(Service, &str), usize> = HashMap::new();
    for (index, (organization, member)) in members.iter().enumerate() {
        let email = member.email().map(|email| email.trim().to_lowercase());
        if let Some(email) = email.filter(|email| !email.is_empty()) {
            let first = *by_email.entry(email).or_insert(index);
            sets.join(first, index);
        }
        let first = *by_username.entry((organization.service(), member.key())).or_insert(index);
        sets.join(first, index);
    }
    let mut persons: BTreeMap<usize, Person<'a>> = BTreeMap::new();
    for (index, (organization, member)) in members.iter().enumerate() {
        let person = persons.entry(sets.first(index)).or_insert(Person { memberships: Vec::new() });
        person.memberships.push(Membership { organization, member });
    }
    let mut persons: Vec<_> = persons.into_values().collect();
    persons.sort_by_cached_key(|person| {
        let name = |texts: Vec<&str>| texts.first().map(|text| text.to_lowercase());
        (name(person.usernames()), name(person.emails()))
    });
    persons
}

/// Disjoint sets of numbers; each is known by its smallest.
struct Sets(Vec<usize>);

impl Sets {
    fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    fn first(&mut self, of: usize) -> usize {
        let mut root = of;
        while self.0[root] != root {
            root = self.0[root];
        }
        // The next one to ask has a short way.
        let mut at = of;
        while self.0[at] != root {
            at = std::mem::replace(&mut self.0[at], root);
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use itertools::Itertools as _;

    use super::*;

    /// Members written `github/acme:ann=ann@x`, and persons as their memberships.
    #[track_caller]
    fn check(members: &str, expected: &str) {
        let members = members.split_whitespace().map(|word| {
            let (organization, rest) = word.split_once(':').unwrap();
            let (username, email) = rest.split_once('=').unwrap_or((rest, ""));
            let email = (!email.is_empty()).then_some(email);
            let organization: OrganizationId = organization.parse().unwrap();
            (organization, Member::new(username, None, email, false, false))
        });
        let members: Vec<_> = members.collect();
        let persons = persons(members.iter().map(|(organization, member)| (organization, member)));
        let words = persons.iter().map(|person| {
            let each = person.memberships.iter();
            each.map(|it| format!("{}:{}", it.organization, it.member.username())).join(" ")
        });
        assert_eq!({ words }.join(", "), expected);
    }

    #[test]
    fn an_address_or_a_username_makes_one_person() {
        check("github/a:ann=x@e github/b:ann=x@e", "github/a:ann github/b:ann");
        check("github/a:ann=x@e gitlab/b:anna=X@e", "github/a:ann gitlab/b:anna");
        check("github/a:ann=x@e github/b:Ann", "github/a:ann github/b:Ann");
        check("github/a:ann gitlab/b:ann", "github/a:ann, gitlab/b:ann");
        check("github/a:ann github/a:bob", "github/a:ann, github/a:bob");
    }

    #[test]
    fn one_who_is_like_two_others_makes_one_of_them_all() {
        check(
            "gitlab/b:anna=x@e gitlab/c:z=y@e github/a:ann=x@e github/d:ann=y@e",
            "gitlab/b:anna gitlab/c:z github/a:ann github/d:ann",
        );
    }
}
