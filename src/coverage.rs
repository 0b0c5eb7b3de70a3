//! When nobody looked: the stretches of time between two rosters that were read, in which a sync
//! failed, was held or never ran.
//!
//! What happened in such a stretch is known, as far as it still showed at its end, but not when:
//! who came and went again within one was never seen. A review has to state that.
//!
//! Pure: the runs in, the gaps out.

use chrono::{DateTime, Utc};
use itertools::Itertools as _;
use serde::Serialize;

use crate::store::{Outcome, Run};

/// A stretch of time of which only the ends are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When a roster was last read before it; where it began before the time that was asked for,
    /// that time.
    pub from: DateTime<Utc>,
    /// When the next one was read; where it goes on, the end of the time that was asked for.
    pub to: DateTime<Utc>,
    /// Syncs that failed in it.
    pub failed: u64,
    /// Syncs in it whose rosters were held.
    pub held: u64,
    /// Whether a sync was due in it that never ran.
    pub missed: bool,
    /// Why syncs failed, each reason once, in the order in which they came.
    pub reasons: Vec<String>,
}

impl Gap {
    /// Why, in words: `3 syncs failed (timeout), 1 held, no sync ran when one was due`.
    pub fn why(&self) -> String {
        let failed = (self.failed > 0).then(|| {
            let reasons = self.reasons.iter().join(", ");
            format!("{} failed ({reasons})", crate::text::count(self.failed, "sync"))
        });
        let held =
            (self.held > 0).then(|| format!("{} held", crate::text::count(self.held, "roster")));
        let missed = self.missed.then(|| "no sync ran when one was due".to_owned());
        [failed, held, missed].into_iter().flatten().join(", ")
    }
}

/// The gaps between `from` and `to`, in order, cut to these.
///
/// `overdue` says whether a sync that was due after the last run never ran up to `to`. `runs` are all that ended between the two, in the order of their commits, and before and after
/// them those to the next one on each side that brought a roster, where there is one. A stretch
/// after the last run is a gap where that run brought none.
pub fn gaps(runs: &[Run], overdue: bool, (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut last_read: Option<DateTime<Utc>> = None;
    let mut open = Open::default();
    for run in runs {
        open.missed |= run.after_gap;
        if run.is_good() {
            if let Some(last) = last_read {
                gaps.extend(open.close(last, run.finished_at));
            }
            (last_read, open) = (Some(run.last_finished_at), Open::default());
        } else {
            open.add(run);
        }
    }
    open.missed |= overdue;
    gaps.extend(last_read.and_then(|last| open.close(last, to)));
    let cut = |gap: Gap| Gap { from: gap.from.max(from), to: gap.to.min(to), ..gap };
    gaps.into_iter().map(cut).filter(|gap| gap.from < gap.to).collect()
}

/// What is known of a stretch before its end.
#[derive(Clone, Debug, Default)]
struct Open {
    failed: u64,
    held: u64,
    missed: bool,
    reasons: Vec<String>,
}

impl Open {
    fn add(&mut self, run: &Run) {
        if run.outcome == Outcome::Held {
            self.held += run.count;
            return;
        }
        self.failed += run.count;
        let reason = run.failure.as_ref().map(|failure| &failure.reason);
        self.reasons.extend(reason.filter(|reason| !self.reasons.contains(reason)).cloned());
    }

    /// The gap that it is, if anything is wrong with it.
    fn close(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Gap> {
        let Self { failed, held, missed, reasons } = self.clone();
        let is_gap = failed > 0 || held > 0 || missed;
        is_gap.then_some(Gap { from, to, failed, held, missed, reasons })
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

    /// Runs written `1-5 ok, 6 timeout, 9+ ok`: the hours of the first and the last, how they
    /// ended, and `+` where one was missed before.
    fn runs(text: &str) -> Vec<Run> {
        let run = |text: &str| {
            let (when, word) = text.trim().split_once(' ').unwrap();
            let hours = when.trim_end_matches('+');
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
                after_gap: when.ends_with('+'),
            }
        };
        text.split(',').map(run).collect()
    }

    #[track_caller]
    fn check(text: &str, (from, to): (i64, i64), expected: &str) {
        check_until(text, false, (from, to), expected);
    }

    #[track_caller]
    fn check_until(text: &str, overdue: bool, (from, to): (i64, i64), expected: &str) {
        let said = gaps(&runs(text), overdue, (hour(from), hour(to)))
            .iter()
            .map(|gap| {
                let hours = |time: DateTime<Utc>| (time - DateTime::UNIX_EPOCH).num_hours();
                format!("{}-{} {}", hours(gap.from), hours(gap.to), gap.why())
            })
            .join("; ");
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn a_gap_lies_between_two_rosters_that_were_read() {
        check("1-9 ok", (0, 9), "");
        check("1-3 ok, 4 timeout, 5 ok", (0, 9), "3-5 1 sync failed (timeout)");
        check(
            "1 ok, 2 timeout, 3-4 tls, 5 timeout, 6 held, 7 ok",
            (0, 9),
            "1-7 4 syncs failed (timeout, tls), 1 roster held",
        );
        check("1-3 ok, 90+ ok", (0, 99), "3-90 no sync ran when one was due");
        check(
            "1 ok, 3 tls, 9+ ok",
            (0, 9),
            "1-9 1 sync failed (tls), no sync ran when one was due",
        );
    }

    #[test]
    fn one_that_lasts_is_one_and_none_is_before_the_first_roster() {
        check_until("1-3 ok", true, (0, 9), "3-9 no sync ran when one was due");
        check_until(
            "1 ok, 2 tls",
            true,
            (0, 9),
            "1-9 1 sync failed (tls), no sync ran when one was due",
        );
        check("1 ok, 2-5 tls", (0, 9), "1-9 4 syncs failed (tls)");
        check("1-2 tls, 3 ok", (0, 9), "");
    }

    #[test]
    fn what_is_asked_for_cuts_it() {
        let runs = "1 ok, 2-5 tls, 6 ok, 7 held, 8 ok";
        check(runs, (3, 4), "3-4 4 syncs failed (tls)");
        check(runs, (6, 7), "6-7 1 roster held");
        check(runs, (8, 9), "");
    }
}
