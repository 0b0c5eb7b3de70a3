//! Adds events up, as somebody would who has nothing but the file: after every sync the sum has
//! to be the roster. And tells what the roster is, in the store and at the simulator.

use std::collections::BTreeMap;

use itertools::Itertools as _;
use seatwatch::simulator::{self, OwnerId};
use seatwatch_sdk::{Data, EventKind, Profile, Totals};
use serde_json::Value;

use crate::world::{ACME, World, acme};

/// The named members, by the key of their usernames.
pub(crate) type Roster = BTreeMap<String, Profile>;

/// Who is before and after one change of one member.
pub(crate) type Change = (Option<Profile>, Option<Profile>);

/// The roster that all events so far lead to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) roster: Roster,
    /// How many events of the file are in it.
    events: usize,
}

impl Ledger {
    /// Begins after a quiet baseline, which tells nobody.
    #[track_caller]
    pub(crate) fn after_baseline(world: &World) -> Self {
        Self { roster: stored(world), events: world.events().len() }
    }

    /// Adds what the file has more than last time; returns the changes.
    ///
    /// Every event has to fit: its place in the log and in its sync, the state that it says was
    /// before, what it says has happened between that and the state after, and the sums.
    #[track_caller]
    pub(crate) fn read(&mut self, world: &World) -> Vec<Change> {
        let events = world.events();
        for (event, number) in events.iter().zip(1..) {
            assert_eq!(event["sequence"], format!("{number:020}"), "{event}");
        }
        let new = events.get(self.events..).expect("the file only grows");
        self.events = events.len();
        let syncs = new.chunk_by(|a, b| a["correlationid"] == b["correlationid"]);
        syncs.flat_map(|events| self.add(events)).collect()
    }

    /// Adds the events of one sync.
    #[track_caller]
    pub(crate) fn add(&mut self, events: &[Value]) -> Vec<Change> {
        for (event, position) in events.iter().zip(0..) {
            let sync = event["correlationid"].as_str().unwrap();
            assert_eq!(event["id"], format!("{sync}-{position:04}"), "{event}");
        }
        let all: Vec<Data> = events.iter().map(data).collect();
        assert!(all.iter().is_sorted_by_key(|data| data.member.is_some()), "{events:#?}");
        let members = all.iter().filter(|data| data.member.is_some());
        let by_member = members.chunk_by(|data| (data.before.clone(), data.after.clone()));
        let mut changes: Vec<Change> = Vec::new();
        for (change, told) in &by_member {
            let told: Vec<EventKind> = told.map(|data| data.event).collect();
            assert_eq!(told, kinds(&change), "{change:?}");
            changes.push(change);
        }
        assert!(changes.iter().map(place).is_sorted(), "{changes:#?}");

        let before = self.totals();
        // A username may pass from one member to another: first all go, then all come.
        for old in changes.iter().filter_map(|(before, _)| before.as_ref()) {
            assert_eq!(self.roster.remove(&key(old)).as_ref(), Some(old));
        }
        for new in changes.iter().filter_map(|(_, after)| after.as_ref()) {
            let held = self.roster.insert(key(new), new.clone());
            assert_eq!(held, None, "{new:?} takes a place");
        }
        for data in &all {
            let named = |totals: &Totals| (totals.members, totals.seats, totals.admins);
            if let Some(told) = &data.previous_totals {
                assert_eq!(named(told), before, "{data:?}");
            }
            assert_eq!(data.totals.as_ref().map(named), Some(self.totals()), "{data:?}");
            assert_eq!(data.totals, all[0].totals);
            assert_eq!(data.previous_totals, all[0].previous_totals);
        }
        changes
    }

    fn totals(&self) -> (u64, u64, u64) {
        let count = |bit: fn(&Profile) -> bool| self.roster.values().filter(|p| bit(p)).count();
        let (seats, admins) = (count(|member| member.seat), count(|member| member.admin));
        (self.roster.len() as u64, seats as u64, admins as u64)
    }
}

fn data(event: &Value) -> Data {
    serde_json::from_value(event["data"].clone()).unwrap()
}

/// Under which a member is kept.
pub(crate) fn key(member: &Profile) -> String {
    member.username.to_lowercase()
}

/// Where a change stands among those of its sync: by key, and who left before who joined.
fn place((before, after): &Change) -> (String, bool) {
    let newest = after.as_ref().or(before.as_ref()).expect("a change has a side");
    (key(newest), after.is_some())
}

/// What has to be told of a change, in order.
fn kinds((before, after): &Change) -> Vec<EventKind> {
    let flip = |bit: fn(&Profile) -> bool, on, off| match (
        before.as_ref().is_some_and(bit),
        after.as_ref().is_some_and(bit),
    ) {
        (false, true) => Some(on),
        (true, false) => Some(off),
        _ => None,
    };
    let keys = before.as_ref().map(key).zip(after.as_ref().map(key));
    let is_renamed = keys.is_some_and(|(before, after)| before != after);
    let shown = |side: &Option<Profile>| {
        side.as_ref().map(|p| (p.username.clone(), p.name.clone(), p.email.clone()))
    };
    let is_edited = before.is_some() && after.is_some() && shown(before) != shown(after);
    [
        is_renamed.then_some(EventKind::Renamed),
        flip(|_| true, EventKind::Joined, EventKind::Left),
        flip(|member| member.seat, EventKind::SeatGained, EventKind::SeatLost),
        flip(|member| member.admin, EventKind::AdminGranted, EventKind::AdminRevoked),
        (is_edited && !is_renamed).then_some(EventKind::Updated),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The roster as `seatwatch roster` shows it.
#[track_caller]
pub(crate) fn stored(world: &World) -> Roster {
    let rows = world.run(&["roster", ACME, "--format", "json"]).ok().rows();
    let members = rows.into_iter().map(|row| serde_json::from_value(row).unwrap());
    members.map(|member: Profile| (key(&member), member)).collect()
}

/// The roster as it really is.
pub(crate) fn listed(world: &World) -> Roster {
    world.simulator.edit(|world| {
        let organization = world.organization(&acme());
        let people = world.listed(organization).iter();
        let members = people.filter_map(|person| profile(world, organization, *person));
        members.map(|member| (key(&member), member)).collect()
    })
}

/// What the list shows of a person; nothing of one whose row names nobody.
pub(crate) fn profile(
    world: &simulator::World,
    organization: OwnerId,
    person: OwnerId,
) -> Option<Profile> {
    let row = world.row(organization, person)?;
    let username = row.username.filter(|username| !username.starts_with("deleted_user_"))?;
    Some(Profile {
        username: username.to_owned(),
        name: row.name.map(str::to_owned),
        email: row.email.map(str::to_owned),
        seat: row.activated,
        admin: row.is_admin,
    })
}
