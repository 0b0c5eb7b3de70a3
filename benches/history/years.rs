//! A long history of one organization, made up and written as syncs would write it.

use std::path::Path;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use seatwatch::organization::OrganizationId;
use seatwatch::roster::Member;
use seatwatch::store::{
    LockedDirectory, NewRun, Organization, Outcome, RosterState, RunNumber, Store, Tx,
};
use seatwatch_sdk::Totals;
use uuid::Uuid;

/// How much of it there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) members: usize,
    pub(crate) days: usize,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Years {
    pub(crate) scale: Scale,
    /// Distinct states of members, and how long they are.
    pub(crate) states: u64,
    pub(crate) json_bytes: u64,
    pub(crate) text_bytes: u64,
    random: fastrand::Rng,
    /// Who is on the roster now.
    members: Vec<Member>,
    totals: Totals,
    syncs: usize,
    replaced: usize,
}

pub(crate) fn organization() -> OrganizationId {
    "github/acme".parse().unwrap()
}

/// Writes all of it, a day in each transaction.
pub(crate) fn write(directory: &Path, scale: Scale) -> Years {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = Store::open(LockedDirectory::lock(directory).unwrap()).unwrap();
    let mut years = Years {
        scale,
        states: 0,
        json_bytes: 0,
        text_bytes: 0,
        random: fastrand::Rng::with_seed(42),
        members: Vec::new(),
        totals: Totals::default(),
        syncs: 0,
        replaced: 0,
    };
    for _ in 0..scale.days {
        let day = store.write(move |tx| {
            let organization = tx.organization(&organization())?;
            for _ in 0..24 {
                years.sync(tx, organization)?;
            }
            Ok(years)
        });
        years = runtime.block_on(day).unwrap();
    }
    years
}

impl Years {
    /// A random instant between the first sync and the last one.
    pub(crate) fn instant(&self, random: &mut fastrand::Rng) -> DateTime<Utc> {
        time(0) + TimeDelta::seconds(random.i64(1..3600 * (i64::try_from(self.syncs).unwrap() - 1)))
    }

    /// Writes what the next sync finds.
    fn sync(&mut self, tx: &Tx<'_>, organization: Organization) -> rusqlite::Result<()> {
        let is_first = self.syncs == 0;
        // One in a hundred every week, spread over its hours.
        let leavers = self.scale.members * self.syncs / (100 * 7 * 24) - self.replaced;
        let joiners = if is_first { self.scale.members } else { leavers };
        let outcome = match (is_first, leavers) {
            (true, _) => Outcome::Baselined,
            (false, 0) => Outcome::Unchanged,
            (false, _) => Outcome::Changed,
        };
        let read_at = time(self.syncs);
        let run = NewRun {
            sync: Uuid::from_u128(self.syncs as u128),
            outcome,
            failure: None,
            started_at: read_at,
            finished_at: read_at,
            requests: 11,
            events: leavers as u64 * 2,
            missed_from: None,
        };
        let run = tx.note_run(organization, &run)?;
        for _ in 0..leavers {
            let leaver = self.members.swap_remove(self.random.usize(..self.members.len()));
            tx.end_state(organization, run, leaver.key())?;
            self.totals.members -= 1;
            self.totals.seats -= u64::from(leaver.seat);
            self.totals.admins -= u64::from(leaver.admin);
        }
        self.join(tx, organization, run, joiners)?;
        self.replaced += leavers;
        self.syncs += 1;
        if outcome == Outcome::Unchanged {
            return tx.touch_roster(organization, read_at);
        }
        let totals = self.totals;
        tx.set_roster_state(organization, &RosterState { read_at, digest: Some([7; 32]), totals })
    }

    fn join(
        &mut self,
        tx: &Tx<'_>,
        organization: Organization,
        run: RunNumber,
        count: usize,
    ) -> rusqlite::Result<()> {
        for number in tx.new_members(organization, count)? {
            // In no order of their names, as people come.
            let mark = self.random.u32(..);
            let (username, name, email) = (
                format!("user-{mark:08x}-{number}"),
                format!("Member Number {number}"),
                format!("member.{number}@corp.example.com"),
            );
            let (seat, admin) = (number % 5 < 3, number % 40 == 0);
            let member = Member::new(&username, Some(&name), Some(&email), seat, admin);
            tx.begin_state(organization, run, number, &member)?;
            self.totals.members += 1;
            self.totals.seats += u64::from(seat);
            self.totals.admins += u64::from(admin);
            self.states += 1;
            self.json_bytes += serde_json::to_vec(&member.profile()).unwrap().len() as u64;
            self.text_bytes += (username.len() + name.len() + email.len()) as u64;
            self.members.push(member);
        }
        Ok(())
    }
}

/// When the sync of that index was committed.
fn time(sync: usize) -> DateTime<Utc> {
    let first = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    first + TimeDelta::hours(i64::try_from(sync).unwrap())
}
