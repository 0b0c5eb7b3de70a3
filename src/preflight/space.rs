//! How much space is left where the daemon writes.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Found;
use crate::exit::Exit;

const MEBIBYTE: u64 = 1 << 20;
const GIBIBYTE: u64 = 1 << 30;
/// With less, a large sync or a day of events may not find room.
const TOO_LITTLE: u64 = 64 * MEBIBYTE;
/// With less, it is time to act; of a small volume, this part of it.
const LITTLE: u64 = GIBIBYTE;
const LITTLE_PERCENT: u64 = 5;

/// What to do where the state directory is.
const HINT: &str = "make room, or let `retention` keep less";
/// What to do where only a sink writes, from which we never take anything away.
const HINT_FOR_A_SINK: &str = "make room: rotate the files of the sink that writes there, or move \
                               them elsewhere";

/// Each file system on which the state directory is or will be, or a directory that a sink has
/// `filled`, once.
pub(super) fn look<'a>(state_dir: &'a Path, filled: impl Iterator<Item = &'a Path>) -> Vec<Found> {
    let filled = filled.map(|directory| (directory, HINT_FOR_A_SINK));
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (directory, hint) in std::iter::once((state_dir, HINT)).chain(filled) {
        // One that is absent is another finding; it will be where its parent is.
        let there = directory.ancestors().find_map(|it| Some((it, fs::metadata(it).ok()?)));
        let Some((there, metadata)) = there else { continue };
        if seen.insert(metadata.dev())
            && let Ok(space) = statvfs(there)
        {
            let block = space.fragment_size();
            let free = block.saturating_mul(space.blocks_available());
            let all = block.saturating_mul(space.blocks());
            found.push(judge(directory, free, all, hint));
        }
    }
    found
}

fn judge(directory: &Path, free: u64, all: u64, hint: &str) -> Found {
    let (directory, left) = (directory.display(), shown(free));
    let message = || format!("{left} of {} are free for `{directory}`", shown(all));
    if free < TOO_LITTLE {
        Found::bad(Exit::Io, message(), hint)
    } else if free < LITTLE.min(all / 100 * LITTLE_PERCENT) {
        Found::warning(message(), hint)
    } else {
        Found::Good(format!("{left} for {directory}"))
    }
}

/// In GiB with a digit after the point, or in whole MiB.
fn shown(bytes: u64) -> String {
    if bytes < GIBIBYTE {
        return format!("{} MiB", bytes / MEBIBYTE);
    }
    let tenths = bytes / MEBIBYTE * 10 / 1024;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(free: u64, all: u64, expected: &str) {
        let shown = match judge(Path::new("/s"), free, all, HINT) {
            Found::Good(text) => text,
            Found::Warning { message, .. } => format!("warning: {message}"),
            Found::Bad(failure) => format!("{}: {}", failure.exit as u8, failure.message),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn retention_is_no_remedy_where_only_a_sink_writes() {
        let state_dir = tempfile::tempdir().unwrap();
        // Where nothing is ever free.
        let found = look(state_dir.path(), [Path::new("/proc")].into_iter());
        let [_, Found::Bad(failure)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(failure.message, "0 MiB of 0 MiB are free for `/proc`");
        assert_eq!(failure.hint.as_deref(), Some(HINT_FOR_A_SINK));
    }

    #[test]
    fn a_gibibyte_or_a_twentieth_is_little_and_64_mebibytes_are_too_little() {
        check(0, 0, "74: 0 MiB of 0 MiB are free for `/s`");
        check(TOO_LITTLE - 1, 500 * GIBIBYTE, "74: 63 MiB of 500.0 GiB are free for `/s`");
        check(TOO_LITTLE, GIBIBYTE, "64 MiB for /s"); // 6 % of a small volume.
        check(TOO_LITTLE, 8 * GIBIBYTE, "warning: 64 MiB of 8.0 GiB are free for `/s`");
        check(LITTLE - 1, 500 * GIBIBYTE, "warning: 1023 MiB of 500.0 GiB are free for `/s`");
        check(LITTLE, 500 * GIBIBYTE, "1.0 GiB for /s");
        check(u64::MAX, u64::MAX, "17179869183.9 GiB for /s");
    }
}
