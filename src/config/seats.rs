//! What the seats that are paid for mean for those in use.
//!
//! Pure: said once, for pages, tables and reports.

use seatwatch_sdk::Totals;

use super::{Cost, SeatsConfig};

impl SeatsConfig {
    /// What the seats in use cost a month, where it is known what one does.
    pub fn cost(&self, totals: &Totals) -> Option<Cost> {
        Some(self.price?.of(totals.seats_used()))
    }

    /// How many more are in use than are paid for, if any are.
    pub fn over(&self, totals: &Totals) -> Option<u64> {
        totals.seats_used().checked_sub(self.limit?).filter(|over| *over > 0)
    }
}
