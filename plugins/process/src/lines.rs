//! Lines of bounded length, from a program that may write anything or nothing.

use std::io::{self, BufRead, Read as _};

/// How a line came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By a line feed, which is not part of it.
    Whole,
    /// There is more of it than is allowed; the rest comes as the next line.
    TooLong,
    /// The program wrote no more.
    Half,
}

/// Reads one line into `line`, of at most `limit` bytes with its line feed; none at the end.
pub(crate) fn read_line(
    mut from: impl BufRead,
    line: &mut Vec<u8>,
    limit: usize,
) -> io::Result<Option<End>> {
    line.clear();
    let limit_bytes = u64::try_from(limit).expect("a usize has 64 bits at most");
    from.by_ref().take(limit_bytes).read_until(b'\n', line)?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(End::Whole));
    }
    Ok(match line.len() {
        0 => None,
        length if length == limit => Some(End::TooLong),
        _ => Some(End::Half),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, End)> {
        let mut from = text.as_bytes();
        let mut line = Vec::new();
        std::iter::from_fn(|| {
            let end = read_line(&mut from, &mut line, 4).unwrap()?;
            Some((String::from_utf8(line.clone()).unwrap(), end))
        })
        .collect()
    }

    #[test]
    fn a_line_is_bounded_with_its_line_feed() {
        let whole = |text: &str| (text.to_owned(), End::Whole);
        assert_eq!(lines(""), []);
        assert_eq!(lines("a\n\nabc\n"), [whole("a"), whole(""), whole("abc")]);
        assert_eq!(lines("abcd\n"), [("abcd".to_owned(), End::TooLong), whole("")]);
        assert_eq!(lines("a\nab"), [whole("a"), ("ab".to_owned(), End::Half)]);
    }
}
