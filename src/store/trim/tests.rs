//! Whatever happened and whenever it is trimmed: every roster since the horizon is what it was,
//! and every event is kept, passed by the lane, or counted as lost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use seatwatch_sdk::{Data, EventKind, Totals};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::{LockedDirectory, NewEvent, NewRun, Outcome, PastMember, RosterState, Store};
use super::*;
use crate::organization::OrganizationId;
use crate::roster::{Member, Roster};

/// Who is on a roster, and whether with a seat.
type Cast = BTreeMap<u8, bool>;

/// One sync: so many hours after the last one, of the first organization or the second.
#[derive(Clone, Debug)]
struct Sync {
    hours: i64,
    second: bool,
    /// What it finds; none where it fails.
    finds: Option<Cast>,
}

fn syncs() -> impl Strategy<Value = Vec<Sync>> {
    let cast = btree_map(0u8..5, any::<bool>(), 1..4);
    let sync = (0i64..30, any::<bool>(), prop::option::weighted(0.8, cast))
        .prop_map(|(hours, second, finds)| Sync { hours, second, finds });
    vec(sync, 1..25)
}

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(10_000) + TimeDelta::hours(hour)
}

fn organization(second: bool) -> OrganizationId {
    if second { "github/second" } else { "github/first" }.parse().unwrap()
}

fn member(key: u8, seat: bool) -> Member {
    Member::new(&format!("m{key}"), None, None, seat, false)
}

/// A store, and who should be on each roster.
struct World {
    runtime: Runtime,
    store: Store,
    _directory: TempDir,
    rosters: [Cast; 2],
    known: [bool; 2],
    /// When each of them was committed.
    times: BTreeSet<i64>,
    now: i64,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open(LockedDirectory::lock(directory.path()).unwrap()).unwrap();
        let runtime = Runtime::new().unwrap();
        runtime.block_on(store.write(|tx| tx.lane("sink", "main"))).unwrap();
        let (rosters, known, times) = Default::default();
        Self { runtime, store, _directory: directory, rosters, known, times, now: 0 }
    }

    fn sync(&mut self, sync: &Sync) {
        self.now += sync.hours;
        self.times.insert(self.now);
        let index = usize::from(sync.second);
        let before = self.rosters[index].clone();
        let after = sync.finds.clone().unwrap_or_else(|| before.clone());
        let outcome = match &sync.finds {
            None => Outcome::Failed,
            Some(_) if !self.known[index] => Outcome::Baselined,
            Some(found) if *found == before => Outcome::Unchanged,
            Some(_) => Outcome::Changed,
        };
        self.known[index] |= sync.finds.is_some();
        self.rosters[index].clone_from(&after);
        let (second, time) = (sync.second, hour(self.now));
        let commit =
            move |tx: &Tx<'_>| write(tx, &organization(second), outcome, &before, &after, time);
        self.runtime.block_on(self.store.write(commit)).unwrap();
    }

    /// The roster of each organization at each of the times, in words.
    fn rosters_since(&self, first: i64) -> Vec<String> {
        let rosters = self.store.read(|view| {
            let mut rosters = Vec::new();
            for second in [false, true] {
                let Some(number) = view.find(&organization(second))? else { continue };
                rosters.push(format!("{:?}", view.roster(number)?));
                for time in
                    self.times.range(first..).copied().chain([first, first.max(self.now + 1)])
                {
                    rosters.push(format!("{time} {:?}", seen(view, number, time)?));
                }
            }
            Ok(rosters)
        });
        rosters.unwrap()
    }

    /// Before when nothing is known of each organization, and its members now.
    fn since(&self) -> Vec<(DateTime<Utc>, Vec<PastMember>)> {
        let rosters = self.store.read(|view| {
            let mut rosters = Vec::new();
            for second in [false, true] {
                let Some(number) = view.find(&organization(second))? else { continue };
                let past = view.past_roster(number, hour(self.now + 1))?;
                rosters.extend(past.map(|past| (past.known_since, past.members)));
            }
            Ok(rosters)
        });
        rosters.unwrap()
    }

    /// The sequences that the lane has before it and wants, and how many it has lost.
    fn lane(&self) -> (Vec<u64>, u64) {
        let lane = self.store.read(|view| {
            let lane = view.find_lane("sink", "main")?.unwrap();
            let mut ahead = Vec::new();
            view.walk_log(lane.cursor, |event| {
                ahead.extend(wants(&event).then_some(event.sequence));
                true
            })?;
            Ok((ahead, lane.lost.map_or(0, |lost| lost.events)))
        });
        lane.unwrap()
    }

    fn trim(&self, before: i64) -> Trimmed {
        let (before, now) = (hour(before), hour(self.now));
        let mut next = Some(self.store.read(|view| view.trim(before, now)).unwrap());
        let mut sum = Trimmed::default();
        while let Some(trim) = next {
            let step = move |tx: &Tx<'_>| {
                let (sink, lane) = ("sink".to_owned(), "main".to_owned());
                let claim = Claim { sink, lane, wants: Box::new(wants) };
                tx.trim_step(&trim, &[claim], now)
            };
            let (trimmed, left) = self.runtime.block_on(self.store.write(step)).unwrap();
            assert!(trimmed.events <= STEP && trimmed.states <= STEP);
            assert!(trimmed.sums <= STEP && trimmed.runs <= STEP);
            sum.events += trimmed.events;
            sum.states += trimmed.states;
            sum.sums += trimmed.sums;
            sum.runs += trimmed.runs;
            next = left;
        }
        sum
    }

    fn count(&self, sql: &'static str) -> u64 {
        self.store.read(|view| view.0.query_row(sql, [], |row| row.get(0))).unwrap()
    }
}

/// The roster at an hour, and its sums; not since when, of which a trim leaves less.
fn seen(
    view: &View<'_>,
    organization: super::super::Organization,
    at: i64,
) -> rusqlite::Result<Option<(Roster, Totals)>> {
    let past = view.past_roster(organization, hour(at))?;
    Ok(past.map(|past| (past.roster(), past.totals)))
}

fn wants(event: &Logged) -> bool {
    event.event == EventKind::Left
}

/// Commits what a sync found, with an event for whoever joined or left.
fn write(
    tx: &Tx<'_>,
    id: &OrganizationId,
    outcome: Outcome,
    before: &Cast,
    after: &Cast,
    time: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let organization = tx.organization(id)?;
    let differs = |(key, seat): &(&u8, &bool), other: &Cast| other.get(key) != Some(seat);
    let ended: Vec<_> = before.iter().filter(|entry| differs(entry, after)).collect();
    let begun: Vec<_> = after.iter().filter(|entry| differs(entry, before)).collect();
    let failure = (outcome == Outcome::Failed).then(|| super::super::Failure {
        reason: "timeout".to_owned(),
        message: String::new(),
        hint: String::new(),
    });
    let events = (ended.len() + begun.len()) as u64;
    let run = NewRun {
        sync: Uuid::from_u128(1),
        outcome,
        failure,
        started_at: time,
        finished_at: time,
        requests: 1,
        events,
        missed_from: None,
    };
    let run = tx.note_run(organization, &run)?;
    if matches!(outcome, Outcome::Baselined | Outcome::Changed) {
        let seats = after.values().filter(|seat| **seat).count() as u64;
        let totals = Totals { members: after.len() as u64, seats, ..Totals::default() };
        tx.set_roster_state(organization, &RosterState { read_at: time, digest: None, totals })?;
    }
    let mut numbers = BTreeMap::new();
    for (key, _) in &ended {
        numbers.insert(**key, tx.end_state(organization, run, &format!("m{key}"))?);
    }
    for (key, seat) in &begun {
        let number = match numbers.get(*key) {
            Some(number) => *number,
            None => tx.new_members(organization, 1)?.start,
        };
        tx.begin_state(organization, run, number, &member(**key, **seat))?;
    }
    let kinds = ended.iter().map(|_| EventKind::Left);
    for (position, event) in (0..).zip(kinds.chain(begun.iter().map(|_| EventKind::Joined))) {
        append(tx, organization, position, event, time)?;
    }
    Ok(())
}

fn append(
    tx: &Tx<'_>,
    organization: super::super::Organization,
    position: u32,
    event: EventKind,
    time: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let data = Data::of_instance(event);
    let (sync, organization) = (Uuid::from_u128(1), Some(organization));
    let event =
        NewEvent { sync, position, organization, member: None, source: "/test", time, data: &data };
    tx.append(&tx.key()?, &event)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_horizon_leaves_is_as_it_was(
        history in syncs(),
        more in syncs(),
        horizons in vec(0i64..=100, 1..3),
        passed in 0u64..=100,
    ) {
        let mut world = World::new();
        for sync in &history {
            world.sync(sync);
        }
        let mut lost = 0;
        for horizon in &horizons {
            let before = world.now * horizon / 100;
            let end = world.count("SELECT coalesce(max(sequence), 0) FROM log");
            let cursor = end * passed / 100;
            let pass = move |tx: &Tx<'_>| {
                let lane = tx.lane("sink", "main")?;
                tx.set_cursor(&lane, cursor.max(lane.cursor))
            };
            world.runtime.block_on(world.store.write(pass)).unwrap();
            let (rosters, (ahead, _)) = (world.rosters_since(before), world.lane());
            let since = world.since();
            let events = world.count("SELECT count(*) FROM log");
            let trimmed = world.trim(before);

            prop_assert_eq!(world.rosters_since(before), rosters);
            for (past, trimmed) in since.into_iter().zip(world.since()) {
                let (known_since, members) = trimmed;
                for (before, after) in past.1.into_iter().zip(members) {
                    // A chain that lost its beginning says that it may be older.
                    let is_honest = before.since == after.since || after.since.member <= known_since;
                    prop_assert!(is_honest, "{:?} became {:?}", before, after);
                }
            }
            let (left, lost_by_now) = world.lane();
            lost += (ahead.len() - left.len()) as u64;
            prop_assert_eq!(lost, lost_by_now);
            prop_assert_eq!(world.count("SELECT count(*) FROM log") + trimmed.events, events);
            let older = hour(before).timestamp_millis();
            let kept: u64 = world.store.read(|view| {
                view.0.query_row("SELECT count(*) FROM log WHERE time < ?1", [older], |row| row.get(0))
            }).unwrap();
            prop_assert_eq!(kept, 0);
            prop_assert_eq!(world.trim(before), Trimmed::default(), "it was not through");
        }
        // What comes after is as if nothing had gone.
        for sync in &more {
            world.sync(sync);
        }
        let now = world.rosters.iter().zip(world.known).filter(|(_, known)| *known);
        for ((cast, _), second) in now.zip(if world.known[0] { [false, true] } else { [true, true] }) {
            let roster = world.store.read(|view| {
                let number = view.find(&organization(second))?.unwrap();
                Ok((view.roster(number)?, seen(view, number, world.now)?))
            }).unwrap();
            let members = cast.iter().map(|(key, seat)| member(*key, *seat)).collect();
            let expected = Roster::new(members, Vec::new()).unwrap();
            prop_assert_eq!(&roster.0, &expected);
            prop_assert_eq!(roster.1, Some((expected.clone(), expected.totals())));
        }
    }
}

fn cast(keys: &[u8]) -> Cast {
    keys.iter().map(|key| (*key, false)).collect()
}

/// A year of nothing but changes leaves the first run, the last before the horizon, and those
/// that the states of now began in.
#[test]
fn what_is_of_no_use_any_more_goes() {
    let mut world = World::new();
    for hours in 0..50 {
        let finds = if hours % 2 == 0 { cast(&[1, 2]) } else { cast(&[2, 3]) };
        world.sync(&Sync { hours: 1, second: false, finds: Some(finds) });
    }
    assert_eq!(world.count("SELECT count(*) FROM runs"), 50);
    world.trim(world.now + 1);
    assert_eq!(world.count("SELECT count(*) FROM past_states"), 0);
    assert_eq!(world.count("SELECT count(*) FROM log"), 0);
    // The baseline, in which the state of 2 began, and the last run.
    assert_eq!(world.count("SELECT count(*) FROM runs"), 2);
    let known = |time| {
        world.store.read(|view| {
            let number = view.find(&organization(false))?.unwrap();
            Ok(view.past_roster(number, hour(time))?.is_some())
        })
    };
    assert!(!known(world.now).unwrap(), "a part is no roster");
    assert!(known(world.now + 1).unwrap());
}

/// A sync that was dated back to 1970 is among newer ones; one that was dated ahead keeps nothing
/// from going but itself.
#[test]
fn a_wrong_clock_trims_nothing_that_is_new() {
    let mut world = World::new();
    world.sync(&Sync { hours: 1, second: false, finds: Some(cast(&[1, 2])) });
    world.sync(&Sync { hours: 100_000, second: false, finds: Some(cast(&[1])) });
    world.now = 100;
    world.sync(&Sync { hours: 0, second: false, finds: Some(cast(&[3])) });
    world.now = -200_000;
    world.sync(&Sync { hours: 0, second: false, finds: Some(cast(&[3, 4])) });
    world.now = 101;
    world.sync(&Sync { hours: 0, second: false, finds: Some(cast(&[4])) });
    let events = world.count("SELECT count(*) FROM log");

    // The present is before everything that is known.
    world.now = -300_000;
    assert_eq!(world.trim(-300_100), Trimmed::default());

    world.now = 110;
    let trimmed = world.trim(50);
    assert_eq!(trimmed.events, 2, "those of the first sync");
    assert_eq!(world.count("SELECT count(*) FROM log"), events - 2);
    assert_eq!(world.count("SELECT count(*) FROM past_states"), 3);
}
