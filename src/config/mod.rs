//! The configuration: one YAML file, read and checked in one step.
//!
//! ```text
//! text ─► tree ─► options ─► check ─► Config
//!         places  one value   values against each other
//! ```
//!
//! The rest of the program sees only [`Config`], in which everything is valid, resolved and
//! absolute. All problems of a file come back at once, each with its place and what to do.
//!
//! Knows neither the store nor the network. Secrets are named here and read only when they are
//! used, except that [`load`] tries each of them once.

mod check;
mod cron;
mod discover;
mod filter;
mod options;
mod problem;
mod reader;
mod reference;
mod schema;
mod seats;
mod tree;
mod value;
mod web;

use std::collections::{BTreeSet, HashSet};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use schemars::JsonSchema;
use seatwatch_sdk::{EventKind, SinkConfig, io_reason, open_at_once, read_certificates};
pub use seatwatch_sdk::{Secret, SecretError, SecretSource};
use serde::{Deserialize, Serialize};
use url::Url;

use self::check::Outside;
pub use self::cron::{Cron, CronError};
pub use self::discover::DiscoverRule;
pub use self::filter::OrganizationFilter;
pub use self::problem::{Position, Problem, Problems, Severity};
pub(crate) use self::problem::{did_you_mean, nearest};
pub(crate) use self::reader::{Mistake, Reader};
pub use self::reference::{Key, LeftOut, Section, reference};
pub use self::schema::schema;
pub use self::value::{Cost, Currency, Price, WarnAt};
pub(crate) use self::web::authorities_of;
pub use self::web::{
    Certificate, CertificateError, CertificateFiles, Clients, PasswordHash, TlsConfig, WebConfig,
    WebFile,
};
use crate::organization::OrganizationId;

/// Larger than any configuration; it keeps `--config /dev/zero` from filling the memory.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Where the configuration is if nobody names another; that of the unit.
pub const DEFAULT_PATH: &str = "/etc/seatwatch/seatwatch.yaml";
/// One to begin with, where the package puts it.
const EXAMPLE: &str = "/usr/share/doc/seatwatch/examples/seatwatch.yaml";

/// A configuration in which everything is valid and resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of this installation, fit to stand in a URI.
    pub instance: String,
    /// Where the database and the lock are; absolute.
    pub state_dir: PathBuf,
    /// Where the HTTP endpoints are; port 0 stands for a free one.
    pub listen: SocketAddr,
    /// By which names they may be called besides their address and `localhost`, in lower case and
    /// without a port.
    pub http_hosts: Vec<String>,
    /// Whether pages are among them.
    pub http_pages: bool,
    /// How they are protected, as a file of its own says.
    pub web: WebFile,
    /// Over how long organizations due at one moment are spread.
    pub splay: Duration,
    /// How long one sync may take in all.
    pub sync_timeout: Duration,
    /// How many organizations are synced at the same time; at least 1.
    pub max_concurrent_syncs: usize,
    /// After how many failures in a row `sync_failing` is sent; at least 1.
    pub failing_after: u32,
    /// How often `sync_failing` and `roster_held` are repeated.
    pub remind_every: Duration,
    /// When to send a sign of life, and in which zone that is meant.
    pub heartbeat: Option<(Cron, Tz)>,
    /// How long deliveries under way may take to end at a stop.
    pub shutdown_grace: Duration,
    /// How long events and former states of members are kept; a day or longer.
    pub retention: Duration,
    /// Where external plugins are looked for; absolute.
    pub plugin_dirs: Vec<PathBuf>,
    /// The zone of what belongs to no organization.
    pub timezone: Tz,
    /// How to talk to Codecov.
    pub codecov: CodecovConfig,
    /// The server's root for whoever names no other.
    pub base_url: Url,
    /// The token for whoever names no other.
    pub token: Option<SecretSource>,
    /// In the order of the file, no two of them the same; then those that the rules have found, as
    /// far as [`watching`](Self::watching) was told of them. At least one, unless there are rules.
    pub organizations: Vec<Organization>,
    /// Which organizations to watch without naming them.
    pub discover: Vec<DiscoverRule>,
    /// In the order of the file, no two of one name.
    pub sinks: Vec<SinkEntry>,
    /// What is allowed and yet probably not as meant.
    pub warnings: Problems,
}

/// How to talk to Codecov; which server and with what token, each organization says itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CodecovConfig {
    /// How many members to ask for at once.
    pub page_size: u64,
    /// How long one request may take.
    pub timeout: Duration,
    /// How many requests to send a second, per base URL; above 0.
    pub requests_per_second: f64,
    /// Certificate authorities to trust besides the system's; absolute.
    pub ca_file: Option<PathBuf>,
    /// Whether URLs without TLS are allowed beyond loopback.
    pub allow_http: bool,
}

/// One organization to watch, with everything it did not say taken from the top level.
#[derive(Clone, Debug)]
pub struct Organization {
    /// Which it is.
    pub id: OrganizationId,
    /// Whether a rule has found it, rather than the file names it.
    pub discovered: bool,
    /// What people call it.
    pub label: Option<String>,
    /// Which it was before it moved; none of those in the config, and each named once.
    pub formerly: Option<OrganizationId>,
    /// When to sync it.
    pub schedule: Cron,
    /// The zone of the schedule.
    pub timezone: Tz,
    /// Where its token comes from.
    pub token: SecretSource,
    /// The server's root, path prefix included, without `/api/v2`; ends in `/`, so that a
    /// relative path can be joined to it.
    pub base_url: Url,
    /// Whether a token that is not an admin's fails the sync.
    pub require_admin: bool,
    /// What the first sync tells.
    pub on_first_sync: OnFirstSync,
    /// When to hold a roster.
    pub guard: GuardConfig,
    /// What is paid for.
    pub seats: SeatsConfig,
}

/// What the first sync of an organization tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFirstSync {
    /// Only that there is a baseline now.
    #[default]
    Quiet,
    /// Everybody who is there, as if they had just come.
    Emit,
}

/// When a roster is held: too many leavers for it to be believed.
///
/// Held are leavers above `max(min_leavers, min(max_leave_percent of the members, max_leavers))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// So many may always leave at once.
    pub min_leavers: u64,
    /// So many in a hundred may leave at once; 0–100.
    pub max_leave_percent: u64,
    /// Never more than this may leave at once, unless `min_leavers` is above it.
    pub max_leavers: u64,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self { min_leavers: 5, max_leave_percent: 30, max_leavers: 500 }
    }
}

/// How many seats are paid for, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatsConfig {
    /// The seats that are paid for; without it nothing is said about seats.
    pub limit: Option<u64>,
    /// When to warn; never above the limit.
    pub warn_at: WarnAt,
    /// What one costs a month.
    pub price: Option<Price>,
}

/// One place that events are delivered to.
#[derive(Clone, Debug)]
pub struct SinkEntry {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Which kind of sink, by its name in the [registry](crate::sinks).
    pub kind: String,
    /// What it was called before; no sink of the config, and each named once.
    pub formerly: Option<String>,
    /// What to deliver; nothing stands for all but `updated`.
    pub events: Option<BTreeSet<EventKind>>,
    /// Whose events to deliver.
    pub organizations: OrganizationFilter,
    /// What is left out of its events.
    pub redact: BTreeSet<Redacted>,
    /// When to deliver what has come.
    pub timing: Timing,
    /// How long to try the same event; nothing stands for ever.
    pub give_up_after: Option<Duration>,
    /// The sink's own part, with its paths absolute.
    pub config: Arc<dyn SinkConfig>,
}

/// What a sink may be kept from knowing of members.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Redacted {
    /// Their mail addresses.
    Email,
    /// Their names, other than the username.
    Name,
}

/// When a sink delivers what has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timing {
    /// So long after the oldest event that waits; at once where that is zero.
    Wait(Duration),
    /// At these times only.
    Digest(Cron, Tz),
}

impl Config {
    /// The zone of an organization's times: its own, or the instance's where it is not watched.
    pub fn zone_of(&self, id: &OrganizationId) -> Tz {
        self.find(id).map_or(self.timezone, |organization| organization.timezone)
    }

    /// The organization of that name, if it is watched.
    pub fn find(&self, id: &OrganizationId) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.id == *id)
    }

    /// Reads how the HTTP endpoints are protected, and makes sure that it is enough for where they
    /// are. Blocks.
    ///
    /// # Errors
    ///
    /// All problems that could be found, in the web configuration or where it is named.
    pub fn read_web(&self) -> Result<WebConfig, Problems> {
        let read = self.web.read(credentials(&self.warnings.origin).as_deref());
        read.map_err(|problems| Problems::new(&self.warnings.origin, problems))
    }
}

/// Where systemd keeps the secrets of the unit while it runs (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS_OF_THE_UNIT: &str = "/run/credentials/seatwatch.service";

/// Reads the file at `path`, checks it, and makes sure that its secrets, its certificate
/// authorities, its web configuration and what else it names can be read.
///
/// # Errors
///
/// All problems that could be found, at least one of them an error.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let checked = read_and_check(path)?;
    let (config, mut problems, tokens) = (checked.config, checked.problems, checked.tokens);
    let mut tried = HashSet::new();
    for (place, source) in tokens {
        if !tried.insert(source.clone()) {
            continue;
        }
        match source.read() {
            Err(error) => problems.push(place.error(error.to_string()).with_hint(error.hint())),
            Ok(token) if !is_a_token(&token) => problems.push(
                place
                    .error(format!(
                        "the secret `{source}` holds a character that no token has: quotes, or \
                         something beyond ASCII"
                    ))
                    .with_hint("it must hold the token as Codecov shows it, and nothing else"),
            ),
            Ok(_) => {}
        }
    }
    if let Some((place, ca_file)) = checked.ca_file
        && let Err(error) = read_certificates(&ca_file)
    {
        let problem = place.error(format!("`{}` {error}", ca_file.display()));
        problems.push(problem.with_hint("name a file of certificates in PEM form"));
    }
    if let Some(config) = &config
        && let Err(of_web) = config.web.read(credentials(path).as_deref())
    {
        problems.extend(of_web);
    }
    for problem in checked.sinks.iter().flat_map(check::NamedSink::file_problems) {
        // A URL that is missing is missing for whoever looks at files, too.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    finish(config, problems, path)
}

/// Whether that may be a token, which Codecov makes of hexadecimal digits and dashes. Only what
/// editors and shells leave behind is refused: quotes, and a byte order mark.
fn is_a_token(secret: &Secret) -> bool {
    secret.expose().bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`".contains(&byte))
}

/// Reads the file at `path` and checks it, but leaves its secrets alone: for commands that only
/// look at what is stored, and may run where the secrets cannot be read.
///
/// # Errors
///
/// All problems that could be found, at least one of them an error.
pub fn load_without_secrets(path: &Path) -> Result<Config, Problems> {
    let checked = read_and_check(path)?;
    finish(checked.config, checked.problems, path)
}

/// Reads the file at `path` and checks it, for the one command that helps to write it: that it
/// names no organization yet is fine, and its secrets are left alone.
///
/// # Errors
///
/// All problems that could be found, at least one of them an error.
pub fn load_unfinished(path: &Path) -> Result<Config, Problems> {
    let checked = read_and_check_as(path, true)?;
    finish(checked.config, checked.problems, path)
}

/// The state directory that the file at `path` names, as far as that can be told from one that may
/// be wrong.
pub fn state_dir(path: &Path) -> Option<PathBuf> {
    Some(read_and_check(path).ok()?.config?.state_dir)
}

/// The plugin directories that the file at `path` names, as far as that can be told from one that
/// may be wrong: none where it cannot. Where there is no such file, the default ones.
pub fn plugin_dirs(path: &Path) -> Option<Vec<PathBuf>> {
    match read_and_check(path) {
        Ok(checked) => Some(checked.config?.plugin_dirs),
        Err(_) => (!path.exists()).then(default_plugin_dirs),
    }
}

/// The plugin directories of a file that names none.
pub fn default_plugin_dirs() -> Vec<PathBuf> {
    options::Options::default().plugin_dirs.into_iter().map(PathBuf::from).collect()
}

fn read_and_check(path: &Path) -> Result<check::Checked, Problems> {
    read_and_check_as(path, false)
}

fn read_and_check_as(path: &Path, unfinished: bool) -> Result<check::Checked, Problems> {
    let text = read(path).map_err(|problem| Problems::new(path, vec![problem]))?;
    let outside = Outside { credentials: credentials(path), plugins: true, unfinished };
    Ok(check::check(&text, path, &outside))
}

/// Where systemd keeps the secrets of a configuration, if it does.
///
/// Only the processes of a unit are told by `$CREDENTIALS_DIRECTORY`. A command in a shell that
/// reads the configuration of our unit looks where the daemon does, so that it finds the same
/// secrets; another configuration has nothing to do with them.
fn credentials(config: &Path) -> Option<PathBuf> {
    let ours = || {
        let is_the_units =
            std::path::absolute(config).is_ok_and(|path| path == Path::new(DEFAULT_PATH));
        is_the_units.then(|| PathBuf::from(CREDENTIALS_OF_THE_UNIT))
    };
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).or_else(ours)
}

/// Checks a configuration that stands in the file `origin`, without touching any file.
///
/// Relative paths are taken as relative to the directory of `origin`. Secrets are not read, and
/// neither credentials nor external plugins are looked for.
///
/// # Errors
///
/// All problems that could be found, at least one of them an error.
pub fn parse(text: &str, origin: &Path) -> Result<Config, Problems> {
    let checked = check::check(text, origin, &Outside::default());
    finish(checked.config, checked.problems, origin)
}

fn finish(
    config: Option<Config>,
    problems: Vec<Problem>,
    origin: &Path,
) -> Result<Config, Problems> {
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    let is_right = !problems.iter().any(is_error);
    let problems = Problems::first(reader::MAX_PROBLEMS, origin, problems);
    match config {
        Some(mut config) if is_right => {
            config.warnings = problems;
            Ok(config)
        }
        _ => Err(problems),
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound if path == Path::new(DEFAULT_PATH) => {
                first_config(Path::new(EXAMPLE).is_file())
            }
            std::io::ErrorKind::NotFound => {
                "name another file with `--config FILE` or `$SEATWATCH_CONFIG`".to_owned()
            }
            std::io::ErrorKind::PermissionDenied => {
                "run it as root (`sudo seatwatch …`); the user that the daemon runs as must be able \
                 to read it"
                    .to_owned()
            }
            _ => "the user that seatwatch runs as must be able to read it".to_owned(),
        };
        Problem::of_file(format!("cannot be read: {}", io_reason(&error))).with_hint(hint)
    };
    let file = open_at_once(path).map_err(unreadable)?;
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if kind.is_dir() {
        return Err(Problem::of_file("is a directory, expected a file")
            .with_hint(format!("try `{}`", path.join("seatwatch.yaml").display())));
    }
    if !kind.is_file() {
        return Err(Problem::of_file("is not a regular file")
            .with_hint("it is read more than once: write it to a file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::of_file("is larger than 64 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| not_text(&error))
}

/// How to come to a config, where there is none yet.
fn first_config(has_example: bool) -> String {
    let make = if has_example {
        format!("`install -m 640 -g seatwatch {EXAMPLE} {DEFAULT_PATH}` makes one to start with")
    } else {
        "write one after `config.example.yaml`".to_owned()
    };
    format!("{make}; or name another file with `--config FILE` or `$SEATWATCH_CONFIG`")
}

fn not_text(error: &std::string::FromUtf8Error) -> Problem {
    let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
    let good = String::from_utf8_lossy(good);
    let line = good.matches('\n').count() as u64 + 1;
    let column = good.rsplit('\n').next().map_or(0, |line| line.chars().count()) as u64 + 1;
    Problem::of_file("is not UTF-8 text")
        .with_hint("save it as UTF-8")
        .at(Position { line, column })
}
