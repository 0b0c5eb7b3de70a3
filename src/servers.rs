//! The Codecov servers that a config names, one per base URL.
//!
//! All organizations of a server share its connections and its rate limit. A reload that changes
//! neither keeps them.

use std::collections::HashMap;

use url::Url;

use crate::codecov::{self, Authorities, Observer, Policy, Server, Settings};
use crate::config::{Config, Organization};

/// Every server that a config names.
#[derive(Clone, Default)]
pub struct Servers {
    authorities: Option<Authorities>,
    by_url: HashMap<Url, (Settings, Server)>,
}

impl Servers {
    /// Prepares to ask the servers of these organizations, and of all rules; no request is made, but
    /// the certificates are read anew. What `before` has and is meant to be the same is kept. Every
    /// request is told to `observer`.
    ///
    /// # Errors
    ///
    /// [`Reason::Tls`](codecov::Reason::Tls): no trust can be put in `codecov.ca_file`.
    pub fn of<'a>(
        config: &Config,
        organizations: impl IntoIterator<Item = &'a Organization>,
        before: &Self,
        policy: Policy,
        observer: Option<&Observer>,
    ) -> Result<Self, codecov::Error> {
        let authorities = read_authorities(config)?;
        Self::trusting(authorities, config, organizations, before, policy, observer)
    }

    /// As [`of`](Self::of), with these certificates, whatever `codecov.ca_file` holds by now.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn trusting<'a>(
        authorities: Option<Authorities>,
        config: &Config,
        organizations: impl IntoIterator<Item = &'a Organization>,
        before: &Self,
        policy: Policy,
        observer: Option<&Observer>,
    ) -> Result<Self, codecov::Error> {
        let mut servers = HashMap::new();
        let of_rules = config.discover.iter().map(|rule| &rule.base_url);
        let urls = organizations.into_iter().map(|organization| &organization.base_url);
        for url in urls.chain(of_rules).chain([&config.base_url]) {
            if servers.contains_key(url) {
                continue;
            }
            let settings = settings(config, url, authorities.clone());
            let server = match before.by_url.get(url) {
                Some((same, server)) if *same == settings => server.clone(),
                _ => {
                    let server = Server::new(&settings, policy)?;
                    match observer {
                        Some(observer) => server.observed_by(observer.clone()),
                        None => server,
                    }
                }
            };
            servers.insert(url.clone(), (settings, server));
        }
        Ok(Self { authorities, by_url: servers })
    }

    /// Whom they trust besides those whom the machine trusts.
    pub fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// Whether a server that both have is treated otherwise here.
    pub fn differ_from(&self, before: &Self) -> bool {
        let was = |url| before.by_url.get(url).map(|(settings, _)| settings);
        self.by_url.iter().any(|(url, (settings, _))| was(url).is_some_and(|was| was != settings))
    }

    /// The server that knows an organization.
    ///
    /// # Panics
    ///
    /// The organization is not one of those that these servers were prepared for.
    pub fn get(&self, organization: &Organization) -> &Server {
        self.at(&organization.base_url)
    }

    /// The server at a base URL of the config.
    ///
    /// # Panics
    ///
    /// These servers were prepared for another config.
    pub fn at(&self, base_url: &Url) -> &Server {
        let (_, server) = self.by_url.get(base_url).expect("a server was prepared for it");
        server
    }
}

/// Reads the certificates that a config names. Blocks.
///
/// # Errors
///
/// [`Reason::Tls`](codecov::Reason::Tls): no trust can be put in `codecov.ca_file`.
pub fn read_authorities(config: &Config) -> Result<Option<Authorities>, codecov::Error> {
    config.codecov.ca_file.as_deref().map(Authorities::read).transpose()
}

fn settings(config: &Config, base_url: &Url, authorities: Option<Authorities>) -> Settings {
    let codecov = &config.codecov;
    Settings {
        base_url: base_url.clone(),
        page_size: u32::try_from(codecov.page_size).unwrap_or(u32::MAX),
        timeout: codecov.timeout,
        requests_per_second: codecov.requests_per_second,
        authorities,
    }
}
