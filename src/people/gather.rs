//! Puts people together from the cells of a list, whatever kind of list that is.
//!
//! A cell is what it looks like: what has no `@` is no address, what has one inside is no username.
//! A placeholder (`-`, `n/a`) or the wrong column then is nothing to tell anybody by, instead of
//! something that nobody on Codecov has.

use itertools::Itertools;
use seatwatch_sdk::is_unseen;

use super::columns::Roles;
use super::error::ErrorKind;
use super::{People, Person};
use crate::roster::folded;
use crate::text::count;

/// Whoever has more addresses or usernames is more than one person.
const MOST_KEYS: usize = 100;

/// Where the texts of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    number: u32,
    start: u32,
    /// Where the emails, the usernames and the name end.
    ends: [u32; 3],
}

impl Row {
    pub(super) fn person(self, texts: &str) -> Person<'_> {
        let [emails, usernames, name] = self.ends.map(|end| end as usize);
        let text = |start, end| texts.get(start..end).expect("texts end where the next ones begin");
        Person {
            number: self.number,
            emails: text(self.start as usize, emails),
            usernames: text(emails, usernames),
            name: text(usernames, name),
        }
    }
}

/// A list that is being read.
#[derive(Debug)]
pub(super) struct Gathering {
    most_rows: u32,
    people: People,
    row: Draft,
    without_email: Oddity,
    without_username: Oddity,
}

/// The row that is being read.
#[derive(Debug, Default)]
struct Draft {
    emails: Vec<String>,
    usernames: Vec<String>,
    name: String,
    has_no_email: bool,
    has_no_username: bool,
}

/// Something that is not as expected, and in how many rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Oddity {
    rows: u64,
    first: u32,
}

impl Oddity {
    pub(super) fn note(&mut self, number: u32) {
        self.first = if self.rows == 0 { number } else { self.first.min(number) };
        self.rows += 1;
    }

    /// The end of a sentence about the file, if there are any.
    fn told(self, text: &str) -> Option<String> {
        let Self { rows, first } = self;
        (rows > 0).then(|| format!("{} {text}; the first is row {first}", count(rows, "row")))
    }
}

impl Gathering {
    /// A list that has at most so many rows.
    pub(super) fn new(most_rows: u32) -> Self {
        Self {
            most_rows,
            people: People::default(),
            row: Draft::default(),
            without_email: Oddity::default(),
            without_username: Oddity::default(),
        }
    }

    /// Takes a cell of the current row.
    pub(super) fn cell(&mut self, roles: Roles, cell: &str) {
        let cell = trim(cell);
        if cell.is_empty() {
            return;
        }
        let row = &mut self.row;
        if roles.email {
            row.has_no_email |= !add_all(&mut row.emails, emails(cell));
        }
        if roles.username {
            row.has_no_username |= !add_all(&mut row.usernames, usernames(cell));
        }
        if roles.name {
            // Of several columns, one after the other: `Mona` and `Lisa`.
            let words = row.name.split_whitespace().chain(cell.split_whitespace());
            row.name = Itertools::intersperse(words, " ").collect();
        }
    }

    /// Ends the current row, whose number is this.
    pub(super) fn end_row(&mut self, number: u32) -> Result<(), ErrorKind> {
        let Self { people, row, most_rows, .. } = self;
        if people.rows.len() >= *most_rows as usize {
            return Err(ErrorKind::TooMany { most: *most_rows });
        }
        if row.emails.len().max(row.usernames.len()) > MOST_KEYS {
            return Err(ErrorKind::Runaway { number });
        }
        let start = end(&people.texts)?;
        let emails = append(&mut people.texts, &row.emails)?;
        let usernames = append(&mut people.texts, &row.usernames)?;
        people.texts.push_str(&row.name);
        let ends = [emails, usernames, end(&people.texts)?];
        people.rows.push(Row { number, start, ends });
        if row.has_no_email {
            self.without_email.note(number);
        }
        if row.has_no_username {
            self.without_username.note(number);
        }
        self.row = Draft::default();
        Ok(())
    }

    /// Tells of something that a person should know: the end of a sentence about the file.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.people.warnings.push(text.into());
    }

    /// Tells of rows that are not as expected, if there are any.
    pub(super) fn warn_of(&mut self, oddity: Oddity, text: &str) {
        self.people.warnings.extend(oddity.told(text));
    }

    /// Everybody, once.
    pub(super) fn into_people(mut self) -> Result<People, ErrorKind> {
        self.warn_of(self.without_email, "with something else where an address should be");
        self.warn_of(self.without_username, "with something else where a username should be");
        let People { texts, mut rows, mut warnings } = self.people;
        if rows.is_empty() {
            return Err(ErrorKind::Nobody);
        }
        let key = |row: &Row| {
            let Person { number: _, emails, usernames, name } = row.person(&texts);
            (emails, usernames, name)
        };
        if rows.iter().map(key).all(|(emails, usernames, _)| emails.len() + usernames.len() == 0) {
            return Err(ErrorKind::NothingToTellBy);
        }
        rows.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(a.number.cmp(&b.number)));
        // Rows that tell nobody apart may well be different people.
        let is_same = |a: &Row, b: &Row| key(a) == key(b) && a.start != a.ends[1];
        let mut repeated = Oddity::default();
        rows.dedup_by(|row, kept| {
            let again = is_same(row, kept);
            if again {
                repeated.note(row.number);
            }
            again
        });
        rows.shrink_to_fit();
        warnings.extend(repeated.told("that said the same as another one"));
        Ok(People { texts, rows, warnings })
    }
}

/// Adds what is not there yet; whether there was any at all.
fn add_all(to: &mut Vec<String>, found: impl Iterator<Item = String>) -> bool {
    let mut is_any = false;
    // One more is enough to know that there are too many.
    for key in found {
        is_any = true;
        if to.len() <= MOST_KEYS && !to.contains(&key) {
            to.push(key);
        }
    }
    is_any
}

fn append(texts: &mut String, keys: &[String]) -> Result<u32, ErrorKind> {
    texts.extend(Itertools::intersperse(keys.iter().map(String::as_str), "\n"));
    end(texts)
}

fn end(texts: &str) -> Result<u32, ErrorKind> {
    u32::try_from(texts.len()).map_err(|_| ErrorKind::TooLarge { most_bytes: u32::MAX.into() })
}

/// The addresses in a cell: separated by white space, `;` or `,`.
fn emails(cell: &str) -> impl Iterator<Item = String> {
    cell.split(|c: char| c.is_whitespace() || matches!(c, ';' | ',')).filter_map(email)
}

/// The usernames in a cell: separated by `;`, `,` or line ends, for on some services they may have
/// spaces in them.
fn usernames(cell: &str) -> impl Iterator<Item = String> {
    cell.split([';', ',', '\n', '\r']).filter_map(username)
}

/// An address as it is compared; nothing if it is none.
pub(super) fn email(text: &str) -> Option<String> {
    // `<mona@example.com>`, as behind a name, `mailto:mona@example.com`, or in quotes.
    let text = trim(text).trim_matches(['<', '>', '"', '\'', '(', ')']);
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let (local, domain) = text.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| fold(text))
}

/// A username as it is compared; nothing if it is an address, a URL or a placeholder.
fn username(text: &str) -> Option<String> {
    let text = trim(text);
    let text = trim(text.strip_prefix('@').unwrap_or(text));
    let is_one = text.contains(char::is_alphanumeric) && !text.contains(['@', '/']);
    is_one.then(|| fold(text))
}

fn fold(text: &str) -> String {
    folded(text).map_or_else(|| text.to_owned(), String::from)
}

/// The text without what is around it and cannot be seen.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}
