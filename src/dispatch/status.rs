//! How the lanes stand, as the store has it: for those who look on.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use seatwatch_sdk::Event;

use super::cut::{self, Lag, events_of, first_after};
use super::filter::Filter;
use super::known_as;
use super::timing::digest_at;
use crate::config::SinkEntry;
use crate::store::{Failed, Lost, Reader, StoreError, View};
use crate::text::lane_name;

/// How a lane stands, for `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// The sink's name.
    pub sink: String,
    /// Its type.
    pub kind: String,
    /// The lane's name.
    pub lane: String,
    /// What it has before it.
    pub lag: Lag,
    /// What became of the attempts at its delivery, if any failed.
    pub failed: Option<Failed>,
    /// Why it was stopped.
    pub disabled: Option<String>,
    /// Since when a person wants it to be left alone.
    pub paused: Option<DateTime<Utc>>,
    /// Events that it would not take.
    pub dead_letters: u64,
    /// Why the last of them is one.
    pub last_dead: Option<String>,
    /// What retention took before the lane had passed it.
    pub lost: Option<Lost>,
    /// When the sink's digest takes what waits, where only that is waited for.
    pub digest: Option<DateTime<Utc>>,
}

impl LaneStatus {
    /// Its name for people: that of the sink where it has only one.
    pub fn name(&self) -> String {
        lane_name(&self.sink, &self.lane)
    }
}

/// How every lane stands; one that was never served has nothing before it.
///
/// # Errors
///
/// The store failed.
pub fn status(
    reader: &Reader,
    sinks: &[SinkEntry],
    now: DateTime<Utc>,
) -> Result<Vec<LaneStatus>, StoreError> {
    reader.read(|view| status_with(view, sinks, now, |_, _| None))
}

/// The same, where somebody may have counted what a lane has before it: asked by the names of
/// sink and lane. It is counted here where nobody has.
///
/// # Errors
///
/// The store failed.
pub fn status_with(
    view: &View<'_>,
    sinks: &[SinkEntry],
    now: DateTime<Utc>,
    counted: impl Fn(&str, &str) -> Option<Lag>,
) -> rusqlite::Result<Vec<LaneStatus>> {
    let mut lanes = Vec::new();
    for entry in sinks {
        let filter = Filter::of(entry);
        let name = known_as(view, entry)?;
        let paused = view.paused(name)?;
        for lane in entry.config.lanes() {
            let found = view.find_lane(name, &lane)?;
            let (dead_letters, last_dead) = view.dead_letters(name, &lane)?;
            let mut status = LaneStatus {
                sink: entry.name.clone(),
                kind: entry.kind.clone(),
                lag: Lag::default(),
                failed: None,
                disabled: None,
                paused,
                dead_letters,
                last_dead,
                lost: None,
                digest: None,
                lane,
            };
            if let Some(found) = found {
                let cut = view.cut(&found)?;
                status.lag = match counted(&status.sink, &status.lane) {
                    Some(lag) => lag,
                    None => cut::lag(view, found.cursor, cut.as_ref(), &filter)?.0,
                };
                let free = cut.is_none() && paused.is_none() && found.disabled.is_none();
                let oldest = status.lag.oldest.filter(|_| free);
                status.digest = oldest.and_then(|oldest| digest_at(&entry.timing, oldest, now));
                status.failed = cut.and_then(|cut| cut.failed);
                status.lost = found.lost;
                status.disabled = found.disabled.map(|(reason, _)| reason);
            }
            lanes.push(status);
        }
    }
    Ok(lanes)
}

/// Dead letters of a lane that the config does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphans {
    /// The name of the sink that it was of.
    pub sink: String,
    /// Its name.
    pub lane: String,
    /// How many.
    pub dead_letters: u64,
}

/// Dead letters of sinks and lanes that are gone, by name.
///
/// # Errors
///
/// The store failed.
pub fn orphans(reader: &Reader, sinks: &[SinkEntry]) -> Result<Vec<Orphans>, StoreError> {
    reader.read(|view| {
        let mut of_config = HashSet::new();
        for entry in sinks {
            let name = known_as(view, entry)?;
            of_config.extend(entry.config.lanes().into_iter().map(|lane| (name.to_owned(), lane)));
        }
        let mut orphans = Vec::new();
        for (sink, lane) in view.sinks_with_letters()? {
            if of_config.contains(&(sink.clone(), lane.clone())) {
                continue;
            }
            let (dead_letters, _) = view.dead_letters(&sink, &lane)?;
            orphans.push(Orphans { sink, lane, dead_letters });
        }
        orphans.sort_by(|a, b| (&a.sink, &a.lane).cmp(&(&b.sink, &b.lane)));
        Ok(orphans)
    })
}

/// The event that a lane has before it next.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The sink's name.
    pub sink: String,
    /// The lane's name.
    pub lane: String,
    /// How many events wait, this one among them.
    pub queued: u64,
    /// The event itself.
    pub event: Event,
    /// Attempts at it so far.
    pub attempts: u32,
    /// What became of them, if any failed.
    pub failed: Option<Failed>,
    /// Whether nothing is tried until the sink is resumed, and the word for why.
    pub waits: Option<&'static str>,
    /// When the sink's digest takes it, where only that is waited for.
    pub digest: Option<DateTime<Utc>>,
}

/// What every lane has before it next, of those that have anything.
///
/// # Errors
///
/// The store failed.
pub fn heads(
    reader: &Reader,
    sinks: &[SinkEntry],
    now: DateTime<Utc>,
) -> Result<Vec<Head>, StoreError> {
    reader.read(|view| {
        let mut heads = Vec::new();
        for entry in sinks {
            let name = known_as(view, entry)?;
            for lane in entry.config.lanes() {
                heads.extend(head(view, entry, name, &lane, now)?);
            }
        }
        Ok(heads)
    })
}

/// Of one lane of a sink, which is known by `name`.
fn head(
    view: &View<'_>,
    entry: &SinkEntry,
    name: &str,
    lane: &str,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Head>> {
    let Some(found) = view.find_lane(name, lane)? else { return Ok(None) };
    let (cut, filter) = (view.cut(&found)?, Filter::of(entry));
    let (lag, _) = cut::lag(view, found.cursor, cut.as_ref(), &filter)?;
    let in_cut = match &cut {
        Some(cut) => events_of(view, cut)?.into_iter().next(),
        None => None,
    };
    // Of what was cut, all may be erased.
    let after = cut.as_ref().map_or(found.cursor, |cut| cut.last);
    let event = match (in_cut, first_after(view, after, &filter)?) {
        (Some(event), _) => Some(event),
        (None, Some(first)) => {
            view.events(first.sequence, first.sequence, |_| true)?.into_iter().next()
        }
        (None, None) => None,
    };
    let Some(event) = event else { return Ok(None) };
    let failed = cut.as_ref().and_then(|cut| cut.failed.clone());
    let uncut = cut.is_none();
    // The number is that of the attempt that comes next.
    let attempts = cut.filter(|_| failed.is_some()).map_or(0, |cut| cut.attempt.saturating_sub(1));
    let waits = match (view.paused(name)?, &found.disabled) {
        (Some(_), _) => Some("paused"),
        (None, Some(_)) => Some("stopped"),
        (None, None) => None,
    };
    let digest = digest_at(&entry.timing, event.time, now).filter(|_| uncut && waits.is_none());
    let (sink, lane) = (entry.name.clone(), lane.to_owned());
    Ok(Some(Head { sink, lane, queued: lag.queued, event, attempts, failed, waits, digest }))
}
