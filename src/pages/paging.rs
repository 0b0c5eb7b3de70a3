//! Long lists, page by page.

use serde::Serialize;

use super::show::grouped;

/// Rows of a page.
pub(super) const ROWS: u64 = 50;

/// Which page of a list is shown, and the way to its neighbours.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Paging {
    /// From 1 on.
    number: u64,
    pages: u64,
    total: String,
    /// The number of the first row shown, from 1 on, and of the last.
    first: String,
    last: String,
    previous: Option<String>,
    next: Option<String>,
}

/// The number that is asked for, from 1 on: the first page where none is. None if it is none.
pub(super) fn number(asked: Option<&str>) -> Option<u64> {
    match asked {
        None | Some("") => Some(1),
        Some(text) => text.parse().ok().filter(|number| *number > 0),
    }
}

/// How many rows stand before a page.
pub(super) fn before(number: u64) -> u64 {
    (number - 1).saturating_mul(ROWS)
}

impl Paging {
    /// Page `number` of so many rows; none where there are not so many pages. An empty list has
    /// one, too.
    pub(super) fn of(number: u64, total: u64, href: impl Fn(u64) -> String) -> Option<Self> {
        let pages = total.div_ceil(ROWS).max(1);
        (number <= pages).then(|| Self {
            number,
            pages,
            total: grouped(total),
            first: grouped((before(number) + 1).min(total)),
            last: grouped((before(number) + ROWS).min(total)),
            previous: (number > 1).then(|| href(number - 1)),
            next: (number < pages).then(|| href(number + 1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_there_or_it_is_not() {
        let check = |asked, total, shown: &str| {
            let paging =
                number(asked).and_then(|number| Paging::of(number, total, |n| n.to_string()));
            let told = paging.map(|it| {
                format!("{}-{} of {} {:?} {:?}", it.first, it.last, it.total, it.previous, it.next)
            });
            assert_eq!(told.as_deref().unwrap_or("none"), shown, "{asked:?} of {total}");
        };
        check(None, 0, "0-0 of 0 None None");
        check(Some(""), 50, "1-50 of 50 None None");
        check(Some("1"), 1_051, "1-50 of 1,051 None Some(\"2\")");
        check(Some("22"), 1_051, "1,051-1,051 of 1,051 Some(\"21\") None");
        for asked in ["0", "-1", "23", "x", "1.5", "99999999999999999999", "18446744073709551615"] {
            check(Some(asked), 1_051, "none");
        }
    }
}
