//! The keys of the configuration file: names, types, defaults and what they mean.
//!
//! The one definition of each. The doc comments are the reference text, `Default` is the
//! default, and unknown keys are refused; JSON Schema and reference page come out of here.
//!
//! Holds what one value can tell by itself. What needs two of them is in `check`.

use std::path::PathBuf;

use schemars::JsonSchema;
use seatwatch_sdk::FilePath;
use serde::Deserialize;

use super::cron::Cron;
use super::value::{
    Amount, BaseUrl, Currency, HostName, Instance, Label, Listen, OrganizationName, Patience,
    Patterns, Period, Rate, ServiceName, Variable, Wanted, WarnAt, Within, Zone,
};
use super::{GuardConfig, OnFirstSync, Redacted};

/// In seconds.
const DAY: u64 = 24 * 3600;

/// A list or mapping whose parts are read one by one, so that each tells its own problems.
#[derive(Debug, Default)]
pub(super) struct Deferred;

impl<'de> Deserialize<'de> for Deferred {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// The configuration of seatwatch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "seatwatch configuration")]
pub(super) struct Options {
    /// The name of this installation. It is a part of every event's `source`, so choose it once.
    /// Without it, the host name.
    pub(super) instance: Option<Instance>,
    /// The directory of the database and the lock. It is created when absent.
    pub(super) state_dir: FilePath,
    /// Where the daemon serves its pages, `/metrics`, `/-/healthy` and `/-/ready`.
    pub(super) listen: Listen,
    /// The time zone of all schedules, and of the times that people are shown.
    pub(super) timezone: Zone,
    /// When to sync each organization: cron with five fields, six with seconds first, or
    /// `@hourly` and the like.
    pub(super) schedule: Cron,
    /// Spreads organizations that are due at the same moment over this time; each has a fixed
    /// place in it.
    pub(super) splay: Period<0>,
    /// How long one sync may take in all, retries included.
    pub(super) sync_timeout: Period<1>,
    /// How many organizations are synced at the same time.
    pub(super) max_concurrent_syncs: Within<1, 1000>,
    /// After how many failed syncs in a row an organization gets a `sync_failing` event.
    pub(super) failing_after: Within<1, 1_000_000>,
    /// How often that event, and the one about a held roster, is repeated.
    pub(super) remind_every: Period<1>,
    /// When to send a `heartbeat` event: a sign of life for receivers that miss one. A schedule in
    /// `timezone`; without it, never.
    pub(super) heartbeat: Option<Cron>,
    /// How long deliveries that are under way may take to end when the daemon is stopped.
    pub(super) shutdown_grace: Period<0>,
    /// How long events and former states of members are kept, a day or longer. What a sink has
    /// not taken by then is lost to it, and counted.
    pub(super) retention: Period<DAY>,
    /// The directories in which an external plugin is looked for: the program `seatwatch-sink-NAME`
    /// for a sink of `type: NAME`. The first that has it counts. Program and directory must belong
    /// to root or us, and nobody else may be able to change them.
    pub(super) plugin_dirs: Vec<FilePath>,
    pub(super) codecov: CodecovOptions,
    /// The organizations to watch: at least one, unless `discover` finds some.
    #[schemars(with = "Vec<OrganizationEntry>")]
    pub(super) organizations: Deferred,
    /// Rules by which organizations are watched without being named: all that a token sees and that
    /// a rule matches. One that is named in `organizations` is as it stands there.
    #[schemars(with = "Vec<DiscoverOptions>")]
    pub(super) discover: Deferred,
    pub(super) guard: GuardOptions,
    pub(super) seats: SeatsOptions,
    /// Where events go, by a name of letters, digits, `-` and `_`, and not of digits alone. Each is
    /// a mapping with a `type`.
    #[schemars(skip)]
    pub(super) sinks: Deferred,
    pub(super) http: HttpOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instance: None,
            state_dir: PathBuf::from("/var/lib/seatwatch").into(),
            listen: "127.0.0.1:9642".parse().expect("a test reads it"),
            timezone: Zone(chrono_tz::UTC),
            schedule: "0 * * * *".parse().expect("a test reads it"),
            splay: Period::seconds(0),
            sync_timeout: Period::seconds(15 * 60),
            max_concurrent_syncs: Within(4),
            failing_after: Within(3),
            remind_every: Period::seconds(DAY),
            retention: Period::seconds(400 * DAY),
            heartbeat: None,
            shutdown_grace: Period::seconds(10),
            plugin_dirs: ["/etc/seatwatch/plugins", "/usr/lib/seatwatch/plugins"]
                .map(|path| PathBuf::from(path).into())
                .into(),
            codecov: CodecovOptions::default(),
            organizations: Deferred,
            discover: Deferred,
            guard: GuardOptions::default(),
            seats: SeatsOptions::default(),
            sinks: Deferred,
            http: HttpOptions::default(),
        }
    }
}

/// The Codecov server and how to talk to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CodecovOptions {
    /// The server's root; a path prefix is kept. A value that ends in `/api/v2` means the same.
    pub(super) base_url: BaseUrl,
    /// A file that holds an API token of an admin of the organizations. A bare name is looked up
    /// in `$CREDENTIALS_DIRECTORY` first; another path is relative to this file. Nobody but
    /// root, its owner and our group may read it.
    pub(super) token_file: Option<FilePath>,
    /// The environment variable that holds the token; instead of `token_file`.
    pub(super) token_env: Option<Variable>,
    /// How many members to ask for at once.
    pub(super) page_size: Within<1, 100_000>,
    /// How long one request may take.
    pub(super) timeout: Period<1>,
    /// How many requests to send a second, per server.
    pub(super) requests_per_second: Rate,
    /// A PEM file of certificate authorities to trust besides the system's. It is read at the start
    /// and at a reload.
    pub(super) ca_file: Option<FilePath>,
    /// Whether a URL without TLS is allowed; the token can then be read on the way. To loopback
    /// it always is.
    pub(super) allow_http: bool,
}

impl Default for CodecovOptions {
    fn default() -> Self {
        Self {
            base_url: "https://api.codecov.io".parse().expect("a test reads it"),
            token_file: None,
            token_env: None,
            page_size: Within(10_000),
            timeout: Period::seconds(60),
            requests_per_second: Rate(5.0),
            ca_file: None,
            allow_http: false,
        }
    }
}

/// An organization: `service/owner`, or a mapping with more.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is for the schema only; entries are read one by one")]
enum OrganizationEntry {
    Name(OrganizationName),
    Options(Box<OrganizationOptions>),
}

/// An organization with settings of its own; what it leaves out is taken from the top level.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationOptions {
    /// The git service: `github`, `gitlab`, `bitbucket`, `github_enterprise`,
    /// `gitlab_enterprise` or `bitbucket_server`.
    pub(super) service: ServiceName,
    /// The owner on that service, in any letter case; a GitLab subgroup as `group/subgroup`.
    pub(super) owner: String,
    /// What to call it where people read; events keep `service/owner`.
    pub(super) label: Option<Label>,
    /// What it was called before it moved, as `service/owner`: its history goes on under the new
    /// name. Can be taken out again after the next sync.
    pub(super) formerly: Option<OrganizationName>,
    /// When to sync it.
    pub(super) schedule: Option<Cron>,
    /// The time zone of its schedule, and of its times where people are shown them.
    pub(super) timezone: Option<Zone>,
    /// A file that holds the token for it.
    pub(super) token_file: Option<FilePath>,
    /// The environment variable that holds the token for it; instead of `token_file`.
    pub(super) token_env: Option<Variable>,
    /// The root of the Codecov server that knows it.
    pub(super) base_url: Option<BaseUrl>,
    /// Whether a sync fails when the token is not an admin's. Codecov may show others only a
    /// part of the roster. `false` is for self-hosted servers that answer otherwise.
    #[serde(default = "yes")]
    pub(super) require_admin: bool,
    /// What the first sync tells: with `quiet` only that there is a baseline now, with `emit`
    /// everybody who is there.
    #[serde(default)]
    pub(super) on_first_sync: OnFirstSync,
    /// Its own bounds; what is left out is taken from the top level.
    #[serde(default)]
    pub(super) guard: GuardOptions,
    /// Its own seats; what is left out is taken from the top level.
    #[serde(default)]
    pub(super) seats: SeatsOptions,
}

fn yes() -> bool {
    true
}

impl OrganizationOptions {
    /// What `service/owner` alone stands for.
    pub(super) fn named(OrganizationName(id): &OrganizationName) -> Self {
        Self {
            service: ServiceName(id.service()),
            owner: id.owner().to_owned(),
            label: None,
            formerly: None,
            schedule: None,
            timezone: None,
            token_file: None,
            token_env: None,
            base_url: None,
            require_admin: yes(),
            on_first_sync: OnFirstSync::default(),
            guard: GuardOptions::default(),
            seats: SeatsOptions::default(),
        }
    }
}

/// A rule by which organizations are watched without being named. The token's listing is looked up
/// when the daemon starts and every hour, and before each `seatwatch sync` of all. The first rule
/// that matches counts. What a rule does not say is taken from the top level.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscoverOptions {
    /// The git service, as of an organization.
    pub(super) service: ServiceName,
    /// Which owners to watch: a pattern such as `acme-*`, or a list of them, in any letter case.
    pub(super) r#match: Patterns,
    /// Which of those not to watch: likewise.
    #[serde(default)]
    pub(super) exclude: Option<Patterns>,
    /// When to sync what it finds.
    pub(super) schedule: Option<Cron>,
    /// The time zone of that schedule.
    pub(super) timezone: Option<Zone>,
    /// A file that holds the token whose listing is looked up, and which reads what it finds.
    pub(super) token_file: Option<FilePath>,
    /// The environment variable that holds that token; instead of `token_file`.
    pub(super) token_env: Option<Variable>,
    /// The root of the Codecov server to look at.
    pub(super) base_url: Option<BaseUrl>,
    /// Whether a sync fails when the token is not an admin's, as of an organization.
    #[serde(default = "yes")]
    pub(super) require_admin: bool,
}

/// When to hold a roster that lost members: if more leave than `min_leavers`, and more than
/// `max_leave_percent` of them or than `max_leavers`. The same bounds hold for lost seats.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GuardOptions {
    /// So many may always leave at once.
    #[schemars(extend("default" = GuardConfig::default().min_leavers))]
    pub(super) min_leavers: Option<Within<0, 1_000_000>>,
    /// Above `min_leavers`, so many in a hundred may leave at once.
    #[schemars(extend("default" = GuardConfig::default().max_leave_percent))]
    pub(super) max_leave_percent: Option<Within<0, 100>>,
    /// Above `min_leavers`, never more than this may leave at once.
    #[schemars(extend("default" = GuardConfig::default().max_leavers))]
    pub(super) max_leavers: Option<Within<0, 1_000_000>>,
}

/// How many seats are paid for, and what they cost. Without a limit no event is sent about it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SeatsOptions {
    /// The seats that are paid for; at this many `seat_limit_reached` is sent.
    pub(super) limit: Option<Within<1, 1_000_000>>,
    /// When to send `seat_limit_near`: a part of the limit, or a number of seats.
    #[schemars(extend("default" = WarnAt::default()))]
    pub(super) warn_at: Option<WarnAt>,
    /// What one seat costs a month. With it, `status`, reports and pages tell the cost of the seats
    /// in use.
    pub(super) price_per_seat: Option<Amount>,
    /// In which currency: the three letters of ISO 4217.
    pub(super) currency: Option<Currency>,
}

/// Who may call the HTTP endpoints at `listen`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpOptions {
    /// Names, without a port, by which the server may be called besides its address and
    /// `localhost`. A request with another `Host` is refused, so that no web page can read the
    /// endpoints through somebody's browser.
    pub(super) hosts: Vec<HostName>,
    /// Whether there are pages to look at. They show names: where `listen` is not a loopback
    /// address, they need TLS and basic auth, and without both `listen` is refused unless this is
    /// `false`.
    #[schemars(extend("default" = true))]
    pub(super) pages: Option<bool>,
    /// A file that gives the endpoints TLS, basic auth and more, in the format of Prometheus'
    /// exporters. A bare name is looked up in `$CREDENTIALS_DIRECTORY` first; another path is
    /// relative to this file.
    pub(super) web_config_file: Option<FilePath>,
}

/// What every sink has; all other keys are those of its type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "Sink")]
pub(super) struct SinkOptions {
    /// The kind of sink.
    pub(super) r#type: String,
    /// The events to deliver. Without it all but `updated`.
    #[serde(default)]
    pub(super) events: Option<Vec<Wanted>>,
    /// The organizations to deliver events of: names such as `github/acme`, or patterns such as
    /// `github/*`. Without it all.
    #[serde(default)]
    pub(super) organizations: Option<Vec<String>>,
    /// Leaves these out of the members in its events: `email`, `name`.
    #[serde(default)]
    pub(super) redact: Vec<Redacted>,
    /// Groups what happens within this time, counted from the oldest event that waits.
    #[serde(default)]
    pub(super) wait: Option<Period<0>>,
    /// Delivers at these times only, a schedule in `timezone`; instead of `wait`. What was missed
    /// while the daemon was down is made up for when it starts.
    #[serde(default)]
    pub(super) digest: Option<Cron>,
    /// How long an event that the receiver does not take is tried before it is put aside as a
    /// dead letter, or `never`. Time in which nothing was tried, because the daemon was down or the
    /// clock leapt, counts as a day at most.
    #[serde(default = "two_weeks")]
    pub(super) give_up_after: Patience,
    /// What it was called before: it goes on where that one was. Can be taken out again after the
    /// next start or reload.
    #[serde(default)]
    pub(super) formerly: Option<String>,
}

fn two_weeks() -> Patience {
    Patience::For(Period::seconds(14 * DAY))
}

impl SinkOptions {
    /// Its keys.
    pub(super) const KEYS: &[&str] = &[
        "type",
        "events",
        "organizations",
        "redact",
        "wait",
        "digest",
        "give_up_after",
        "formerly",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_every_sink_are_listed() {
        let schema = schemars::schema_for!(SinkOptions).to_value();
        let keys: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, SinkOptions::KEYS);
    }
}
