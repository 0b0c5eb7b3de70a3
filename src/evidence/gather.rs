//! Reads what a pack says of one organization from the store.

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::Event;

use super::{Chapter, Period};
use crate::config::{Config, SeatsConfig};
use crate::coverage;
use crate::organization::OrganizationId;
use crate::store::{self, History, PastRoster, View};

/// So many events are read at once.
const PAGE: usize = 1000;

/// What is known of an organization of this config in a time. It need not be there any more;
/// `number` is its own in the store, where it has one.
///
/// # Errors
///
/// The disk or the database failed.
pub fn gather<'a>(
    view: &View<'_>,
    config: &'a Config,
    id: &OrganizationId,
    number: Option<store::Organization>,
    Period { from, to, now }: Period,
) -> rusqlite::Result<Chapter<'a>> {
    let of_config = config.find(id);
    let mut chapter = Chapter {
        id: id.clone(),
        label: of_config.and_then(|organization| organization.label.as_deref()),
        seats: of_config.map_or_else(SeatsConfig::default, |organization| organization.seats),
        known_since: None,
        is_seen: false,
        syncs_known_from: None,
        gaps_known_from: None,
        before_at: from,
        before: None,
        after: None,
        events: Vec::new(),
        runs: Vec::new(),
        gaps: None,
        sums: Vec::new(),
        sessions: None,
    };
    let Some(number) = number else { return Ok(chapter) };
    chapter.events = events(view, number, from, to)?;
    let runs = view.runs(number, from, to)?;
    chapter.is_seen = runs.iter().any(|run| run.finished_at <= to);
    // Retention leaves a run before its horizon where there was any.
    let is_trimmed =
        |horizon: &_| from < *horizon && runs.iter().any(|it| it.finished_at < *horizon);
    chapter.syncs_known_from = view.known_from()?.filter(is_trimmed);
    let looked_from = chapter.syncs_known_from.unwrap_or(from);
    if chapter.is_seen && looked_from <= to {
        chapter.gaps = Some(coverage::gaps(&runs, looked_from, to));
        chapter.gaps_known_from = view.gaps_known_from()?.filter(|known| looked_from < *known);
        chapter.runs = runs;
    }
    let known_since = view.known_since(number)?.filter(|known_since| *known_since <= to);
    if let Some(known_since) = known_since {
        chapter.known_since = Some(known_since);
        // What happened at the very beginning is told as what has changed.
        let before = from.checked_sub_signed(TimeDelta::milliseconds(1)).unwrap_or(from);
        let before = before.max(known_since);
        chapter.before_at = before;
        chapter.before = view.past_roster(number, before)?;
        let after = view.past_roster(number, to)?;
        // The addresses of rows that name nobody are kept as of now only: a pack of the past that
        // told them would be another one after the next change.
        let is_of_now = to >= now;
        chapter.after =
            if is_of_now { after } else { after.map(PastRoster::without_unnamed_emails) };
        chapter.sums = view.sums(number, before, to)?;
    }
    Ok(chapter)
}

fn events(
    view: &View<'_>,
    organization: store::Organization,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> rusqlite::Result<Vec<Event>> {
    let (since, until) = (Some(from), Some(to));
    let asked = History { organization: Some(organization), members: None, since, until };
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.sequence);
        let page = view.history(&asked, after, PAGE)?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}
