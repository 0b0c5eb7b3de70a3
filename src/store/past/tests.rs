//! Whatever happened: the roster as of any instant is what was synced then, and everybody is what
//! they are since they became it.
//!
//! The model keeps every roster whole, and looks back through them one by one.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use seatwatch_sdk::Unnamed;
use uuid::Uuid;

use super::super::{NewRun, Outcome, RosterState, Tx, Wanted, prepare, schema};
use super::*;

/// What a person is on one roster: which of three usernames they go by, seat, admin.
type Person = (u8, bool, bool);

/// Who is on a roster, and how many rows without a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cast {
    people: BTreeMap<u8, Person>,
    unnamed: u64,
}

/// One sync: so many minutes after the last one, which no roster came of, or this one.
#[derive(Clone, Debug)]
struct Sync {
    minutes: i64,
    finds: Option<Cast>,
}

fn syncs() -> impl Strategy<Value = Vec<Sync>> {
    let person = (0u8..3, any::<bool>(), any::<bool>());
    let cast = (btree_map(0u8..4, person, 1..4), 0u64..2)
        .prop_map(|(people, unnamed)| Cast { people, unnamed });
    let sync = (0i64..120, prop::option::weighted(0.8, cast))
        .prop_map(|(minutes, finds)| Sync { minutes, finds });
    vec(sync, 1..20)
}

fn minute(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

fn username(person: u8, name: u8) -> String {
    format!("p{person}-{name}")
}

/// A roster as it was committed, with the numbers that its people have in the store.
struct Committed {
    minute: i64,
    cast: Cast,
    numbers: BTreeMap<u8, i64>,
}

/// An organization in a store, and all rosters of it that went in.
struct World<'a> {
    connection: &'a Connection,
    organization: Organization,
    committed: Vec<Committed>,
    now: i64,
}

impl<'a> World<'a> {
    /// In a store, whatever that has of others.
    fn new(connection: &'a Connection, syncs: &[Sync]) -> Self {
        let tx = Tx(View(connection));
        let others = tx.organizations().unwrap().len();
        let id = format!("github/organization-{others}").parse().unwrap();
        let organization = tx.organization(&id).unwrap();
        let mut world = Self { connection, organization, committed: Vec::new(), now: 0 };
        for sync in syncs {
            world.sync(sync);
        }
        world
    }

    fn sync(&mut self, sync: &Sync) {
        self.now += sync.minutes;
        let (tx, organization) = (Tx(View(self.connection)), self.organization);
        let before = self.committed.last().map(|committed| committed.cast.clone());
        let outcome = match (&sync.finds, &before) {
            (None, _) => Outcome::Failed,
            (Some(_), None) => Outcome::Baselined,
            (Some(found), Some(before)) if found.people == before.people => Outcome::Unchanged,
            (Some(_), Some(_)) => Outcome::Changed,
        };
        let failure = super::super::Failure {
            reason: "timeout".to_owned(),
            message: String::new(),
            hint: String::new(),
        };
        let time = minute(self.now);
        let run = NewRun {
            sync: Uuid::from_u128(1),
            outcome,
            failure: sync.finds.is_none().then_some(failure),
            started_at: time,
            finished_at: time,
            requests: 1,
            events: u64::from(matches!(outcome, Outcome::Baselined | Outcome::Changed)),
            missed_from: None,
        };
        let run = tx.note_run(organization, &run).unwrap();
        let Some(found) = sync.finds.clone() else { return };
        let totals = totals_of(&found);
        let state = RosterState { read_at: time, digest: None, totals };
        tx.set_roster_state(organization, &state).unwrap();
        tx.set_unnamed_rows(organization, &unnamed(&found)).unwrap();
        let before = before.unwrap_or_default();
        let mut numbers = self.committed.last().map_or_else(BTreeMap::new, |it| it.numbers.clone());
        for (person, state) in &before.people {
            if found.people.get(person) != Some(state) {
                tx.end_state(organization, run, &username(*person, state.0)).unwrap();
            }
        }
        numbers.retain(|person, _| found.people.contains_key(person));
        for (person, state) in &found.people {
            if before.people.get(person) == Some(state) {
                continue;
            }
            let new = || tx.new_members(organization, 1).unwrap().start;
            let number = *numbers.entry(*person).or_insert_with(new);
            let member = Member::new(&username(*person, state.0), None, None, state.1, state.2);
            tx.begin_state(organization, run, number, &member).unwrap();
        }
        self.committed.push(Committed { minute: self.now, cast: found, numbers });
    }

    /// As the store has it.
    fn past(&self, at: i64) -> Option<PastRoster> {
        View(self.connection).past_roster(self.organization, minute(at)).unwrap()
    }

    /// As the model has it.
    fn expected(&self, at: i64) -> Option<PastRoster> {
        let index = self.committed.iter().rposition(|committed| committed.minute <= at)?;
        let committed = &self.committed[index];
        let members = committed.cast.people.iter().map(|(person, state)| PastMember {
            number: committed.numbers[person],
            member: Member::new(&username(*person, state.0), None, None, state.1, state.2),
            since: self.since(index, *person),
        });
        let mut members: Vec<PastMember> = members.collect();
        members.sort_by(|a, b| a.member.key().cmp(b.member.key()));
        Some(PastRoster {
            members,
            unnamed: unnamed(&committed.cast),
            totals: totals_of(&committed.cast),
            read_at: minute(committed.minute),
            is_fresh: true,
            known_since: minute(self.committed[0].minute),
        })
    }

    fn since(&self, index: usize, person: u8) -> Since {
        let began = |is_so: &dyn Fn(&Person) -> bool| {
            let back = self.committed[..=index].iter().rev();
            let so = back.take_while(|it| it.cast.people.get(&person).is_some_and(is_so));
            so.last().map(|committed| minute(committed.minute))
        };
        Since {
            member: began(&|_| true).unwrap(),
            seat: began(&|state| state.1),
            admin: began(&|state| state.2),
        }
    }
}

/// Without an email, so that they are the same when that is not known any more.
fn unnamed(cast: &Cast) -> Vec<UnnamedRow> {
    (0..cast.unnamed).map(|_| UnnamedRow { email: None, seat: false }).collect()
}

fn totals_of(cast: &Cast) -> Totals {
    let count = |bit: fn(&Person) -> bool| cast.people.values().filter(|it| bit(it)).count() as u64;
    Totals {
        members: cast.people.len() as u64,
        seats: count(|state| state.1),
        admins: count(|state| state.2),
        unnamed: Unnamed { members: cast.unnamed, seats: 0 },
    }
}

#[test]
fn the_roster_as_of_any_instant_is_what_was_synced_then() {
    let mut connection = Connection::open_in_memory().unwrap();
    prepare(&connection).unwrap();
    schema::migrate(&mut connection, "test".as_ref()).unwrap();
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() };
    let law = |syncs: Vec<Sync>| {
        let world = World::new(&connection, &syncs);
        let commits = world.committed.iter().map(|committed| committed.minute);
        for at in (-1..=world.now + 1).step_by(97).chain(commits) {
            let (found, expected) = (world.past(at), world.expected(at));
            // When it was last read is known of several runs in one row, not of each of them.
            let found = found.map(|found| {
                let read_at = expected.as_ref().map_or(found.read_at, |it| it.read_at);
                assert!((read_at..=minute(at)).contains(&found.read_at));
                PastRoster { read_at, ..found }
            });
            prop_assert_eq!(found, expected, "at {}", at);
        }
        // What a page tells of some members is what the whole roster tells of them.
        let view = View(&connection);
        let wanted = Wanted::default();
        let (listed, total) = view.list_members(world.organization, &wanted, 99, 0).unwrap();
        assert_eq!(listed.len() as u64, total);
        let listed: Vec<_> = listed.into_iter().map(|it| (it.member, it.since)).collect();
        let now = world.past(world.now).map_or(Vec::new(), |past| past.members);
        let now: Vec<_> = now.into_iter().map(|it| (it.member, it.since)).collect();
        prop_assert_eq!(listed, now);
        Ok(())
    };
    TestRunner::new(config).run(&syncs(), law).unwrap();
}
