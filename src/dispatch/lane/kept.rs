//! A lane as the store has it, and what of the log it has before it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::dispatch::cut::{Lag, lag};
use crate::dispatch::filter::Filter;
use crate::store::{self, Cut, View};

/// How a lane stands, as it was read and as its own steps have changed it since.
pub(super) struct Kept {
    /// Its cursor, and whether it was stopped.
    pub(super) place: store::Lane,
    /// The delivery that it has cut.
    pub(super) cut: Option<Cut>,
    /// Since when a person wants its sink to be left alone.
    pub(super) paused: Option<DateTime<Utc>>,
    /// What it has before it.
    pub(super) lag: Lag,
    /// The sequence up to which the log is in `lag`.
    pub(super) counted: u64,
    /// How often something had been erased when it was counted.
    pub(super) erasures: u64,
    /// Events that it would not take, so far.
    pub(super) dead_letters: u64,
}

/// What was counted.
pub(super) enum Count {
    /// What was added, and how far the log is counted now.
    More(Lag, u64),
    /// Everything, where something had been erased.
    Anew(Box<Kept>),
}

impl Kept {
    /// Reads all of it; only `place` is known.
    pub(super) fn read(
        view: &View<'_>,
        place: store::Lane,
        filter: &Filter,
    ) -> rusqlite::Result<Self> {
        let (cut, paused) = (view.cut(&place)?, view.paused(&place.sink)?);
        let (lag, counted) = lag(view, place.cursor, cut.as_ref(), filter)?;
        let (dead_letters, _) = view.dead_letters(&place.sink, &place.lane)?;
        let erasures = view.erasures()?;
        Ok(Self { place, cut, paused, lag, counted, erasures, dead_letters })
    }

    /// The same once more; a lane that is not there any more stands where it stood.
    pub(super) fn read_again(
        view: &View<'_>,
        place: store::Lane,
        filter: &Filter,
    ) -> rusqlite::Result<Self> {
        let found = view.find_lane(&place.sink, &place.lane)?;
        Self::read(view, found.unwrap_or(place), filter)
    }

    /// Counts what was added to the log since it was last counted.
    pub(super) fn counter(
        &self,
        filter: &Arc<Filter>,
    ) -> impl FnOnce(&View<'_>) -> rusqlite::Result<Count> + Send + use<> {
        let after = self.counted.max(self.place.cursor);
        let (place, cut, erasures) = (self.place.clone(), self.cut.clone(), self.erasures);
        let filter = Arc::clone(filter);
        move |view| {
            if view.erasures()? != erasures {
                return Self::read_again(view, place, &filter).map(Box::new).map(Count::Anew);
            }
            let (more, counted) = lag(view, after, cut.as_ref(), &filter)?;
            Ok(Count::More(more, counted))
        }
    }

    /// Adds what was counted, and how far that was.
    pub(super) fn add(&mut self, more: &Lag, counted: u64) {
        self.lag.queued += more.queued;
        self.lag.oldest = self.lag.oldest.or(more.oldest);
        self.counted = counted;
    }

    /// Nobody knows how far an attempt came that was under way when the lane was last left: the next
    /// one is no first attempt.
    pub(super) fn taken_up(mut self) -> Self {
        if let Some(cut) = &mut self.cut {
            cut.attempt = cut.attempt.max(2);
        }
        self
    }

    /// Takes over what was read anew. Of an attempt that comes next, we may know better which it is.
    pub(super) fn reread(&mut self, mut anew: Self) {
        if let (Some(cut), Some(known)) = (&mut anew.cut, &self.cut)
            && cut.id == known.id
        {
            cut.attempt = cut.attempt.max(known.attempt);
        }
        *self = anew;
    }

    /// Attempts at its delivery that have failed so far.
    pub(super) fn failed_attempts(&self) -> u32 {
        let failing = self.cut.as_ref().filter(|cut| cut.failed.is_some());
        failing.map_or(0, |cut| cut.attempt.saturating_sub(1))
    }
}
