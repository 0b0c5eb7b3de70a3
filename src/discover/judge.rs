//! Decides what a round of look-ups means: who is new, who is back, who has vanished.
//!
//! Pure: what was known and what was listed in, what is to be kept and told out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Kind, Missed, Owners};
use crate::config::{Config, DiscoverRule};
use crate::organization::OrganizationId;
use crate::store::Discovered;

/// So many whole listings in a row have to be without an organization before it has vanished: one
/// may have been read in the middle of a change.
const VANISHED_AFTER: u32 = 2;

/// What one rule's listing has.
pub(super) struct Listing<'a> {
    pub(super) rule: &'a DiscoverRule,
    /// All of it, or why not.
    pub(super) owners: Result<Owners, Missed>,
    /// Why one owner in it could not be asked about.
    pub(super) odd: Option<Missed>,
}

/// What a round means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What is to be kept in the place of what was known.
    pub(super) changed: Vec<Discovered>,
    /// To be watched from now on.
    pub(super) found: Vec<OrganizationId>,
    /// To be told.
    pub(super) vanished: Vec<OrganizationId>,
    /// Without members, and not wanted by any rule any more: nothing is kept of them.
    pub(super) dropped: Vec<OrganizationId>,
}

/// Compares what was known with what was listed.
///
/// Whom a rule does not want any more is left as it is: that the config changed is no news of
/// Codecov's.
pub(super) fn judge(
    config: &Config,
    known: Vec<Discovered>,
    listings: &[Listing<'_>],
    now: DateTime<Utc>,
) -> Verdict {
    let mut listed = BTreeMap::new();
    for Listing { rule, owners, .. } in listings {
        for (id, kind) in owners.iter().flatten() {
            if rule.matches(id) && config.rule_for(id).is_some() {
                let listed = listed.entry(id.clone()).or_insert(*kind);
                *listed = (*listed).max(*kind);
            }
        }
    }
    let mut verdict = Verdict::default();
    for mut one in known {
        if one.empty_at.is_some() && config.rule_for(&one.id).is_none() {
            verdict.dropped.push(one.id);
        } else if let Some(kind) = listed.remove(&one.id) {
            let empty_at = match kind {
                Kind::AsBefore => one.empty_at,
                Kind::Empty => Some(now),
                Kind::Organization => None,
            };
            if one.empty_at.is_some() && empty_at.is_none() {
                verdict.found.push(one.id.clone());
            }
            let (last_seen, missed, vanished_at) = (now, 0, None);
            verdict.changed.push(Discovered { last_seen, missed, vanished_at, empty_at, ..one });
        } else if one.empty_at.is_none() && is_missing(config, listings, &one.id) {
            one.missed = one.missed.saturating_add(1);
            if one.missed >= VANISHED_AFTER && one.vanished_at.is_none() {
                one.vanished_at = Some(now);
                verdict.vanished.push(one.id.clone());
            }
            verdict.changed.push(one);
        }
    }
    for (id, kind) in listed {
        let empty_at = match kind {
            // It did not answer: it is new the next time, too.
            Kind::AsBefore => continue,
            Kind::Empty => Some(now),
            Kind::Organization => None,
        };
        if empty_at.is_none() {
            verdict.found.push(id.clone());
        }
        let (last_seen, missed, vanished_at) = (now, 0, None);
        verdict.changed.push(Discovered { id, last_seen, missed, vanished_at, empty_at });
    }
    verdict
}

/// Whether every listing that could have had an organization is whole and has it not. Called for
/// those that none has.
fn is_missing(config: &Config, listings: &[Listing<'_>], id: &OrganizationId) -> bool {
    let wanted = config.rule_for(id).is_some();
    let mut rules = listings.iter().filter(|listing| listing.rule.matches(id));
    wanted && rules.all(|listing| listing.owners.is_ok())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use itertools::Itertools as _;

    use super::*;
    use crate::codecov::Reason;
    use crate::config::parse;

    const RULES: &str = "
instance: test
codecov: { token_env: T }
organizations: [github/named]
discover:
  - { service: github, match: \"*\", exclude: left-out }
  - { service: github, match: \"acme-*\", token_env: OTHER }
";

    fn config() -> Config {
        parse(RULES, Path::new("/seatwatch.yaml")).unwrap()
    }

    /// The listings of the two rules, each written `"acme-a mona? beta~"` (mona is a person, beta
    /// was not asked about or did not answer) or `"-"`, one that could not be read.
    fn round(known: &mut Vec<Discovered>, listings: [&str; 2]) -> String {
        let config = config();
        let now = DateTime::UNIX_EPOCH;
        let owners = |text: &str| match text {
            "-" => {
                Err(Missed { reason: Reason::Timeout, message: String::new(), hint: String::new() })
            }
            text => Ok(text
                .split_whitespace()
                .map(|word| {
                    let id = format!("github/{}", word.trim_end_matches(['?', '~']));
                    let kind = match word.chars().last() {
                        Some('?') => Kind::Empty,
                        Some('~') => Kind::AsBefore,
                        _ => Kind::Organization,
                    };
                    (id.parse().unwrap(), kind)
                })
                .collect()),
        };
        let rules = config.discover.iter().zip(listings);
        let listings: Vec<Listing<'_>> =
            rules.map(|(rule, text)| Listing { rule, owners: owners(text), odd: None }).collect();
        let verdict = judge(&config, known.clone(), &listings, now);
        for one in verdict.changed {
            known.retain(|other| other.id != one.id);
            known.push(one);
        }
        let told = |word: &str, ids: &[OrganizationId]| {
            ids.iter().map(|id| format!("{word}{}", id.owner())).join(" ")
        };
        [told("+", &verdict.found), told("-", &verdict.vanished)].join(" ").trim().to_owned()
    }

    /// One round a line: the listings of both rules, and who is new (`+`) or has vanished (`-`).
    #[track_caller]
    fn check(rounds: &[([&str; 2], &str)]) {
        let mut known = Vec::new();
        for (index, (listings, told)) in rounds.iter().enumerate() {
            assert_eq!(round(&mut known, *listings), *told, "round {index}: {listings:?}");
        }
    }

    #[test]
    fn who_matches_is_found_once() {
        check(&[
            (["acme-a beta mona?", ""], "+acme-a +beta"),
            (["acme-a beta mona? named left-out", "acme-b other"], "+acme-b"),
        ]);
    }

    #[test]
    fn who_is_missing_twice_in_a_row_has_vanished_and_is_told_once() {
        check(&[
            (["beta", ""], "+beta"),
            (["", ""], ""),
            (["beta", ""], ""), // It was there all the time.
            (["", ""], ""),
            (["", ""], "-beta"),
            (["", ""], ""),
            (["beta", ""], ""), // Back, and armed again.
            (["", ""], ""),
            (["", ""], "-beta"),
        ]);
    }

    #[test]
    fn a_failure_is_no_change() {
        check(&[
            (["acme-a beta", "acme-a"], "+acme-a +beta"),
            (["-", "-"], ""),
            (["-", ""], ""),
            (["-", ""], ""),
            // Both listings could have acme-a, and one of them was not read.
            (["", "-"], ""),
            (["", "-"], "-beta"),
            (["", ""], ""),
            (["", ""], "-acme-a"),
        ]);
    }

    #[test]
    fn a_person_never_vanishes() {
        check(&[(["mona?", ""], ""), (["", ""], ""), (["", ""], "")]);
    }

    #[test]
    fn of_a_person_whom_no_rule_wants_nothing_is_kept() {
        let mut known = Vec::new();
        round(&mut known, ["mona?", ""]);
        let id: OrganizationId = "github/left-out".parse().unwrap();
        let (last_seen, empty_at) = (DateTime::UNIX_EPOCH, Some(DateTime::UNIX_EPOCH));
        let left_out =
            Discovered { id: id.clone(), last_seen, missed: 0, vanished_at: None, empty_at };
        known.push(left_out);
        let verdict = judge(&config(), known, &[], DateTime::UNIX_EPOCH);
        assert_eq!(verdict, Verdict { dropped: vec![id], ..Verdict::default() });
    }

    /// Codecov may have answered wrongly, or a person become an organization.
    #[test]
    fn who_is_empty_is_left_out_until_it_has_members() {
        check(&[
            (["mona?", ""], ""),
            (["mona~", ""], ""),
            (["mona?", ""], ""),
            (["mona", ""], "+mona"),
            (["mona~", ""], ""),
            (["", ""], ""),
            (["", ""], "-mona"),
        ]);
    }

    /// Whatever the order of the rules: one token may see less than another.
    #[test]
    fn of_two_listings_the_one_that_knows_more_counts() {
        for [more, less] in [["acme-a", "acme-a?"], ["acme-a", "acme-a~"]] {
            check(&[([more, less], "+acme-a"), ([more, less], "")]);
            check(&[([less, more], "+acme-a"), ([less, more], "")]);
        }
        check(&[(["acme-a~", "acme-a?"], ""), (["acme-a", ""], "+acme-a")]);
    }

    #[test]
    fn who_does_not_answer_is_new_the_next_time() {
        check(&[(["beta~ acme-a", ""], "+acme-a"), (["beta acme-a~", ""], "+beta")]);
    }
}
