//! A year of hourly syncs stays small: what the store costs follows what changed, not how often
//! somebody looked.
//!
//! `SEATWATCH_YEAR=1000 cargo test --release --test it year:: -- --nocapture` tells the figures
//! of a thousand organizations.

use std::fs;
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use seatwatch::config;
use seatwatch::organization::OrganizationId;
use seatwatch::roster::Member;
use seatwatch::store::{
    Health, History, LockedDirectory, NewEvent, NewRun, Outcome, RosterState, RunNumber, Store, Tx,
};
use seatwatch::upkeep;
use seatwatch_sdk::{self as sdk, Data, EventKind, Totals, Unnamed};
use tokio::runtime::Runtime;
use uuid::Uuid;

const MEMBERS: u64 = 100;
const WEEKS: i64 = 52;
const HOURS_PER_WEEK: i64 = 7 * 24;

/// Less than this for 1,000 organizations.
const LIMIT: u64 = 1_000_000_000;

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn organization(number: u64) -> OrganizationId {
    format!("github/organization-{number}").parse().unwrap()
}

fn member(number: u64) -> Member {
    let username = format!("some-username-{number}");
    let name = format!("Firstname Lastname {number}");
    let email = format!("{username}@example.com");
    let (seat, admin) = (number.is_multiple_of(2), number.is_multiple_of(50));
    Member::new(&username, Some(&name), Some(&email), seat, admin)
}

fn totals() -> Totals {
    Totals { members: MEMBERS, seats: 50, admins: 2, unnamed: Unnamed { members: 1, seats: 0 } }
}

/// Everybody comes in the first week; from then on one in a hundred goes each week, and one comes.
fn one_week(tx: &Tx<'_>, id: &OrganizationId, week: i64) -> rusqlite::Result<()> {
    let organization = tx.organization(id)?;
    let begin = start() + TimeDelta::weeks(week);
    let run = |outcome, events, hour| {
        let time = begin + TimeDelta::hours(hour);
        tx.set_health(organization, &Health { last_success_at: Some(time), ..Health::default() })?;
        tx.note_run(
            organization,
            &NewRun {
                sync: Uuid::from_u128(1),
                outcome,
                failure: None,
                started_at: time,
                finished_at: time,
                requests: 1,
                events,
                missed_from: None,
            },
        )
    };
    let state = RosterState { read_at: begin, digest: Some([7; 32]), totals: totals() };
    if week == 0 {
        let number = run(Outcome::Baselined, 1, 0)?;
        tx.set_roster_state(organization, &state)?;
        for index in 0..MEMBERS {
            let new = tx.new_members(organization, 1)?.start;
            tx.begin_state(organization, number, new, &member(index))?;
        }
    } else {
        let number = run(Outcome::Changed, 4, 0)?;
        tx.set_roster_state(organization, &state)?;
        change(tx, id, number, week.unsigned_abs(), begin)?;
    }
    for hour in 1..HOURS_PER_WEEK {
        run(Outcome::Unchanged, 0, hour)?;
        tx.touch_roster(organization, begin + TimeDelta::hours(hour))?;
    }
    Ok(())
}

fn change(
    tx: &Tx<'_>,
    id: &OrganizationId,
    run: RunNumber,
    week: u64,
    time: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let organization = tx.organization(id)?;
    let (old, new) = (member(week), member(week + 10 * MEMBERS));
    let gone = tx.end_state(organization, run, old.key())?;
    let come = tx.new_members(organization, 1)?.start;
    tx.begin_state(organization, run, come, &new)?;
    let source = format!("/seatwatch/prod/codecov/{id}");
    let events = [
        (EventKind::Left, gone, &old),
        (EventKind::SeatLost, gone, &old),
        (EventKind::Joined, come, &new),
        (EventKind::SeatGained, come, &new),
    ];
    for ((event, number, member), position) in events.into_iter().zip(0..) {
        let profile = member.profile();
        let left = number == gone;
        let data = Data {
            event,
            organization: Some(sdk::Organization {
                service: id.service().to_string(),
                owner: id.owner().to_owned(),
            }),
            member: Some(profile.clone().into()),
            before: left.then(|| profile.clone()),
            after: (!left).then_some(profile),
            totals: Some(totals()),
            previous_totals: Some(totals()),
            since: Some(time),
            details: None,
        };
        let event = NewEvent {
            sync: Uuid::from_u128(1),
            position,
            organization: Some(organization),
            member: Some(number),
            source: &source,
            time,
            data: &data,
        };
        tx.append(&tx.key()?, &event)?;
    }
    Ok(())
}

fn open(directory: &Path) -> Store {
    Store::open(LockedDirectory::lock(directory).unwrap()).unwrap()
}

fn size(directory: &Path) -> u64 {
    fs::metadata(directory.join("seatwatch.db")).unwrap().len()
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
fn a_year_of_a_thousand_organizations_stays_below_a_gigabyte() {
    let organizations = std::env::var("SEATWATCH_YEAR").map_or(5, |number| number.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = open(directory.path());
    for week in 0..WEEKS {
        let weeks = move |tx: &Tx<'_>| {
            (0..organizations).try_for_each(|number| one_week(tx, &organization(number), week))
        };
        runtime.block_on(store.write(weeks)).unwrap();
    }
    drop(store);
    let bytes = size(directory.path());
    eprintln!("{organizations} organizations: {bytes} bytes");
    assert!(bytes * 1000 / organizations < LIMIT, "{bytes} bytes of {organizations}");

    let took = |what: &str, began: Instant| eprintln!("{what}: {:?}", began.elapsed());
    let began = Instant::now();
    let store = open(directory.path());
    took("open", began);
    let began = Instant::now();
    let roster = store.read(|view| {
        for number in 0..organizations {
            let number = view.find(&organization(number))?.unwrap();
            view.roster_state(number)?;
            view.last_run(number)?;
            view.health(number)?;
        }
        let first = view.find(&organization(0))?.unwrap();
        view.past_roster(first, start() + TimeDelta::weeks(WEEKS - 1))
    });
    took("status, and one roster of the past", began);
    assert_eq!(roster.unwrap().unwrap().members.len() as u64, MEMBERS);
    let began = Instant::now();
    let found = store.read(|view| {
        let organization = view.find(&organization(0))?;
        let members = Some(view.members_named(None, "some-username-2")?);
        let since = Some(start() + TimeDelta::weeks(1));
        view.history(&History { organization, members, since, until: None }, 0, 1000)
    });
    took("history of a member", began);
    assert_eq!(found.unwrap().len(), 2);

    // Half a year of it goes, and leaves its space to what comes.
    let text = "codecov: { token_env: T }\norganizations: [github/a]\nretention: 182d\n";
    let config = config::parse(text, Path::new("seatwatch.yaml")).unwrap();
    let end = start() + TimeDelta::weeks(WEEKS);
    let trim = |now| runtime.block_on(upkeep::trim(&store, &config, now)).unwrap();
    assert_eq!(trim(end), None);
    let began = Instant::now();
    let trimmed = trim(end + TimeDelta::days(1)).unwrap();
    took("trim", began);
    eprintln!("{trimmed:?}");
    assert_eq!(trimmed.events, organizations * 4 * 26);
    assert_eq!(trimmed.states, organizations * 26);
    drop(store);
    assert!(size(directory.path()) <= bytes);
}
