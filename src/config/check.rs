//! Checks values against each other and makes the [`Config`] that the program uses.
//!
//! What one value can tell by itself was checked when it was read. Here are the rules between
//! two: overrides, secrets named twice or not at all, organizations that are the same, filters
//! that name nothing. What was wrong already is passed over, not complained about again.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

use super::filter::{self, OrganizationFilter};
use super::options::{GuardOptions, Options, OrganizationOptions, SeatsOptions, SinkOptions};
use super::problem::{self, Position, Problem, Problems, Severity, did_you_mean};
use super::reader;
use super::secrets::TokenSource;
use super::tree::{self, Entry, Node, Step, Value};
use super::value::{BaseUrl, Instance, OrganizationName, Patience, Variable, WarnAt};
use super::{
    CodecovConfig, Config, GuardConfig, Organization, SeatsConfig, SinkEntry, unavailable,
};
use crate::organization::OrganizationId;
use crate::sinks;

/// What became of a file.
#[derive(Default)]
pub(super) struct Checked {
    /// There if nothing is wrong, and sometimes if something is.
    pub(super) config: Option<Config>,
    pub(super) problems: Vec<Problem>,
    /// Where each secret is named.
    pub(super) tokens: Vec<(Place, TokenSource)>,
}

/// A key of the file and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    position: Position,
    path: String,
}

impl Place {
    pub(super) fn error(&self, text: impl Into<String>) -> Problem {
        self.problem(Severity::Error, text)
    }

    fn warning(&self, text: impl Into<String>) -> Problem {
        self.problem(Severity::Warning, text)
    }

    fn problem(&self, severity: Severity, text: impl Into<String>) -> Problem {
        Problem {
            severity,
            position: Some(self.position),
            path: self.path.clone(),
            text: text.into(),
            hint: None,
        }
    }
}

/// A mapping of the file, to look up places in.
#[derive(Clone, Copy)]
struct Section<'a> {
    node: &'a Node,
    path: &'a [Step],
}

impl Section<'_> {
    /// Whether the file says anything at the end of `keys`, right or wrong.
    fn has(self, keys: &[&str]) -> bool {
        let found = keys.iter().try_fold(self.node, |node, key| node.get(key));
        found.is_some_and(|node| !matches!(node.value, Value::Null))
    }

    /// Where the value at the end of `keys` stands, or as much of the way as there is.
    fn place(self, keys: &[&str]) -> Place {
        let mut path = self.path.to_vec();
        let mut node = self.node;
        for key in keys {
            let Some(next) = node.get(key) else { break };
            node = next;
            path.push(Step::Key((*key).to_owned()));
        }
        Place { position: node.position, path: tree::display(&path) }
    }
}

/// Reads and checks `text`, which stands in the file `origin`.
pub(super) fn check(text: &str, origin: &Path, credentials: Option<&Path>) -> Checked {
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
    let sinks = take(&mut root, SINKS);
    let directory = directory_of(origin);
    let mut checker = Checker {
        options: &options,
        top: Section { node: &root, path: &[] },
        directory: &directory,
        credentials,
        problems,
        tokens: Vec::new(),
    };
    let config = checker.config(organizations, sinks, origin);
    Checked { config, problems: checker.problems, tokens: checker.tokens }
}

const ORGANIZATIONS: &str = "organizations";
const SINKS: &str = "sinks";

/// The directory that relative paths are relative to, absolute.
fn directory_of(origin: &Path) -> PathBuf {
    let absolute = std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned());
    absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
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
    credentials: Option<&'a Path>,
    problems: Vec<Problem>,
    tokens: Vec<(Place, TokenSource)>,
}

/// A token as one mapping names it.
struct Token {
    /// Whether it names one at all, right or wrong.
    is_named: bool,
    source: Option<TokenSource>,
}

/// The organizations that the file names.
#[derive(Default)]
struct Organizations {
    valid: Vec<Organization>,
    /// Where each was named first.
    first: HashMap<OrganizationId, Position>,
    /// Whether some could not be read, so that names may be missing.
    are_partial: bool,
}

impl Checker<'_> {
    fn config(
        &mut self,
        organizations: Option<Node>,
        sinks: Option<Node>,
        origin: &Path,
    ) -> Option<Config> {
        let options = self.options;
        let codecov = &options.codecov;
        let instance = self.instance();
        self.url(self.top, &["codecov", "base_url"], &codecov.base_url);
        self.seats(self.top, &options.seats);
        let token = self.token(
            self.top,
            &["codecov"],
            codecov.token_file.as_deref(),
            codecov.token_env.as_ref(),
        );
        let organizations = self.organizations(organizations, &token);
        let sinks = self.sinks(sinks, &organizations);
        Some(Config {
            instance: instance?,
            state_dir: self.directory.join(&options.state_dir),
            splay: options.splay.0,
            sync_timeout: options.sync_timeout.0,
            max_concurrent_syncs: usize::try_from(options.max_concurrent_syncs.0).ok()?,
            failing_after: u32::try_from(options.failing_after.0).ok()?,
            remind_every: options.remind_every.0,
            codecov: CodecovConfig {
                page_size: codecov.page_size.0,
                timeout: codecov.timeout.0,
                requests_per_second: codecov.requests_per_second.0,
                ca_file: codecov.ca_file.as_ref().map(|path| self.directory.join(path)),
                allow_http: codecov.allow_http,
            },
            organizations: organizations.valid,
            sinks,
            warnings: Problems::new(origin, Vec::new()),
        })
    }

    /// What the file says, or else the host name.
    fn instance(&mut self) -> Option<String> {
        if let Some(Instance(name)) = &self.options.instance {
            return Some(name.clone());
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
        let is_named = (section.has(&file_keys), section.has(&variable_keys));
        if is_named == (true, true) {
            let place = section.place(&variable_keys);
            let problem = place.error("`token_file` and `token_env` are both given, expected one");
            self.problems.push(problem.with_hint("remove one of the two lines"));
            return Token { is_named: true, source: None };
        }
        let (place, source) = match (file, variable) {
            (Some(name), _) => {
                let source = TokenSource::locate(name, self.directory, self.credentials);
                (section.place(&file_keys), Some(source))
            }
            (None, Some(Variable(name))) => {
                (section.place(&variable_keys), Some(TokenSource::Env(name.clone())))
            }
            (None, None) => (section.place(keys), None),
        };
        self.tokens.extend(source.clone().map(|source| (place, source)));
        Token { is_named: is_named.0 || is_named.1, source }
    }

    /// The seats of an organization, or those of the top level.
    fn seats(&mut self, section: Section<'_>, own: &SeatsOptions) -> SeatsConfig {
        let top = &self.options.seats;
        let limit = own.limit.or(top.limit).map(|limit| limit.0);
        let warn_at = own.warn_at.or(top.warn_at).unwrap_or_default();
        if let (Some(limit), WarnAt::Seats(seats)) = (limit, warn_at)
            && seats > limit
        {
            let key = if own.warn_at.is_some() { "warn_at" } else { "limit" };
            let place = section.place(&["seats", key]);
            let problem = place.error(format!(
                "`warn_at` is {seats} and `limit` is {limit}: the warning would never come first"
            ));
            self.problems.push(problem.with_hint("`warn_at` must not be above `limit`"));
        }
        SeatsConfig { limit, warn_at }
    }

    fn organizations(&mut self, list: Option<Node>, token: &Token) -> Organizations {
        let mut organizations = Organizations::default();
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
        if nodes.is_empty() {
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
        organizations
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
            label: own.label.map(|label| label.0),
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

    fn sinks(&mut self, mapping: Option<Node>, organizations: &Organizations) -> Vec<SinkEntry> {
        let entries = match mapping {
            Some(Node { value: Value::Mapping(entries), .. }) => entries,
            None | Some(Node { value: Value::Null, .. }) => Vec::new(),
            Some(Node { position, .. }) => {
                let problem = Place { position, path: SINKS.to_owned() }
                    .error("expected a mapping from names to sinks");
                self.problems.push(
                    problem.with_hint("`audit: { type: file, path: events.ndjson }` is a sink"),
                );
                Vec::new()
            }
        };
        entries.into_iter().filter_map(|entry| self.sink(entry, organizations)).collect()
    }

    fn sink(&mut self, entry: Entry, organizations: &Organizations) -> Option<SinkEntry> {
        let Entry { key: name, position, mut node } = entry;
        let path = [Step::Key(SINKS.to_owned()), Step::Key(name.clone())];
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if name.is_empty() || !name.chars().all(allowed) {
            let place = Place { position, path: SINKS.to_owned() };
            self.problems.push(place.error(format!(
                "`{}` cannot name a sink, expected letters, digits, `-` and `_`",
                name.escape_debug()
            )));
        }
        let common: SinkOptions = reader::read(&mut node, &path, &mut self.problems)?;
        let Some(kind) = sinks::find(&common.r#type) else {
            let place = Section { node: &node, path: &path }.place(&["type"]);
            self.problems.push(unknown_type(&place, &common.r#type));
            return None;
        };
        let config =
            reader::read_beside(&mut node, &path, SinkOptions::KEYS, &mut self.problems, kind.read);
        let section = Section { node: &node, path: &path };
        let events = node.get("events").map(|events| &events.value);
        if matches!(events, Some(Value::Sequence(events)) if events.is_empty()) {
            let problem = section.place(&["events"]).error("no events, expected at least one");
            self.problems.push(problem.with_hint("without `events` it gets all but `updated`"));
        }
        let filter = match common.organizations {
            Some(patterns) => self.filter(section, patterns, organizations),
            None => Some(OrganizationFilter::all()),
        };
        let mut config = config?;
        config.resolve(self.directory);
        Some(SinkEntry {
            name,
            kind: kind.name,
            events: common.events.map(|events| events.into_iter().collect()),
            organizations: filter?,
            give_up_after: match common.give_up_after {
                Patience::For(period) => Some(period.0),
                Patience::Forever => None,
            },
            config,
        })
    }

    /// Makes a filter whose every pattern means something.
    fn filter(
        &mut self,
        section: Section<'_>,
        patterns: Vec<String>,
        organizations: &Organizations,
    ) -> Option<OrganizationFilter> {
        let list = section.node.get(ORGANIZATIONS)?;
        let Value::Sequence(nodes) = &list.value else { return None };
        if nodes.is_empty() {
            let problem = section.place(&[ORGANIZATIONS]).error("no organizations");
            self.problems.push(problem.with_hint("without `organizations` it gets those of all"));
            return None;
        }
        let nodes = nodes.iter().enumerate();
        let nodes = nodes.filter(|(_, node)| !matches!(node.value, Value::Pruned));
        for (pattern, (index, node)) in patterns.iter().zip(nodes) {
            let path = format!("{}[{index}]", section.place(&[ORGANIZATIONS]).path);
            let place = Place { position: node.position, path };
            let problem = match OrganizationFilter::of(vec![pattern.clone()]) {
                Err(error) => {
                    Some(place.error(format!("`{pattern}` is not a pattern: {}", error.kind())))
                }
                Ok(one) if filter::is_glob(pattern) => {
                    let mut ids = organizations.first.keys();
                    let is_idle = !organizations.are_partial && !ids.any(|id| one.matches(id));
                    is_idle.then(|| {
                        place.warning(format!("`{pattern}` matches none of the organizations"))
                    })
                }
                Ok(_) => name_problem(&place, pattern, organizations),
            };
            self.problems.extend(problem);
        }
        OrganizationFilter::of(patterns).ok()
    }
}

const LIST_HINT: &str = "write `organizations: [github/acme]`, or a list of `- github/acme` lines";

fn guard(own: &GuardOptions, top: &GuardOptions) -> GuardConfig {
    let default = GuardConfig::default();
    let max_leave_percent = own.max_leave_percent.or(top.max_leave_percent);
    GuardConfig {
        min_leavers: own.min_leavers.or(top.min_leavers).map_or(default.min_leavers, |n| n.0),
        max_leave_percent: max_leave_percent.map_or(default.max_leave_percent, |n| n.0),
        max_leavers: own.max_leavers.or(top.max_leavers).map_or(default.max_leavers, |n| n.0),
    }
}

/// What is wrong with a name, not a pattern, in a filter.
fn name_problem(place: &Place, name: &str, organizations: &Organizations) -> Option<Problem> {
    let id = match name.parse::<OrganizationId>() {
        Ok(id) => id,
        Err(error) => {
            let problem = place.error(error.to_string());
            return Some(problem.with_hint("`github/*` stands for all on a service"));
        }
    };
    if organizations.are_partial || organizations.first.contains_key(&id) {
        return None;
    }
    let problem = place.error(format!("{id} is not among `organizations`"));
    let mut known: Vec<String> = organizations.first.keys().map(ToString::to_string).collect();
    known.sort_unstable();
    let nearest = problem::nearest(&id.to_string(), known.iter().map(String::as_str));
    Some(match nearest {
        Some(name) => problem.with_hint(format!("did you mean `{name}`?")),
        None => problem,
    })
}

fn unknown_type(place: &Place, name: &str) -> Problem {
    if unavailable::SINK_TYPES.contains(&name) {
        return place.error(format!("`{name}` is {}", unavailable::TEXT));
    }
    let known: Vec<&str> = sinks::KINDS.iter().map(|kind| kind.name).collect();
    place.error(format!("`{name}` is not a type of sink")).with_hint(did_you_mean(name, &known))
}
