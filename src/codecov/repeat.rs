//! How often a walk over a list is made again whose pages do not fit together.

use super::error::{Error, Reason};
use super::shape::Misfit;

/// How often a walk whose pages do not fit together is made again.
const REPEATS: u32 = 3;

/// Why a walk is not made to its end.
pub(super) enum Stop {
    /// Another walk may fare better.
    Misfit(Misfit),
    /// It would be the same again.
    Error(Error),
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Self {
        Self::Misfit(misfit)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The walks over one list that may still be made.
pub(super) struct Repeats(u32);

impl Repeats {
    pub(super) fn new() -> Self {
        Self(REPEATS)
    }

    /// Lets a walk be made again after one that was not made to its end.
    ///
    /// # Errors
    ///
    /// What would be the same again; [`Reason::Inconsistent`] when no walk is left.
    pub(super) fn after(&mut self, stop: Stop, list: &str) -> Result<(), Error> {
        let misfit = match stop {
            Stop::Misfit(misfit) => misfit,
            Stop::Error(error) => return Err(error),
        };
        tracing::debug!(%misfit, "the {list} changed while it was read");
        let Some(left) = self.0.checked_sub(1) else {
            let walks = REPEATS + 1;
            let what = format!("the {list} changed during each of {walks} walks");
            return Err(Error::new(Reason::Inconsistent, what).caused_by(misfit));
        };
        self.0 = left;
        Ok(())
    }
}
