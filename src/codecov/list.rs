//! Reads a whole list other than a roster, page by page, until the pages fit together.
//!
//! The roster has a walk of its own ([`walk`](super::walk)), because it is large and mostly the
//! same as last time. These lists are asked for now and then, and parsed as they come. What holds
//! a roster together holds them together too: see [`shape`](super::shape).

use std::collections::HashSet;

use super::answer::Answer;
use super::asker::Asker;
use super::error::{Error, Reason};
use super::repeat::{Repeats, Stop};
use super::route::Question;
use super::shape::{FIRST_PAGE_SIZE, LARGEST_WALK, MOST_MEMBERS, Misfit, Shape};
use super::wire::{Fault, NO_PAGE, Page};

/// One row of such a list.
pub(super) trait ListRow: Sized {
    /// Reads it.
    fn parse(json: &[u8]) -> Result<Self, Fault>;

    /// By which it is told from all others; rows without a name cannot be told apart.
    fn key(&self) -> Option<&str>;
}

/// A list, and how to ask for it.
pub(super) trait List {
    type Row: ListRow;

    /// As a part of a sentence: `list of log-in sessions`.
    const NAME: &'static str;

    /// Asks for a page, counted from 1.
    fn question(&self, page: u64, page_size: u64) -> Question;

    /// What it means that the page is neither there nor missing.
    fn refusal(&self, asker: &Asker, question: &Question, answer: &Answer) -> Error;
}

impl Asker {
    /// Reads all rows: in one page of 1,000 where that holds them, else in pages of the configured
    /// size.
    ///
    /// # Errors
    ///
    /// Any reason but [`Reason::Empty`]: that nobody is listed is an answer here.
    pub(super) async fn read_list<L: List>(&self, list: &L) -> Result<Vec<L::Row>, Error> {
        let mut size = self.server.inner().page_size.min(FIRST_PAGE_SIZE);
        let mut repeats = Repeats::new();
        loop {
            match self.try_to_read(list, &mut size).await {
                Ok(rows) => return Ok(rows),
                Err(stop) => repeats.after(stop, L::NAME)?,
            }
        }
    }

    async fn try_to_read<L: List>(&self, list: &L, size: &mut u64) -> Result<Vec<L::Row>, Stop> {
        let mut first = self.first_page(list, *size).await?;
        let largest = self.server.inner().page_size;
        if first.total_pages > 1 && *size < largest {
            *size = largest;
            first = self.first_page(list, *size).await?;
        }
        if first.count > MOST_MEMBERS {
            let (name, count) = (L::NAME, first.count);
            let what = format!("the {name} counts {count} rows, more than {MOST_MEMBERS}");
            return Err(Error::new(Reason::BadResponse, what).into());
        }
        let shape = Shape::of(&first, *size)?;
        let mut bytes = first.results().len();
        let mut rows = read_rows::<L>(1, &first)?;
        for number in 2..=shape.total_pages() {
            let Some(page) = self.page(list, number, shape.page_size()).await? else {
                return Err(shape.gone(number).into());
            };
            shape.check(number, &page)?;
            bytes += page.results().len();
            if bytes > LARGEST_WALK {
                let what = format!("the {} is larger than {LARGEST_WALK} bytes", L::NAME);
                return Err(Error::new(Reason::BadResponse, what).into());
            }
            rows.extend(read_rows::<L>(number, &page)?);
        }
        let mut keys = HashSet::new();
        if rows.iter().filter_map(ListRow::key).all(|key| keys.insert(key)) {
            Ok(rows)
        } else {
            Err(Misfit::Twice.into())
        }
    }

    /// Asks for the page that is there even where nothing is listed.
    async fn first_page<L: List>(&self, list: &L, page_size: u64) -> Result<Page, Error> {
        self.page(list, 1, page_size).await?.ok_or_else(|| {
            Error::new(Reason::BadResponse, format!("the {} has no first page", L::NAME))
        })
    }

    /// Asks for a page; `None` when there is no such page (any more).
    async fn page<L: List>(
        &self,
        list: &L,
        number: u64,
        page_size: u64,
    ) -> Result<Option<Page>, Error> {
        let question = list.question(number, page_size);
        let answer = self.ask(&question).await?;
        match (answer.status.as_u16(), answer.detail().as_deref()) {
            (200, _) => {
                Page::open(answer.body).map(Some).map_err(|fault| Self::faulty(&question, fault))
            }
            (404, Some(NO_PAGE)) => Ok(None),
            _ => Err(list.refusal(self, &question, &answer)),
        }
    }
}

fn read_rows<L: List>(page: u64, rows: &Page) -> Result<Vec<L::Row>, Error> {
    rows.read_rows_as(L::Row::parse).map_err(|(number, fault)| {
        let what = format!("row {number} of page {page} of the {} {fault}", L::NAME);
        let hint = "if Codecov's API has changed, a newer seatwatch may know it";
        Error::new(Reason::BadResponse, what).with_hint(hint)
    })
}
