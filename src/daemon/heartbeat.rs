//! The sign of life: an event at the times that the config names.
//!
//! One that was missed is not made up for: it would say nothing about the time when it was due.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use seatwatch_sdk::{Data, EventKind};
use serde_json::{Map, json};

use super::overview::Overview;
use crate::clock::uuid_v7;
use crate::config::{Config, Cron};
use crate::standing::State;
use crate::store::{NewEvent, Store, StoreError};

/// One that is late by more was missed.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// When the next sign of life is due; never, by default.
#[derive(Default)]
pub(super) struct Heartbeat {
    schedule: Option<(Cron, Tz)>,
    next: Option<DateTime<Utc>>,
    /// The time that came last, until its sign of life is in the log.
    owed: Option<DateTime<Utc>>,
}

impl Heartbeat {
    /// Goes over to a config: where that names the same times as the last one, none is left out.
    pub(super) fn follow(&mut self, config: &Config, now: DateTime<Utc>) {
        if self.schedule != config.heartbeat {
            self.schedule.clone_from(&config.heartbeat);
            self.reckon(now);
        }
    }

    /// Whether it is time.
    pub(super) fn is_due(&mut self, now: DateTime<Utc>) -> bool {
        let Some(next) = self.next.filter(|next| *next <= now) else { return false };
        self.reckon(now);
        self.owed = Some(next);
        now - next <= LATE
    }

    /// Counts from now on: with other times, and where the clock jumped.
    pub(super) fn reckon(&mut self, now: DateTime<Utc>) {
        self.next = self.schedule.as_ref().and_then(|(cron, zone)| cron.next_after(*zone, now));
        self.owed = None;
    }

    /// One is in the log.
    pub(super) fn written(&mut self) {
        self.owed = None;
    }

    /// When one is due: in the past where one is missing.
    pub(super) fn due(&self) -> Option<DateTime<Utc>> {
        self.owed.or(self.next)
    }
}

/// Puts a sign of life into the log.
pub(super) async fn send(
    store: &Store,
    overview: &Overview,
    instance: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let found = overview.states()?;
    let states: Map<_, _> = State::ALL
        .into_iter()
        .filter(|state| *state != State::Syncing)
        .map(|state| (state.word().to_owned(), json!(found.get(&state).unwrap_or(&0))))
        .collect();
    let (queued, dead_letters) = (overview.queued().0, overview.dead_letters()?);
    let details = json!({
        "organizations": states,
        "queued_events": queued,
        "dead_letters": dead_letters,
    });
    let data = Data { details: Some(details), ..Data::of_instance(EventKind::Heartbeat) };
    let (sync, source) = (uuid_v7(now), format!("/seatwatch/{instance}"));
    let append = move |tx: &crate::store::Tx<'_>| {
        let (organization, member) = (None, None);
        let data = &data;
        let event =
            NewEvent { sync, position: 0, organization, member, source: &source, time: now, data };
        tx.append(&tx.key()?, &event)
    };
    store.write(append).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-23T{time}:00Z").parse().unwrap()
    }

    #[test]
    fn a_sign_of_life_comes_once_and_a_missed_one_not_at_all() {
        let schedule = Some(("0 * * * *".parse().unwrap(), chrono_tz::UTC));
        let mut heartbeat = Heartbeat { schedule, ..Heartbeat::default() };
        heartbeat.reckon(at("10:30"));
        assert!(!heartbeat.is_due(at("10:59")));
        assert!(heartbeat.is_due(at("11:00")));
        assert!(!heartbeat.is_due(at("11:00")));
        assert!(!heartbeat.is_due(at("12:06"))); // The machine slept at twelve.
        assert!(heartbeat.is_due(at("13:01")));
    }

    #[test]
    fn a_sign_of_life_that_is_missing_stays_due_until_the_next_is_written() {
        let schedule = Some(("0 * * * *".parse().unwrap(), chrono_tz::UTC));
        let mut heartbeat = Heartbeat { schedule, ..Heartbeat::default() };
        assert_eq!(heartbeat.due(), None);
        heartbeat.reckon(at("10:30"));
        assert_eq!(heartbeat.due(), Some(at("11:00")));
        assert!(heartbeat.is_due(at("11:00")));
        // It could not be written.
        assert_eq!(heartbeat.due(), Some(at("11:00")));
        assert!(!heartbeat.is_due(at("11:30")));
        assert_eq!(heartbeat.due(), Some(at("11:00")));
        assert!(heartbeat.is_due(at("12:00")));
        heartbeat.written();
        assert_eq!(heartbeat.due(), Some(at("13:00")));
    }
}
