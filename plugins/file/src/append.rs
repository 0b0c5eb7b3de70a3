//! One pass over the file: takes up what is there, appends what is missing, syncs.
//!
//! What holds at the end, whatever happens in between: every accepted event is on disk, once; and
//! what is not accepted is either not in the file, or found by the next pass. Nothing but the file
//! is carried from one pass to the next.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use seatwatch_sdk::{Failure, Outcome};

use crate::Format;
use crate::batch::{Batch, Missing};
use crate::check::{check_head, foreign_end};
use crate::lock::Locked;
use crate::place::{self, explain};
use crate::tail::{self, Tail};

/// Appends the events of a delivery; of a repeat, those that the file does not have yet. Blocks.
pub(crate) fn append(path: &Path, format: Format, batch: &Batch) -> Outcome {
    let (file, tail) = match take_up(path, format, batch) {
        Ok(taken_up) => taken_up,
        Err(reason) => return Failure::retry(reason).into(),
    };
    let header = if tail.whole_bytes == 0 { format.header() } else { "" };
    let missing = batch.missing(&tail.held, header);
    match write(&file, &missing.bytes) {
        Ok(()) => match settle(path, &file, tail.whole_bytes) {
            Ok(()) => Outcome::Accepted,
            Err(failure) => failure.into(),
        },
        Err(stop) => give_back(path, &file, tail.whole_bytes, &missing, &stop),
    }
}

/// Opens the file, keeps other writers out, and makes it end with a whole line.
fn take_up(path: &Path, format: Format, batch: &Batch) -> Result<(Locked, Tail), String> {
    let file = Locked::new(path, place::open(path)?)?;
    check_head(path, &file, format)?;
    let read = |error| explain(path, "cannot read", &error);
    let length = file.metadata().map_err(read)?.len();
    let tail = tail::look(&file, length, format, batch).map_err(read)?;
    let tail = tail.ok_or_else(|| foreign_end(path))?;
    if tail.whole_bytes < length {
        let cut = file.set_len(tail.whole_bytes);
        cut.map_err(|error| explain(path, "cannot cut half an event off the end of", &error))?;
    }
    Ok((file, tail))
}

/// Where writing came to an end before it was done.
struct Stop {
    written_bytes: usize,
    error: io::Error,
}

/// `write_all`, which also tells how far it came.
fn write(mut file: &File, bytes: &[u8]) -> Result<(), Stop> {
    let mut written_bytes = 0;
    while written_bytes < bytes.len() {
        #[expect(clippy::disallowed_methods, reason = "`write_all` hides how much it wrote")]
        let written = file.write(&bytes[written_bytes..]);
        match written {
            Ok(0) => {
                let error = ErrorKind::WriteZero.into();
                return Err(Stop { written_bytes, error });
            }
            Ok(count) => written_bytes += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Stop { written_bytes, error }),
        }
    }
    Ok(())
}

/// The disk is full, or worse: the half line goes, the whole ones before it are kept and count.
fn give_back(path: &Path, file: &File, start: u64, missing: &Missing, stop: &Stop) -> Outcome {
    let (kept_bytes, accepted) = missing.whole(stop.written_bytes);
    let kept = start + u64::try_from(kept_bytes).expect("no file is longer than 64 bits can tell");
    // Where this fails, the next attempt cuts the half line; the whole ones are as good.
    let cut = file.set_len(kept);
    if let Err(failure) = settle(path, file, start) {
        return failure.into();
    }
    let half = if cut.is_ok() { "" } else { " and cuts the half line at the end" };
    let reason = explain(path, "cannot write the next event to", &stop.error);
    let then = Failure::retry(format!("{reason}; the next attempt goes on from there{half}"));
    Outcome::Partial { accepted, then }
}

/// What was written counts once it is on disk, in the file that the path still names: one that
/// was rotated away may have been read to its end, or be deleted in the next instant.
fn settle(path: &Path, file: &File, start: u64) -> Result<(), Failure> {
    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    match file.sync_data().and_then(|()| file.metadata()) {
        Ok(written) => match fs::symlink_metadata(path) {
            Ok(named) if identity(&named) == identity(&written) => Ok(()),
            _ => {
                let path = path.display();
                let reason = format!(
                    "`{path}` was moved away or deleted while it was written; nothing is accepted"
                );
                Err(Failure::retry(reason))
            }
        },
        Err(error) => Err(take_back(path, file, start, &error)),
    }
}

/// After a failed sync nobody knows which pages the disk has, and asking again does not tell
/// (<https://lwn.net/Articles/752063/>). So nothing counts, and all is written anew next time.
fn take_back(path: &Path, file: &File, start: u64, error: &io::Error) -> Failure {
    let what = match file.set_len(start) {
        Ok(()) => "cannot sync",
        Err(_) => "cannot sync, nor take back what was written to",
    };
    Failure::retry(explain(path, what, error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refused(settled: Result<(), Failure>) -> String {
        settled.unwrap_err().reason().to_owned()
    }

    #[test]
    fn what_went_into_a_deleted_file_is_not_accepted() {
        let (file, path) = tempfile::NamedTempFile::new().unwrap().into_parts();
        assert_eq!(settle(&path, &file, 0), Ok(()));
        fs::remove_file(&path).unwrap();
        assert!(refused(settle(&path, &file, 0)).contains("deleted while it was written"));
    }

    /// A device that cannot sync stands in for a disk that fails to.
    #[test]
    fn what_was_not_synced_is_not_accepted() {
        let path = Path::new("/dev/null");
        let file = File::open(path).unwrap();
        assert!(refused(settle(path, &file, 0)).starts_with("cannot sync, nor take back"));
    }

    #[test]
    fn what_was_not_synced_is_taken_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "kept\nwritten\n").unwrap();
        take_back(file.path(), file.as_file(), 5, &ErrorKind::Other.into());
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "kept\n");
    }
}
