//! Reads the whole roster, page by page, until the pages fit together.

use super::complete::{Complete, Digest, Digester};
use super::error::{Error, Reason};
use super::repeat::{Repeats, Stop};
use super::session::Session;
use super::shape::{FIRST_PAGE_SIZE, LARGEST_WALK, MOST_MEMBERS, Misfit, Shape};
use super::wire::{Fault, Page, Row};
use crate::roster::{Member, Roster, UnnamedRow};

/// The most bytes that are kept without being parsed, in the hope that they are those of last
/// time: an organization of some 200,000 members.
const MOST_KEPT: usize = 32 * 1024 * 1024;

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

impl Session {
    /// Reads the roster: in one page of 1,000 where that holds everything, else in pages of
    /// the configured size, than which no page is larger. A roster that is the same as `last`
    /// is not parsed, unless it is very large.
    ///
    /// # Errors
    ///
    /// Any [`Reason`] but [`TokenNotAdmin`](Reason::TokenNotAdmin). Nobody is missing then:
    /// an error says nothing about any member.
    pub async fn read_roster(&self, last: Option<&LastRead>) -> Result<Reading, Error> {
        self.read_roster_telling(last, || ()).await
    }

    /// Reads the roster; `on_change` is called as soon as a walk is known to be unlike `last`,
    /// before its rows are parsed.
    ///
    /// # Errors
    ///
    /// As [`read_roster`](Self::read_roster).
    pub(crate) async fn read_roster_telling(
        &self,
        last: Option<&LastRead>,
        on_change: impl Fn(),
    ) -> Result<Reading, Error> {
        let page_size = self.asker.server.inner().page_size;
        let is_large = last.is_some_and(|last| last.rows > FIRST_PAGE_SIZE);
        let mut first_size = if is_large { page_size } else { page_size.min(FIRST_PAGE_SIZE) };
        let mut repeats = Repeats::new();
        loop {
            match self.try_to_read(last, &on_change, &mut first_size).await {
                Ok(reading) => return Ok(reading),
                Err(stop) => repeats.after(stop, "roster")?,
            }
        }
    }

    /// `first_size` is how much to ask for at first, and becomes what to ask for next time.
    async fn try_to_read(
        &self,
        last: Option<&LastRead>,
        on_change: &impl Fn(),
        first_size: &mut u64,
    ) -> Result<Reading, Stop> {
        self.progress.set(0, 0);
        let mut first = self.first_page(*first_size).await?;
        if first.total_pages > 1 && *first_size < self.asker.server.inner().page_size {
            *first_size = self.asker.server.inner().page_size;
            first = self.first_page(*first_size).await?;
        }
        if first.count > MOST_MEMBERS {
            let count = first.count;
            let what = format!("Codecov counts {count} members, more than {MOST_MEMBERS}");
            return Err(Error::new(Reason::BadResponse, what).into());
        }
        let shape = Shape::of(&first, *first_size)?;
        let mut walk = Walk::new(last.and_then(|last| last.digest));
        walk.add(first)?;
        for number in 2..=shape.total_pages() {
            self.progress.set(walk.rows, shape.count());
            let Some(page) = self.page(number, shape.page_size()).await? else {
                return Err(shape.gone(number).into());
            };
            shape.check(number, &page)?;
            walk.add(page)?;
        }
        self.progress.set(walk.rows, shape.count());
        walk.end(on_change)
    }
}

/// The pages of one walk, as they come. They are parsed at once, unless they may turn out to be
/// those of last time: then they are kept as they are until the end tells, or until they are too
/// large to be kept.
struct Walk {
    last: Option<Digest>,
    digester: Digester,
    pages: u64,
    rows: u64,
    bytes: usize,
    /// Pages that are not parsed yet, the last ones that came.
    kept: Vec<Page>,
    members: Vec<Member>,
    unnamed: Vec<UnnamedRow>,
}

impl Walk {
    fn new(last: Option<Digest>) -> Self {
        Self {
            last,
            digester: Digester::default(),
            pages: 0,
            rows: 0,
            bytes: 0,
            kept: Vec::new(),
            members: Vec::new(),
            unnamed: Vec::new(),
        }
    }

    fn add(&mut self, page: Page) -> Result<(), Error> {
        self.digester.add(page.results());
        self.rows += page.rows;
        self.bytes += page.results().len();
        if self.bytes > LARGEST_WALK {
            let what = format!("the member list is larger than {LARGEST_WALK} bytes");
            return Err(Error::new(Reason::BadResponse, what));
        }
        self.kept.push(page);
        if self.last.is_some() && self.bytes <= MOST_KEPT { Ok(()) } else { self.parse_kept() }
    }

    fn end(mut self, on_change: &impl Fn()) -> Result<Reading, Stop> {
        let digest = std::mem::take(&mut self.digester).finish();
        if self.last == Some(digest) {
            return Ok(Reading::Same);
        }
        on_change();
        self.parse_kept()?;
        let roster = Roster::new(self.members, self.unnamed).map_err(|_| Misfit::Twice)?;
        Ok(Reading::New { roster: Complete::passed(roster), digest })
    }

    fn parse_kept(&mut self) -> Result<(), Error> {
        for page in std::mem::take(&mut self.kept) {
            self.pages += 1;
            let rows = page.read_rows();
            for row in rows.map_err(|(number, fault)| bad_row(number, self.pages, fault))? {
                match row {
                    Row::Named(member) => self.members.push(member),
                    Row::Unnamed(row) => self.unnamed.push(row),
                }
            }
        }
        Ok(())
    }
}

/// A row of the member list that is none; both numbers are counted from 1.
pub(super) fn bad_row(position: u64, page: u64, fault: Fault) -> Error {
    let what = format!("row {position} of page {page} of the member list {fault}");
    let hint = "if Codecov's API has changed, a newer seatwatch may know it";
    Error::new(Reason::BadResponse, what).with_hint(hint)
}
