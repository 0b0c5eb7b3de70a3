//! What the store holds after any number of syncs, crashes and failures: always the last roster
//! that was accepted, every one before it, and a log that tells the way from the first to the last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;
use seatwatch_sdk::{Event, EventKind, Totals};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::super::bounds::Bounds;
use super::super::cast::{Listener, roster, rosters};
use super::super::confirm::Confirmed;
use super::super::diff::Diff;
use super::super::guard::judge;
use super::super::health::Patience;
use super::super::plan::{Before, Facts, Plan};
use super::super::{Found, SyncError, decide, uuid_v7};
use super::*;
use crate::config::{GuardConfig, OnFirstSync, SeatsConfig};
use crate::roster::{Member, Roster};
use crate::store::{LockedDirectory, Outcome, Store};

/// What one sync meets.
#[derive(Clone, Debug)]
enum Step {
    Read(Roster),
    Same,
    Refused,
    Postponed,
    /// The process dies, or the disk fails, before the commit.
    Lost(Roster),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => rosters().prop_map(Step::Read),
        2 => Just(Step::Same),
        2 => Just(Step::Refused),
        1 => Just(Step::Postponed),
        1 => rosters().prop_map(Step::Lost),
    ]
}

/// A store, and what should be in it.
struct World {
    runtime: Runtime,
    store: Arc<Store>,
    directory: TempDir,
    now: DateTime<Utc>,
    guard: GuardConfig,
    organizations: Vec<Known>,
}

/// What should be known of an organization.
struct Known {
    id: OrganizationId,
    roster: Option<Roster>,
    /// The roster as of every run that was committed.
    past: Vec<(i64, Roster)>,
    /// Rows of runs: outcome, reason, whether it brought events, how many runs.
    runs: Vec<(String, Option<String>, bool, u64)>,
}

impl World {
    fn new(organizations: &[&str], guard: GuardConfig) -> Self {
        let directory = TempDir::new().unwrap();
        let locked = LockedDirectory::lock(directory.path()).unwrap();
        let store = Arc::new(Store::open(locked).unwrap());
        let known = |name: &&str| Known {
            id: name.parse().unwrap(),
            roster: None,
            past: Vec::new(),
            runs: Vec::new(),
        };
        Self {
            runtime: Runtime::new().unwrap(),
            store,
            directory,
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            guard,
            organizations: organizations.iter().map(known).collect(),
        }
    }

    /// One sync, as the pass would do it, with the answers of Codecov made up.
    fn sync(&mut self, index: usize, step: Step) {
        self.now += TimeDelta::minutes(10);
        let now = self.now;
        let known = &mut self.organizations[index];
        let before = self.store.read(|view| Before::load(view, &known.id, None));
        let before = before.unwrap();
        let is_lost = matches!(step, Step::Lost(_));
        let found = match step {
            Step::Same if known.roster.is_none() => return,
            Step::Same => Ok(Found::Same),
            Step::Refused => Err(SyncError::NotAdmin),
            Step::Postponed => Err(SyncError::Postponed { until: now }),
            Step::Read(found) | Step::Lost(found) => {
                let totals = before.roster.as_ref().map(|roster| roster.totals).unwrap_or_default();
                let bounds = Bounds::new(&self.guard, totals.members, totals.seats);
                // What was compared is what the store says, not what this test remembers.
                let old = self.store.read(|view| {
                    let number = view.find(&known.id)?;
                    number.map_or_else(|| Ok(Roster::default()), |number| view.roster(number))
                });
                let diff = Diff::between(old.unwrap(), found);
                Ok(Found::Judged(judge(Confirmed::for_test(diff), bounds, None), bounds))
            }
        };
        let seats = SeatsConfig { limit: Some(3), ..SeatsConfig::default() };
        let patience = Patience { failing_after: 2, remind_every: Duration::from_secs(3600) };
        let facts = Facts {
            organization: &known.id,
            before: &before,
            seats: &seats,
            on_first_sync: OnFirstSync::Emit,
            patience,
            now,
        };
        let (plan, _) = decide(facts, found);
        let stamp = Stamp {
            organization: known.id.clone(),
            source: "/seatwatch/test".to_owned(),
            sync: uuid_v7(now),
            started_at: now,
            finished_at: now,
            requests: 1,
            missed_from: None,
            proof: None,
        };
        let after = match &plan.roster {
            NextRoster::Replaced { accepted, .. } => Some(accepted.diff().after().clone()),
            _ => None,
        };
        let row = (
            plan.outcome.word().to_owned(),
            plan.failure.as_ref().map(|failure| failure.reason.clone()),
            plan.organization_events.len() + plan.member_events().count() > 0,
        );
        self.commit(stamp, plan, is_lost);
        if is_lost {
            return;
        }
        let known = &mut self.organizations[index];
        known.roster = after.or(known.roster.take());
        match known.runs.last_mut() {
            Some((outcome, reason, false, count))
                if (&*outcome, &*reason, false) == (&row.0, &row.1, row.2) =>
            {
                *count += 1;
            }
            _ => known.runs.push((row.0, row.1, row.2, 1)),
        }
        let latest = "SELECT max(id) FROM runs WHERE organization = (SELECT id FROM organizations WHERE owner = ?1)";
        let run =
            self.database()
                .query_row(latest, [self.organizations[index].id.owner()], |row| row.get(0));
        let known = &mut self.organizations[index];
        known.past.push((run.unwrap(), known.roster.clone().unwrap_or_default()));
    }

    /// Writes the plan, or all of it but the last step of the transaction.
    fn commit(&self, stamp: Stamp, plan: Plan, is_lost: bool) {
        let written = self.runtime.block_on(self.store.write(move |tx| {
            write(tx, &stamp, &plan)?;
            if is_lost { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
        }));
        assert_eq!(written.is_err(), is_lost);
    }

    fn database(&self) -> Connection {
        Connection::open(self.directory.path().join("seatwatch.db")).unwrap()
    }

    fn log(&self) -> Vec<Event> {
        self.store.read(|view| view.events(0, u64::from(u32::MAX), |_| true)).unwrap()
    }

    /// Holds the store to everything that was done to it.
    fn check(&self) {
        let log = self.log();
        let sequences: Vec<u64> = log.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>(), "a gap in the log");
        for known in &self.organizations {
            self.check_roster(known);
            self.check_past(known);
            self.check_runs(known);
            let owner = known.id.owner();
            let told = log
                .iter()
                .filter(|event| event.data.organization.as_ref().is_some_and(|o| o.owner == owner));
            check_log(told, known.roster.as_ref());
        }
        check_subjects(&log);
        let database = self.database();
        let sound: String =
            database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());
    }

    fn check_roster(&self, known: &Known) {
        let kept = self.store.read(|view| {
            let Some(number) = view.find(&known.id)? else { return Ok(None) };
            let Some(state) = view.roster_state(number)? else { return Ok(None) };
            Ok(Some((view.roster(number)?, state.totals)))
        });
        let kept = kept.unwrap();
        assert_eq!(kept.is_some(), known.roster.is_some());
        if let (Some((kept, totals)), Some(roster)) = (kept, &known.roster) {
            assert_eq!(kept.members(), roster.members());
            assert_eq!(totals, roster.totals());
        }
    }

    /// The roster as of any run can be told from the states that began by then and had not ended.
    fn check_past(&self, known: &Known) {
        let database = self.database();
        let mut as_of = database
            .prepare(
                "WITH all_states AS (
                     SELECT organization, key, username, name, email, seat, admin, began, NULL AS ended FROM states
                     UNION ALL
                     SELECT organization, key, username, name, email, seat, admin, began, ended FROM past_states)
                 SELECT key, username, name, email, seat, admin FROM all_states
                 WHERE organization = (SELECT id FROM organizations WHERE owner = ?1)
                   AND began <= ?2 AND (ended IS NULL OR ended > ?2)
                 ORDER BY key",
            )
            .unwrap();
        for (run, roster) in &known.past {
            let members = as_of.query_map((known.id.owner(), run), |row| {
                let text = |column| row.get::<_, Option<String>>(column);
                let (key, shown, name, email) = (text(0)?, text(1)?, text(2)?, text(3)?);
                let shown = shown.or(key).expect("every member has a key");
                let (name, email) = (name.as_deref(), email.as_deref());
                Ok(Member::new(&shown, name, email, row.get(4)?, row.get(5)?))
            });
            let members: Vec<Member> = members.unwrap().map(Result::unwrap).collect();
            assert_eq!(members, roster.members(), "as of run {run}");
        }
    }

    fn check_runs(&self, known: &Known) {
        let database = self.database();
        let mut runs = database
            .prepare(
                "SELECT outcome, reason, events > 0, count FROM runs
                 WHERE organization = (SELECT id FROM organizations WHERE owner = ?1) ORDER BY id",
            )
            .unwrap();
        let runs = runs.query_map([known.id.owner()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let runs: Vec<(String, Option<String>, bool, u64)> =
            runs.unwrap().map(Result::unwrap).collect();
        assert_eq!(runs, known.runs);
    }
}

/// Who reads the log from the first event on knows the roster and its sums, at every sync.
fn check_log<'a>(log: impl Iterator<Item = &'a Event>, roster: Option<&Roster>) {
    let mut listener = Listener::default();
    let mut totals: Option<Totals> = None;
    let mut sync = String::new();
    let mut position = 0;
    for event in log {
        if event.correlationid != sync {
            sync.clone_from(&event.correlationid);
            position = 0;
            let previous = totals.or_else(|| event.data.totals.map(|_| Totals::default()));
            assert_eq!(
                event.data.previous_totals.map(named),
                previous.map(named),
                "the sums do not follow"
            );
            totals = event.data.totals;
        }
        assert_eq!(event.id, format!("{sync}-{position:04}"));
        position += 1;
        assert_eq!(event.data.totals, totals, "two sums in one sync");
        if event.data.member.is_some() {
            listener.hear(event.data.event, event.data.before.as_ref(), event.data.after.as_ref());
        }
    }
    assert_eq!(listener, roster.map(Listener::of).unwrap_or_default());
    let expected = roster.map(|roster| named(roster.totals()));
    assert!(totals.is_none() || expected.is_none() || totals.map(named) == expected);
}

/// Sums that events tell of: unnamed rows come and go without one.
fn named(totals: Totals) -> (u64, u64, u64) {
    (totals.members, totals.seats, totals.admins)
}

/// A member keeps the subject over renames, and nobody else ever has it.
fn check_subjects(log: &[Event]) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut present: HashMap<(String, String), &str> = HashMap::new();
    for event in log {
        let data = &event.data;
        let Some(member) = &data.member else {
            assert_eq!(event.subject, None);
            continue;
        };
        let subject = event.subject.as_deref().expect("a member has a subject");
        let owner =
            data.organization.as_ref().expect("a member is of an organization").owner.clone();
        let place = |username: &str| (owner.clone(), username.to_lowercase());
        let newest = place(&member.profile.username);
        match data.event {
            EventKind::Joined => {
                assert!(seen.insert(subject), "{subject} was somebody else's");
                present.insert(newest, subject);
            }
            EventKind::Renamed => {
                let before = data.before.as_ref().expect("had a name before");
                assert_eq!(present.remove(&place(&before.username)), Some(subject));
                present.insert(newest, subject);
            }
            EventKind::Left => assert_eq!(present.remove(&newest), Some(subject)),
            _ if data.after.is_some() => assert_eq!(present.get(&newest), Some(&subject)),
            _ => assert!(seen.contains(subject)),
        }
    }
}

/// Nothing is held.
const TRUSTING: GuardConfig =
    GuardConfig { min_leavers: 1000, max_leave_percent: 100, max_leavers: 1000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_was_committed(
        syncs in vec((0usize..2, steps()), 1..16),
        min_leavers in 0u64..4,
    ) {
        // Some are held: nothing of them may be in the history.
        let guard = GuardConfig { min_leavers, max_leave_percent: 60, max_leavers: 3 };
        let mut world = World::new(&["github/acme", "gitlab/example"], guard);
        for (organization, step) in syncs {
            world.sync(organization, step);
            world.check_roster(&world.organizations[organization]);
        }
        world.check();
    }
}

/// One person under three names, and another who takes the first.
#[test]
fn a_member_keeps_the_number_over_renames() {
    let mut world = World::new(&["github/acme"], TRUSTING);
    for cast in ["ann=1", "bob=1", "cat*=1", "cat*=1 ann=2", "ann=2", "ann=2 cat=1"] {
        world.sync(0, Step::Read(roster(cast)));
    }
    world.check();
    let mut subjects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in world.log() {
        let (Some(subject), Some(member)) = (event.subject, event.data.member) else { continue };
        let told = format!("{} {}", event.data.event, member.profile.username);
        subjects.entry(subject).or_default().push(told);
    }
    let mut lives: Vec<String> = subjects.into_values().map(|life| life.join(", ")).collect();
    lives.sort();
    assert_eq!(
        lives,
        [
            "joined ann",
            "joined ann, renamed bob, renamed cat, seat_gained cat, left cat, seat_lost cat",
            "joined cat", // Nobody can tell that it is the same person who came back.
        ]
    );
}

#[test]
fn runs_alike_are_one_row() {
    let mut world = World::new(&["github/acme"], TRUSTING);
    let ann = || Step::Read(roster("ann"));
    let steps = [
        ann(),
        ann(),
        Step::Same,
        Step::Refused,
        Step::Refused,
        Step::Refused,
        Step::Postponed,
        Step::Postponed,
        Step::Same,
        Step::Same,
    ];
    for step in steps {
        world.sync(0, step);
    }
    world.check();
    let rows: Vec<String> = world.organizations[0]
        .runs
        .iter()
        .map(|(outcome, reason, told, count)| {
            let told = if *told { " told" } else { "" };
            format!("{count} {outcome} {}{told}", reason.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "1 baselined - told",
            "2 unchanged -",
            "1 failed token_not_admin",
            "1 failed token_not_admin told", // The second in a row.
            "1 failed token_not_admin",
            "2 failed rate_limited", // Nothing was asked, so these do not count.
            "1 unchanged - told",    // Recovered.
            "1 unchanged -",
        ]
    );
    assert_eq!(world.log().len(), 2 + 1 + 1);
    let outcome =
        world.store.read(|view| view.last_run(view.find(&world.organizations[0].id)?.unwrap()));
    assert_eq!(outcome.unwrap().unwrap().outcome, Outcome::Unchanged);
}
