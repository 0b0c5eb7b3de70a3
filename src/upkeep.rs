//! What keeps a store in shape over the years: retention, erasure, what has another name now.
//!
//! Called by `sync` and by the daemon; whoever calls holds the lock of the state directory.
//! Knows config and store, and neither Codecov nor what a sink does.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::{Config, SinkEntry};
use crate::dispatch;
use crate::organization::OrganizationId;
use crate::store::{Carried, Claim, Forgotten, Store, StoreError, Trimmed, Tx, View};

/// How long after a trim the next one is due.
const TRIM_EVERY: TimeDelta = TimeDelta::days(1);

/// After a longer pause than this, and than half of the retention, the clock is doubted first.
const SHORTEST_LEAP: TimeDelta = TimeDelta::days(100);

/// Trims what is older than the retention, at most once a day; call it as often as you like.
///
/// It goes in steps, each a small transaction, so no sync waits long; dropped in between, the
/// next call goes on. None where nothing was due.
///
/// What lanes have not passed goes, too, and is counted and logged as lost to them. So time is
/// not believed at once: the first call of all, and the first after a leap of the clock, only
/// notes that it was made.
///
/// # Errors
///
/// The store failed.
pub async fn trim(
    store: &Store,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<Option<Trimmed>, StoreError> {
    let (purge_is_due, last) = store.read(|view| Ok((view.purge_is_due()?, view.trimmed_at()?)))?;
    let due = due(last, config.retention, now);
    let mut trimmed = None;
    if due == Due::Now {
        trimmed = Some(trim_to(store, config, horizon(config.retention, now), now).await?);
    }
    if due != Due::Later {
        store.write(move |tx| tx.set_trimmed_at(now)).await?;
    }
    // Last: where there is no room for it, the trim makes some.
    if purge_is_due {
        store.purge().await?;
    }
    Ok(trimmed)
}

#[derive(Debug, PartialEq, Eq)]
enum Due {
    Now,
    /// The clock may be wrong, now or when it was looked at last.
    Doubtful,
    Later,
}

fn due(last: Option<DateTime<Utc>>, retention: Duration, now: DateTime<Utc>) -> Due {
    let Some(last) = last.filter(|last| *last <= now) else { return Due::Doubtful };
    let half = TimeDelta::from_std(retention / 2).unwrap_or(TimeDelta::MAX);
    match now - last {
        pause if pause < TRIM_EVERY => Due::Later,
        pause if pause > half.max(SHORTEST_LEAP) => Due::Doubtful,
        _ => Due::Now,
    }
}

fn horizon(retention: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
    let retention = TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX);
    now.checked_sub_signed(retention).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

async fn trim_to(
    store: &Store,
    config: &Config,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Trimmed, StoreError> {
    let claims: Arc<[Claim]> = claims(config).into();
    let mut next = Some(store.read(|view| view.trim(before, now))?);
    let mut sum = Trimmed { lost: vec![0; claims.len()], ..Trimmed::default() };
    while let Some(trim) = next {
        let of_step = Arc::clone(&claims);
        let (step, left) = store.write(move |tx| tx.trim_step(&trim, &of_step, now)).await?;
        crash_point!("upkeep:trim");
        sum.events += step.events;
        sum.states += step.states;
        sum.sums += step.sums;
        sum.runs += step.runs;
        sum.lost.iter_mut().zip(&step.lost).for_each(|(sum, lost)| *sum += lost);
        next = left;
    }
    for (claim, events) in claims.iter().zip(&sum.lost).filter(|(_, events)| **events > 0) {
        let Claim { sink, lane, .. } = claim;
        tracing::warn!(
            %sink, %lane, events,
            "events were not delivered within `retention` and are lost to this sink"
        );
    }
    Ok(sum)
}

fn claims(config: &Config) -> Vec<Claim> {
    let of_sink = |entry: &SinkEntry| {
        let claim = |lane| Claim {
            sink: entry.name.clone(),
            lane,
            wants: Box::new(dispatch::wants(entry)),
        };
        entry.config.lanes().into_iter().map(claim).collect::<Vec<_>>()
    };
    config.sinks.iter().flat_map(of_sink).collect()
}

/// What became of an organization that a person wants to be forgotten.
#[derive(Debug)]
pub struct Erased {
    /// What was deleted.
    pub forgotten: Forgotten,
    /// Why traces of it may still stand in free space of the file. It is tried again.
    pub traces: Option<StoreError>,
}

/// Erases all that is known of an organization, and its traces in the file; none where nothing
/// is known of it. The caller has made sure that it is not in the config.
///
/// # Errors
///
/// The store failed; nothing was erased.
pub async fn forget(
    store: &Store,
    organization: &OrganizationId,
) -> Result<Option<Erased>, StoreError> {
    let id = organization.clone();
    let forgotten = store
        .write(move |tx| tx.find(&id)?.map(|organization| tx.forget(organization)).transpose())
        .await?;
    let Some(forgotten) = forgotten else { return Ok(None) };
    crash_point!("upkeep:forget");
    Ok(Some(Erased { forgotten, traces: store.purge().await.err() }))
}

/// What became of the organizations and sinks that say what they were before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The organizations whose histories go on under the new names, as old and new ones. A lane
    /// that is open must be opened anew: the filter of the delivery that it has cut may have
    /// changed.
    pub carried: Vec<(OrganizationId, OrganizationId)>,
    /// Those with a history under both names, each of which stays as it is.
    pub both_known: Vec<(OrganizationId, OrganizationId)>,
    /// The sinks that go on under the new names, as old and new ones.
    pub sinks_carried: Vec<(String, String)>,
    /// Those that had a place in the log under the new name already, and go on from there.
    pub sinks_both_known: Vec<(String, String)>,
    /// Those that are new, for nothing is known under the name that they say they had.
    pub sinks_unknown: Vec<(String, String)>,
}

/// Takes a config over: carries the histories of organizations and the places of sinks that have
/// new names over to those, and gives new sinks their places at the end of the log. All of it or
/// nothing. Called before the first sync under a config; no worker serves a sink that has another
/// name now.
///
/// # Errors
///
/// The store failed, and nothing was changed.
pub async fn take_over(store: &Store, config: &Config) -> Result<Moved, StoreError> {
    let organizations = config
        .organizations
        .iter()
        .filter_map(|organization| Some((organization.formerly.clone()?, organization.id.clone())));
    let organizations: Vec<_> = organizations.collect();
    let sinks = config.sinks.clone();
    let take_over = move |tx: &Tx<'_>| {
        let mut moved = Moved::default();
        for (old, new) in organizations {
            match tx.carry_over(&old, &new)? {
                Carried::Nothing => {}
                Carried::BothKnown => moved.both_known.push((old, new)),
                Carried::Whole => {
                    tx.change_filters(|filter| dispatch::renamed_filter(filter, &old, &new))?;
                    moved.carried.push((old, new));
                }
            }
        }
        for SinkEntry { name, formerly, config, .. } in sinks {
            if let Some(old) = formerly {
                match tx.rename_sink(&old, &name)? {
                    Carried::Nothing if tx.knows_sink(&name)? => {}
                    Carried::Nothing => moved.sinks_unknown.push((old, name.clone())),
                    Carried::BothKnown => moved.sinks_both_known.push((old, name.clone())),
                    Carried::Whole => moved.sinks_carried.push((old, name.clone())),
                }
            }
            config.lanes().iter().try_for_each(|lane| tx.lane(&name, lane).map(drop))?;
        }
        Ok(moved)
    };
    store.write(take_over).await
}

/// The sinks that would start at the end of the log although they say that they had another name
/// before, for nothing is known under that, as old and new names.
///
/// # Errors
///
/// The disk or the database failed.
pub fn unknown_sinks(view: &View<'_>, config: &Config) -> rusqlite::Result<Vec<(String, String)>> {
    let mut unknown = Vec::new();
    for SinkEntry { name, formerly, .. } in &config.sinks {
        if let Some(old) = formerly
            && !view.knows_sink(old)?
            && !view.knows_sink(name)?
        {
            unknown.push((old.clone(), name.clone()));
        }
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    #[test]
    fn a_clock_that_leaps_is_doubted_first() {
        let year = Duration::from_secs(400 * 24 * 3600);
        let due = |last: Option<i64>, now| due(last.map(day), year, day(now));
        assert_eq!(due(None, 1000), Due::Doubtful);
        assert_eq!(due(Some(1000), 1000), Due::Later);
        assert_eq!(due(Some(1000), 1001), Due::Now);
        assert_eq!(due(Some(1000), 1200), Due::Now);
        assert_eq!(due(Some(1000), 1201), Due::Doubtful);
        assert_eq!(due(Some(1000), 999), Due::Doubtful);
    }

    #[test]
    fn a_short_retention_lives_with_rare_syncs() {
        let month = Duration::from_secs(30 * 24 * 3600);
        assert_eq!(due(Some(day(0)), month, day(92)), Due::Now);
        assert_eq!(due(Some(day(0)), month, day(101)), Due::Doubtful);
    }
}
