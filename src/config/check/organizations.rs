//! The list of organizations: what each takes from the top level, and no two the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::place::{Place, Section};
use super::{Checker, Token};
use crate::config::options::{GuardOptions, OrganizationOptions};
use crate::config::problem::Position;
use crate::config::reader;
use crate::config::tree::{Node, Step, Value};
use crate::config::value::OrganizationName;
use crate::config::{GuardConfig, Organization};
use crate::organization::OrganizationId;

/// The key of the list.
pub(super) const ORGANIZATIONS: &str = "organizations";

const LIST_HINT: &str = "write `organizations: [github/acme]`, or a list of `- github/acme` lines";

/// The organizations that the file names.
#[derive(Default)]
pub(super) struct Organizations {
    pub(super) valid: Vec<Organization>,
    /// Where each was named first.
    pub(super) first: HashMap<OrganizationId, Position>,
    /// Which say that they were another before, and where they say it.
    pub(super) moved: Vec<(Place, OrganizationId, OrganizationId)>,
    /// Whether some could not be read, so that names may be missing.
    pub(super) are_partial: bool,
}

impl Checker<'_> {
    /// Checks the list, which may be empty where there are other ways to know of organizations.
    pub(super) fn organizations(
        &mut self,
        list: Option<Node>,
        token: &Token,
        is_needed: bool,
    ) -> Organizations {
        // Where rules find some, nobody knows their names yet.
        let mut organizations =
            Organizations { are_partial: !is_needed, ..Organizations::default() };
        let (place, nodes) = match list {
            Some(Node { value: Value::Sequence(nodes), position }) => {
                (Place { position, path: ORGANIZATIONS.to_owned() }, nodes)
            }
            Some(Node { value: Value::Null, position }) => {
                (Place { position, path: ORGANIZATIONS.to_owned() }, Vec::new())
            }
            Some(Node { position, .. }) => {
                let place = Place { position, path: ORGANIZATIONS.to_owned() };
                let problem = place.error("expected a list of organizations");
                self.problems.push(problem.with_hint(LIST_HINT));
                organizations.are_partial = true;
                return organizations;
            }
            None => (self.top.place(&[]), Vec::new()),
        };
        if nodes.is_empty() && is_needed && !self.outside.unfinished {
            let problem = place.error("`organizations` is missing or empty, expected at least one");
            self.problems.push(problem.with_hint(LIST_HINT));
        }
        let mut without_token = None;
        for (index, node) in nodes.into_iter().enumerate() {
            if self.problems.len() >= reader::MAX_PROBLEMS {
                organizations.are_partial = true;
                break;
            }
            let path = [Step::Key(ORGANIZATIONS.to_owned()), Step::Index(index)];
            let lacks_token = self.organization(node, &path, token, &mut organizations);
            without_token = without_token.or(lacks_token);
        }
        if let Some((place, id)) = without_token {
            let problem = place.error(format!("there is no token for {id}"));
            self.problems.push(problem.with_hint(
                "name a file in `codecov.token_file`, for all, or in `token_file` here",
            ));
        }
        self.formerly(&organizations);
        organizations
    }

    /// A history can go on under one name only, and not under its own.
    fn formerly(&mut self, organizations: &Organizations) {
        let mut heirs: HashMap<&OrganizationId, &OrganizationId> = HashMap::new();
        for (place, id, former) in &organizations.moved {
            let problem = if id == former {
                place
                    .error(format!("{id} is what it is called now"))
                    .with_hint("name what it was called before, or remove the line")
            } else if let Some(position) = organizations.first.get(former) {
                place.error(format!("{former} is itself among `{ORGANIZATIONS}`")).with_hint(
                    format!("it stands at {position}; remove it there if it is called {id} now"),
                )
            } else if let Some(other) = heirs.insert(former, id) {
                place
                    .error(format!("{other} was {former} already, and one history goes on once"))
                    .with_hint("remove the line at the one that is new")
            } else {
                continue;
            };
            self.problems.push(problem);
        }
    }

    /// Checks one entry. Returns where a token is missing, so that only the first such place is
    /// reported: most often it is the one token for all.
    fn organization(
        &mut self,
        mut node: Node,
        path: &[Step],
        top_token: &Token,
        organizations: &mut Organizations,
    ) -> Option<(Place, OrganizationId)> {
        let own = match node.value {
            Value::Mapping(_) => reader::read(&mut node, path, &mut self.problems),
            _ => reader::read::<OrganizationName>(&mut node, path, &mut self.problems)
                .map(|name| OrganizationOptions::named(&name)),
        };
        let section = Section { node: &node, path };
        let Some(own) = own else {
            organizations.are_partial = true;
            return None;
        };
        let id = match OrganizationId::new(own.service.0, &own.owner) {
            Ok(id) => id,
            Err(error) => {
                organizations.are_partial = true;
                self.problems.push(section.place(&["owner"]).error(error.to_string()));
                return None;
            }
        };
        match organizations.first.entry(id.clone()) {
            Slot::Vacant(slot) => slot.insert(node.position),
            Slot::Occupied(slot) => {
                let first = slot.get();
                let problem = section.place(&[]).error(format!("{id} stands here a second time"));
                self.problems.push(problem.with_hint(format!(
                    "the first is at {first}; remove one (for one name on two servers run two \
                     instances of seatwatch)"
                )));
                return None;
            }
        };
        let formerly = own.formerly.map(|OrganizationName(formerly)| formerly);
        if let Some(formerly) = &formerly {
            let place = section.place(&["formerly"]);
            organizations.moved.push((place, id.clone(), formerly.clone()));
        }
        let options = self.options;
        if let Some(url) = &own.base_url {
            self.url(section, &["base_url"], url);
        }
        let seats = self.seats(section, &own.seats);
        let token = self.token(section, &[], own.token_file.as_deref(), own.token_env.as_ref());
        let token = if token.is_named { &token } else { top_token };
        let Some(source) = token.source.clone() else {
            return (!token.is_named).then(|| (section.place(&[]), id));
        };
        organizations.valid.push(Organization {
            id,
            discovered: false,
            label: own.label.map(|label| label.0),
            formerly,
            schedule: own.schedule.unwrap_or_else(|| options.schedule.clone()),
            timezone: own.timezone.unwrap_or(options.timezone).0,
            token: source,
            base_url: own.base_url.unwrap_or_else(|| options.codecov.base_url.clone()).0,
            require_admin: own.require_admin,
            on_first_sync: own.on_first_sync,
            guard: guard(&own.guard, &options.guard),
            seats,
        });
        None
    }
}

pub(super) fn guard(own: &GuardOptions, top: &GuardOptions) -> GuardConfig {
    let default = GuardConfig::default();
    let max_leave_percent = own.max_leave_percent.or(top.max_leave_percent);
    GuardConfig {
        min_leavers: own.min_leavers.or(top.min_leavers).map_or(default.min_leavers, |n| n.0),
        max_leave_percent: max_leave_percent.map_or(default.max_leave_percent, |n| n.0),
        max_leavers: own.max_leavers.or(top.max_leavers).map_or(default.max_leavers, |n| n.0),
    }
}
