//! The net change between two rosters that may lie far apart.
//!
//! Who came and went again in between is nowhere in it, and who changed and changed back neither.
//! Members are known by the numbers that they keep through renames; who left and came back has
//! another one, and is known by the username, or the email.
//!
//! Pure, like the diff whose rules it uses.

use std::collections::{HashMap, HashSet};

use seatwatch_sdk::EventKind;

use super::diff::Change;
use super::pair::Pair;
use super::rename;
use crate::roster::{Member, Roster, TwiceListed};
use crate::store::PastRoster;

/// A roster whose members have numbers.
#[derive(Clone, Debug)]
pub struct Numbered {
    roster: Roster,
    /// In the order of the members.
    numbers: Vec<i64>,
}

impl From<&PastRoster> for Numbered {
    fn from(past: &PastRoster) -> Self {
        Self::new(past.members.iter().map(|it| (it.number, it.member.clone())))
            .expect("the store has no key twice in one roster")
    }
}

impl Numbered {
    /// From members with their numbers, in any order.
    fn new(members: impl IntoIterator<Item = (i64, Member)>) -> Result<Self, TwiceListed> {
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by(|(_, a), (_, b)| a.key().cmp(b.key()));
        let (numbers, members) = members.into_iter().unzip();
        Ok(Self { roster: Roster::new(members, Vec::new())?, numbers })
    }
}

/// One member that is not on both rosters, or not the same on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetChange<'a> {
    /// What happened, in the order of [`EventKind::ALL`]; never empty.
    pub kinds: Vec<EventKind>,
    /// None for who joined.
    pub before: Option<&'a Member>,
    /// None for who left.
    pub after: Option<&'a Member>,
}

impl<'a> NetChange<'a> {
    /// The newest known state: `after`, or `before` for who left.
    pub fn newest(&self) -> &'a Member {
        self.after.or(self.before).expect("a change has a side")
    }

    /// As who somebody was known before a rename, where this is one.
    pub fn formerly(&self, kind: EventKind) -> Option<&'a Member> {
        self.before.filter(|_| kind == EventKind::Renamed)
    }
}

/// What turns `before` into `after`, by the key of the newest state.
pub fn net_change<'a>(before: &'a Numbered, after: &'a Numbered) -> Vec<NetChange<'a>> {
    let pairs = pairs(before, after);
    let pairs = rename::tell(&before.roster, &after.roster, pairs);
    let change = |pair: Pair| Change {
        before: pair.before.and_then(|index| before.roster.members().get(index)),
        after: pair.after.and_then(|index| after.roster.members().get(index)),
    };
    let net = |change: Change<'a>| NetChange {
        kinds: change.kinds().collect(),
        before: change.before,
        after: change.after,
    };
    pairs.into_iter().map(change).map(net).filter(|change| !change.kinds.is_empty()).collect()
}

/// Everybody who was on either roster: with themselves where they are on both.
fn pairs(before: &Numbered, after: &Numbered) -> Vec<Pair> {
    let by_number: HashMap<i64, usize> =
        after.numbers.iter().enumerate().map(|(index, number)| (*number, index)).collect();
    let by_key: HashMap<&str, usize> =
        after.roster.members().iter().enumerate().map(|(index, it)| (it.key(), index)).collect();
    let known: HashSet<i64> = before.numbers.iter().copied().collect();
    let is_new = |index: &usize| !known.contains(&after.numbers[*index]);
    let mut taken = HashSet::new();
    let mut pairs = Vec::new();
    for (index, (member, number)) in before.roster.members().iter().zip(&before.numbers).enumerate()
    {
        let same =
            by_number.get(number).or_else(|| by_key.get(member.key()).filter(|it| is_new(it)));
        taken.extend(same.copied());
        pairs.push(Pair { before: Some(index), after: same.copied() });
    }
    let joined = (0..after.numbers.len()).filter(|index| !taken.contains(index));
    pairs.extend(joined.map(|index| Pair { before: None, after: Some(index) }));
    pairs
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use itertools::Itertools as _;
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    /// Members written `1:ann*!`: number, username, seat, admin. The email is the username's.
    fn numbered(text: &str) -> Numbered {
        let members = text.split_whitespace().map(|word| {
            let (number, name) = word.split_once(':').unwrap();
            let username = name.trim_end_matches(['*', '!']);
            let email = format!("{username}@example.com");
            let (seat, admin) = (name.contains('*'), name.contains('!'));
            let member = Member::new(username, None, Some(&email), seat, admin);
            (number.parse().unwrap(), member)
        });
        Numbered::new(members).unwrap()
    }

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        let (before, after) = (numbered(before), numbered(after));
        let words = net_change(&before, &after).into_iter().flat_map(|change| {
            let name = change.after.or(change.before).unwrap().username().to_owned();
            change.kinds.into_iter().map(move |kind| format!("{kind} {name}"))
        });
        assert_eq!({ words }.join(", "), expected);
    }

    #[test]
    fn a_member_is_known_by_the_number() {
        check("1:ann* 2:bob", "1:ann* 2:bob", "");
        check("1:ann*", "1:zoe!", "renamed zoe, seat_lost zoe, admin_granted zoe");
        check(
            "1:ann 2:bob*",
            "3:cat*",
            "left ann, left bob, seat_lost bob, joined cat, seat_gained cat",
        );
    }

    /// Away for a while, and under one's old name again.
    #[test]
    fn who_came_back_is_known_by_the_username() {
        check("1:ann*", "7:ann", "seat_lost ann");
        check("1:ann", "7:ann", "");
    }

    /// The name passed on: its holder goes by another, and somebody new has it.
    #[test]
    fn a_username_may_pass_from_one_to_another() {
        check("1:ann*", "1:zoe* 2:ann", "joined ann, renamed zoe");
    }

    fn roster() -> impl Strategy<Value = Numbered> {
        btree_map(0i64..6, (0u8..8, any::<bool>(), any::<bool>(), 0u8..4), 0..6).prop_map(
            |people| {
                let by_name: BTreeMap<u8, _> = people
                    .into_iter()
                    .map(|(number, (name, seat, admin, email))| {
                        (name, (number, seat, admin, email))
                    })
                    .collect();
                let members = by_name.into_iter().map(|(name, (number, seat, admin, email))| {
                    let email = (email > 0).then(|| format!("{email}@example.com"));
                    let username = format!("n{name}");
                    (number, Member::new(&username, None, email.as_deref(), seat, admin))
                });
                Numbered::new(members).unwrap()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_net_change_turns_one_roster_into_the_other(before in roster(), after in roster()) {
            let changes = net_change(&before, &after);
            let mut members: BTreeMap<&str, &Member> =
                before.roster.members().iter().map(|member| (member.key(), member)).collect();
            for change in &changes {
                change.before.map(|member| members.remove(member.key()));
            }
            members.extend(changes.iter().filter_map(|change| Some((change.after?.key(), change.after?))));
            let turned: Vec<&Member> = members.into_values().collect();
            prop_assert_eq!(turned, after.roster.members().iter().collect_vec());

            let count = |kind| changes.iter().filter(|change| change.kinds.contains(&kind)).count() as u64;
            let (old, new) = (before.roster.totals(), after.roster.totals());
            let moved = |more, less| (count(more), count(less));
            let (joined, left) = moved(EventKind::Joined, EventKind::Left);
            prop_assert_eq!(old.members + joined - left, new.members);
            let (gained, lost) = moved(EventKind::SeatGained, EventKind::SeatLost);
            prop_assert_eq!(old.seats + gained - lost, new.seats);
            let (granted, revoked) = moved(EventKind::AdminGranted, EventKind::AdminRevoked);
            prop_assert_eq!(old.admins + granted - revoked, new.admins);
            prop_assert_eq!(net_change(&after, &after), Vec::new());
        }
    }
}
