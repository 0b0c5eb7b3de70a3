//! Fills a log with events as syncs would have added them.

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch::clock::{Clock as _, SystemClock};
use seatwatch::simulator::World;
use seatwatch::store::{NewEvent, Store, Tx};
use seatwatch_sdk::{Data, EventKind, Organization, Profile, Totals, Unnamed};
use uuid::Uuid;

/// So many events are of one sync.
const OF_A_SYNC: usize = 1_000;
/// So many syncs are written at a time.
const SYNCS_AT_ONCE: usize = 20;
/// The organizations whose turn it is, one after the other.
const ORGANIZATIONS: usize = 10;
const MEMBERS: usize = 10_000;

/// What happens most of the time. Of each [`OF_A_SYNC`] events, one is `left` instead.
const USUAL: [EventKind; 4] =
    [EventKind::Joined, EventKind::SeatGained, EventKind::SeatLost, EventKind::AdminGranted];

/// Appends so many events, of an hour ago: nothing waits for more of them.
pub(crate) fn fill(store: &Store, events: usize) {
    let people = people();
    let time = SystemClock.now() - TimeDelta::hours(1);
    let syncs: Vec<usize> = (0..events.div_ceil(OF_A_SYNC)).collect();
    for syncs in syncs.chunks(SYNCS_AT_ONCE) {
        let (syncs, people) = (syncs.to_owned(), people.clone());
        write(store, move |tx| {
            for sync in syncs {
                let count = OF_A_SYNC.min(events - sync * OF_A_SYNC);
                append(tx, sync, count, &people, time)?;
            }
            Ok(())
        });
    }
}

/// One change, waited for.
pub(crate) fn write(
    store: &Store,
    change: impl FnOnce(&Tx<'_>) -> rusqlite::Result<()> + Send + 'static,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.write(change)).unwrap();
}

fn append(
    tx: &Tx<'_>,
    sync: usize,
    count: usize,
    people: &[Profile],
    time: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let owner = format!("org-{}", sync % ORGANIZATIONS);
    let organization = tx.organization(&format!("github/{owner}").parse().unwrap())?;
    let source = format!("/seatwatch/bench/codecov/github/{owner}");
    let mut appender = tx.appender(tx.key()?);
    for position in 0..count {
        let member = (sync * OF_A_SYNC + position) % people.len();
        let kind = if position == OF_A_SYNC / 2 { EventKind::Left } else { USUAL[position % 4] };
        appender.append(&NewEvent {
            sync: Uuid::from_u128(0x0193_6f0e_7c1a_7d52_9a41_0000_0000_0000 + sync as u128),
            position: position.try_into().unwrap(),
            organization: Some(organization),
            member: Some(i64::try_from(member).unwrap() + 1),
            source: &source,
            time,
            data: &data(kind, &owner, &people[member], time),
        })?;
    }
    appender.finish()
}

fn data(event: EventKind, owner: &str, person: &Profile, time: DateTime<Utc>) -> Data {
    let (before, after) = match event {
        EventKind::Joined => (None, Some(person.clone())),
        EventKind::Left => (Some(person.clone()), None),
        EventKind::SeatGained | EventKind::SeatLost => {
            let seat = event == EventKind::SeatGained;
            let as_it_was = |seat| Some(Profile { seat, ..person.clone() });
            (as_it_was(!seat), as_it_was(seat))
        }
        _ => {
            let as_it_was = |admin| Some(Profile { admin, ..person.clone() });
            (as_it_was(false), as_it_was(true))
        }
    };
    let totals = Totals {
        members: 10_000,
        seats: 6_000,
        admins: 250,
        unnamed: Unnamed { members: 12, seats: 3 },
    };
    Data {
        organization: Some(Organization { service: "github".to_owned(), owner: owner.to_owned() }),
        member: after.clone().or_else(|| before.clone()).map(Into::into),
        before,
        after,
        totals: Some(totals),
        previous_totals: Some(totals),
        since: Some(time - TimeDelta::hours(1)),
        ..Data::of_instance(event)
    }
}

/// Those of the simulator, with names as people have them.
fn people() -> Vec<Profile> {
    let mut world = World::default();
    let all = world.organization(&"github/all".parse().unwrap());
    world.populate(all, MEMBERS);
    let people = world.rows(all).into_iter().filter_map(|row| {
        Some(Profile {
            username: row.username?.to_owned(),
            name: row.name.map(str::to_owned),
            email: row.email.map(str::to_owned),
            seat: row.activated,
            admin: row.is_admin,
        })
    });
    people.collect()
}
