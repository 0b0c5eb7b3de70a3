//! Which listings `discover` asks Codecov for: whose token, on which service and server.
//!
//! A listing is that of one token, and says nothing of what another sees. So a service is asked
//! about as the daemon asks it: with the tokens of the rules, and with that of all organizations
//! where one there is read with it. Where there is neither, an organization's own token has to do.
//!
//! Pure: what the listings have is read elsewhere.

use itertools::Itertools as _;
use seatwatch_sdk::SecretSource;
use url::Url;

use crate::config::{Config, Organization};
use crate::organization::Service;

/// What one token sees on one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Listing<'a> {
    /// The git service.
    pub(super) service: Service,
    /// Whose listing it is.
    pub(super) token: &'a SecretSource,
    /// The root of the server that has it.
    pub(super) base_url: &'a Url,
}

/// The services that the config has to do with, each once.
pub(super) fn services(config: &Config) -> Vec<Service> {
    let named = config.organizations.iter().map(|organization| organization.id.service());
    named.chain(config.discover.iter().map(|rule| rule.service)).unique().collect()
}

/// The listings to ask for on a service, each once; none where the config has no token at all for
/// it.
pub(super) fn on(config: &Config, service: Service) -> Vec<Listing<'_>> {
    let listing = |token, base_url| Listing { service, token, base_url };
    let rules = config.discover.iter().filter(|rule| rule.service == service);
    let rules = rules.map(|rule| listing(&rule.token, &rule.base_url));
    let named = || named(config, service).map(|it| listing(&it.token, &it.base_url));
    let general = named().filter(|listing| Some(listing.token) == config.token.as_ref());
    // First that of all: what several see can be watched with it.
    let mut asked: Vec<Listing<'_>> = general.chain(rules).unique().collect();
    if asked.is_empty() {
        asked = named().unique().collect();
    }
    if asked.is_empty() {
        asked.extend(config.token.iter().map(|token| listing(token, &config.base_url)));
    }
    asked
}

/// The organizations on a service that are read with tokens which none of these listings is of.
pub(super) fn left_out<'a>(
    config: &'a Config,
    service: Service,
    asked: &[Listing<'_>],
) -> Vec<&'a Organization> {
    let is_asked = |it: &Organization| {
        asked.iter().any(|listing| (listing.token, listing.base_url) == (&it.token, &it.base_url))
    };
    named(config, service).filter(|organization| !is_asked(organization)).collect()
}

/// The organizations on a service that the file names. What a rule has found is read with the
/// rule's token.
fn named(config: &Config, service: Service) -> impl Iterator<Item = &Organization> {
    let all = config.organizations.iter().filter(|organization| !organization.discovered);
    all.filter(move |organization| organization.id.service() == service)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    /// The tokens that `github` is asked with under a config of these lines, and whom that leaves
    /// out.
    #[track_caller]
    fn check(lines: &str, tokens: &str, left: &str) {
        let text = format!("instance: test\n{lines}\n");
        let config = parse(&text, Path::new("/seatwatch.yaml")).unwrap();
        let asked = on(&config, Service::Github);
        let named = asked.iter().map(|listing| match listing.token {
            SecretSource::Env(name) => name.clone(),
            other => other.to_string(),
        });
        assert_eq!(named.collect_vec().join(" "), tokens, "{lines}");
        let left_out = left_out(&config, Service::Github, &asked);
        assert_eq!(left_out.iter().map(|it| it.id.to_string()).join(" "), left, "{lines}");
    }

    #[test]
    fn a_service_is_asked_about_as_the_daemon_asks_it() {
        let all = "codecov: { token_env: ALL }\n";
        let gitlab = "{ service: gitlab, owner: grp, token_env: GL }";
        let own = "{ service: github, owner: beta, token_env: OWN }";
        let rules = "discover: [{ service: gh, match: \"a*\", token_env: RULE }, \
                     { service: gh, match: \"b*\", token_env: RULE }]";
        check(&format!("{all}organizations: [github/acme]"), "ALL", "");
        check(&format!("{all}organizations: [{gitlab}]"), "ALL", "");
        check(&format!("{all}organizations: [{gitlab}, {own}]"), "OWN", "");
        check(&format!("{all}organizations: [github/acme, {own}]"), "ALL", "github/beta");
        // A token that nobody there reads with may be of an account on another service.
        check(&format!("{all}organizations: [{gitlab}]\n{rules}"), "RULE", "");
        check(
            &format!("{all}organizations: [github/acme, {own}]\n{rules}"),
            "ALL RULE",
            "github/beta",
        );
        check(&format!("organizations: [{gitlab}]"), "", "");
    }
}
