//! Which seats are held by people who are not logged in at Codecov.
//!
//! That is all that it says. A seat is used by commits and pull requests, which need no session at
//! Codecov: somebody without one may well be among the most active, and somebody with one may
//! never commit. What is here is a list to ask people about, not one to take seats by.
//!
//! Pure: a roster and Codecov's list of log-in sessions in, one verdict a seat out. The two are
//! joined by lower-cased username, because nothing else is in both. They are read at different
//! times: who came since the roster was read is not in it, and a name that somebody else has taken
//! since then shows that person's sessions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::codecov::{SessionRow, Sessions};
use crate::roster::{Member, Roster};

/// A member who holds a seat, and what Codecov's sessions tell of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat<'a> {
    /// As the roster has them.
    pub member: &'a Member,
    /// Whether they are logged in.
    pub log_in: LogIn,
}

/// What Codecov's list of log-in sessions tells of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogIn {
    /// One of their sessions has not expired.
    Active,
    /// None of their sessions is active.
    Dormant {
        /// When the last one expired; none where Codecov has none stored, as for somebody who never
        /// logged in.
        expired_at: Option<DateTime<Utc>>,
    },
    /// They are not in the list: nothing is known.
    Unknown,
}

impl LogIn {
    /// For machines, and in sentences.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Dormant { .. } => "dormant",
            Self::Unknown => "unknown",
        }
    }
}

/// All members who hold a seat, in the order of their keys. Unnamed rows that hold one are left
/// out: they name nobody who could be logged in.
pub fn seats<'a>(roster: &'a Roster, sessions: &Sessions) -> Vec<Seat<'a>> {
    let row = |row: &SessionRow| {
        let key = row.username.as_ref()?.key().to_owned();
        Some((key, log_in(row)))
    };
    let known: HashMap<String, LogIn> = sessions.rows.iter().filter_map(row).collect();
    let holders = roster.members().iter().filter(|member| member.seat);
    holders
        .map(|member| {
            let log_in = known.get(member.key()).copied().unwrap_or(LogIn::Unknown);
            Seat { member, log_in }
        })
        .collect()
}

fn log_in(row: &SessionRow) -> LogIn {
    if row.active { LogIn::Active } else { LogIn::Dormant { expired_at: row.expires_at } }
}

#[cfg(test)]
mod tests {
    use itertools::Itertools as _;

    use super::*;
    use crate::roster::{UnnamedRow, Username};

    fn time(day: u32) -> DateTime<Utc> {
        format!("2026-11-{day:02}T10:00:00Z").parse().unwrap()
    }

    /// A list of sessions is written `"ann+20 bob-18 cat- ?+20"`: ann's session expires on the
    /// 20th, bob's has expired on the 18th, cat never had one, and a row without a name has one.
    fn sessions(text: &str) -> Sessions {
        let row = |word: &str| {
            let (name, day) = word.split_once(['+', '-']).unwrap();
            SessionRow {
                username: (name != "?").then(|| Username::new(name)),
                active: word.contains('+'),
                expires_at: day.parse().ok().map(time),
            }
        };
        Sessions { asked_at: time(19), rows: text.split_whitespace().map(row).collect() }
    }

    /// A roster is written `"ann* bob"`: two members, ann has a seat. An unnamed row is seated,
    /// too.
    fn roster(text: &str) -> Roster {
        let member = |word: &str| {
            Member::new(word.trim_end_matches('*'), None, None, word.ends_with('*'), false)
        };
        let members = text.split_whitespace().map(member).collect();
        Roster::new(members, vec![UnnamedRow { email: None, seat: true }]).unwrap()
    }

    #[track_caller]
    fn check(members: &str, list: &str, verdicts: &str) {
        let (roster, sessions) = (roster(members), sessions(list));
        let told = |seat: &Seat<'_>| match seat.log_in {
            LogIn::Dormant { expired_at: Some(at) } => {
                format!("{} dormant since {}", seat.member.key(), at.format("%-d"))
            }
            log_in => format!("{} {}", seat.member.key(), log_in.word()),
        };
        assert_eq!(seats(&roster, &sessions).iter().map(told).join(", "), verdicts);
    }

    #[test]
    fn a_seat_is_dormant_where_its_holder_is_listed_without_a_session() {
        check(
            "ann* bob* cat*",
            "ann+20 bob-18 cat-",
            "ann active, bob dormant since 18, cat dormant",
        );
        check("ann* bob", "ann+20 bob-", "ann active"); // Without a seat, nothing is asked.
        check("Ann*", "aNN-18", "ann dormant since 18"); // In any letter case.
        check("", "ann+20", "");
    }

    #[test]
    fn who_is_not_listed_is_unknown_and_never_dormant() {
        check("ann* bob*", "bob-", "ann unknown, bob dormant");
        check("ann*", "", "ann unknown");
        check("ann*", "?- ?-18", "ann unknown"); // A row without a name is nobody's.
    }
}
