//! Reads what a pack says of one organization from the store.

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch_sdk::Event;

use super::Chapter;
use crate::config::{Config, SeatsConfig};
use crate::coverage;
use crate::organization::OrganizationId;
use crate::store::{self, History, View};

/// So many events are read at once.
const PAGE: usize = 1000;

/// What is known of an organization of this config between two times. It need not be there any more;
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
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> rusqlite::Result<Chapter<'a>> {
    let of_config = config.find(id);
    let mut chapter = Chapter {
        id: id.clone(),
        label: of_config.and_then(|organization| organization.label.as_deref()),
        seats: of_config.map_or_else(SeatsConfig::default, |organization| organization.seats),
        known_since: None,
        gaps_known_from: None,
        before_at: from,
        before: None,
        after: None,
        events: Vec::new(),
        runs: Vec::new(),
        gaps: Vec::new(),
        sums: Vec::new(),
        sessions: None,
    };
    let Some(number) = number else { return Ok(chapter) };
    chapter.runs = view.runs(number, from, to)?;
    chapter.events = events(view, number, from, to)?;
    let known_since = view.known_since(number)?.filter(|known_since| *known_since <= to);
    if let Some(known_since) = known_since {
        chapter.known_since = Some(known_since);
        // What happened at the very beginning is told as what has changed.
        let before = from.checked_sub_signed(TimeDelta::milliseconds(1)).unwrap_or(from);
        let before = before.max(known_since);
        chapter.before_at = before;
        chapter.before = view.past_roster(number, before)?;
        chapter.after = view.past_roster(number, to)?;
        chapter.gaps = coverage::gaps(&chapter.runs, from, to);
        chapter.gaps_known_from = view.gaps_known_from()?.filter(|known| *known > from);
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
