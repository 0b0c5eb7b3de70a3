//! The rules by which organizations are watched without being named.
//!
//! Pure: what there is to match is looked up elsewhere. A config knows what its rules have found as
//! far as it was told; see [`Config::watching`].

use chrono_tz::Tz;
use url::Url;

use super::{
    Config, Cron, GuardConfig, OnFirstSync, Organization, OrganizationFilter, SeatsConfig,
    SecretSource,
};
use crate::organization::{OrganizationId, Service};

/// One rule: whom to watch, and how.
#[derive(Clone, Debug)]
pub struct DiscoverRule {
    /// The git service.
    pub service: Service,
    /// Whom it matches.
    pub(super) matching: OrganizationFilter,
    /// Whom of those it leaves out.
    pub(super) exclude: Option<OrganizationFilter>,
    /// When to sync what it finds.
    pub schedule: Cron,
    /// The zone of that schedule.
    pub timezone: Tz,
    /// Whose listing is looked up, and who reads what is found.
    pub token: SecretSource,
    /// The server's root, as of an organization.
    pub base_url: Url,
    /// Whether a token that is not an admin's fails the syncs.
    pub require_admin: bool,
    /// When to hold a roster.
    pub guard: GuardConfig,
    /// What is paid for.
    pub seats: SeatsConfig,
}

impl DiscoverRule {
    /// Whether it wants this organization to be watched.
    pub fn matches(&self, id: &OrganizationId) -> bool {
        self.could_match(id) && !self.excludes(id)
    }

    fn could_match(&self, id: &OrganizationId) -> bool {
        id.service() == self.service && self.matching.matches(id)
    }

    fn excludes(&self, id: &OrganizationId) -> bool {
        self.exclude.as_ref().is_some_and(|exclude| exclude.matches(id))
    }

    /// Whether both are looked up in one listing: that of one token on one service.
    pub fn shares_listing_with(&self, other: &Self) -> bool {
        let listing = |rule: &Self| (rule.service, rule.token.clone(), rule.base_url.clone());
        listing(self) == listing(other)
    }

    /// `github/acme-*, except github/acme-old`.
    pub fn in_words(&self) -> String {
        let list = |filter: &OrganizationFilter| filter.patterns().unwrap_or_default().join(", ");
        match &self.exclude {
            Some(exclude) => format!("{}, except {}", list(&self.matching), list(exclude)),
            None => list(&self.matching),
        }
    }

    /// The organization as it would be if the file named it with what the rule says.
    fn organization(&self, id: OrganizationId) -> Organization {
        Organization {
            id,
            discovered: true,
            label: None,
            formerly: None,
            schedule: self.schedule.clone(),
            timezone: self.timezone,
            token: self.token.clone(),
            base_url: self.base_url.clone(),
            require_admin: self.require_admin,
            on_first_sync: OnFirstSync::Quiet,
            guard: self.guard,
            seats: self.seats,
        }
    }
}

impl Config {
    /// The rule that wants an organization to be watched. None for one that the file names, or
    /// names as what another was before it moved: what stands there wins.
    pub fn rule_for(&self, id: &OrganizationId) -> Option<&DiscoverRule> {
        let is_named = |one: &Organization| {
            !one.discovered && (one.id == *id || one.formerly.as_ref() == Some(id))
        };
        let rule = self.discover.iter().find(|rule| rule.matches(id));
        rule.filter(|_| !self.organizations.iter().any(is_named))
    }

    /// Whether an organization would be watched if no rule left it out. One that the file names is
    /// watched all the same.
    pub fn is_excluded(&self, id: &OrganizationId) -> bool {
        let is_excluded = |rule: &DiscoverRule| rule.could_match(id) && rule.excludes(id);
        self.rule_for(id).is_none() && self.discover.iter().any(is_excluded)
    }

    /// The same config, which watches of these organizations those that its rules want, beside
    /// those that the file names; no others.
    #[must_use]
    pub fn watching(mut self, found: impl IntoIterator<Item = OrganizationId>) -> Self {
        self.organizations.retain(|organization| !organization.discovered);
        let wanted = found.into_iter().filter_map(|id| Some(self.rule_for(&id)?.organization(id)));
        let wanted: Vec<Organization> = wanted.collect();
        self.organizations.extend(wanted);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::parse;

    /// Which of `found` a config watches.
    #[track_caller]
    fn check(rules: &str, found: &str, watched: &str) {
        let text = format!("instance: test\ncodecov: {{ token_env: T }}\n{rules}");
        let config = parse(&text, Path::new("/seatwatch.yaml")).unwrap();
        let config = config.watching(found.split_whitespace().map(|id| id.parse().unwrap()));
        let ids: Vec<String> = config.organizations.iter().map(|one| one.id.to_string()).collect();
        assert_eq!(ids.join(" "), watched);
        // Told again, it knows nobody twice, and forgets who is gone.
        let none = config.watching([]);
        assert!(none.organizations.iter().all(|one| !one.discovered));
    }

    #[test]
    fn a_rule_watches_whom_it_matches() {
        let acme = "discover: [{ service: gh, match: \"Acme-*\" }]";
        check(acme, "github/acme-a github/acme github/acme-b", "github/acme-a github/acme-b");
        check(acme, "gitlab/acme-a", "");
        let but = "discover: [{ service: github, match: \"*\", exclude: [mona, \"*-old\"] }]";
        check(but, "github/acme github/mona github/acme-old", "github/acme");
        let list = "discover: [{ service: gitlab, match: [\"grp/*\", acme] }]";
        check(list, "gitlab/grp:sub gitlab/acme gitlab/grp", "gitlab/grp:sub gitlab/acme");
    }

    #[test]
    fn who_is_named_is_as_the_file_says() {
        let rules = "discover: [{ service: github, match: \"*\" }]\n\
                     organizations: [{ service: github, owner: acme, formerly: github/old }]";
        check(rules, "github/acme github/old github/new", "github/acme github/new");
    }
}
