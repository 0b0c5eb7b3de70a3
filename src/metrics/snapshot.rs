//! How everything stands at the moment of a scrape: the gauges of organizations and sinks.
//!
//! They are made anew each time, so nothing of an earlier scrape can stay behind, and two scrapes
//! at once do not disturb each other.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, Registry};

use super::{options, register};
use crate::config::Config;
use crate::organization::{OrganizationId, Service};
use crate::store::{Answer, Store, StoreError, Vitals};

/// How everything stands.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Every organization of the config.
    pub organizations: Vec<OrganizationSnapshot>,
    /// When the organizations on a service were last looked up, where the config has a rule.
    pub discovered: BTreeMap<Service, DateTime<Utc>>,
    /// When the next heartbeat is due, where the config has one; in the past where one is missing.
    pub heartbeat: Option<DateTime<Utc>>,
    /// Every lane of every sink of the config, with the sink's name.
    pub lanes: Vec<(String, LaneGauge)>,
    /// Until when the certificate of the HTTP endpoints is valid, where they speak TLS.
    pub certificate_expiry: Option<DateTime<Utc>>,
}

/// What the store does not know of all this.
#[derive(Clone, Debug, Default)]
pub struct Unstored {
    /// When the next sync of each organization is due.
    pub next_syncs: HashMap<OrganizationId, DateTime<Utc>>,
    /// Syncs that have failed since the last one that is in the store, of organizations that have
    /// some.
    pub unrecorded: HashMap<OrganizationId, u32>,
    /// As [`Snapshot`] has them.
    pub lanes: Vec<(String, LaneGauge)>,
    /// As [`Snapshot`] has it.
    pub heartbeat: Option<DateTime<Utc>>,
    /// As [`Snapshot`] has it.
    pub certificate_expiry: Option<DateTime<Utc>>,
}

/// How one organization stands.
#[derive(Clone, Debug)]
pub struct OrganizationSnapshot {
    /// Which it is.
    pub id: OrganizationId,
    /// What the store has of it, with failures that it could not take; the default before the first
    /// sync.
    pub vitals: Vitals,
    /// Seats that are paid for.
    pub seats_limit: Option<u64>,
    /// When its next sync is due.
    pub next_sync: Option<DateTime<Utc>>,
}

/// How one lane stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneGauge {
    /// Events that wait for delivery.
    pub queued: u64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
    /// Attempts at the delivery before it that have failed so far.
    pub failed_attempts: u32,
    /// Events that the lane did not take.
    pub dead_letters: u64,
    /// Whether it waits for a person, because its receiver is gone.
    pub stopped: bool,
    /// Whether a person wants it to be left alone.
    pub paused: bool,
}

impl LaneGauge {
    /// Both lanes of one sink together.
    fn and(self, other: Self) -> Self {
        Self {
            queued: self.queued.saturating_add(other.queued),
            oldest: self.oldest.into_iter().chain(other.oldest).min(),
            failed_attempts: self.failed_attempts.max(other.failed_attempts),
            dead_letters: self.dead_letters.saturating_add(other.dead_letters),
            stopped: self.stopped || other.stopped,
            paused: self.paused || other.paused,
        }
    }
}

impl Snapshot {
    /// Looks at the store, with one question for all organizations, and takes from the caller
    /// what the store does not know. Blocks.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn take(store: &Store, config: &Config, unstored: Unstored) -> Result<Self, StoreError> {
        let Unstored { next_syncs, unrecorded, lanes, heartbeat, certificate_expiry } = unstored;
        let (mut vitals, lookups) = store.read(|view| Ok((view.vitals()?, view.lookups()?)))?;
        let organizations = config.organizations.iter().map(|organization| {
            let id = organization.id.clone();
            let known = vitals.remove(&id).unwrap_or_default();
            OrganizationSnapshot {
                vitals: known.after_more(unrecorded.get(&id).copied().unwrap_or_default()),
                seats_limit: organization.seats.limit,
                next_sync: next_syncs.get(&id).copied(),
                id,
            }
        });
        let wanted =
            |service: &Service| config.discover.iter().any(|rule| rule.service == *service);
        let discovered = lookups.into_iter().filter(|(service, _)| wanted(service));
        let discovered = discovered
            .filter_map(|(service, lookups)| Some((service, lookups.last_success_at?)))
            .collect();
        let organizations = organizations.collect();
        Ok(Self { organizations, discovered, heartbeat, lanes, certificate_expiry })
    }

    /// The gauges, without those that nothing has a value for.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let registry = Registry::new();
        self.show_organizations(&registry);
        self.show_discovered(&registry);
        self.show_heartbeat(&registry);
        self.show_sinks(&registry);
        self.show_certificate(&registry);
        registry.gather()
    }

    fn show_organizations(&self, registry: &Registry) {
        let gauge = |name, help| gauges(registry, name, help, &["org", "service"]);
        let members = gauge("org_members", "Members on the last roster, unnamed rows aside.");
        let unnamed = gauge(
            "org_unnamed",
            "Rows of the last roster that name nobody, such as deleted accounts.",
        );
        let seats_used =
            gauge("org_seats_used", "Seats in use on the last roster, those of unnamed rows too.");
        let seats_limit = gauge(
            "org_seats_limit",
            "Seats that are paid for, where the configuration names them.",
        );
        let admins = gauge("org_admins", "Admins on the last roster.");
        let up = gauge(
            "org_up",
            "Whether the last sync read a whole roster; a held one counts. 0 before the first \
             sync.",
        );
        let failed_syncs = gauge(
            "org_failed_syncs",
            "Syncs that have failed in a row, up to now: 0 after one that did not. Absent before the \
             first.",
        );
        let token_admin = gauge(
            "org_token_admin",
            "Whether the token was an admin's when Codecov last said; absent until it does.",
        );
        let held = gauge(
            "org_sync_held",
            "Whether a roster is held and waits for `seatwatch approve` or `reject`.",
        );
        let last_success = gauge(
            "sync_last_success_timestamp_seconds",
            "When a sync last succeeded; a held one does not count. Absent before the first.",
        );
        let next = gauge("sync_next_timestamp_seconds", "When the next sync is due.");
        for organization in &self.organizations {
            let (id, vitals) = (&organization.id, &organization.vitals);
            let labels = [id.owner(), id.service().word()];
            let set = |gauge: &GaugeVec, value| gauge.with_label_values(&labels).set(value);
            if let Some(totals) = &vitals.totals {
                set(&members, number(totals.members));
                set(&unnamed, number(totals.unnamed.members));
                set(&seats_used, number(totals.seats_used()));
                set(&admins, number(totals.admins));
            }
            if let Some(limit) = organization.seats_limit {
                set(&seats_limit, number(limit));
            }
            set(&up, yes(vitals.failures == Some(0)));
            if let Some(failures) = vitals.failures {
                set(&failed_syncs, f64::from(failures));
            }
            match vitals.answer {
                Some(Answer::Admin) => set(&token_admin, 1.0),
                Some(Answer::NotAdmin) => set(&token_admin, 0.0),
                // Codecov was never asked, or would not say.
                Some(Answer::Unknown) | None => {}
            }
            set(&held, yes(vitals.held));
            if let Some(time) = vitals.last_success_at {
                set(&last_success, seconds(time));
            }
            if let Some(time) = organization.next_sync {
                set(&next, seconds(time));
            }
        }
    }

    fn show_discovered(&self, registry: &Registry) {
        let last_success = gauges(
            registry,
            "discover_last_success_timestamp_seconds",
            "When the organizations on a git service, which the rules of `discover` match, were last \
             looked up. Absent before the first time.",
            &["service"],
        );
        for (service, time) in &self.discovered {
            last_success.with_label_values(&[service.word()]).set(seconds(*time));
        }
    }

    fn show_heartbeat(&self, registry: &Registry) {
        let Some(time) = self.heartbeat else { return };
        let next = options(
            "heartbeat_next_timestamp_seconds",
            "When the next heartbeat is due; in the past where one could not be written. Absent \
             without `heartbeat`.",
        );
        register(registry, Gauge::with_opts(next)).set(seconds(time));
    }

    fn show_certificate(&self, registry: &Registry) {
        let Some(time) = self.certificate_expiry else { return };
        let expiry = options(
            "http_certificate_expiry_timestamp_seconds",
            "Until when the certificate is valid that the HTTP endpoints show. Absent without TLS.",
        );
        register(registry, Gauge::with_opts(expiry)).set(seconds(time));
    }

    fn show_sinks(&self, registry: &Registry) {
        let gauge = |name, help| gauges(registry, name, help, &["sink"]);
        let queued = gauge(
            "sink_queue_events",
            "Events that wait for delivery, each once for every lane that it waits in.",
        );
        let oldest = gauge(
            "sink_oldest_pending_timestamp_seconds",
            "When the oldest event happened that waits for delivery; 0 where none waits.",
        );
        let failed_attempts = gauge(
            "sink_failed_attempts",
            "Attempts at the delivery that comes next, in a row, that have failed; of several lanes \
             that of the most. 0 once it is accepted.",
        );
        let dead =
            gauge("sink_dead_letter_events", "Events that were given up and wait for a person.");
        let stopped = gauge(
            "sink_stopped",
            "Whether the sink, or a lane of it, has stopped itself and waits for `seatwatch sink \
             resume` or another config.",
        );
        let paused = gauge("sink_paused", "Whether a person has paused the sink.");
        let mut sinks: BTreeMap<&str, LaneGauge> = BTreeMap::new();
        for (sink, lane) in &self.lanes {
            let sum = sinks.entry(sink).or_default();
            *sum = sum.and(*lane);
        }
        for (sink, sum) in sinks {
            queued.with_label_values(&[sink]).set(number(sum.queued));
            oldest.with_label_values(&[sink]).set(sum.oldest.map_or(0.0, seconds));
            failed_attempts.with_label_values(&[sink]).set(f64::from(sum.failed_attempts));
            dead.with_label_values(&[sink]).set(number(sum.dead_letters));
            stopped.with_label_values(&[sink]).set(yes(sum.stopped));
            paused.with_label_values(&[sink]).set(yes(sum.paused));
        }
    }
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    register(registry, GaugeVec::new(options(name, help), labels))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 members")]
fn number(number: u64) -> f64 {
    number as f64
}

fn yes(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// Since 1970; a time before that, which only a wrong clock tells, is 0.
pub(super) fn seconds(time: DateTime<Utc>) -> f64 {
    (time - DateTime::UNIX_EPOCH).to_std().unwrap_or_default().as_secs_f64()
}
