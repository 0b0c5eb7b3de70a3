//! What the end of the file already holds: the memory of a sink that keeps none itself.
//!
//! A repeat looks for its events among the last lines, all of them as far back as a delivery that
//! was cut short can reach: a dead letter that was tried again may stand behind newer events. A
//! first attempt looks at half a line only. It may be of events that the file has, where a person
//! wants them delivered anew, and then they are written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::Format;
use crate::batch::Batch;

const BLOCK_BYTES: u64 = 64 * 1024;

/// What others may have written behind a delivery that was cut short, before the search ends.
const SLACK_BYTES: u64 = 1024 * 1024;

/// The end of a file, as far as a delivery is concerned.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the last whole line ends.
    pub(crate) whole_bytes: u64,
    /// Which events of the delivery the file has, by index.
    pub(crate) held: Vec<bool>,
}

/// Looks at the end of a file, and in its last lines for the events of a delivery that is a repeat.
///
/// None if the file ends in something without a line feed that is no part of a line of ours.
pub(crate) fn look(
    file: &File,
    length: u64,
    format: Format,
    batch: &Batch,
) -> io::Result<Option<Tail>> {
    let delivery_bytes = u64::try_from(batch.byte_len()).unwrap_or(u64::MAX);
    let reach = delivery_bytes.saturating_mul(2).saturating_add(SLACK_BYTES);
    let mut lines = LinesBackwards::new(file, length, reach);
    let Some(whole_bytes) = lines.skip_torn(format)? else { return Ok(None) };
    let mut held = vec![false; batch.len()];
    for line in lines.take_while(|_| batch.is_repeat()) {
        let Some(id) = format.read(&line?) else { continue };
        if let Some(index) = batch.index(&id) {
            held[index] = true;
        }
    }
    Ok(Some(Tail { whole_bytes, held }))
}

/// Whether a file ends as one of ours may: with a line feed, or with a torn line of ours.
pub(crate) fn is_ours(file: &File, length: u64, format: Format) -> io::Result<bool> {
    let mut lines = LinesBackwards::new(file, length, SLACK_BYTES);
    Ok(lines.skip_torn(format)?.is_some())
}

/// The pieces between line feeds, last first. The very first piece is what follows the last line
/// feed: nothing in a file that ends as it should. A piece that begins out of reach is left out.
struct LinesBackwards<'a> {
    file: &'a File,
    /// No byte before this one is read.
    floor: u64,
    /// Where `pending` begins in the file.
    start: u64,
    /// What was read but not yet given out; none after the last piece.
    pending: Option<Vec<u8>>,
}

impl<'a> LinesBackwards<'a> {
    fn new(file: &'a File, length: u64, reach: u64) -> Self {
        let floor = length.saturating_sub(reach);
        Self { file, floor, start: length, pending: Some(Vec::new()) }
    }

    /// Takes the first piece; gives where it begins, or none if it is no torn line of ours.
    fn skip_torn(&mut self, format: Format) -> io::Result<Option<u64>> {
        let end = self.start;
        let Some(torn) = self.next().transpose()?.filter(|torn| format.is_torn(torn)) else {
            return Ok(None);
        };
        let torn_bytes = u64::try_from(torn.len()).unwrap_or(u64::MAX);
        Ok(end.checked_sub(torn_bytes))
    }

    /// Puts the block before `pending` in front of it.
    fn read_block(&mut self, pending: &[u8]) -> io::Result<Vec<u8>> {
        let size = BLOCK_BYTES.min(self.start - self.floor);
        let size_bytes = usize::try_from(size).expect("a block fits into memory");
        let mut block = Vec::with_capacity(size_bytes + pending.len());
        block.resize(size_bytes, 0);
        self.file.read_exact_at(&mut block, self.start - size)?;
        self.start -= size;
        block.extend_from_slice(pending);
        Ok(block)
    }
}

impl Iterator for LinesBackwards<'_> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut pending = self.pending.take()?;
        loop {
            if let Some(feed) = pending.iter().rposition(|&byte| byte == b'\n') {
                let line = pending.split_off(feed + 1);
                pending.truncate(feed);
                self.pending = Some(pending);
                return Some(Ok(line));
            }
            if self.start == self.floor {
                return (self.floor == 0).then_some(Ok(pending));
            }
            match self.read_block(&pending) {
                Ok(longer) => pending = longer,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use seatwatch_sdk::samples::events;

    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// The pieces of `text` backwards, joined by `|`.
    #[track_caller]
    fn check(text: &[u8], reach: u64, pieces: &str) {
        let file = file_of(text);
        let found: Vec<_> = LinesBackwards::new(&file, text.len() as u64, reach)
            .map(|line| String::from_utf8(line.unwrap()).unwrap())
            .collect();
        assert_eq!(found.join("|"), pieces);
    }

    #[test]
    fn lines_come_last_first() {
        check(b"", 99, "");
        check(b"a\nb\n", 99, "|b|a");
        check(b"a\nb", 99, "b|a");
        check(b"\n\n", 99, "||");
        check(b"aaa\nbbb\nccc\n", 6, "|ccc"); // The second line begins out of reach.
        check(b"aaa", 2, "");
    }

    #[test]
    fn lines_may_be_longer_than_a_block() {
        let long = "x".repeat(3 * 64 * 1024 + 1);
        check(format!("{long}\n{long}\ny").as_bytes(), u64::MAX, &format!("y|{long}|{long}"));
    }

    fn held(before: &[u8], is_repeat: bool) -> String {
        let events = &events(20)[16..];
        let (file, batch) = (file_of(before), Batch::new(Format::Ndjson, events, is_repeat));
        let tail = look(&file, before.len() as u64, Format::Ndjson, &batch);
        let held = tail.unwrap().unwrap().held;
        held.iter().map(|&held| if held { 'x' } else { '-' }).collect()
    }

    fn lines(indices: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &index in indices {
            Format::Ndjson.write(&events(20)[index], &mut bytes);
        }
        bytes
    }

    #[test]
    fn events_are_found_among_other_lines_wherever_they_stand() {
        assert_eq!(held(b"", true), "----");
        assert_eq!(held(&lines(&[14, 15]), true), "----");
        assert_eq!(held(&lines(&[15, 16, 17]), true), "xx--");
        // A dead letter was tried again in between.
        assert_eq!(held(&lines(&[16, 17, 3]), true), "xx--");
        let others = [&lines(&[16])[..], b"# a note\n\n{\"id\":1}\n", &lines(&[17])].concat();
        assert_eq!(held(&others, true), "xx--");
    }

    #[test]
    fn a_first_attempt_does_not_look() {
        assert_eq!(held(&lines(&[16, 17]), false), "----");
    }
}
