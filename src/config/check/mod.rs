//! Checks values against each other and makes the [`Config`] that the program uses.
//!
//! What one value can tell by itself was checked when it was read. Here are the rules between
//! two: overrides, secrets named twice or not at all, organizations that are the same, filters
//! that name nothing. What was wrong already is passed over, not complained about again.

mod discover;
mod organizations;
mod place;
mod sinks;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::discover::DISCOVER;
use self::organizations::ORGANIZATIONS;
pub(super) use self::place::{Place, Section};
pub(super) use self::sinks::NamedSink;
use self::sinks::SINKS;
use super::options::{Options, SeatsOptions};
use super::problem::{Problem, Problems};
use super::reader;
use super::tree::{Node, Step, Value};
use seatwatch_sdk::Origin;

use super::value::{Amount, BaseUrl, Instance, Variable, WarnAt};
use super::web::{WebConfig, WebFile, exposure};
use super::{CodecovConfig, Config, Price, SeatsConfig, SecretSource};

/// What became of a file.
#[derive(Default)]
pub(super) struct Checked {
    /// There if nothing is wrong, and sometimes if something is.
    pub(super) config: Option<Config>,
    pub(super) problems: Vec<Problem>,
    /// Where each secret is named.
    pub(super) tokens: Vec<(Place, SecretSource)>,
    /// Where the certificate authorities are named, if they are.
    pub(super) ca_file: Option<(Place, PathBuf)>,
    /// The sinks, which may name files.
    pub(super) sinks: Vec<NamedSink>,
}

/// What a check may look at besides the text.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// Where systemd keeps secrets for us, if it does.
    pub(super) credentials: Option<PathBuf>,
    /// Whether to look for external plugins where the text says.
    pub(super) plugins: bool,
    /// Whether the text may do without organizations.
    pub(super) unfinished: bool,
}

/// Reads and checks `text`, which stands in the file `origin`.
pub(super) fn check(text: &str, origin: &Path, outside: &Outside) -> Checked {
    let mut root = match Node::parse(text) {
        Ok(root) => root,
        Err(problem) => return Checked { problems: vec![problem], ..Checked::default() },
    };
    let mut problems = Vec::new();
    let options = reader::read(&mut root, &[], &mut problems);
    let Some(options): Option<Options> = options else {
        return Checked { problems, ..Checked::default() };
    };
    let organizations = take(&mut root, ORGANIZATIONS);
    let discover = take(&mut root, DISCOVER);
    let sinks = take(&mut root, SINKS);
    let directory = directory_of(origin);
    let mut checker = Checker {
        options: &options,
        top: Section { node: &root, path: &[] },
        directory: &directory,
        outside,
        instance: None,
        problems,
        tokens: Vec::new(),
        named: Vec::new(),
        receivers: HashMap::new(),
    };
    let config = checker.config(organizations, discover, sinks, origin);
    let ca_file = checker
        .options
        .codecov
        .ca_file
        .as_ref()
        .map(|path| (checker.top.place(&["codecov", "ca_file"]), checker.directory.join(path)));
    Checked {
        config,
        problems: checker.problems,
        tokens: checker.tokens,
        ca_file,
        sinks: checker.named,
    }
}

/// The directory that relative paths are relative to, absolute.
fn directory_of(origin: &Path) -> PathBuf {
    let absolute = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// Where external plugins are looked for, absolute.
fn plugin_dirs(options: &Options, directory: &Path) -> Vec<PathBuf> {
    options.plugin_dirs.iter().map(|one| directory.join(one)).collect()
}

/// Takes the value of a key out of the tree, to read its parts one by one.
fn take(root: &mut Node, key: &str) -> Option<Node> {
    let node = root.descend(&[Step::Key(key.to_owned())])?;
    let value = std::mem::replace(&mut node.value, Value::Pruned);
    Some(Node { position: node.position, value })
}

struct Checker<'a> {
    options: &'a Options,
    top: Section<'a>,
    directory: &'a Path,
    outside: &'a Outside,
    /// Known once it is checked.
    instance: Option<String>,
    problems: Vec<Problem>,
    tokens: Vec<(Place, SecretSource)>,
    named: Vec<NamedSink>,
    /// Which sink delivers to each place that only one may deliver to.
    receivers: HashMap<String, String>,
}

/// A token as one mapping names it.
struct Token {
    /// Whether it names one at all, right or wrong.
    is_named: bool,
    source: Option<SecretSource>,
}

impl Checker<'_> {
    fn config(
        &mut self,
        organizations: Option<Node>,
        discover: Option<Node>,
        sinks: Option<Node>,
        origin: &Path,
    ) -> Option<Config> {
        let options = self.options;
        let codecov = &options.codecov;
        self.instance = self.instance();
        self.url(self.top, &["codecov", "base_url"], &codecov.base_url);
        self.seats(self.top, &options.seats);
        let token = self.token(
            self.top,
            &["codecov"],
            codecov.token_file.as_deref(),
            codecov.token_env.as_ref(),
        );
        let web = self.web();
        let (discover, is_needed) = self.discover(discover, &token);
        let organizations = self.organizations(organizations, &token, is_needed);
        let sinks = self.sinks(sinks, &organizations);
        Some(Config {
            instance: self.instance.take()?,
            state_dir: self.directory.join(&options.state_dir),
            listen: options.listen.0,
            http_hosts: options.http.hosts.iter().map(|host| host.0.clone()).collect(),
            http_pages: options.http.pages.unwrap_or(true),
            web,
            splay: options.splay.0,
            sync_timeout: options.sync_timeout.0,
            max_concurrent_syncs: usize::try_from(options.max_concurrent_syncs.0).ok()?,
            failing_after: u32::try_from(options.failing_after.0).ok()?,
            remind_every: options.remind_every.0,
            heartbeat: options.heartbeat.clone().map(|cron| (cron, options.timezone.0)),
            shutdown_grace: options.shutdown_grace.0,
            retention: options.retention.0,
            plugin_dirs: plugin_dirs(options, self.directory),
            timezone: options.timezone.0,
            codecov: CodecovConfig {
                page_size: codecov.page_size.0,
                timeout: codecov.timeout.0,
                requests_per_second: codecov.requests_per_second.0,
                ca_file: codecov.ca_file.as_ref().map(|path| self.directory.join(path)),
                allow_http: codecov.allow_http,
            },
            base_url: codecov.base_url.0.clone(),
            token: token.source,
            organizations: organizations.valid,
            discover,
            sinks,
            warnings: Problems::new(origin, Vec::new()),
        })
    }

    /// What the file says, or else the host name.
    fn instance(&mut self) -> Option<String> {
        if let Some(Instance(name)) = &self.options.instance {
            return Some(name.clone());
        }
        if self.top.has(&["instance"]) {
            return None;
        }
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        if let Ok(Instance(name)) = host.as_deref().unwrap_or_default().parse() {
            return Some(name);
        }
        let problem = self
            .top
            .place(&[])
            .error("`instance` is missing, and the host name cannot stand in for it");
        self.problems.push(problem.with_hint("add a line such as `instance: prod`"));
        None
    }

    /// How the endpoints are protected. Where other machines can reach pages, which show names,
    /// that takes a file; what must be in it is known once it is read.
    fn web(&mut self) -> WebFile {
        let http = &self.options.http;
        let named = http
            .web_config_file
            .as_ref()
            .map(|name| (self.locate(name), self.top.place(&["http", "web_config_file"])));
        let address = self.options.listen.0;
        let is_loopback = address.ip().to_canonical().is_loopback();
        let exposed = (!is_loopback && http.pages != Some(false))
            .then(|| (address, self.top.place(&["listen"])));
        // What is wrong in that section may be what was to say it.
        let is_unclear = self.problems.iter().any(|problem| problem.path.starts_with("http"));
        if let (None, Some((address, place)), false) = (&named, &exposed, is_unclear) {
            self.problems.extend(exposure(*address, place, &WebConfig::default(), None));
        }
        WebFile { named, exposed }
    }

    fn url(&mut self, section: Section<'_>, keys: &[&str], url: &BaseUrl) {
        if url.is_exposed() && !self.options.codecov.allow_http {
            let problem = section.place(keys).error("a URL without TLS is refused");
            self.problems.push(problem.with_hint(
                "use `https`, or allow that the token can be read on the way: \
                 `codecov.allow_http: true`",
            ));
        }
    }

    /// The token that `token_file` or `token_env` in `section`, at the end of `keys`, names.
    fn token(
        &mut self,
        section: Section<'_>,
        keys: &[&str],
        file: Option<&Path>,
        variable: Option<&Variable>,
    ) -> Token {
        let file_keys = [keys, &["token_file"]].concat();
        let variable_keys = [keys, &["token_env"]].concat();
        let is_named = section.has(&file_keys) || section.has(&variable_keys);
        let (place, source) = match (file, variable) {
            (Some(_), Some(_)) => {
                let place = section.place(&variable_keys);
                let problem =
                    place.error("`token_file` and `token_env` are both given, expected one");
                self.problems.push(problem.with_hint("remove one of the two lines"));
                return Token { is_named, source: None };
            }
            (Some(name), None) => {
                let source = self.locate(name);
                (section.place(&file_keys), source)
            }
            (None, Some(Variable(name))) => {
                (section.place(&variable_keys), SecretSource::Env(name.clone()))
            }
            (None, None) => return Token { is_named, source: None },
        };
        self.tokens.push((place, source.clone()));
        Token { is_named, source: Some(source) }
    }

    /// Where the secret is that the file calls `name`.
    fn locate(&self, name: &Path) -> SecretSource {
        let (directory, credentials) = (self.directory, self.outside.credentials.as_deref());
        SecretSource::locate(name, &Origin { directory, credentials, ..Origin::default() })
    }

    /// The seats of an organization, or those of the top level.
    fn seats(&mut self, section: Section<'_>, own: &SeatsOptions) -> SeatsConfig {
        let top = &self.options.seats;
        let limit = own.limit.or(top.limit).map(|limit| limit.0);
        let warn_at = own.warn_at.or(top.warn_at).unwrap_or_default();
        // What stands at the top level alone is reported there alone.
        let is_own = own.limit.is_some() || own.warn_at.is_some();
        if let (true, Some(limit), WarnAt::Seats(seats)) = (is_own, limit, warn_at)
            && seats > limit
        {
            let key = if own.warn_at.is_some() { "warn_at" } else { "limit" };
            let place = section.place(&["seats", key]);
            let problem = place.error(format!(
                "`warn_at` is {seats} and `limit` is {limit}: the warning would never come first"
            ));
            self.problems.push(problem.with_hint("`warn_at` must not be above `limit`"));
        }
        SeatsConfig { limit, warn_at, price: self.price(section, own) }
    }

    /// What a seat costs: the amount and the currency each its own, or that of the top level.
    fn price(&mut self, section: Section<'_>, own: &SeatsOptions) -> Option<Price> {
        let top = &self.options.seats;
        let Amount(per_seat) = own.price_per_seat.or(top.price_per_seat)?;
        let currency = own.currency.or(top.currency);
        // As above: what stands at the top level alone is reported there alone.
        if currency.is_none()
            && own.price_per_seat.is_some()
            && !section.has(&["seats", "currency"])
        {
            let place = section.place(&["seats", "price_per_seat"]);
            let problem = place.error("`price_per_seat` without a `currency`");
            self.problems.push(problem.with_hint("add a line such as `currency: USD`"));
        }
        Some(Price { per_seat, currency: currency? })
    }
}
