//! Pages: which rows a request means, and the links to its neighbours.
//!
//! Follows the framework's own code paths, quirks included: numbers are read as Python reads
//! them, a bad `page_size` is silently the default, a bad `page` is a 404, and links carry every
//! parameter of the request in alphabetical order (`CODECOV_API.md` section 1).
//!
//! Pure: knows numbers and the request, no rows.

use std::collections::BTreeMap;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::request::Request;

const DEFAULT_PAGE_SIZE: usize = 20;

/// What a request says about paging, before anything is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    page: PageNumber,
    page_size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageNumber {
    Number(usize),
    Last,
    Invalid,
}

/// One page of a list that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) number: usize,
    pub(super) total_pages: usize,
    /// Cut to the count: what comes in between the two statements is not shown.
    pub(super) rows: Range<usize>,
}

impl Paging {
    /// Reads `page` and `page_size`. An edge may cap the size; the real server does not.
    pub(super) fn of(request: &Request, cap: Option<usize>) -> Self {
        let page = match request.parameter("page") {
            None | Some("") => PageNumber::Number(1),
            Some("last") => PageNumber::Last,
            Some(text) => match python_int(text) {
                Some(number @ 1..) => PageNumber::Number(number.unsigned_abs()),
                Some(_) | None => PageNumber::Invalid,
            },
        };
        let page_size = match request.parameter("page_size").and_then(python_int) {
            Some(size @ 1..) => size.unsigned_abs(),
            Some(_) | None => DEFAULT_PAGE_SIZE,
        };
        Self { page, page_size: page_size.min(cap.unwrap_or(usize::MAX)).max(1) }
    }

    /// The page, or `None` where there is none: `Invalid page.`
    pub(super) fn window(self, count: usize) -> Option<Window> {
        let total_pages = count.div_ceil(self.page_size).max(1);
        let number = match self.page {
            PageNumber::Number(number) if number <= total_pages => number,
            PageNumber::Last => total_pages,
            PageNumber::Number(_) | PageNumber::Invalid => return None,
        };
        let start = (number - 1).saturating_mul(self.page_size);
        let end = start.saturating_add(self.page_size).min(count);
        Some(Window { number, total_pages, rows: start..end })
    }
}

/// Reads an integer as Python's `int()` does; too large ones become the largest.
fn python_int(text: &str) -> Option<isize> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let well_formed = digits
        .split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let value = || digits.replace('_', "").parse().unwrap_or(isize::MAX);
    well_formed.then(|| if negative { -value() } else { value() })
}

impl Window {
    /// The absolute link to the page after this one.
    pub(super) fn next(&self, request: &Request) -> Option<String> {
        (self.number < self.total_pages).then(|| link(request, Some(self.number + 1)))
    }

    /// The absolute link to the page before this one; to the first page it has no `page`.
    pub(super) fn previous(&self, request: &Request) -> Option<String> {
        let previous = self.number.checked_sub(1).filter(|previous| *previous > 0)?;
        Some(link(request, (previous > 1).then_some(previous)))
    }
}

/// What stays bare in the path of a link.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// What stays bare in its query; a space becomes `+`.
const QUERY: AsciiSet =
    NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b' ');

fn link(request: &Request, page: Option<usize>) -> String {
    let mut parameters: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in request.query.iter().filter(|(key, _)| key != "page") {
        parameters.entry(key).or_default().push(value.clone());
    }
    if let Some(page) = page {
        parameters.insert("page", vec![page.to_string()]);
    }
    let encoded = |text: &str| utf8_percent_encode(text, &QUERY).to_string().replace(' ', "+");
    let query: Vec<String> = parameters
        .iter()
        .flat_map(|(key, values)| values.iter().map(move |value| (*key, value)))
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
        .collect();
    let question_mark = if query.is_empty() { "" } else { "?" };
    let path = utf8_percent_encode(&request.path, &PATH);
    format!("{}{path}{question_mark}{}", request.origin, query.join("&"))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http;

    use super::*;

    fn request(query: &str) -> Request {
        let uri = format!("/api/v2/GH/%61cme/users?{query}");
        let request = http::Request::builder().uri(uri).header("host", "api.codecov.test");
        Request::read(&request.body(()).unwrap().into_parts().0, Bytes::new(), "")
    }

    /// Of 45 rows; the expected window is written `page/pages start..end`.
    #[track_caller]
    fn check(query: &str, expected: &str) {
        let window = Paging::of(&request(query), None).window(45);
        let text = window.map_or("invalid".to_owned(), |window| {
            format!("{}/{} {:?}", window.number, window.total_pages, window.rows)
        });
        assert_eq!(text, expected, "{query}");
    }

    #[test]
    fn numbers_are_read_with_the_servers_quirks() {
        check("", "1/3 0..20");
        check("page=", "1/3 0..20");
        check("page=last", "3/3 40..45");
        check("page=1&page=2", "2/3 20..40");
        check("page=%202", "2/3 20..40");
        for page in ["0", "-1", "abc", "1.0", "4", "99999999999999999999999"] {
            check(&format!("page={page}"), "invalid");
        }
        for size in ["0", "-5", "abc", ""] {
            check(&format!("page_size={size}"), "1/3 0..20");
        }
        check("page_size=1&page=45", "45/45 44..45");
        check("page_size=100000000000000000000", "1/1 0..45");
    }

    #[test]
    fn an_empty_list_has_one_page() {
        let window = Paging::of(&request("page=1"), None).window(0);
        assert_eq!(window, Some(Window { number: 1, total_pages: 1, rows: 0..0 }));
        assert_eq!(Paging::of(&request("page=2"), None).window(0), None);
    }

    #[test]
    fn links_repeat_what_was_asked_in_alphabetical_order() {
        let request = request("search=a+b%2Fc&page=2&extra&page_size=10");
        let window = Paging::of(&request, None).window(45).unwrap();
        insta::assert_snapshot!(window.next(&request).unwrap(), @"http://api.codecov.test/api/v2/GH/acme/users?extra=&page=3&page_size=10&search=a+b%2Fc");
        insta::assert_snapshot!(window.previous(&request).unwrap(), @"http://api.codecov.test/api/v2/GH/acme/users?extra=&page_size=10&search=a+b%2Fc");
    }
}
