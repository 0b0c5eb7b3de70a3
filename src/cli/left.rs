//! What a command leaves behind that syncs by itself and does not come to its end.

use std::cell::Cell;

use super::exit::{Exit, Failure};
use super::output::{count, exact};
use crate::config::Config;
use crate::dispatch;
use crate::organization::OrganizationId;
use crate::store::{Reader, StoreError};

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Left {
    delivers: Cell<bool>,
}

impl Left {
    /// All syncs have ended: from now on, sinks are told.
    pub(super) fn begins_to_deliver(&self) {
        self.delivers.set(true);
    }

    /// Why the command ends when Ctrl-C or TERM comes; names first, on stderr, the sinks that were
    /// not told everything.
    pub(super) fn interrupted(&self, config: &Config) -> Failure {
        if !self.delivers.get() {
            let message = "interrupted: syncs that had not ended committed nothing";
            return Failure::new(Exit::Interrupted, message);
        }
        match queued(config) {
            Ok(lines) => lines.iter().for_each(|line| super::complain(line)),
            Err(error) => super::complain(&Failure::from(&error).to_string()),
        }
        let message = "interrupted during the delivery: all syncs had ended, and what they found is \
                       committed";
        Failure::new(Exit::Interrupted, message)
            .with_hint("what is queued is delivered by the next `seatwatch sync`")
    }
}

/// What every lane has before it, of those that have anything.
fn queued(config: &Config) -> Result<Vec<String>, StoreError> {
    let reader = Reader::open(&config.state_dir)?;
    let lanes = dispatch::status(&reader, &config.sinks, super::instance::clock().now())?;
    let waiting = lanes.iter().filter(|lane| lane.lag.queued > 0);
    let line = |lane: &dispatch::LaneStatus| {
        let stay = if lane.lag.queued == 1 { "stays" } else { "stay" };
        format!("sink {}: {} {stay} queued", lane.name(), count(lane.lag.queued, "event"))
    };
    Ok(waiting.map(line).collect())
}

/// That the approval of an organization's hold stands, if no sync has used it up: one that fails
/// does not take the person's word back.
pub(super) fn approval(config: &Config, id: &OrganizationId) -> Option<String> {
    let now = super::instance::clock().now();
    let reader = Reader::open(&config.state_dir).ok()?;
    let approval = reader.read(|view| {
        let number = super::instance::find(view, config, id)?;
        number.map_or(Ok(None), |number| view.approval(number))
    });
    // Where the store fails, that has been told, and there is nothing to promise.
    let approval = approval.ok()?.filter(|approval| approval.is_valid(now))?;
    let until = exact(approval.ends_at(), config.zone_of(id));
    Some(format!("the approval stands until {until}: the next sync that succeeds uses it"))
}
