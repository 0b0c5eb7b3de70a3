//! The sinks: their kinds, their names, and filters that mean something.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seatwatch_sdk::{Origin, SinkConfig};

use super::organizations::{ORGANIZATIONS, Organizations};
use super::place::{Place, Section};
use super::{Checker, plugin_dirs};
use crate::config::filter::{self, OrganizationFilter};
use crate::config::options::SinkOptions;
use crate::config::problem::{self, Position, Problem, did_you_mean};
use crate::config::tree::{Entry, Node, Step, Value};
use crate::config::value::{Patience, Period};
use crate::config::{Cron, SinkEntry, Timing, reader};
use crate::organization::OrganizationId;
use crate::sinks::{self, FindError};

/// The key of the mapping.
pub(super) const SINKS: &str = "sinks";

impl Checker<'_> {
    pub(super) fn sinks(
        &mut self,
        mapping: Option<Node>,
        organizations: &Organizations,
    ) -> Vec<SinkEntry> {
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
        let names: HashMap<String, Position> =
            entries.iter().map(|entry| (entry.key.clone(), entry.position)).collect();
        let mut heirs = HashMap::new();
        let mut sinks = Vec::new();
        for entry in entries {
            let Some((entry, formerly)) = self.sink(entry, organizations) else { continue };
            if let (Some(place), Some(former)) = (formerly, &entry.formerly) {
                self.problems.extend(former_name_problem(&place, former, &entry.name, &names));
                if let Some(other) = heirs.insert(former.clone(), entry.name.clone()) {
                    let text =
                        format!("`{SINKS}.{other}` was `{former}` already, and one goes on once");
                    let hint = "remove the line at the one that is new";
                    self.problems.push(place.error(text).with_hint(hint));
                }
            }
            sinks.push(entry);
        }
        sinks
    }

    /// Checks one entry. Returns it with the place where it says what it was called before.
    fn sink(
        &mut self,
        entry: Entry,
        organizations: &Organizations,
    ) -> Option<(SinkEntry, Option<Place>)> {
        let Entry { key: name, position, mut node } = entry;
        let path = [Step::Key(SINKS.to_owned()), Step::Key(name.clone())];
        let place = Place { position, path: SINKS.to_owned() };
        self.problems.extend(sink_name_problem(&place, &name));
        let common: SinkOptions = reader::read(&mut node, &path, &mut self.problems)?;
        let (kind_wait, config) = self.own_part(&mut node, &path, &common)?;
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
        let config = self.resolved(config?, &name, section);
        let entry = SinkEntry {
            name,
            kind: common.r#type,
            formerly: common.formerly,
            events: common.events.map(|events| events.into_iter().map(|wanted| wanted.0).collect()),
            organizations: filter?,
            redact: common.redact.into_iter().collect(),
            timing: self.timing(section, common.digest.as_ref(), common.wait, kind_wait),
            give_up_after: match common.give_up_after {
                Patience::For(period) => Some(period.0),
                Patience::Forever => None,
            },
            config: Arc::clone(&config),
        };
        let formerly = entry.formerly.is_some().then(|| section.place(&["formerly"]));
        self.named.push(NamedSink { path: path.into(), node, config });
        Some((entry, formerly))
    }

    /// Reads what is the kind's own; without a kind there is nothing to read it. Returns it with
    /// the kind's own `wait`.
    fn own_part(
        &mut self,
        node: &mut Node,
        path: &[Step],
        common: &SinkOptions,
    ) -> Option<(Duration, Option<Box<dyn SinkConfig>>)> {
        let others = SinkOptions::KEYS;
        let name = common.r#type.as_str();
        let external;
        let (wait, needed, read): (_, _, &sinks::Read) = match sinks::find(name) {
            Some(kind) => (kind.wait, kind.needed(), &kind.read),
            None => match self.plugin(name) {
                Ok(program) => {
                    external = sinks::plugin(name, program);
                    (Duration::ZERO, Vec::new(), &*external)
                }
                Err((text, hint)) => {
                    let place = Section { node, path }.place(&["type"]);
                    self.problems.push(place.error(text).with_hint(hint));
                    return None;
                }
            },
        };
        let config = reader::read_beside(node, path, others, &needed, &mut self.problems, read);
        Some((wait, config))
    }

    /// Where the external plugin of that name is, or why there is none and what to do.
    ///
    /// One that is gone, or that others may change, is a matter of files, as a secret is: whoever
    /// looks at those says so, and a daemon that starts serves the other sinks.
    fn plugin(&self, name: &str) -> Result<PathBuf, (String, String)> {
        let built_in: Vec<&str> = sinks::KINDS.iter().map(|kind| kind.name).collect();
        let unknown = format!("`{name}` is not a type of sink");
        if !self.outside.plugins {
            return Err((unknown, did_you_mean(name, &built_in)));
        }
        let directories = plugin_dirs(self.options, self.directory);
        let (error, path) = match sinks::find_plugin(name, &directories) {
            Ok(path) => return Ok(path),
            Err(error) => (error, sinks::plugin_path(name, &directories)),
        };
        let found = sinks::list_plugins(&directories);
        let known = found.iter().map(|found| found.name.as_str()).chain(built_in);
        match (&error, problem::nearest(name, known), path) {
            (FindError::Distrusted(_), _, Some(path))
            | (FindError::NotFound { .. }, None, Some(path)) => Ok(path),
            (FindError::NotFound { .. }, Some(near), _) => {
                Err((unknown, format!("did you mean `{near}`?")))
            }
            _ => Err((format!("{unknown} that comes with seatwatch, and {error}"), error.hint())),
        }
    }

    /// A sink's own part as the rest of the program sees it, less what is wrong with it.
    fn resolved(
        &mut self,
        mut config: Box<dyn SinkConfig>,
        name: &str,
        section: Section<'_>,
    ) -> Arc<dyn SinkConfig> {
        config.resolve(&Origin {
            directory: self.directory,
            credentials: self.outside.credentials.as_deref(),
            instance: self.instance.as_deref().unwrap_or_default(),
            sink: name,
            timezone: self.options.timezone.0,
        });
        self.problems.extend(placed(section, config.problems()));
        if let Some(receiver) = config.receiver() {
            let other = self.receivers.entry(receiver).or_insert_with(|| name.to_owned());
            if *other != name {
                let problem = section.place(&["type"]).error(format!(
                    "delivers to the same place as `{SINKS}.{other}`, and each would stand in the \
                     other's way"
                ));
                self.problems.push(problem.with_hint("give each sink a place of its own"));
            }
        }
        config.into()
    }

    fn timing(
        &mut self,
        section: Section<'_>,
        digest: Option<&Cron>,
        wait: Option<Period<0>>,
        kind_wait: Duration,
    ) -> Timing {
        let Some(digest) = digest else {
            return Timing::Wait(wait.map_or(kind_wait, |wait| wait.0));
        };
        if section.has(&["wait"]) {
            let problem = section
                .place(&["wait"])
                .error("`wait` and `digest` are both given, expected one")
                .with_hint("a digest has everything that came since the last one: remove `wait`");
            self.problems.push(problem);
        }
        Timing::Digest(digest.clone(), self.options.timezone.0)
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

/// A sink's own part and where it stands in the file, to look at the files that it names.
pub(in crate::config) struct NamedSink {
    path: Vec<Step>,
    node: Node,
    config: Arc<dyn SinkConfig>,
}

impl NamedSink {
    /// What is wrong with those files.
    pub(in crate::config) fn file_problems(&self) -> Vec<Problem> {
        placed(Section { node: &self.node, path: &self.path }, self.config.file_problems())
    }
}

/// What a sink found, where it stands in the file, without what it could not know better: a value
/// that is wrong is missing for the sink.
fn placed(section: Section<'_>, problems: Vec<seatwatch_sdk::Problem>) -> Vec<Problem> {
    let placed = |problem: seatwatch_sdk::Problem| {
        let placed = section.place(&words(&problem.keys)).error(problem.text);
        match problem.hint {
            Some(hint) => placed.with_hint(hint),
            None => placed,
        }
    };
    let is_told = |problem: &seatwatch_sdk::Problem| {
        let mut ways = problem.for_want_of.iter().chain([&problem.keys]);
        ways.any(|keys| section.is_pruned(&words(keys)))
    };
    problems.into_iter().filter(|problem| !is_told(problem)).map(placed).collect()
}

fn words(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

/// What is wrong with the name of a sink, if anything.
fn sink_name_problem(place: &Place, name: &str) -> Option<Problem> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || !name.chars().all(allowed) {
        return Some(place.error(format!(
            "`{}` cannot name a sink, expected letters, digits, `-` and `_`",
            name.escape_debug()
        )));
    }
    name.chars().all(|c| c.is_ascii_digit()).then(|| {
        place
            .error(format!("`{name}` cannot name a sink, expected more than digits"))
            .with_hint("numbers name dead letters in `seatwatch outbox`; add a letter")
    })
}

/// What is wrong with the name that a sink had before.
fn former_name_problem(
    place: &Place,
    former: &str,
    name: &str,
    names: &HashMap<String, Position>,
) -> Option<Problem> {
    if former == name {
        let problem = place.error(format!("`{name}` is what it is called now"));
        return Some(problem.with_hint("name what it was called before, or remove the line"));
    }
    let position = names.get(former)?;
    let problem = place.error(format!("`{former}` is itself among `{SINKS}`"));
    Some(problem.with_hint(format!(
        "it stands at {position}; remove it there if it is called `{name}` now"
    )))
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
