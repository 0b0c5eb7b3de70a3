//! When each organization is due next.
//!
//! A time that the schedule names makes an organization *wanted*; it is *due* once its share of
//! the splay has passed too. Whatever happens to the clock or to the daemon, an organization that
//! is wanted becomes due, and one that missed several times becomes due once.
//!
//! Pure: no clock, no I/O. It does not know whether a sync runs, succeeds or fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Rule, share};
use crate::config::Organization;
use crate::organization::OrganizationId;

/// What the clock may lose or gain between two looks before it counts as a jump.
const JUMP: TimeDelta = TimeDelta::minutes(5);

/// Those who missed their time catch up at this pace, as far as [`CATCH_UP`] allows.
const PACE: Duration = Duration::from_millis(100);

/// Within this time, all who missed theirs are due.
const CATCH_UP: Duration = Duration::from_secs(60);

/// When each organization is due next.
#[derive(Debug, Default)]
pub struct Timetable {
    places: BTreeMap<OrganizationId, Place>,
    /// When each of the places is due, in that order: who is not due costs nothing.
    queue: BTreeSet<(DateTime<Utc>, OrganizationId)>,
    /// The time of the last look.
    seen: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Place {
    rule: Rule,
    /// When the organization is, or was, first wanted.
    wanted: DateTime<Utc>,
    due: DateTime<Utc>,
}

impl Place {
    /// The place of whoever was served at `after`. None if the schedule has no further time.
    fn next(rule: Rule, after: DateTime<Utc>) -> Option<Self> {
        let due = rule.next_after(after)?;
        Some(Self { wanted: due.checked_sub_signed(rule.offset)?, rule, due })
    }
}

/// What a look at the timetable found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Who is due, each once, in the order in which they were to be.
    pub organizations: Vec<OrganizationId>,
    /// How far the clock moved since the last look, if that is more than five minutes; negative
    /// if it was set back. Elapsed time is not known here: the caller looks every second.
    pub jump: Option<TimeDelta>,
}

impl Timetable {
    /// One without organizations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives each of `organizations` its place, at start and whenever the configuration changes.
    ///
    /// Who is there with the same schedule, zone and splay keeps the place. Where those changed,
    /// the new ones count from `now` on, and a sync that was wanted already is due no later than
    /// it was. Who is not among `organizations` goes.
    ///
    /// Who is new and missed a time since `last`, when its last sync ended, is due at once, and
    /// so is who never had one; if those are many, they spread over up to a minute. A last sync
    /// that lies in the future was noted by a wrong clock: the schedule counts from `now` on.
    pub fn set(
        &mut self,
        organizations: &[Organization],
        splay: Duration,
        last: impl Fn(&OrganizationId) -> Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        self.queue.clear();
        let mut former = std::mem::take(&mut self.places);
        let mut late = Vec::new();
        for organization in organizations {
            let id = organization.id.clone();
            let rule = Rule::of(organization, splay);
            let place = match former.remove(&id) {
                Some(place) if place.rule == rule => Some(place),
                Some(place) if place.wanted <= now => {
                    let next = rule.next_after(now).unwrap_or(place.due);
                    Some(Place { rule, due: place.due.min(next), ..place })
                }
                Some(_) => Place::next(rule, now),
                None => match last(&id) {
                    Some(last) => Place::next(rule, served(last, now)),
                    None => Some(Place { rule, wanted: now, due: now }),
                },
            };
            match place {
                Some(place) if place.due <= now => late.push((id, place)),
                Some(place) => self.put(id, place),
                None => {}
            }
        }
        self.catch_up(late, now);
        self.seen.get_or_insert(now);
    }

    /// Takes those who are due at `now`; each gets its next time after `now`.
    ///
    /// After a jump forward, as at start, those who missed a time are due once, and spread if
    /// they are many. After a jump back, what was wanted waits no longer than it would have, and
    /// the schedules count from `now` on: what the clock shows again is due again, because
    /// nobody knows which of the two times was wrong. A small step back makes nothing due twice.
    pub fn due(&mut self, now: DateTime<Utc>) -> Due {
        let seen = self.seen.replace(now).unwrap_or(now);
        let jump = Some(now - seen).filter(|passed| passed.abs() > JUMP);
        if jump.is_some() && now > seen {
            let late = self.take_due(now);
            self.catch_up(late, now);
        } else if jump.is_some() {
            self.count_from(now, seen);
        }
        let mut organizations = Vec::new();
        for (id, place) in self.take_due(now) {
            organizations.push(id.clone());
            if let Some(place) = Place::next(place.rule, now) {
                self.put(id, place);
            }
        }
        Due { organizations, jump }
    }

    /// When an organization is due next.
    pub fn next(&self, id: &OrganizationId) -> Option<DateTime<Utc>> {
        self.places.get(id).map(|place| place.due)
    }

    /// When the first of them is due.
    pub fn earliest(&self) -> Option<DateTime<Utc>> {
        self.queue.first().map(|(due, _)| *due)
    }

    fn put(&mut self, id: OrganizationId, place: Place) {
        self.queue.insert((place.due, id.clone()));
        self.places.insert(id, place);
    }

    /// Takes out who is due at `now`, the first one first.
    fn take_due(&mut self, now: DateTime<Utc>) -> Vec<(OrganizationId, Place)> {
        let mut taken = Vec::new();
        while self.earliest().is_some_and(|due| due <= now)
            && let Some((_, id)) = self.queue.pop_first()
            && let Some(place) = self.places.remove(&id)
        {
            taken.push((id, place));
        }
        taken
    }

    /// Gives those who missed their time a place from `now` on: a few all at once, many over a
    /// minute.
    fn catch_up(&mut self, late: Vec<(OrganizationId, Place)>, now: DateTime<Utc>) {
        let many = u32::try_from(late.len()).unwrap_or(u32::MAX);
        let window = PACE.saturating_mul(many).min(CATCH_UP);
        for (id, place) in late {
            let due = now.checked_add_signed(share(&id, window)).unwrap_or(now);
            self.put(id, Place { due, ..place });
        }
    }

    /// Moves all places from the clock that showed `seen` to the one that shows `now` instead.
    fn count_from(&mut self, now: DateTime<Utc>, seen: DateTime<Utc>) {
        self.queue.clear();
        for (id, place) in std::mem::take(&mut self.places) {
            let place = if place.wanted <= seen {
                // Small steps back, before the jump, do not add to what was left.
                let catch_up = TimeDelta::from_std(CATCH_UP).unwrap_or_default();
                let longest = place.rule.offset.max(catch_up);
                let left = (place.due - seen).min(longest);
                let due = now.checked_add_signed(left).unwrap_or(now);
                Some(Place { wanted: now, due, ..place })
            } else {
                Place::next(place.rule, now)
            };
            if let Some(place) = place {
                self.put(id, place);
            }
        }
    }
}

/// Up to when an organization is served whose last sync ended at `last`.
fn served(last: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    // A clock that was set back a little must not bring the same time again.
    if last - now <= JUMP { last } else { now }
}

#[cfg(test)]
mod tests;
