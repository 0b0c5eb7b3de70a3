//! Names an organization: a git service and an owner on it.
//!
//! Config, client, store, events and CLI all speak of organizations through the types here, so
//! that `GH/Acme` and `github/acme` are one organization everywhere.
//!
//! Pure: knows neither the config file nor the network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A git service that Codecov knows, by its long word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Service {
    Github,
    Gitlab,
    Bitbucket,
    GithubEnterprise,
    GitlabEnterprise,
    BitbucketServer,
}

impl Service {
    /// All of them, in the order in which they are offered to people.
    pub const ALL: [Self; 6] = [
        Self::Github,
        Self::Gitlab,
        Self::Bitbucket,
        Self::GithubEnterprise,
        Self::GitlabEnterprise,
        Self::BitbucketServer,
    ];

    /// The long lower-case word, as Codecov's rows show it and as we write it everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::GithubEnterprise => "github_enterprise",
            Self::GitlabEnterprise => "gitlab_enterprise",
            Self::BitbucketServer => "bitbucket_server",
        }
    }

    /// The short form that Codecov accepts in URLs too.
    pub fn short(self) -> &'static str {
        match self {
            Self::Github => "gh",
            Self::Gitlab => "gl",
            Self::Bitbucket => "bb",
            Self::GithubEnterprise => "ghe",
            Self::GitlabEnterprise => "gle",
            Self::BitbucketServer => "bbs",
        }
    }

    /// Whether its groups have groups below them, `grp/sub`.
    pub fn has_subgroups(self) -> bool {
        matches!(self, Self::Gitlab | Self::GitlabEnterprise)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Service {
    type Err = NameError;

    /// Accepts the long and the short word in any letter case.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL
            .into_iter()
            .find(|service| {
                text.eq_ignore_ascii_case(service.word())
                    || text.eq_ignore_ascii_case(service.short())
            })
            .ok_or_else(|| NameError::Service(text.to_owned()))
    }
}

/// The identity of an organization: long service word and lower-cased owner, `github/acme`.
///
/// A GitLab subgroup is kept as Codecov keeps it, with colons: `gitlab/group:subgroup`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct OrganizationId {
    service: Service,
    owner: String,
}

impl OrganizationId {
    /// Names the organization `owner` on `service`.
    ///
    /// # Errors
    ///
    /// The owner is empty, holds white space or a control character, a `/` outside GitLab, or
    /// one of the characters that would change the URL it is put into.
    pub fn new(service: Service, owner: &str) -> Result<Self, NameError> {
        let owner = owner.to_lowercase();
        let owner = if service.has_subgroups() { owner.replace('/', ":") } else { owner };
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/\\?#%".contains(c);
        if owner.is_empty() || owner.split(':').any(str::is_empty) || owner.contains(bad) {
            return Err(NameError::Owner(owner));
        }
        // What a reader would not see, or what would deceive them, is in no name of an owner.
        if owner == "." || owner == ".." || seatwatch_sdk::shown(&owner) != owner {
            return Err(NameError::Owner(seatwatch_sdk::shown(&owner)));
        }
        Ok(Self { service, owner })
    }

    /// The git service.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The owner in lower case; subgroups separated by `:`.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.owner)
    }
}

impl FromStr for OrganizationId {
    type Err = NameError;

    /// Reads `service/owner`; on GitLab the owner may hold `/` or `:` for subgroups.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (service, owner) =
            text.split_once('/').ok_or_else(|| NameError::NoSlash(text.to_owned()))?;
        Self::new(service.parse()?, owner)
    }
}

impl From<OrganizationId> for String {
    fn from(id: OrganizationId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for OrganizationId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

/// Why a text does not name an organization.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no `/` between service and owner.
    #[error("`{0}` does not name an organization: expected `service/owner`, such as `github/acme`")]
    NoSlash(String),
    /// Not one of the six services.
    #[error("`{0}` is not a git service: expected {known}", known = known_services())]
    Service(String),
    /// The owner cannot stand in a URL.
    #[error("`{0}` cannot be the name of an owner")]
    Owner(String),
}

/// `github, gitlab or bitbucket`.
fn known_services() -> String {
    let [others @ .., last] = Service::ALL.map(Service::word);
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, identity: &str) {
        assert_eq!(text.parse::<OrganizationId>().unwrap().to_string(), identity);
    }

    #[test]
    fn spellings_of_one_organization_are_equal() {
        check("github/acme", "github/acme");
        check("GH/ACME", "github/acme");
        check("ghe/Acme", "github_enterprise/acme");
        check("gitlab/grp/Sub", "gitlab/grp:sub");
        check("gl/grp:sub", "gitlab/grp:sub");
        check("bbs/x_y.z", "bitbucket_server/x_y.z");
    }

    #[test]
    fn what_cannot_be_an_owner_is_refused() {
        for text in ["acme", "svn/acme", "github/", "github/a/b", "github/a b", "gitlab/a//b"] {
            assert!(text.parse::<OrganizationId>().is_err(), "{text}");
        }
        for text in [
            "github/a?b",
            "github/a%2Fb",
            "github/..",
            "github/a\u{7}",
            "gitlab/:a",
            "github/\u{202e}a",
        ] {
            assert!(text.parse::<OrganizationId>().is_err(), "{text}");
        }
    }
}
