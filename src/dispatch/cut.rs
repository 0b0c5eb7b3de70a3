//! Cuts deliveries from the log, and counts what lies before a lane.
//!
//! Only reads: what is cut binds nobody before the lane has stored it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use seatwatch_sdk::{Event, whole_members};

use super::filter::Filter;
use super::timing::not_before;
use crate::clock::uuid_v7;
use crate::config::Timing;
use crate::store::{Cut, Logged, View};

/// What there is to try.
#[derive(Clone)]
pub(super) enum Next {
    Cut(Cut),
    NotBefore(DateTime<Utc>),
    Nothing,
}

impl Next {
    /// The delivery, if it is the time for one.
    pub(super) fn cut(&self) -> Option<&Cut> {
        if let Self::Cut(cut) = self { Some(cut) } else { None }
    }
}

/// Cuts deliveries from the log.
pub(super) struct Cutter {
    pub(super) filter: Arc<Filter>,
    pub(super) timing: Timing,
    /// At least one.
    pub(super) max_events: usize,
    pub(super) now: DateTime<Utc>,
}

impl Cutter {
    /// Cuts a delivery from what the filter lets pass after `cursor`.
    ///
    /// What one sync says of one member comes in one delivery, where that can hold it.
    pub(super) fn cut(&self, view: &View<'_>, cursor: u64) -> rusqlite::Result<Found> {
        let (mut passed, mut events) = (cursor, Vec::new());
        let (mut head, mut too_early) = (None, None);
        view.walk_events(cursor, |entry| {
            let logged = &entry.logged;
            if !self.filter.passes(logged) {
                if head.is_none() {
                    passed = logged.sequence;
                }
                return Ok(true);
            }
            if head.is_none() {
                head = Some(logged.time);
                too_early = not_before(&self.timing, logged.time, self.now);
            }
            if too_early.is_some() {
                return Ok(false);
            }
            events.push(entry.event()?);
            // One more than it can hold tells whether that is about the last one's member, too.
            Ok(events.len() <= self.max_events)
        })?;
        let is_full = events.len() >= self.max_events;
        events.truncate(whole_members(&events, self.max_events));
        let next = match (events.first().zip(events.last()), too_early) {
            (_, Some(time)) => Next::NotBefore(time),
            (Some((first, last)), None) => Next::Cut(Cut {
                id: uuid_v7(self.now).to_string(),
                first: first.sequence,
                last: last.sequence,
                filter: self.filter.keep(),
                attempt: 1,
                failed: None,
            }),
            (None, None) => Next::Nothing,
        };
        let events = Events { list: events, erasures: view.erasures()? };
        Ok(Found { passed, next, head, events, is_full })
    }
}

/// What there is to cut from a log.
pub(super) struct Found {
    /// The cursor, moved past what the filter left out before it.
    pub(super) passed: u64,
    pub(super) next: Next,
    /// When the first event happened that the filter lets pass.
    pub(super) head: Option<DateTime<Utc>>,
    /// Those of the delivery, if it is the time for one.
    pub(super) events: Events,
    /// Whether the delivery can hold no more: nothing that comes into the log later belongs to it.
    pub(super) is_full: bool,
}

/// Events as the log had them.
#[derive(Clone)]
pub(super) struct Events {
    pub(super) list: Vec<Event>,
    /// How often something had been erased from the log when they were read.
    pub(super) erasures: u64,
}

impl Events {
    /// Those of a delivery.
    pub(super) fn of(view: &View<'_>, cut: &Cut) -> rusqlite::Result<Self> {
        Ok(Self { list: events_of(view, cut)?, erasures: view.erasures()? })
    }
}

/// The events of a delivery, as the filter had it when it was cut.
pub(super) fn events_of(view: &View<'_>, cut: &Cut) -> rusqlite::Result<Vec<Event>> {
    view.events(cut.first, cut.last, of_cut(cut))
}

/// Whether what lies between the ends of a delivery is in it.
fn of_cut(cut: &Cut) -> impl Fn(&Logged) -> bool + use<> {
    let filter = Filter::from_kept(&cut.filter);
    // A filter that cannot be read any more lets everything pass: rather too much than a loss.
    move |event| filter.as_ref().is_none_or(|filter| filter.passes(event))
}

/// What a lane has before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Events that it has not got rid of yet.
    pub queued: u64,
    /// When the oldest of them happened.
    pub oldest: Option<DateTime<Utc>>,
}

/// What lies after a cursor, and how far that was counted.
///
/// What is cut is tried as it was cut, whatever the filter lets pass by now: it counts by its own.
pub(super) fn lag(
    view: &View<'_>,
    cursor: u64,
    cut: Option<&Cut>,
    filter: &Filter,
) -> rusqlite::Result<(Lag, u64)> {
    let in_cut = cut.map(|cut| (cut.first..=cut.last, of_cut(cut)));
    let is_before = |event: &Logged| match &in_cut {
        Some((range, passes)) if event.sequence <= *range.end() => {
            range.contains(&event.sequence) && passes(event)
        }
        _ => filter.passes(event),
    };
    let (mut lag, mut counted) = (Lag::default(), cursor);
    view.walk_log(cursor, |event| {
        counted = event.sequence;
        if is_before(&event) {
            lag.queued += 1;
            lag.oldest = lag.oldest.or(Some(event.time));
        }
        true
    })?;
    Ok((lag, counted))
}

/// The first event after a cursor that the lane wants.
pub(super) fn first_after(
    view: &View<'_>,
    cursor: u64,
    filter: &Filter,
) -> rusqlite::Result<Option<Logged>> {
    let mut first = None;
    view.walk_log(cursor, |event| {
        first = filter.passes(&event).then_some(event);
        first.is_none()
    })?;
    Ok(first)
}
