//! Which organizations a sink is told about.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::organization::{OrganizationId, Service};

/// Patterns over `service/owner`, in lower case; without any, everything matches.
#[derive(Clone, Debug)]
pub struct OrganizationFilter {
    patterns: Option<(Vec<String>, GlobSet)>,
}

impl OrganizationFilter {
    /// The filter that lets everything pass.
    pub fn all() -> Self {
        Self { patterns: None }
    }

    /// Lets pass what one of the patterns matches.
    pub(crate) fn of(patterns: Vec<String>) -> Result<Self, globset::Error> {
        let mut globs = GlobSetBuilder::new();
        for pattern in &patterns {
            let pattern = spelled_out(pattern);
            globs.add(GlobBuilder::new(&pattern).literal_separator(true).build()?);
        }
        let globs = globs.build()?;
        Ok(Self { patterns: Some((patterns, globs)) })
    }

    /// Whether events of this organization pass.
    pub fn matches(&self, id: &OrganizationId) -> bool {
        match &self.patterns {
            Some((_, globs)) => globs.is_match(id.to_string()),
            None => true,
        }
    }

    /// The patterns as they stand in the file; nothing if everything passes.
    pub fn patterns(&self) -> Option<&[String]> {
        self.patterns.as_ref().map(|(patterns, _)| patterns.as_slice())
    }
}

/// Whether a text has signs that make it stand for more than one organization.
pub(crate) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// `GH/Acme*` as organizations are written: `github/acme*`.
fn spelled_out(pattern: &str) -> String {
    let pattern = pattern.to_lowercase();
    let parts = pattern.split_once('/').and_then(|(service, owner)| {
        let service: Service = service.parse().ok()?;
        Some((service, owner))
    });
    match parts {
        Some((service, owner)) if service.has_subgroups() => {
            format!("{service}/{}", owner.replace('/', ":"))
        }
        Some((service, owner)) => format!("{service}/{owner}"),
        // Without a service, on any service.
        None if is_glob(&pattern) && !pattern.contains('/') => format!("*/{pattern}"),
        None => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, organization: &str, matches: bool) {
        let filter = OrganizationFilter::of(vec![pattern.to_owned()]).unwrap();
        assert_eq!(filter.matches(&organization.parse().unwrap()), matches);
    }

    #[test]
    fn patterns_follow_the_spellings_of_organizations() {
        check("github/*", "github/acme", true);
        check("github/*", "gitlab/acme", false);
        check("GH/Acme*", "github/acme-labs", true);
        check("github*/acme", "github_enterprise/acme", true);
        check("gitlab/grp/*", "gitlab/grp:sub", true);
        check("*/acme", "gitlab/acme", true);
        check("*", "github/acme", true); // Without a service, on any.
        check("acme*", "gitlab/acme-labs", true);
        check("*/*", "github/acme", true);
        check("**", "github/acme", true);
        check("github/{acme,umbrella}", "github/umbrella", true);
    }

    #[test]
    fn without_patterns_everything_passes() {
        assert!(OrganizationFilter::all().matches(&"github/acme".parse().unwrap()));
    }
}
