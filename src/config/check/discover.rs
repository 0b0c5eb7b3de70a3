//! The rules of `discover`: what each takes from the top level.

use super::organizations::guard;
use super::place::{Place, Section};
use super::{Checker, Token};
use crate::config::DiscoverRule;
use crate::config::filter::OrganizationFilter;
use crate::config::options::{DiscoverOptions, GuardOptions, SeatsOptions};
use crate::config::reader;
use crate::config::tree::{Node, Step, Value};
use crate::config::value::Patterns;
use crate::organization::Service;

/// The key of the list.
pub(super) const DISCOVER: &str = "discover";

const LIST_HINT: &str = "`discover: [{ service: github, match: \"acme-*\" }]` is one with one rule";

impl Checker<'_> {
    /// The rules that are right, and whether the file still has to name an organization.
    pub(super) fn discover(
        &mut self,
        list: Option<Node>,
        token: &Token,
    ) -> (Vec<DiscoverRule>, bool) {
        let nodes = match list {
            None | Some(Node { value: Value::Null, .. }) => Vec::new(),
            Some(Node { value: Value::Sequence(nodes), .. }) => nodes,
            Some(Node { position, .. }) => {
                let place = Place { position, path: DISCOVER.to_owned() };
                let problem = place.error("expected a list of rules");
                self.problems.push(problem.with_hint(LIST_HINT));
                return (Vec::new(), false);
            }
        };
        let is_needed = nodes.is_empty();
        let mut rules = Vec::new();
        for (index, mut node) in nodes.into_iter().enumerate() {
            let path = [Step::Key(DISCOVER.to_owned()), Step::Index(index)];
            let own = reader::read(&mut node, &path, &mut self.problems);
            let section = Section { node: &node, path: &path };
            rules.extend(own.and_then(|own| self.rule(section, own, token)));
        }
        (rules, is_needed)
    }

    fn rule(
        &mut self,
        section: Section<'_>,
        own: DiscoverOptions,
        top_token: &Token,
    ) -> Option<DiscoverRule> {
        let options = self.options;
        let service = own.service.0;
        let matching = self.patterns(section, "match", service, &own.r#match);
        let exclude =
            own.exclude.map(|patterns| self.patterns(section, "exclude", service, &patterns));
        if let Some(url) = &own.base_url {
            self.url(section, &["base_url"], url);
        }
        let token = self.token(section, &[], own.token_file.as_deref(), own.token_env.as_ref());
        let token = if token.is_named { &token } else { top_token };
        if !token.is_named {
            let problem = section.place(&[]).error("there is no token for this rule");
            self.problems.push(problem.with_hint(
                "name a file in `codecov.token_file`, for all, or in `token_file` here",
            ));
        }
        Some(DiscoverRule {
            service,
            matching: matching?,
            exclude: match exclude {
                Some(exclude) => Some(exclude?),
                None => None,
            },
            schedule: own.schedule.unwrap_or_else(|| options.schedule.clone()),
            timezone: own.timezone.unwrap_or(options.timezone).0,
            token: token.source.clone()?,
            base_url: own.base_url.unwrap_or_else(|| options.codecov.base_url.clone()).0,
            require_admin: own.require_admin,
            guard: guard(&GuardOptions::default(), &options.guard),
            seats: self.seats(section, &SeatsOptions::default()),
        })
    }

    /// Patterns over owners as patterns over organizations.
    fn patterns(
        &mut self,
        section: Section<'_>,
        key: &str,
        service: Service,
        Patterns(owners): &Patterns,
    ) -> Option<OrganizationFilter> {
        let place = section.place(&[key]);
        if owners.is_empty() {
            let problem = place.error("no patterns, expected at least one");
            self.problems.push(problem.with_hint("`*` matches everybody"));
            return None;
        }
        let is_below = |owner: &&String| owner.contains('/') && !service.has_subgroups();
        if let Some(owner) = owners.iter().find(is_below) {
            let text = format!("`{owner}` can match nobody: an owner on {service} has no `/`");
            let hint = "the service stands in `service`; a pattern is of the owner alone";
            self.problems.push(place.error(text).with_hint(hint));
            return None;
        }
        let patterns = owners.iter().map(|owner| format!("{service}/{owner}")).collect();
        match OrganizationFilter::of(patterns) {
            Ok(filter) => Some(filter),
            Err(error) => {
                self.problems.push(place.error(format!("not a pattern: {}", error.kind())));
                None
            }
        }
    }
}
