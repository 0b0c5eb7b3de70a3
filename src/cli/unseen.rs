//! What nobody saw of the time that a command looks back on, said as warnings: that no roster was
//! taken over, or that nothing is known of it at all. Without them, an empty answer would say that
//! nothing happened.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use itertools::Itertools as _;

use super::exit::Stop;
use super::instance;
use super::output::{count, exact, local};
use super::past::{self, Past};
use crate::coverage::{self, Gap};
use crate::organization::OrganizationId;

/// Of more gaps of an organization than that, only the longest is told, and the one that goes on.
const GAPS: usize = 3;
/// Where several organizations are asked about, so many warnings are enough to ask about one.
const WARNINGS: usize = 10;

impl Past<'_> {
    /// Says that times lie in gaps, if they do: the roster is older than it looks. Of those in the
    /// same gap it is said once.
    pub(super) fn warn_of_gaps(
        &self,
        id: &OrganizationId,
        times: &[DateTime<Utc>],
    ) -> Result<(), Stop> {
        let mut warnings = Vec::new();
        for at in times {
            warnings.extend(self.gap_warnings(id, *at)?);
        }
        for warning in warnings.into_iter().unique() {
            super::complain(&warning);
        }
        Ok(())
    }

    /// What there is to say where a time lies in a gap.
    pub(super) fn gap_warnings(
        &self,
        id: &OrganizationId,
        at: DateTime<Utc>,
    ) -> Result<Vec<String>, Stop> {
        let at = at.min(self.now);
        Ok(self.gaps(id, at, at)?.iter().map(|gap| self.told(id, gap)).collect())
    }

    /// Says what nobody saw of some organizations between two times. Without a beginning, it is
    /// about all that was ever known.
    pub(super) fn warn_of_unseen(
        &self,
        ids: &[OrganizationId],
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<(), Stop> {
        let until = until.unwrap_or(self.now);
        let is_alone = ids.len() == 1;
        let mut warnings = Vec::new();
        for id in ids {
            warnings.extend(self.unseen(id, (since, until), is_alone)?);
        }
        say_some(warnings);
        Ok(())
    }

    /// The warnings about one organization: fewer where it is not alone.
    fn unseen(
        &self,
        id: &OrganizationId,
        (since, until): (Option<DateTime<Utc>>, DateTime<Utc>),
        is_alone: bool,
    ) -> Result<Vec<String>, Stop> {
        let (known_since, known_from) = self.reader.read(|view| {
            let found = instance::find(view, self.config, id)?;
            let known_since = found.map_or(Ok(None), |number| view.known_since(number))?;
            Ok((known_since, view.known_from()?))
        })?;
        let Some(known_since) = known_since else {
            return Ok(vec![format!("warning: {id}: no roster was read yet")]);
        };
        let mut warnings = Vec::new();
        // Who asks for all there is need not be told that it begins with the first sync.
        let is_trimmed = known_from.is_some_and(|known_from| known_from >= known_since);
        if since.map_or(is_trimmed, |since| since < known_since) || until < known_since {
            // What retention has taken is the same for all.
            let (whose, zone) = if is_trimmed && !is_alone {
                (String::new(), self.config.timezone)
            } else {
                (format!("{id}: "), self.zone(id))
            };
            let known = exact(past::next_second(known_since), zone);
            let why = past::why_not_known(known_since, known_from);
            warnings.push(format!("warning: {whose}nothing is known before {known}: {why}"));
        }
        if known_since <= until {
            let since = since.map_or(known_since, |since| since.max(known_since));
            let gaps = self.gaps(id, since, until)?;
            warnings.extend(self.told_of_all(id, &gaps, until, if is_alone { GAPS } else { 1 }));
        }
        Ok(warnings)
    }

    /// The gaps between two times, or around them, from end to end.
    fn gaps(
        &self,
        id: &OrganizationId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Gap>, Stop> {
        let (runs, known_from) = self.reader.read(|view| {
            let found = self.number(view, id)?;
            let runs = found.map_or(Ok(Vec::new()), |number| view.runs(number, from, to))?;
            Ok((runs, view.known_from()?))
        })?;
        let is_asked = |gap: &Gap| {
            let is_before = if from < to { gap.from < to } else { gap.from <= to };
            is_before && (from < gap.to || from == self.now)
        };
        let gaps = coverage::gaps(&runs, DateTime::<Utc>::MIN_UTC, self.now);
        let gaps = gaps.into_iter().filter(is_asked);
        let is_counted = |gap: &Gap| known_from.is_none_or(|known_from| known_from <= gap.from);
        Ok(gaps.map(|gap| if is_counted(&gap) { gap } else { gap.uncounted() }).collect())
    }

    /// Of more than `most` gaps, only the longest is told, and the one that goes on.
    fn told_of_all(
        &self,
        id: &OrganizationId,
        gaps: &[Gap],
        until: DateTime<Utc>,
        most: usize,
    ) -> Vec<String> {
        let longest = gaps.iter().max_by_key(|gap| gap.to - gap.from);
        let Some(longest) = longest.filter(|_| gaps.len() > most) else {
            return gaps.iter().map(|gap| self.told(id, gap)).collect();
        };
        let which = |gap| format!("{} ({})", self.when(id, gap), gap.why());
        let last = gaps.last().filter(|gap| until <= gap.to && *gap != longest);
        vec![format!(
            "warning: {id}: no roster was taken over in {}, the longest {}{}: what changed within \
             one shows only after it",
            count(gaps.len() as u64, "gap"),
            which(longest),
            last.map(|gap| format!(", the last {}", which(gap))).unwrap_or_default()
        )]
    }

    fn told(&self, id: &OrganizationId, gap: &Gap) -> String {
        format!(
            "warning: {id}: no roster was taken over {} ({}): what changed meanwhile shows only \
             after that",
            self.when(id, gap),
            gap.why()
        )
    }

    fn when(&self, id: &OrganizationId, gap: &Gap) -> String {
        let zone = self.zone(id);
        if gap.to == self.now {
            return format!("since {}", local(Some(gap.from), zone));
        }
        let [from, to] = ends(gap.from, gap.to, zone);
        format!("between {from} and {to}")
    }
}

/// Says the first of the warnings about many organizations, each once, and how many more there are.
pub(super) fn say_some(warnings: Vec<String>) {
    let warnings: Vec<String> = warnings.into_iter().unique().collect();
    for warning in warnings.iter().take(WARNINGS) {
        super::complain(warning);
    }
    if let Some(more @ 1..) = warnings.len().checked_sub(WARNINGS) {
        super::complain(&format!(
            "warning: {} not shown here\nhint: name an organization to read its own",
            count(more as u64, "more warning")
        ));
    }
}

/// Both ends of a span: to the second where the minutes would be the same.
fn ends(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> [String; 2] {
    let minutes = [from, to].map(|time| local(Some(time), zone));
    if minutes[0] == minutes[1] { [from, to].map(|time| exact(time, zone)) } else { minutes }
}
