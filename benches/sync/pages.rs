//! The rosters that are served, in two editions, and their pages as Codecov writes them.
//!
//! Between the editions one row in a hundred differs: of ten that do, six have another seat, three
//! have joined and one has left, all within what the guard lets pass.

use std::fmt;
use std::str::FromStr;

use seatwatch::simulator::World;
use serde::Serialize;

/// How many organizations of how many members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) organizations: usize,
    pub(crate) members: usize,
}

impl Scale {
    pub(crate) fn new(organizations: usize, members: usize) -> Self {
        Self { organizations, members }
    }

    /// How seatwatch pages a roster of that size, once it knows how large it is.
    pub(crate) fn page_size(self) -> usize {
        if self.members > 1_000 { 10_000 } else { 1_000 }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.organizations, self.members)
    }
}

impl FromStr for Scale {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (organizations, members) = text.split_once('x').unwrap_or((text, ""));
        Ok(Self::new(organizations.parse()?, members.parse()?))
    }
}

/// Which roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Edition {
    Before,
    After,
}

impl Edition {
    pub(crate) const ALL: [Self; 2] = [Self::Before, Self::After];

    /// The first segment of every path.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A row with Codecov's keys in Codecov's order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    service: String,
    username: Option<String>,
    name: Option<String>,
    activated: bool,
    is_admin: bool,
    email: Option<String>,
}

/// The rosters of all organizations in one edition.
pub(crate) fn rosters(scale: Scale, edition: Edition) -> Vec<Vec<Row>> {
    let changes = scale.members / 100;
    let mut people = people(scale.organizations * (scale.members + changes)).into_iter();
    let take = |_| {
        let before: Vec<Row> = people.by_ref().take(scale.members).collect();
        let joiners: Vec<Row> = people.by_ref().take(changes).collect();
        (before, joiners)
    };
    let rosters: Vec<_> = (0..scale.organizations).map(take).collect();
    let mut number = 0;
    rosters
        .into_iter()
        .map(|(mut rows, joiners)| {
            if edition == Edition::After {
                let mut leavers = Vec::new();
                for (change, joiner) in joiners.into_iter().enumerate() {
                    let index = change * 100 + 35 + number % 5;
                    match number % 10 {
                        0..6 => rows[index].activated ^= true,
                        6..9 => rows.push(joiner),
                        _ => leavers.push(index),
                    }
                    number += 1;
                }
                for index in leavers.into_iter().rev() {
                    rows.remove(index);
                }
            }
            rows
        })
        .collect()
}

fn people(count: usize) -> Vec<Row> {
    let mut world = World::default();
    let all = world.organization(&"github/all".parse().unwrap());
    world.populate(all, count);
    let rows = world.rows(all).into_iter().map(|row| Row {
        service: row.service.to_owned(),
        username: row.username.map(str::to_owned),
        name: row.name.map(str::to_owned),
        activated: row.activated,
        is_admin: row.is_admin,
        email: row.email.map(str::to_owned),
    });
    rows.collect()
}

/// The path of a page, below the edition.
pub(crate) fn path(organization: usize, page: usize, page_size: usize) -> String {
    format!(
        "/api/v2/github/{}/users/?page={page}&page_size={page_size}",
        organization_name(organization)
    )
}

pub(crate) fn organization_name(organization: usize) -> String {
    format!("org-{organization}")
}

/// All pages of a roster in that size, from the first.
pub(crate) fn pages(rows: &[Row], page_size: usize, path: impl Fn(usize) -> String) -> Vec<String> {
    let total_pages = rows.len().div_ceil(page_size);
    let page = |(rows, number): (&[Row], usize)| {
        let link = |number| serde_json::to_string(&format!("http://127.0.0.1{}", path(number)));
        let previous = if number > 1 { link(number - 1).unwrap() } else { "null".to_owned() };
        let next = if number < total_pages { link(number + 1).unwrap() } else { "null".to_owned() };
        let results = serde_json::to_string(rows).unwrap();
        (next, previous, results)
    };
    rows.chunks(page_size)
        .zip(1..)
        .map(page)
        .map(|(next, previous, results)| {
            format!(
                r#"{{"count":{},"next":{next},"previous":{previous},"results":{results},"total_pages":{total_pages}}}"#,
                rows.len()
            )
        })
        .collect()
}
