//! Holds a list of people against the rosters of organizations.
//!
//! In an organization, a member *is* a person of the list if that is the only one who has the
//! member's address or username, and the member the only one who has theirs. Whoever has several
//! possibilities is ambiguous, and whoever has nothing that the list could tell them by cannot be
//! told: neither is a stranger. So a row more in the list makes strangers fewer, never more, unless
//! it brings the first address or the first username.
//!
//! Pure. The order of rows, in the list and on Codecov, makes no difference.

use std::collections::HashMap;
use std::ops::Range;

use seatwatch_sdk::Status;
use serde::Serialize;

use super::gather::email;
use super::index::Index;
use super::{People, Person};
use crate::organization::OrganizationId;
use crate::roster::{Member, Roster, UnnamedRow};

/// So many rows of the list are told of somebody who might be any of them.
const MOST_LISTED_AT: usize = 10;

/// What a list and the rosters say of each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison<'a> {
    /// Of each organization, in the order in which they were given.
    pub organizations: Vec<Sums<'a>>,
    /// Of the list.
    pub listed: Listed,
    /// Whoever is not both on Codecov and in the list, beyond doubt. First who takes a seat and is
    /// not in the list, then who is not in it, is ambiguous, cannot be told; then of the list who
    /// has no access or cannot be told. By organization, and in it by username.
    pub entries: Vec<Entry<'a>>,
}

/// One organization in numbers. Each member is in exactly one of the first five.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sums<'a> {
    /// Which.
    pub organization: &'a OrganizationId,
    /// In the list by their address, whether or not by their username too.
    pub by_email: Count,
    /// In the list by their username.
    pub by_username: Count,
    /// Somebody of the list, but it is open who.
    pub ambiguous: Count,
    /// Without anything that the list could tell them by.
    pub cannot_tell: Count,
    /// Not in the list.
    pub not_in_list: Count,
    /// Seats of rows that name nobody.
    pub unnamed_seats: UnnamedSeats,
}

impl Sums<'_> {
    /// Seats of whoever is not in the list, rows that name nobody among them: they are paid for,
    /// too.
    pub fn ghost_seats(&self) -> u64 {
        self.not_in_list.seats + self.unnamed_seats.not_in_list
    }
}

/// Members, and how many of them take a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All of them.
    pub members: u64,
    /// Those with a seat.
    pub seats: u64,
}

impl Count {
    fn add(&mut self, seat: bool) {
        self.members += 1;
        self.seats += u64::from(seat);
    }
}

/// Seats of rows that name nobody, which can be told by an address alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnnamedSeats {
    /// The address is in the list.
    pub in_list: u64,
    /// The address is not in the list.
    pub not_in_list: u64,
    /// There is no address, or the list has none.
    pub cannot_tell: u64,
}

/// The list in numbers. Each person is in exactly one of the last three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// How many have an address.
    pub with_email: u64,
    /// How many have a username.
    pub with_username: u64,
    /// Found in one organization or more, ambiguous or not.
    pub with_access: u64,
    /// Found in none.
    pub no_access: u64,
    /// With neither an address nor a username.
    pub cannot_tell: u64,
}

/// What there is to say of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// On Codecov and not in the list.
    NotInList,
    /// On Codecov and in the list, but it is open who in the list it is.
    Ambiguous,
    /// There is nothing to tell them by.
    CannotTell,
    /// In the list and not on Codecov.
    NoAccess,
}

impl Finding {
    /// In lower case, as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotInList => "not_in_list",
            Self::Ambiguous => "ambiguous",
            Self::CannotTell => "cannot_tell",
            Self::NoAccess => "no_access",
        }
    }
}

/// By what somebody was found in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum MatchedBy {
    Email,
    Username,
}

impl MatchedBy {
    /// In lower case, as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
        }
    }
}

/// The keys of an [`Entry`] in their order.
pub const COLUMNS: [&str; 10] = [
    "organization",
    "username",
    "name",
    "email",
    "seat",
    "admin",
    "status",
    "finding",
    "matched_by",
    "listed_at",
];

/// One finding: a member, a row with a seat that names nobody, or a person of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// Nothing for a person of the list.
    pub organization: Option<&'a OrganizationId>,
    /// Nothing for a row that names nobody.
    pub username: Option<&'a str>,
    /// Free text.
    pub name: Option<&'a str>,
    /// Of the list, in lower case.
    pub email: Option<&'a str>,
    /// Nothing for a person of the list.
    pub seat: Option<bool>,
    /// Only of members.
    pub admin: Option<bool>,
    /// Nothing for a person of the list.
    pub status: Option<Status>,
    /// What there is to say.
    pub finding: Finding,
    /// By what an ambiguous member was found.
    pub matched_by: Option<MatchedBy>,
    /// The [number](Person::number) of each row of the list that it may be, up to ten.
    pub listed_at: Vec<u32>,
}

impl<'a> Entry<'a> {
    fn of_member(organization: &'a OrganizationId, member: &'a Member, finding: Finding) -> Self {
        Self {
            organization: Some(organization),
            username: Some(member.username()),
            name: member.name(),
            email: member.email(),
            seat: Some(member.seat),
            admin: Some(member.admin),
            status: Some(Status::of_seat(member.seat)),
            finding,
            matched_by: None,
            listed_at: Vec::new(),
        }
    }

    fn of_unnamed(organization: &'a OrganizationId, row: &'a UnnamedRow, finding: Finding) -> Self {
        Self {
            organization: Some(organization),
            username: None,
            name: None,
            email: row.email.as_deref(),
            seat: Some(row.seat),
            admin: None,
            status: Some(Status::of_seat(row.seat)),
            finding,
            matched_by: None,
            listed_at: Vec::new(),
        }
    }

    fn of_person(person: Person<'a>, finding: Finding) -> Self {
        Self {
            organization: None,
            username: person.usernames().next(),
            name: person.name(),
            email: person.emails().next(),
            seat: None,
            admin: None,
            status: None,
            finding,
            matched_by: None,
            listed_at: vec![person.number],
        }
    }

    /// Where it stands among all.
    fn rank(&self) -> (bool, Finding, bool) {
        let is_ghost_seat = self.finding == Finding::NotInList && self.seat == Some(true);
        // Whoever of the list cannot be told comes after those who have no access.
        let is_of_list = self.organization.is_none();
        let finding = if is_of_list { Finding::NoAccess } else { self.finding };
        (!is_ghost_seat, finding, is_of_list && self.finding == Finding::CannotTell)
    }
}

/// Compares a list with the rosters of different organizations.
pub fn compare<'a>(
    organizations: &[(&'a OrganizationId, &'a Roster)],
    people: &'a People,
) -> Comparison<'a> {
    let list =
        List { people, emails: Index::of_emails(people), usernames: Index::of_usernames(people) };
    let mut has_access = vec![false; people.len()];
    let mut entries = Vec::new();
    let sums = organizations
        .iter()
        .map(|(id, roster)| {
            let found: Vec<Found> = roster.members().iter().map(|it| list.find(it)).collect();
            let meetings = list.meet(&found);
            for (has_access, met) in has_access.iter_mut().zip(&meetings) {
                *has_access |= *met != Met::Nobody;
            }
            let mut sums = list.sort_out(id, roster, &found, &meetings, &mut entries);
            sums.unnamed_seats = list.sort_out_unnamed(id, roster, &mut has_access, &mut entries);
            sums
        })
        .collect();
    let listed = sort_out_people(people, &has_access, &mut entries);
    entries.sort_by_key(Entry::rank);
    Comparison { organizations: sums, listed, entries }
}

/// The list, and who in it can be found by what.
struct List<'a> {
    people: &'a People,
    emails: Index<'a>,
    usernames: Index<'a>,
}

/// Which members of an organization a person of the list may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Nobody,
    /// The member at that index.
    One(u32),
    Several,
}

/// Where in the indexes those are who a member may be.
struct Found {
    by_email: Range<usize>,
    by_username: Range<usize>,
}

/// What a member is to the list.
enum Standing {
    Known(MatchedBy),
    Ambiguous(MatchedBy),
    CannotTell,
    NotInList,
}

impl<'a> List<'a> {
    fn find(&self, member: &Member) -> Found {
        Found {
            by_email: self.find_email(member.email()),
            by_username: self.usernames.find(member.key()),
        }
    }

    fn find_email(&self, text: Option<&str>) -> Range<usize> {
        text.and_then(email).map_or(0..0, |email| self.emails.find(&email))
    }

    /// Whom a member may be. A person whose address and username are both theirs comes twice.
    fn people(&self, found: &Found) -> impl Iterator<Item = u32> + Clone {
        self.emails.people(&found.by_email).chain(self.usernames.people(&found.by_username))
    }

    /// Which members each person of the list may be, where members may be these.
    fn meet(&self, found: &[Found]) -> Vec<Met> {
        let mut meetings = vec![Met::Nobody; self.people.len()];
        // An address may be that of many members and of many people. After two of the members,
        // each of the people has met several, and a third makes no difference.
        let mut visits: HashMap<usize, u8> = HashMap::new();
        for (index, found) in (0..).zip(found) {
            let mut meet = |person: u32| {
                let met = &mut meetings[person as usize];
                *met = match *met {
                    Met::Nobody => Met::One(index),
                    Met::One(same) if same == index => Met::One(index),
                    Met::One(_) | Met::Several => Met::Several,
                };
            };
            self.usernames.people(&found.by_username).for_each(&mut meet);
            if found.by_email.is_empty() {
                continue;
            }
            let visits = visits.entry(found.by_email.start).or_default();
            if *visits < 2 {
                *visits += 1;
                self.emails.people(&found.by_email).for_each(&mut meet);
            }
        }
        meetings
    }

    /// Counts the members, and tells of all who are not one person of the list.
    fn sort_out(
        &self,
        id: &'a OrganizationId,
        roster: &'a Roster,
        found: &[Found],
        meetings: &[Met],
        entries: &mut Vec<Entry<'a>>,
    ) -> Sums<'a> {
        let mut sums = Sums {
            organization: id,
            by_email: Count::default(),
            by_username: Count::default(),
            ambiguous: Count::default(),
            cannot_tell: Count::default(),
            not_in_list: Count::default(),
            unnamed_seats: UnnamedSeats::default(),
        };
        for ((index, member), found) in (0..).zip(roster.members()).zip(found) {
            let entry = |finding| Entry::of_member(id, member, finding);
            let count = match self.standing(member, index, found, meetings) {
                Standing::Known(MatchedBy::Email) => &mut sums.by_email,
                Standing::Known(MatchedBy::Username) => &mut sums.by_username,
                Standing::Ambiguous(by) => {
                    let listed_at = self.numbers(found);
                    let entry = entry(Finding::Ambiguous);
                    entries.push(Entry { matched_by: Some(by), listed_at, ..entry });
                    &mut sums.ambiguous
                }
                Standing::CannotTell => {
                    entries.push(entry(Finding::CannotTell));
                    &mut sums.cannot_tell
                }
                Standing::NotInList => {
                    entries.push(entry(Finding::NotInList));
                    &mut sums.not_in_list
                }
            };
            count.add(member.seat);
        }
        sums
    }

    fn standing(&self, member: &Member, index: u32, found: &Found, meetings: &[Met]) -> Standing {
        let mut people = self.people(found);
        let Some(first) = people.next() else {
            let by_email = !self.emails.is_empty() && member.email().and_then(email).is_some();
            let can_be_told = by_email || !self.usernames.is_empty();
            return if can_be_told { Standing::NotInList } else { Standing::CannotTell };
        };
        let is_only_one = people.all(|person| person == first);
        let has_met_nobody_else = meetings[first as usize] == Met::One(index);
        let by = if found.by_email.is_empty() { MatchedBy::Username } else { MatchedBy::Email };
        if is_only_one && has_met_nobody_else {
            Standing::Known(by)
        } else {
            Standing::Ambiguous(by)
        }
    }

    /// Where those are in the list whom a member may be.
    fn numbers(&self, found: &Found) -> Vec<u32> {
        // Nobody comes more than twice.
        let people = self.people(found).take(2 * MOST_LISTED_AT);
        let mut numbers: Vec<u32> = people.map(|index| self.people.get(index).number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.truncate(MOST_LISTED_AT);
        numbers
    }

    /// Counts the seats of rows that name nobody, and tells of those that are nobody's in the list.
    fn sort_out_unnamed(
        &self,
        id: &'a OrganizationId,
        roster: &'a Roster,
        has_access: &mut [bool],
        entries: &mut Vec<Entry<'a>>,
    ) -> UnnamedSeats {
        let mut seats = UnnamedSeats::default();
        let mut rows: Vec<&UnnamedRow> = roster.unnamed().iter().filter(|row| row.seat).collect();
        rows.sort_by_key(|row| &row.email);
        for row in rows {
            let found = self.find_email(row.email.as_deref());
            let can_be_told =
                !self.emails.is_empty() && row.email.as_deref().and_then(email).is_some();
            if !found.is_empty() {
                seats.in_list += 1;
                self.emails.people(&found).for_each(|person| has_access[person as usize] = true);
            } else if can_be_told {
                seats.not_in_list += 1;
                entries.push(Entry::of_unnamed(id, row, Finding::NotInList));
            } else {
                seats.cannot_tell += 1;
                entries.push(Entry::of_unnamed(id, row, Finding::CannotTell));
            }
        }
        seats
    }
}

/// Counts the people of the list, and tells of those who have no access.
fn sort_out_people<'a>(
    people: &'a People,
    has_access: &[bool],
    entries: &mut Vec<Entry<'a>>,
) -> Listed {
    let mut listed = Listed::default();
    for (person, has_access) in people.iter().zip(has_access) {
        let (has_email, has_username) =
            (person.emails().next().is_some(), person.usernames().next().is_some());
        listed.with_email += u64::from(has_email);
        listed.with_username += u64::from(has_username);
        if *has_access {
            listed.with_access += 1;
        } else if has_email || has_username {
            listed.no_access += 1;
            entries.push(Entry::of_person(person, Finding::NoAccess));
        } else {
            listed.cannot_tell += 1;
            entries.push(Entry::of_person(person, Finding::CannotTell));
        }
    }
    listed
}

#[cfg(test)]
mod tests;
