//! Every series that the daemon exposes, each defined once.
//!
//! What happens is counted while it happens ([`Metrics`]). What is so (members, seats, queues) is
//! read at the moment of a scrape ([`Snapshot`]) and kept nowhere: it cannot disagree with the
//! store, a restart makes no gap, and what leaves the config is gone at the next scrape.
//!
//! Labels come from small closed sets and from the config. None is ever a member or a lane, which
//! may be somebody's mail address. Counters and histograms have no `org`, so that a thousand
//! organizations are a thousand times a handful of gauges and no more.
//!
//! Knows neither HTTP nor who scrapes.

mod snapshot;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use seatwatch_sdk::EventKind;

pub use self::snapshot::{LaneGauge, OrganizationSnapshot, Snapshot, Unstored};
use crate::codecov::Reason;
use crate::organization::Service;
use crate::store::Outcome;

/// The media type of what [`Metrics::render`] returns, whatever a scraper would rather have.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The code of a request that nobody answered.
const NO_ANSWER: &str = "error";

const SYNC_SECONDS: [f64; 13] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0];
const REQUEST_SECONDS: [f64; 11] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What has happened since the start, counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Series>);

#[derive(Debug)]
struct Series {
    registry: Registry,
    sync_runs: IntCounterVec,
    sync_failures: IntCounterVec,
    sync_duration: Histogram,
    api_requests: IntCounterVec,
    api_request_duration: Histogram,
    events: IntCounterVec,
    discover_failures: IntCounterVec,
    sink_deliveries: IntCounterVec,
    sink_delivery_failures: IntCounterVec,
    /// The sinks that have series.
    sinks: RwLock<BTreeSet<String>>,
    config_last_reload_successful: IntGauge,
    config_last_reload_success: Gauge,
}

impl Series {
    /// Counts nothing of all that has a closed set of labels.
    fn start_at_zero(&self) {
        for outcome in Outcome::ALL {
            self.sync_runs.with_label_values(&[outcome.word()]);
        }
        for reason in Reason::ALL {
            self.sync_failures.with_label_values(&[reason.word()]);
        }
        for why in Unrecorded::ALL {
            self.sync_failures.with_label_values(&[why.word()]);
        }
        for code in ["200", NO_ANSWER] {
            self.api_requests.with_label_values(&[code]);
        }
        for event in EventKind::ALL {
            self.events.with_label_values(&[event.word()]);
        }
    }
}

/// Why a sync left nothing in the store, not even that it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecorded {
    /// The store could not be read or written, as with a full disk.
    Store,
    /// We broke off, a mistake in seatwatch.
    Internal,
}

impl Unrecorded {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Store, Self::Internal];

    /// The word in metrics, where it stands beside those of [`Reason`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Internal => "internal",
        }
    }
}

/// What became of a delivery that was not accepted, or not as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// It is tried again.
    Retry,
    /// An event was given up: a dead letter.
    Reject,
    /// The lane was stopped.
    Disable,
}

impl NotAccepted {
    const ALL: [Self; 3] = [Self::Retry, Self::Reject, Self::Disable];

    fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reject => "reject",
            Self::Disable => "disable",
        }
    }
}

/// Defining.
impl Metrics {
    /// All series, nothing counted yet. What has a closed set of labels starts at 0, so that the
    /// first time counts as an increase.
    pub fn new() -> Self {
        let registry = Registry::new();
        let series = Series {
            sync_runs: counters(
                &registry,
                "sync_runs_total",
                "Syncs that have ended, of all organizations, by how.",
                "outcome",
            ),
            sync_failures: counters(
                &registry,
                "sync_failures_total",
                "Syncs that failed, by why; `store` and `internal` where not even that could be \
                 written to the database.",
                "reason",
            ),
            sync_duration: histogram(
                &registry,
                "sync_duration_seconds",
                "How long syncs took, failed ones too, from the first request to the commit.",
                &SYNC_SECONDS,
            ),
            api_requests: counters(
                &registry,
                "api_requests_total",
                "Requests sent to Codecov, by the HTTP status of the answer; `error` where no \
                 whole answer came.",
                "code",
            ),
            api_request_duration: histogram(
                &registry,
                "api_request_duration_seconds",
                "How long requests to Codecov took, to the last byte of the answer.",
                &REQUEST_SECONDS,
            ),
            events: counters(
                &registry,
                "events_total",
                "Events added to the log, by what happened.",
                "event",
            ),
            discover_failures: counters(
                &registry,
                "discover_failures_total",
                "Look-ups of the organizations on a git service that failed: until one succeeds, \
                 new ones are not found.",
                "service",
            ),
            sink_deliveries: counters(
                &registry,
                "sink_deliveries_total",
                "Deliveries that the sink has accepted.",
                "sink",
            ),
            sink_delivery_failures: register(
                &registry,
                IntCounterVec::new(
                    options(
                        "sink_delivery_failures_total",
                        "Attempts at a delivery that failed: to be tried again (`retry`), an \
                         event given up as a dead letter (`reject`), or the lane stopped \
                         (`disable`).",
                    ),
                    &["sink", "reason"],
                ),
            ),
            sinks: RwLock::default(),
            config_last_reload_successful: register(
                &registry,
                IntGauge::with_opts(options(
                    "config_last_reload_successful",
                    "Whether the configuration was right when it was last read; if not, the one \
                     before it is still in use.",
                )),
            ),
            config_last_reload_success: register(
                &registry,
                Gauge::with_opts(options(
                    "config_last_reload_success_timestamp_seconds",
                    "When the configuration that is in use was read.",
                )),
            ),
            registry: registry.clone(),
        };
        series.start_at_zero();
        let build = IntGaugeVec::new(
            options("build_info", "Always 1; the labels say which seatwatch this is."),
            &["version"],
        );
        let build = register(&registry, build);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(ProcessCollector::for_self())).expect(DISTINCT);
        Self(Arc::new(series))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counting.
impl Metrics {
    /// A sync has ended, and was committed with these events.
    pub fn synced(
        &self,
        outcome: Outcome,
        failure: Option<Reason>,
        events: impl IntoIterator<Item = EventKind>,
        took: Duration,
    ) {
        self.0.sync_runs.with_label_values(&[outcome.word()]).inc();
        if let Some(reason) = failure {
            self.0.sync_failures.with_label_values(&[reason.word()]).inc();
        }
        self.0.sync_duration.observe(took.as_secs_f64());
        events.into_iter().for_each(|event| self.event(event));
    }

    /// A sync has failed, and nothing of it was committed. How long it took, nobody has measured.
    pub fn unrecorded(&self, why: Unrecorded) {
        self.0.sync_runs.with_label_values(&[Outcome::Failed.word()]).inc();
        self.0.sync_failures.with_label_values(&[why.word()]).inc();
    }

    /// An event was added to the log other than by a sync: a heartbeat.
    pub fn event(&self, event: EventKind) {
        self.0.events.with_label_values(&[event.word()]).inc();
    }

    /// A request was sent to Codecov; no status is no answer. Made for
    /// [`Observer`](crate::codecov::Observer).
    pub fn asked(&self, status: Option<u16>, took: Duration) {
        let code = status.map_or_else(|| NO_ANSWER.to_owned(), |status| status.to_string());
        self.0.api_requests.with_label_values(&[&code]).inc();
        self.0.api_request_duration.observe(took.as_secs_f64());
    }

    /// A look-up of the organizations on a service failed.
    pub fn discover_failed(&self, service: Service) {
        self.0.discover_failures.with_label_values(&[service.word()]).inc();
    }

    /// Organizations are looked up on these services: their series start at 0.
    pub fn set_discover(&self, services: impl IntoIterator<Item = Service>) {
        for service in services {
            self.0.discover_failures.with_label_values(&[service.word()]);
        }
    }

    /// A sink has accepted a delivery, or the first part of one. Not counted where the sink has
    /// left the config.
    pub fn delivered(&self, sink: &str) {
        let sinks = self.0.sinks.read().unwrap_or_else(PoisonError::into_inner);
        if sinks.contains(sink) {
            self.0.sink_deliveries.with_label_values(&[sink]).inc();
        }
    }

    /// A sink has not accepted a delivery, or not the rest of one. Not counted where the sink has
    /// left the config.
    pub fn delivery_failed(&self, sink: &str, what: NotAccepted) {
        let sinks = self.0.sinks.read().unwrap_or_else(PoisonError::into_inner);
        if sinks.contains(sink) {
            self.0.sink_delivery_failures.with_label_values(&[sink, what.word()]).inc();
        }
    }

    /// The configuration was read, at the start or at a reload.
    pub fn reloaded(&self, successful: bool, now: DateTime<Utc>) {
        self.0.config_last_reload_successful.set(successful.into());
        if successful {
            self.0.config_last_reload_success.set(snapshot::seconds(now));
        }
    }

    /// Exactly these sinks have series from now on: new ones start at 0, the others go on.
    pub fn set_sinks<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
        let mut sinks = self.0.sinks.write().unwrap_or_else(PoisonError::into_inner);
        for name in &names {
            self.0.sink_deliveries.with_label_values(&[name]);
            for what in NotAccepted::ALL {
                self.0.sink_delivery_failures.with_label_values(&[name, what.word()]);
            }
        }
        for gone in sinks.difference(&names) {
            let has_series = "every sink that is known has all its series";
            self.0.sink_deliveries.remove_label_values(&[gone]).expect(has_series);
            for what in NotAccepted::ALL {
                let labels = [gone.as_str(), what.word()];
                self.0.sink_delivery_failures.remove_label_values(&labels).expect(has_series);
            }
        }
        *sinks = names;
    }

    /// All series in Prometheus' text format, whose type is [`CONTENT_TYPE`]. Reads `/proc`.
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let mut families = self.0.registry.gather();
        families.extend(snapshot.gather());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        TextEncoder::new().encode_to_string(&families).expect("no family is empty")
    }
}

const DISTINCT: &str = "every series has a name of its own";

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("seatwatch")
}

fn counters(registry: &Registry, name: &str, help: &str, label: &str) -> IntCounterVec {
    register(registry, IntCounterVec::new(options(name, help), &[label]))
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::from(options(name, help)).buckets(buckets.to_vec());
    register(registry, Histogram::with_opts(options))
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    series: prometheus::Result<C>,
) -> C {
    let series = series.expect("names, labels and buckets are constants, and valid");
    registry.register(Box::new(series.clone())).expect(DISTINCT);
    series
}

#[cfg(test)]
mod tests;
