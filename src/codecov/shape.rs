//! Whether the pages of a walk can be pages of one list.
//!
//! The server counts and selects anew for each page, over a table that people join and leave
//! meanwhile (`docs/CODECOV_API.md` section 8). Pages that do not fit together show that it
//! happened; pages that fit do not prove that it did not.
//!
//! Pure.

use super::wire::Page;

/// The rows of the first request where nothing is known: enough for most organizations, and a
/// sound size for any server (`docs/CODECOV_API.md` section 7).
pub(super) const FIRST_PAGE_SIZE: u64 = 1000;
/// No organization is larger; a server that says so is not believed.
pub(super) const MOST_MEMBERS: u64 = 1_000_000;
/// The most bytes that the rows of one walk may have: the largest organization with rows twice as
/// long as usual.
pub(super) const LARGEST_WALK: usize = 256 * 1024 * 1024;

/// What all pages of a walk have to agree on: what the first one said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    count: u64,
    total_pages: u64,
    page_size: u64,
}

/// How the pages of a walk do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("page 1 counts {expected} rows, page {page} counts {found}")]
    Count { page: u64, expected: u64, found: u64 },
    #[error("page {page} says that there are {found} pages where {expected} would hold all rows")]
    Pages { page: u64, expected: u64, found: u64 },
    #[error("page {page} has {found} rows where {expected} were due")]
    Rows { page: u64, expected: u64, found: u64 },
    #[error("page {page} of {expected} is gone")]
    Gone { page: u64, expected: u64 },
    #[error("a username stands in the list twice")]
    Twice,
}

impl Shape {
    /// The shape that the first page of a walk gives it, when `page_size` rows were asked for.
    ///
    /// A first page that is not full although there are more means that the server does not
    /// give more at once; then its rows are the measure.
    pub(super) fn of(first: &Page, page_size: u64) -> Result<Self, Misfit> {
        let capped = first.total_pages > 1 && (1..page_size).contains(&first.rows);
        let page_size = if capped { first.rows } else { page_size };
        let Page { count, total_pages, .. } = *first;
        let shape = Self { count, total_pages, page_size };
        let expected = count.div_ceil(page_size).max(1);
        if total_pages != expected {
            return Err(Misfit::Pages { page: 1, expected, found: total_pages });
        }
        shape.check(1, first)?;
        Ok(shape)
    }

    /// Compares a page with the shape.
    pub(super) fn check(self, number: u64, page: &Page) -> Result<(), Misfit> {
        let (expected, found) = (self.count, page.count);
        if found != expected {
            return Err(Misfit::Count { page: number, expected, found });
        }
        let (expected, found) = (self.total_pages, page.total_pages);
        if found != expected {
            return Err(Misfit::Pages { page: number, expected, found });
        }
        let (expected, found) = (self.rows_on(number), page.rows);
        if found != expected {
            return Err(Misfit::Rows { page: number, expected, found });
        }
        Ok(())
    }

    /// What it means that there is no page of that number.
    pub(super) fn gone(self, page: u64) -> Misfit {
        Misfit::Gone { page, expected: self.total_pages }
    }

    /// All rows are on the pages up to and including the last, which is full or has the rest.
    fn rows_on(self, number: u64) -> u64 {
        let before = (number - 1).saturating_mul(self.page_size);
        self.count.saturating_sub(before).min(self.page_size)
    }

    pub(super) fn count(self) -> u64 {
        self.count
    }

    pub(super) fn total_pages(self) -> u64 {
        self.total_pages
    }

    pub(super) fn page_size(self) -> u64 {
        self.page_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page is written `count/total_pages/rows`.
    fn page(text: &str) -> Page {
        let numbers: Vec<usize> = text.split('/').map(|number| number.parse().unwrap()).collect();
        let [count, total_pages, rows] = numbers[..] else { panic!("`{text}` is no page") };
        let results = vec!["{}"; rows].join(",");
        let body =
            format!(r#"{{"count":{count},"total_pages":{total_pages},"results":[{results}]}}"#);
        Page::open(body.into()).unwrap()
    }

    /// Walks over pages that were asked for with `page_size`; says what is wrong, or the size
    /// of the pages.
    #[track_caller]
    fn check(page_size: u64, pages: &str, verdict: &str) {
        let pages: Vec<Page> = pages.split_whitespace().map(page).collect();
        let walk = Shape::of(&pages[0], page_size).and_then(|shape| {
            for (page, number) in pages.iter().zip(1..) {
                shape.check(number, page)?;
            }
            Ok(shape)
        });
        let found = walk.map_or_else(|misfit| misfit.to_string(), |s| s.page_size.to_string());
        assert_eq!(found, verdict);
    }

    #[test]
    fn whole_lists_pass() {
        check(1000, "30/1/30", "1000");
        check(10, "30/3/10 30/3/10 30/3/10", "10");
        check(10, "21/3/10 21/3/10 21/3/1", "10");
        check(10, "10/1/10", "10");
        check(1000, "250/3/100 250/3/100 250/3/50", "100"); // The server caps the size.
    }

    #[test]
    fn pieces_do_not() {
        // The lines of the table in section 8 that can be told.
        check(10, "30/3/10 29/3/10 29/3/9", "page 1 counts 30 rows, page 2 counts 29");
        check(10, "29/3/10 30/3/10 30/3/10", "page 1 counts 29 rows, page 2 counts 30");
        check(1000, "60/1/50", "page 1 has 50 rows where 60 were due");
        // And what else there may be.
        check(1000, "50/1/60", "page 1 has 60 rows where 50 were due");
        check(10, "30/3/10 30/3/9 30/3/10", "page 2 has 9 rows where 10 were due");
        check(
            10,
            "30/3/10 30/4/10 30/3/10",
            "page 2 says that there are 4 pages where 3 would hold all rows",
        );
        check(10, "30/3/0", "page 1 has 0 rows where 10 were due");
        check(10, "30/2/10", "page 1 says that there are 2 pages where 3 would hold all rows");
        check(
            10,
            "5/999999999999/5",
            "page 1 says that there are 999999999999 pages where 1 would hold all rows",
        );
    }
}
