//! Reads the whole roster, page by page, until the pages fit together.

use super::complete::{Complete, Digest};
use super::error::{Error, Reason};
use super::session::Session;
use super::shape::{Misfit, Shape};
use super::wire::{Page, Row};
use crate::roster::Roster;

/// The rows of the first request where nothing is known: enough for most organizations, and a
/// sound size for any server (`docs/CODECOV_API.md` section 7).
const FIRST_PAGE_SIZE: u64 = 1000;
/// How often a walk whose pages do not fit together is made again.
const REPEATS: u32 = 3;
/// No organization is larger; a server that says so is not believed.
const MOST_MEMBERS: u64 = 1_000_000;
/// The most bytes that are kept of one walk: the largest organization with rows three times
/// as long as usual.
const LARGEST_WALK: usize = 512 * 1024 * 1024;

/// What is known of the last roster.
#[derive(Clone, Copy, Debug)]
pub struct LastRead {
    /// How many rows it had, named and unnamed.
    pub rows: u64,
    /// What it hashed to, if it came from a single walk.
    pub digest: Option<Digest>,
}

/// What a reading of the roster gave.
#[derive(Debug)]
pub enum Reading {
    /// The rows are those of [`LastRead::digest`], byte by byte.
    Same,
    /// The rows were parsed.
    New {
        /// The whole list.
        roster: Complete<Roster>,
        /// What to pass as [`LastRead::digest`] next time.
        digest: Digest,
    },
}

/// Why a walk is not made to its end.
enum Stop {
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

impl Session {
    /// Reads the roster: in one page of 1,000 where that holds everything, else in pages of
    /// the configured size, than which no page is larger. A roster that is the same as `last`
    /// is not parsed.
    ///
    /// # Errors
    ///
    /// Any [`Reason`] but [`TokenNotAdmin`](Reason::TokenNotAdmin). Nobody is missing then:
    /// an error says nothing about any member.
    pub async fn read_roster(&self, last: Option<&LastRead>) -> Result<Reading, Error> {
        let page_size = self.server.inner().page_size;
        let is_large = last.is_some_and(|last| last.rows > FIRST_PAGE_SIZE);
        let mut first_size = if is_large { page_size } else { page_size.min(FIRST_PAGE_SIZE) };
        let mut repeats = 0..REPEATS;
        loop {
            let misfit = match self.try_to_read(last, &mut first_size).await {
                Ok(reading) => return Ok(reading),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Misfit(misfit)) => misfit,
            };
            tracing::debug!(%misfit, "the roster changed while it was read");
            if repeats.next().is_none() {
                let walks = REPEATS + 1;
                let what = format!("the roster changed during each of {walks} walks");
                return Err(Error::new(Reason::Inconsistent, what).caused_by(misfit));
            }
        }
    }

    async fn try_to_read(
        &self,
        last: Option<&LastRead>,
        first_size: &mut u64,
    ) -> Result<Reading, Stop> {
        let pages = self.walk(first_size).await?;
        let digest = Digest::of_pages(pages.iter().map(Page::array));
        if last.is_some_and(|last| last.digest == Some(digest)) {
            return Ok(Reading::Same);
        }
        let roster = Complete::passed(parse(&pages)?);
        Ok(Reading::New { roster, digest })
    }

    /// Gets all pages, whose shape holds. `first_size` is how much to ask for at first, and
    /// becomes what to ask for at first next time.
    async fn walk(&self, first_size: &mut u64) -> Result<Vec<Page>, Stop> {
        self.progress.set(0, 0);
        let mut first = self.first_page(*first_size).await?;
        if first.total_pages > 1 && *first_size < self.server.inner().page_size {
            *first_size = self.server.inner().page_size;
            first = self.first_page(*first_size).await?;
        }
        if first.count > MOST_MEMBERS {
            let count = first.count;
            let what = format!("Codecov counts {count} members, more than {MOST_MEMBERS}");
            return Err(Error::new(Reason::BadResponse, what).into());
        }
        let shape = Shape::of(&first, *first_size)?;
        let mut bytes = first.array().len();
        let mut rows = first.rows;
        let mut pages = vec![first];
        for number in 2..=shape.total_pages() {
            self.progress.set(rows, shape.count());
            let Some(page) = self.page(number, shape.page_size()).await? else {
                return Err(shape.gone(number).into());
            };
            shape.check(number, &page)?;
            rows += page.rows;
            bytes += page.array().len();
            if bytes > LARGEST_WALK {
                let what = format!("the member list is larger than {LARGEST_WALK} bytes");
                return Err(Error::new(Reason::BadResponse, what).into());
            }
            pages.push(page);
        }
        self.progress.set(rows, shape.count());
        Ok(pages)
    }
}

/// Parses what [`Session::walk`] gave.
fn parse(pages: &[Page]) -> Result<Roster, Stop> {
    let (mut members, mut unnamed) = (Vec::new(), Vec::new());
    for (page, number) in pages.iter().zip(1..) {
        for (row, position) in page.rows().into_iter().zip(1..) {
            let row = Row::parse(row.get().as_bytes()).map_err(|fault| {
                let what = format!("row {position} of page {number} of the member list {fault}");
                let hint = "if Codecov's API has changed, a newer seatwatch may know it";
                Error::new(Reason::BadResponse, what).with_hint(hint)
            })?;
            match row {
                Row::Named(member) => members.push(member),
                Row::Unnamed(row) => unnamed.push(row),
            }
        }
    }
    Roster::new(members, unnamed).map_err(|_| Misfit::Twice.into())
}
