//! When nobody looked: the stretches of time between two rosters that were read, or before the
//! first one, in which a sync failed, was held or never ran.
//!
//! What happened in such a stretch is known, as far as it still showed at its end, but not when:
//! who came and went again within one was never seen. A review has to state that.
//!
//! Pure: the runs in, the gaps out.

use chrono::{DateTime, Utc};
use itertools::Itertools as _;

use crate::store::{Outcome, Run};
use crate::text::count;

/// A stretch of time of which only the ends are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When a roster was last read before it, or where there is none, when the first sync began;
    /// where it began before the time that was asked for, that time.
    pub from: DateTime<Utc>,
    /// When the next one was read; where it goes on, the end of the time that was asked for.
    pub to: DateTime<Utc>,
    /// Syncs that failed in it; none where there were some, of which it is not known how many were
    /// within the time that was asked for.
    pub failed: Option<u64>,
    /// Syncs in it whose rosters were held; as above.
    pub held: Option<u64>,
    /// Whether a sync was due in it that never ran, as far as it is within the time that was asked
    /// for.
    pub missed: bool,
    /// Whether no roster had been read before it.
    pub is_first: bool,
    /// Why syncs failed, each reason once, in the order in which they came.
    pub reasons: Vec<String>,
}

impl Gap {
    /// Why, in words: `3 syncs failed (timeout), 1 roster held, no sync ran when one was due`; of
    /// the first, `no roster yet` before all that.
    pub fn why(&self) -> String {
        let some = |number: Option<u64>, what: &str| match number {
            Some(0) => None,
            Some(number) => Some(count(number, what)),
            None => Some(format!("{what}s")),
        };
        let reasons = self.reasons.iter().join(", ");
        let first = self.is_first.then(|| "no roster yet".to_owned());
        let failed = some(self.failed, "sync").map(|syncs| format!("{syncs} failed ({reasons})"));
        let held = some(self.held, "roster").map(|rosters| format!("{rosters} held"));
        let missed = self.missed.then(|| "no sync ran when one was due".to_owned());
        [first, failed, held, missed].into_iter().flatten().join(", ")
    }

    /// The same where retention may have taken some of its syncs: how many there were is not known.
    #[must_use]
    pub fn uncounted(self) -> Self {
        let some = |number: Option<u64>| number.filter(|number| *number == 0);
        Self { failed: some(self.failed), held: some(self.held), ..self }
    }
}

/// The gaps between `from` and `to`, in order, cut to these; where both are one instant, the gap that
/// it lies in.
///
/// `runs` are all that ended between the two, in the order of their commits, and before and after
/// them those to the next one on each side that brought a roster, where there is one. What happened
/// after `to` makes no difference: a gap that goes on is told as far as it was known then.
pub fn gaps(runs: &[Run], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut open: Option<Open> = None;
    let mut runs = runs.iter().take_while(|run| run.started_at <= to).peekable();
    while let Some(run) = runs.next() {
        if let Some(open) = &mut open {
            // Of what was before, retention may have left too little to tell.
            let is_within = from <= run.started_at;
            open.missed |= is_within && open.is_missed(run.started_at);
        }
        if run.is_good() {
            // One that was over before is of no concern, also where it ends at that very instant.
            let over = open.replace(Open::after(run)).filter(|_| from < run.finished_at);
            gaps.extend(over.and_then(|open| open.close(run.finished_at)));
        } else if run.finished_at <= to {
            let open = open.get_or_insert_with(|| Open::first(run));
            let is_over = is_over(run, runs.peek().copied(), to);
            open.add(run, is_over && from <= run.finished_at);
        }
    }
    if let Some(open) = &mut open {
        open.missed |= open.is_missed(to);
    }
    gaps.extend(open.and_then(|open| open.close(to)));
    let cut = |gap: Gap| Gap { from: gap.from.max(from), to: gap.to.min(to), ..gap };
    let is_within = |gap: &Gap| gap.from < gap.to || (from == to && gap.from == gap.to);
    gaps.into_iter().map(cut).filter(is_within).collect()
}

/// Whether some runs had all ended by a time, and no later one could be one more of them, given the
/// run that follows. What is told of them as of that time is then the same whenever it is told.
pub fn is_over(run: &Run, next: Option<&Run>, by: DateTime<Utc>) -> bool {
    let is_one = matches!(run.outcome, Outcome::Baselined | Outcome::Changed);
    let is_missed = run.missed_from.is_none_or(|missed_from| missed_from <= by);
    let is_followed = next.is_some_and(|next| next.finished_at <= by);
    run.last_finished_at <= by && (is_one || is_missed || is_followed)
}

/// What is known of a stretch before its end.
#[derive(Clone, Debug)]
struct Open {
    /// When a roster was last read, or the first sync began.
    from: DateTime<Utc>,
    /// If no sync begins by then, one was missed.
    missed_from: Option<DateTime<Utc>>,
    failed: Option<u64>,
    held: Option<u64>,
    missed: bool,
    /// Whether it is what was before the first roster.
    is_first: bool,
    reasons: Vec<String>,
}

impl Open {
    /// What begins with a first sync that brings no roster.
    fn first(run: &Run) -> Self {
        Self { from: run.started_at, missed_from: None, is_first: true, ..Self::after(run) }
    }

    /// What follows on a roster that was read.
    fn after(run: &Run) -> Self {
        Self {
            from: run.last_finished_at,
            missed_from: run.missed_from,
            failed: Some(0),
            held: Some(0),
            missed: false,
            is_first: false,
            reasons: Vec::new(),
        }
    }

    /// Whether a sync that was due by a time had not begun.
    fn is_missed(&self, by: DateTime<Utc>) -> bool {
        self.missed_from.is_some_and(|missed_from| missed_from <= by)
    }

    /// Adds runs that brought no roster, which may not all be within the time that was asked for.
    fn add(&mut self, run: &Run, is_within: bool) {
        self.missed_from = run.missed_from;
        let number = if run.outcome == Outcome::Held { &mut self.held } else { &mut self.failed };
        *number = number.filter(|_| is_within).map(|number| number + run.count);
        let reason = run.failure.as_ref().map(|failure| &failure.reason);
        self.reasons.extend(reason.filter(|reason| !self.reasons.contains(reason)).cloned());
    }

    /// The gap that it is, if anything is wrong with it.
    fn close(self, to: DateTime<Utc>) -> Option<Gap> {
        let Self { from, failed, held, missed, is_first, reasons, .. } = self;
        let is_gap = failed != Some(0) || held != Some(0) || missed;
        is_gap.then_some(Gap { from, to, failed, held, missed, is_first, reasons })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::store::Failure;

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    /// Runs written `1-5 ok, 6 timeout, 90 ok`: the hours of the first and the last, and how they
    /// ended. One is due every hour.
    fn runs(text: &str) -> Vec<Run> {
        let run = |text: &str| {
            let (hours, word) = text.trim().split_once(' ').unwrap();
            let (first, last) = hours.split_once('-').unwrap_or((hours, hours));
            let (first, last): (i64, i64) = (first.parse().unwrap(), last.parse().unwrap());
            let failure =
                Failure { reason: word.to_owned(), message: String::new(), hint: String::new() };
            let outcome = match word {
                "ok" => Outcome::Unchanged,
                "held" => Outcome::Held,
                _ => Outcome::Failed,
            };
            Run {
                outcome,
                failure: (outcome == Outcome::Failed).then_some(failure),
                started_at: hour(first),
                finished_at: hour(first),
                last_finished_at: hour(last),
                count: (last - first + 1).unsigned_abs(),
                missed_from: Some(hour(last + 2)),
            }
        };
        text.split(',').map(run).collect()
    }

    #[track_caller]
    fn check(text: &str, (from, to): (i64, i64), expected: &str) {
        let hours = |time: DateTime<Utc>| (time - DateTime::UNIX_EPOCH).num_hours();
        let gaps = gaps(&runs(text), hour(from), hour(to));
        let told =
            gaps.iter().map(|gap| format!("{}-{} {}", hours(gap.from), hours(gap.to), gap.why()));
        assert_eq!({ told }.join("; "), expected, "{text}");
    }

    #[test]
    fn a_gap_lies_between_two_rosters_that_were_read() {
        check("1-9 ok", (0, 9), "");
        check("1-3 ok, 4 timeout, 5-9 ok", (0, 9), "3-5 1 sync failed (timeout)");
        check(
            "1 ok, 2 timeout, 3-4 tls, 5 timeout, 6 held, 7-9 ok",
            (0, 9),
            "1-7 4 syncs failed (timeout, tls), 1 roster held",
        );
        check("1-3 ok, 90-99 ok", (0, 99), "3-90 no sync ran when one was due");
        check("1 ok, 2 tls, 9 ok", (0, 9), "1-9 1 sync failed (tls), no sync ran when one was due");
    }

    #[test]
    fn one_that_lasts_is_one() {
        check("1 ok, 2-8 tls", (0, 9), "1-9 syncs failed (tls)");
        check("1 ok, 2-8 tls", (0, 10), "1-10 7 syncs failed (tls), no sync ran when one was due");
        check("1-3 ok", (0, 9), "3-9 no sync ran when one was due");
        check("1-3 ok", (0, 4), "");
    }

    #[test]
    fn what_is_before_the_first_roster_is_one() {
        check("1-2 tls, 3-8 ok", (0, 9), "1-3 no roster yet, 2 syncs failed (tls)");
        check("1-2 tls, 3-8 ok", (2, 9), "2-3 no roster yet, syncs failed (tls)");
        check("1-2 tls, 3-8 ok", (4, 9), "");
        check("1-2 tls", (0, 2), "1-2 no roster yet, syncs failed (tls)");
        check(
            "1 tls, 2 empty, 5 ok",
            (0, 5),
            "1-5 no roster yet, 2 syncs failed (tls, empty), no sync ran when one was due",
        );
    }

    /// Of what retention has left from before, no more is told than that it failed.
    #[test]
    fn nothing_is_missed_before_what_is_asked_for() {
        check("1 ok, 5 tls, 6 ok", (0, 6), "1-6 1 sync failed (tls), no sync ran when one was due");
        check("1 ok, 5 tls, 6 ok", (5, 6), "5-6 1 sync failed (tls), no sync ran when one was due");
        check("1 ok, 4 tls, 6 ok", (5, 6), "5-6 syncs failed (tls), no sync ran when one was due");
        check("1 ok, 4-5 tls, 6 ok", (5, 6), "5-6 syncs failed (tls)");
    }

    /// Also where what is asked for begins or ends in the middle of it, or of a row of runs.
    #[test]
    fn what_is_asked_for_cuts_it() {
        let runs = "1 ok, 2-5 tls, 6 ok, 7 held, 8-20 ok";
        check(runs, (3, 4), "3-4 syncs failed (tls)");
        check(runs, (0, 4), "1-4 syncs failed (tls)");
        check(runs, (2, 6), "2-6 4 syncs failed (tls)");
        check(runs, (6, 7), "6-7 rosters held");
        check(runs, (8, 9), "");
        check(runs, (10, 12), "");
    }

    /// An instant has no length, and may lie in a gap all the same.
    #[test]
    fn an_instant_lies_in_a_gap_or_does_not() {
        let runs = "1 ok, 2-5 tls, 6 ok, 90 ok";
        check(runs, (1, 1), "");
        check(runs, (3, 3), "3-3 syncs failed (tls)");
        check(runs, (6, 6), "");
        check(runs, (7, 7), "");
        check(runs, (40, 40), "40-40 no sync ran when one was due");
        check(runs, (90, 90), "");
    }

    /// Whatever comes later, what is told of the past stays so.
    #[test]
    fn what_comes_later_makes_no_difference() {
        for later in
            ["3-5 timeout", "3-6 timeout", "3-5 timeout, 6 held, 7 ok", "3-5 timeout, 9 ok"]
        {
            check(&format!("1 ok, 2 tls, {later}"), (0, 5), "1-5 syncs failed (tls, timeout)");
        }
        let mut ends_later = runs("1 ok, 9 tls");
        ends_later[1].started_at = hour(2);
        assert_eq!(gaps(&ends_later, hour(0), hour(2)), gaps(&runs("1 ok"), hour(0), hour(2)));
        for later in ["4-5 ok", "4-9 ok", "4-5 ok, 6 tls"] {
            check(&format!("1 ok, 2-3 tls, {later}"), (0, 5), "1-4 2 syncs failed (tls)");
        }
    }
}
